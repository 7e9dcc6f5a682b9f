//! The log: frames, bundles and tiles, each read on its own, so that one that is wrong does not hide another.
//!
//! The leaf hashes are kept while the tree is hashed again, 32 bytes an entry.

use std::collections::{BTreeMap, BTreeSet};

use grantbook_record::day::Day;
use grantbook_record::encoding::Bytes32;
use grantbook_record::entry::DayKey;
use grantbook_tlog::tile::{TileCoord, parse_tile};
use grantbook_tlog::{Checkpoint, CompactRange, Hash, TreeSize, leaf_hash};

use super::item::{DataKeys, PendingBatch, Place};
use super::{FsckReport, Progress};
use crate::accounts;
use crate::keyring::Keyring;
use crate::leases::{frame_place, parse_mark};
use crate::nodes::{Edge, FullTile, full_tile, tile_bytes};
use crate::published::{Owner, open_owners};
use crate::store::raw::{Frame, RawFiles, VaultItem};
use crate::store::{BUNDLE_WIDTH, Fault, StoredItem};

/// What the check of the log leaves for the check of the rows.
pub(super) struct CheckedLog {
    /// The journal's frames, in order.
    pub(super) frames: Vec<Frame>,
    /// Complete bundles.
    pub(super) bundles: u64,
    pub(super) size: u64,
    /// Whether the entries lead to the root of the last checkpoint, and that is signed.
    pub(super) signed: bool,
    /// Tiles that are not what the entries make, with the bytes that they should have.
    pub(super) wrong_tiles: Vec<(TileCoord, Vec<u8>)>,
}

pub(super) struct Checker<'a> {
    files: &'a RawFiles,
    pub(super) keyring: Option<&'a Keyring>,
    pub(super) report: &'a mut FsckReport,
    pub(super) keys: DataKeys,
    pub(super) day_keys: BTreeMap<u32, (Day, DayKey)>,
    pub(super) hashes: Vec<Hash>,
    pub(super) batch: Option<PendingBatch>,
    pub(super) last_day: Day,
    pub(super) origin_sha256: Bytes32,
    frames: Vec<Frame>,
    range: CompactRange,
    edge: Edge,
    /// Roots that somebody vouches for, and who, by tree size.
    vouched: BTreeMap<u64, Vec<(Hash, String)>>,
    tiles: BTreeSet<(u8, u64)>,
    wrong_tiles: Vec<(TileCoord, Vec<u8>)>,
}

/// What is stored of 256 entries, or of those that no bundle has.
struct Chunk {
    first: u64,
    /// As each file is called, for findings.
    entries_name: String,
    vault_name: String,
    entries: Option<Vec<Vec<u8>>>,
    vault: Option<Vec<VaultItem>>,
    owners: Option<Vec<Owner>>,
    /// Lowest hashes of the tile over it.
    tile: Option<Vec<Hash>>,
}

pub(super) fn check(
    files: &RawFiles,
    keyring: Option<&Keyring>,
    report: &mut FsckReport,
    progress: Progress<'_>,
) -> Result<CheckedLog, Fault> {
    let mut journal = files.journal()?;
    let keys_log = files.keys()?;
    let mut listings = BTreeMap::new();
    for part in ["entries", "vault", "owners"] {
        listings.insert(part, files.bundles(part)?);
    }
    let mut tiles = files.tiles()?;
    let strange = listings.values_mut().flat_map(|listing| std::mem::take(&mut listing.strange));
    for name in strange.chain(std::mem::take(&mut tiles.strange)) {
        report.finding(name, "it is not a file of the ledger");
    }
    let kept = &listings.get("entries").map(|listing| &listing.known);
    let bundles = kept.and_then(|known| known.last().copied()).map_or(0, |last| last + 1);

    let origin = keyring.map_or("", |keyring| keyring.log_keys.origin());
    let mut checker = Checker {
        files,
        keyring,
        keys: DataKeys::default(),
        day_keys: BTreeMap::new(),
        hashes: Vec::new(),
        batch: None,
        last_day: Day(0),
        origin_sha256: Bytes32::sha256(origin.as_bytes()),
        frames: std::mem::take(&mut journal.whole),
        range: CompactRange::new(),
        edge: Edge::default(),
        vouched: BTreeMap::new(),
        tiles: tiles.known,
        wrong_tiles: Vec::new(),
        report,
    };
    checker.check_keys(&keys_log);
    checker.check_leases()?;
    checker.check_accounts()?;
    let last = checker.check_frames();
    let journal_end = checker.frames.last().map_or(0, end);
    let anchored = checker.check_anchor();
    for torn in &journal.torn {
        let place = format!("{}, frame at byte {}", torn.file, torn.offset);
        if torn.last && anchored.is_some_and(|anchored| anchored <= journal_end) {
            let note = "torn by a crash and never acknowledged: the next start drops it";
            checker.report.notes.push(format!("{place}: {note}"));
        } else {
            checker.report.finding(place, "torn: length, checksum or bytes are not what was written");
        }
    }
    let size = journal_end.max(bundles * BUNDLE_WIDTH);
    if let Some(anchored) = anchored.filter(|anchored| *anchored > size) {
        let what = format!("holds {size} entries, the anchor vouches for {anchored}");
        checker.report.finding("journal", what);
    }
    for (part, listing) in &listings {
        for index in (0..bundles).filter(|index| !listing.known.contains(index)) {
            checker.report.finding(files.bundle_name(part, index)?, "it is missing");
        }
        for index in listing.known.range(bundles..) {
            let name = files.bundle_name(part, *index)?;
            if (index + 1) * BUNDLE_WIDTH <= journal_end {
                checker
                    .report
                    .notes
                    .push(format!("{name}: half a bundle, which the next start writes again"));
            } else {
                checker.report.finding(name, "it is of a bundle that is not there");
            }
        }
    }
    for index in 0..bundles {
        let chunk = checker.read_bundle(index)?;
        checker.check_chunk(&chunk, BUNDLE_WIDTH, bundles)?;
        progress((index + 1) * BUNDLE_WIDTH, size);
    }
    let mut first = bundles * BUNDLE_WIDTH;
    while first < size {
        let count = (size - first).min(BUNDLE_WIDTH);
        let chunk = Chunk::of_journal(first);
        checker.check_chunk(&chunk, count, bundles)?;
        first += count;
        progress(first, size);
    }
    Ok(checker.finish(bundles, size, last.as_deref()))
}

fn end(frame: &Frame) -> u64 {
    frame.batch.first + frame.batch.items.len() as u64
}

fn at(frame: &Frame) -> String {
    format!("{}, frame at byte {}", frame.file, frame.offset)
}

impl Checker<'_> {
    fn check_keys(&mut self, keys_log: &crate::store::raw::Frames) {
        for torn in &keys_log.torn {
            let place = format!("{}, key at byte {}", torn.file, torn.offset);
            self.report.finding(place, "torn: length, checksum or bytes are not what was written");
        }
        let Some(keyring) = self.keyring else { return };
        for frame in keys_log.whole.iter().chain(&self.frames) {
            for (id, wrapped) in &frame.batch.keys {
                if !self.keys.add(keyring, *id, wrapped) {
                    self.report.finding(at(frame), format!("key {id} does not open under the keyring's key"));
                }
            }
        }
        self.report.keys = self.keys.len();
    }

    /// Each frame of the leases opens, and none is missing that somebody was told of.
    fn check_leases(&mut self) -> Result<(), Fault> {
        let frames = self.files.leases()?;
        let mut last = None;
        for frame in &frames.whole {
            for (serial, sealed) in &frame.batch.keys {
                if last.is_some_and(|last| last + 1 != *serial) {
                    self.report.finding(at(frame), format!("it is number {serial}, which does not follow"));
                }
                last = Some(*serial);
                let opens = self
                    .keyring
                    .is_none_or(|keyring| keyring.epoch().rows.open(sealed, &frame_place(*serial)).is_ok());
                if !opens {
                    self.report.finding(at(frame), "it does not open under the keyring's key");
                }
            }
        }
        let marked = match self.files.lease_mark() {
            Ok(mark) => mark.map(|mark| parse_mark(&mark)),
            Err(fault) => {
                self.report.findings.push(fault.to_string());
                return Ok(());
            }
        };
        let marked = match marked {
            Some(None) => {
                self.report.finding("mark of the leases", "it does not parse");
                return Ok(());
            }
            Some(Some((serial, _))) => serial,
            None => 0,
        };
        let is_behind = last.unwrap_or(0) < marked;
        for torn in &frames.torn {
            let place = format!("{}, frame at byte {}", torn.file, torn.offset);
            if torn.last && !is_behind {
                let note = "torn by a crash, and nobody was told of it: the next lease takes its place";
                self.report.notes.push(format!("{place}: {note}"));
            } else {
                self.report.finding(place, "torn: length, checksum or bytes are not what was written");
            }
        }
        if is_behind && frames.torn.is_empty() {
            let note =
                "older than its mark, as out of a backup: nothing is leased until what it lacks is settled";
            self.report.notes.push(format!("{}: {note}", self.files.sealed("leases.log")));
        }
        Ok(())
    }

    /// Each frame of the accounts opens.
    fn check_accounts(&mut self) -> Result<(), Fault> {
        let frames = self.files.accounts()?;
        for frame in &frames.whole {
            for (serial, sealed) in &frame.batch.keys {
                let place = accounts::frame_place(*serial);
                if self.keyring.is_some_and(|keyring| keyring.epoch().rows.open(sealed, &place).is_err()) {
                    self.report.finding(at(frame), "it does not open under the keyring's key");
                }
            }
        }
        for torn in &frames.torn {
            let place = format!("{}, frame at byte {}", torn.file, torn.offset);
            if torn.last {
                let note = "torn by a crash, and nobody was told of it: the next change takes its place";
                self.report.notes.push(format!("{place}: {note}"));
            } else {
                self.report.finding(place, "torn: length, checksum or bytes are not what was written");
            }
        }
        Ok(())
    }

    /// Gives the last checkpoint.
    fn check_frames(&mut self) -> Option<String> {
        let mut next = None;
        let mut last = None;
        for frame in &self.frames {
            let place = at(frame);
            if next.unwrap_or(frame.batch.first) != frame.batch.first {
                self.report.finding(
                    &place,
                    format!("begins with entry {}, which does not follow", frame.batch.first),
                );
            }
            next = Some(end(frame));
            match Checkpoint::parse_note(frame.batch.checkpoint.as_bytes()) {
                Ok((checkpoint, _)) if checkpoint.size().0 == end(frame) => {
                    self.vouched.entry(end(frame)).or_default().push((checkpoint.root(), place));
                }
                Ok((checkpoint, _)) => {
                    self.report
                        .finding(&place, format!("its checkpoint is of {} entries", checkpoint.size()));
                }
                Err(error) => self.report.finding(&place, error),
            }
            last = Some(frame.batch.checkpoint.clone());
            self.report.frames += 1;
        }
        last
    }

    /// Gives the size that the anchor vouches for; `None` where it vouches for nothing.
    fn check_anchor(&mut self) -> Option<u64> {
        let anchored = match self.files.anchor() {
            Ok(Some(anchored)) => anchored,
            Ok(None) => {
                if !self.frames.is_empty() {
                    self.report.finding("anchor", "it is missing: a rolled-back folder could not be told");
                }
                return None;
            }
            Err(fault) => {
                self.report.finding("anchor", fault);
                return None;
            }
        };
        let (checkpoint, _) = match Checkpoint::parse_note(anchored.as_bytes()) {
            Ok(parsed) => parsed,
            Err(error) => {
                self.report.finding("anchor", error);
                return None;
            }
        };
        if let Some(keyring) = self.keyring
            && let Err(error) = keyring.log_keys.verify_checkpoint(anchored.as_bytes())
        {
            self.report.finding("anchor or keyring", format!("they do not fit each other: {error}"));
        }
        let size = checkpoint.size().0;
        self.vouched.entry(size).or_default().push((checkpoint.root(), "anchor".to_owned()));
        Some(size)
    }

    fn read_bundle(&mut self, index: u64) -> Result<Chunk, Fault> {
        let first = index * BUNDLE_WIDTH;
        let mut take = |fault: Fault| {
            // what is missing was said before
            if !matches!(&fault, Fault::Damaged { why, .. } if why == "it is missing") {
                self.report.findings.push(fault.to_string());
            }
        };
        let entries = self.files.entries(index).map_err(&mut take).ok();
        let vault = self.files.vault(index).map_err(&mut take).ok();
        let sealed = self.files.owners(index).map_err(&mut take).ok();
        let owners = match (self.keyring, sealed) {
            (Some(keyring), Some(sealed)) => {
                let owners = open_owners(&keyring.epoch().owners, b"bundle", first, &sealed, 256);
                if owners.is_none() {
                    let name = self.files.bundle_name("owners", index)?;
                    self.report.finding(name, "it does not open under the keyring's key");
                }
                owners
            }
            _ => None,
        };
        let tile = self.files.tile(&full_tile(0, index)?)?;
        Ok(Chunk {
            first,
            entries_name: self.files.bundle_name("entries", index)?,
            vault_name: self.files.bundle_name("vault", index)?,
            entries,
            vault,
            owners,
            // a tile that does not parse is found when it is compared
            tile: tile.and_then(|bytes| parse_tile(&bytes, 256).ok()),
        })
    }

    fn check_chunk(&mut self, chunk: &Chunk, count: u64, bundles: u64) -> Result<(), Fault> {
        let journal = self.journal_items(chunk, count);
        for leaf in chunk.first..chunk.first + count {
            let within = usize::try_from(leaf - chunk.first).unwrap_or(usize::MAX);
            let in_journal = journal.get(&leaf);
            let tile_hash = chunk.tile.as_ref().and_then(|tile| tile.get(within)).copied();
            let entry = chunk.entries.as_ref().and_then(|entries| entries.get(within));
            let entry = entry.or(in_journal.map(|(_, item, _)| &item.entry));
            let sealed = chunk.vault.as_ref().and_then(|vault| vault.get(within));
            let sealed = sealed
                .map(|(body, shared)| (body.as_slice(), shared.as_slice()))
                .or_else(|| in_journal.map(|(_, item, _)| (item.body.as_slice(), item.shared.as_slice())));
            let owner = chunk.owners.as_ref().and_then(|owners| owners.get(within).copied());
            let owner = owner.or(in_journal.and_then(|(_, _, owner)| *owner));
            self.compare(chunk, within, in_journal);

            let before = self.report.findings.len();
            let place = match in_journal {
                Some((place, ..)) if chunk.entries.is_none() => Place { entry: place, body: place, leaf },
                _ => Place { entry: &chunk.entries_name, body: &chunk.vault_name, leaf },
            };
            if let Some(entry) = entry {
                self.check_item(&place, entry, sealed, owner);
                self.report.entries += 1;
            }
            let hash = entry.map(|entry| leaf_hash(entry));
            if let (Some(hash), Some(tile_hash)) = (hash, tile_hash)
                && hash != tile_hash
            {
                let tile = full_tile(0, chunk.first / BUNDLE_WIDTH)?.path();
                self.report.finding(&place, format!("does not hash to what {tile} holds"));
            }
            // an entry that is wrong by itself does not make the tiles over it wrong
            let sound = self.report.findings.len() == before;
            let hash = if sound { hash.or(tile_hash) } else { tile_hash.or(hash) };
            self.append(hash.unwrap_or(Hash([0; 32])), bundles)?;
        }
        Ok(())
    }

    /// The items that the journal has of a chunk: where, what, whose.
    fn journal_items(
        &mut self,
        chunk: &Chunk,
        count: u64,
    ) -> BTreeMap<u64, (String, StoredItem, Option<Owner>)> {
        let mut items = BTreeMap::new();
        let from = self.frames.partition_point(|frame| end(frame) <= chunk.first);
        let end_of_chunk = chunk.first + count;
        for frame in self.frames.iter().skip(from).take_while(|frame| frame.batch.first < end_of_chunk) {
            let batch = &frame.batch;
            let owners = self.keyring.map(|keyring| {
                open_owners(&keyring.epoch().owners, b"batch", batch.first, &batch.owners, batch.items.len())
            });
            // said once, for the frame's first entry
            if matches!(owners, Some(None)) && batch.first >= chunk.first {
                self.report.finding(at(frame), "its owners do not open under the keyring's key");
            }
            let owners = owners.flatten();
            for (within, item) in batch.items.iter().enumerate() {
                let leaf = batch.first + within as u64;
                if (chunk.first..end_of_chunk).contains(&leaf) {
                    let owner = owners.as_ref().and_then(|owners| owners.get(within).copied());
                    items.insert(leaf, (at(frame), item.clone(), owner));
                }
            }
        }
        items
    }

    /// What stands in a bundle and in the journal must be the same.
    fn compare(
        &mut self,
        chunk: &Chunk,
        within: usize,
        journal: Option<&(String, StoredItem, Option<Owner>)>,
    ) {
        let Some((place, item, owner)) = journal else { return };
        let entry = chunk.entries.as_ref().and_then(|entries| entries.get(within));
        let sealed = chunk.vault.as_ref().and_then(|vault| vault.get(within));
        let of_bundle = chunk.owners.as_ref().and_then(|owners| owners.get(within));
        let leaf = chunk.first + within as u64;
        let mut differ = |part: &str, name: &str| {
            self.report.finding(name, format!("entry {leaf}: its {part} is not the one in {place}"));
        };
        if entry.is_some_and(|entry| *entry != item.entry) {
            differ("public bytes", &chunk.entries_name);
        }
        if sealed.is_some_and(|(body, shared)| *body != item.body || *shared != item.shared) {
            differ("body", &chunk.vault_name);
        }
        if of_bundle.is_some_and(|of_bundle| owner.is_some_and(|owner| owner != *of_bundle)) {
            differ("owner", &chunk.entries_name);
        }
    }

    fn append(&mut self, hash: Hash, bundles: u64) -> Result<(), Fault> {
        self.hashes.push(hash);
        let mut full = Vec::new();
        let edge = &mut self.edge;
        if self.range.append(hash, |level, index, hash| full.extend(edge.push(level, index, hash))).is_err() {
            self.report.finding("log", "the tree is full");
        }
        for tile in &full {
            self.check_tile(tile, bundles)?;
        }
        let TreeSize(size) = self.range.size();
        for (root, who) in self.vouched.remove(&size).unwrap_or_default() {
            if root != self.range.root() {
                let what = format!("vouches for another root of the first {size} entries than they lead to");
                self.report.finding(who, what);
            }
        }
        Ok(())
    }

    fn check_tile(&mut self, tile: &FullTile, bundles: u64) -> Result<(), Fault> {
        let coord = full_tile(tile.level, tile.index)?;
        self.tiles.remove(&(tile.level, tile.index));
        let leaves = BUNDLE_WIDTH.checked_shl(8 * u32::from(tile.level)).unwrap_or(u64::MAX);
        // the tiles of entries that are in the journal alone are made with their bundles
        let due = (tile.index + 1).saturating_mul(leaves) <= bundles * BUNDLE_WIDTH;
        let expected = tile_bytes(&tile.tile, 256).unwrap_or_default();
        let what = match self.files.tile(&coord)? {
            Some(stored) if stored == expected => None,
            Some(_) => Some("is not what the stored entries make"),
            None if due => Some("it is missing"),
            None => None,
        };
        if let Some(what) = what {
            self.report.finding(coord.path(), what);
            self.wrong_tiles.push((coord, expected));
        }
        self.report.tiles += 1;
        Ok(())
    }

    fn finish(self, bundles: u64, size: u64, last: Option<&str>) -> CheckedLog {
        let Self { keyring, report, frames, range, tiles, wrong_tiles, .. } = self;
        for (level, index) in tiles {
            let name = full_tile(level, index).map_or_else(|_| "tile".to_owned(), |coord| coord.path());
            report.finding(name, "it is of a part of the tree that is not there");
        }
        report.root = Some(range.root());
        let mut signed = size == 0;
        match (last, keyring) {
            (Some(last), Some(keyring)) => match keyring.log_keys.verify_checkpoint(last.as_bytes()) {
                Ok(verified) => {
                    let checkpoint = verified.checkpoint;
                    signed = checkpoint.root() == range.root() && checkpoint.size().0 == size;
                    if !signed {
                        let what = format!("{size} entries do not lead to the root of the last checkpoint");
                        report.finding("log", what);
                    }
                }
                Err(error) => report.finding("journal or keyring", format!("the last checkpoint: {error}")),
            },
            (None, _) if size > 0 => report.finding("journal", "there are bundles but no frame"),
            _ => {}
        }
        CheckedLog { frames, bundles, size, signed, wrong_tiles }
    }
}

impl Chunk {
    fn of_journal(first: u64) -> Self {
        let name = "journal".to_owned();
        Self {
            first,
            entries_name: name.clone(),
            vault_name: name,
            entries: None,
            vault: None,
            owners: None,
            tile: None,
        }
    }
}
