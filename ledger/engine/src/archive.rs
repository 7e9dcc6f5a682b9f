//! The archiver: keeps complete bundles and full tiles as immutable files, then trims the journal.
//!
//! It runs behind the sequencer. A crash at any of its lines loses nothing: what it keeps is in the journal until it
//! was re-read and re-hashed, and writing it again makes the same files.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use grantbook_tlog::{leaf_hash, tile};

use crate::ledger::Inner;
use crate::nodes::{FullTile, full_tile, tile_bytes};
use crate::store::{BUNDLE_WIDTH, Fault, StoredBundle};

/// Keeps every complete bundle; gives how many there are now. The caller holds [`Inner::lock_archive`].
pub(crate) fn keep_bundles(inner: &Inner) -> Result<u64, Fault> {
    let mut kept = inner.counters.archived_bundles.load(Ordering::Relaxed);
    while let Some((index, bundle, tiles)) = inner.published.next_bundle() {
        for FullTile { level, index, tile } in &tiles {
            let what = || format!("tile {level}/{index}");
            let bytes = tile_bytes(tile, 256).ok_or_else(|| damaged(what(), "it is not full"))?;
            let coord = full_tile(*level, *index)?;
            inner.store.put_tile(&coord, &bytes)?;
            if inner.store.tile(&coord)?.as_ref() != Some(&bytes) {
                return Err(damaged(what(), "it reads back otherwise than it was written"));
            }
        }
        inner.store.put_bundle(index, &bundle)?;
        check_bundle(inner, index, &bundle)?;
        inner.published.bundle_kept(index, &tiles);
        kept = index + 1;
        inner.counters.archived_bundles.store(kept, Ordering::Relaxed);
        if (kept * BUNDLE_WIDTH).is_multiple_of(inner.trim_every_entries) {
            trim(inner, kept * BUNDLE_WIDTH)?;
        }
    }
    Ok(kept)
}

/// Reads a kept bundle and its lowest tile back and hashes them again.
fn check_bundle(inner: &Inner, index: u64, written: &StoredBundle) -> Result<(), Fault> {
    let what = || format!("bundle {index}");
    if inner.store.bundle(index)?.as_ref() != Some(written) {
        return Err(damaged(what(), "it reads back otherwise than it was written"));
    }
    let bytes =
        inner.store.tile(&full_tile(0, index)?)?.ok_or_else(|| damaged(what(), "its tile is missing"))?;
    let hashes = tile::parse_tile(&bytes, 256).map_err(|error| damaged(what(), &error.to_string()))?;
    if written.items.iter().map(|item| leaf_hash(&item.entry)).eq(hashes) {
        Ok(())
    } else {
        Err(damaged(what(), "its entries do not hash to its tile"))
    }
}

/// Drops journal files whose batches are kept in bundles, keys and state.
fn trim(inner: &Inner, size: u64) -> Result<(), Fault> {
    let keys = std::mem::take(&mut *inner.unkept_keys.lock().unwrap_or_else(PoisonError::into_inner));
    inner.store.put_keys(&keys)?;
    inner.store.flush_state()?;
    inner.store.trim(size.min(inner.store.position()?))
}

/// The archiver's thread: woken by the sequencer, ends when its sender is dropped.
pub(crate) fn run(inner: &Arc<Inner>, wake: &std::sync::mpsc::Receiver<()>) {
    while wake.recv().is_ok() {
        // one round does all there is
        while wake.try_recv().is_ok() {}
        let _archive = inner.lock_archive();
        if let Err(fault) = keep_bundles(inner) {
            inner.stop(&fault);
            return;
        }
    }
}

fn damaged(what: String, why: &str) -> Fault {
    Fault::Damaged { what, why: why.to_owned() }
}
