//! The rows: the log is folded again in memory, up to where the stored state has come, and compared row by row.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use grantbook_tlog::tile::TileCoord;

use super::FsckReport;
use super::log::CheckedLog;
use crate::config::LedgerConfig;
use crate::error::OpenError;
use crate::ledger::Inner;
use crate::state::State;
use crate::state_map::MAP;
use crate::store::raw::{CopiedState, RawFiles};
use crate::store::{
    BUNDLE_WIDTH, BaseVisitor, BatchVisitor, Fault, FrameVisitor, MemoryStore, NextEpoch, Row, RowChange,
    Store, StoredBatch, StoredBundle, StoredItem,
};

/// How findings name the state's folder.
pub(super) const STATE: &str = "state";
/// Rows that are read at once.
const PAGE: usize = 4096;

pub(super) fn check(
    files: &Arc<RawFiles>,
    config: &LedgerConfig,
    checked: &CheckedLog,
    report: &mut FsckReport,
) {
    let folder = match tempfile::tempdir() {
        Ok(folder) => folder,
        Err(error) => return report.finding("temporary folder", error),
    };
    if !files.has_state() {
        report.notes.push("state: it is missing: the next start folds the log again".to_owned());
        return;
    }
    // sled answers some damage by panicking; whatever it says, the state can be made anew
    let read = std::panic::catch_unwind(AssertUnwindSafe(|| {
        let state = files.copy_of_state(folder.path())?;
        let position = state.position()?;
        Ok::<_, Fault>((state, position))
    }));
    let (state, position) = match read {
        Ok(Ok(read)) => read,
        Ok(Err(fault)) => return report.finding(STATE, format!("{fault}; --rebuild makes it anew")),
        Err(_) => return report.finding(STATE, "its store cannot read it; --rebuild makes it anew"),
    };
    if position > checked.size {
        let what = format!("has come to entry {position} of {}; --rebuild makes it anew", checked.size);
        return report.finding(STATE, what);
    }
    let begins = checked.frames.first().map_or(0, |frame| frame.batch.first);
    if position > 0 && position <= begins {
        let what = format!("has come to entry {position}, the journal begins with {begins}");
        return report.finding(STATE, format!("{what}; --rebuild makes it anew"));
    }
    if position < checked.size {
        let size = checked.size;
        report.notes.push(format!("state: has come to entry {position} of {size}: the next start goes on"));
    }
    let expected = match fold(files, config, checked, position) {
        Ok(expected) => expected,
        Err(error) => return report.finding("log", format!("it cannot be folded: {error}")),
    };
    let compared = std::panic::catch_unwind(AssertUnwindSafe(|| compare(&state, &expected, report)));
    match compared {
        Ok(Ok(())) => {}
        Ok(Err(fault)) => report.finding(STATE, format!("{fault}; --rebuild makes it anew")),
        Err(_) => report.finding(STATE, "its store cannot read it; --rebuild makes it anew"),
    }
}

/// Folds the log as it was at `position`, which is the end of a batch.
fn fold(
    files: &Arc<RawFiles>,
    config: &LedgerConfig,
    checked: &CheckedLog,
    position: u64,
) -> Result<Inner, OpenError> {
    let batches = checked.frames.iter().map(|frame| frame.batch.clone());
    let batches = batches.filter(|batch| batch.first < position).collect();
    let log = LogUntil {
        files: Arc::clone(files),
        batches,
        bundles: checked.bundles.min(position / BUNDLE_WIDTH),
        rows: MemoryStore::default(),
    };
    let secrets = crate::keyring::store::open(&config.keyring_dir, &config.keyring)?;
    crate::open::open(Arc::new(log), secrets, config)
}

fn compare(state: &CopiedState, folded: &Inner, report: &mut FsckReport) -> Result<(), Fault> {
    // how much of the map of grant states is in its tree, and how much only noted, is not the log's to say
    let map = MemoryStore::default();
    let mut noted = Vec::new();
    let stored = Pages::new(|after| {
        let rows = state.rows(after, PAGE)?;
        let of_map = rows.iter().filter(|(key, _)| is_of_map(key));
        noted.extend(of_map.map(|(key, row)| (key.clone(), Some(row.clone()))));
        Ok(rows)
    });
    let expected = Pages::new(|after| folded.store.rows(b"", after, PAGE));
    compare_rows(stored, expected, |key| !is_of_map(key), folded, report)?;
    map.apply(noted, folded.store.position()?)?;
    let map = Arc::new(map);
    State::new(Arc::<MemoryStore>::clone(&map), &folded.keyring).settle_map()?;
    folded.state.settle_map()?;
    let stored = Pages::new(|after| map.rows(&[MAP], after, PAGE));
    let expected = Pages::new(|after| folded.store.rows(&[MAP], after, PAGE));
    compare_rows(stored, expected, |_| true, folded, report)
}

fn is_of_map(key: &[u8]) -> bool {
    key.first() == Some(&MAP)
}

/// Compares rows of the stored state with those that the log leads to, as far as they are `wanted`.
fn compare_rows<S, E>(
    mut stored: Pages<S>,
    mut expected: Pages<E>,
    wanted: impl Fn(&[u8]) -> bool,
    folded: &Inner,
    report: &mut FsckReport,
) -> Result<(), Fault>
where
    S: FnMut(Option<&[u8]>) -> Result<Vec<Row>, Fault>,
    E: FnMut(Option<&[u8]>) -> Result<Vec<Row>, Fault>,
{
    let (mut left, mut right) = (stored.next()?, expected.next()?);
    loop {
        let order = match (&left, &right) {
            (None, None) => return Ok(()),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some((left, _)), Some((right, _))) => left.cmp(right),
        };
        match order {
            std::cmp::Ordering::Less => {
                if let Some((key, _)) = left.as_ref().filter(|(key, _)| wanted(key)) {
                    report.finding(row(key), "the log leads to no such row; --rebuild makes it anew");
                }
                left = stored.next()?;
            }
            std::cmp::Ordering::Greater => {
                if let Some((key, _)) = right.as_ref().filter(|(key, _)| wanted(key)) {
                    report.finding(row(key), "it is missing; --rebuild makes it anew");
                }
                right = expected.next()?;
            }
            std::cmp::Ordering::Equal => {
                if let (Some((key, left)), Some((_, right))) = (&left, &right)
                    && wanted(key)
                {
                    if !folded.state.same_row(key, left, right) {
                        report.finding(row(key), "it is not what the log leads to; --rebuild makes it anew");
                    }
                    report.rows += 1;
                }
                (left, right) = (stored.next()?, expected.next()?);
            }
        }
    }
}

/// A row's key, which is a letter and bytes.
fn row(key: &[u8]) -> String {
    use std::fmt::Write as _;
    let (kind, rest) = key.split_at(key.len().min(1));
    let mut name = format!("{STATE}, row {}", String::from_utf8_lossy(kind).escape_default());
    for byte in rest {
        let _ = write!(name, "{byte:02x}");
    }
    name
}

/// Rows by rising key, read in pages; the state's own position is none of them.
struct Pages<F> {
    read: F,
    page: std::vec::IntoIter<Row>,
    after: Option<Vec<u8>>,
}

impl<F: FnMut(Option<&[u8]>) -> Result<Vec<Row>, Fault>> Pages<F> {
    fn new(read: F) -> Self {
        Self { read, page: Vec::new().into_iter(), after: None }
    }

    fn next(&mut self) -> Result<Option<Row>, Fault> {
        loop {
            if let Some((key, value)) = self.page.next() {
                self.after = Some(key.clone());
                if key.first() == Some(&0) {
                    continue;
                }
                return Ok(Some((key, value)));
            }
            let page = (self.read)(self.after.as_deref())?;
            if page.is_empty() {
                return Ok(None);
            }
            self.page = page.into_iter();
        }
    }
}

/// A log as it was at an earlier size, its rows in memory. Nothing is written through it.
struct LogUntil {
    files: Arc<RawFiles>,
    batches: Vec<StoredBatch>,
    bundles: u64,
    rows: MemoryStore,
}

fn read_only() -> Fault {
    Fault::Damaged { what: "check".to_owned(), why: "it would have written".to_owned() }
}

impl Store for LogUntil {
    fn commit(&self, _: &StoredBatch) -> Result<(), Fault> {
        Err(read_only())
    }

    fn batches(&self, visit: BatchVisitor<'_>) -> Result<(), Fault> {
        self.batches.iter().cloned().try_for_each(visit)
    }

    fn trim(&self, _: u64) -> Result<(), Fault> {
        Err(read_only())
    }

    fn put_bundle(&self, _: u64, _: &StoredBundle) -> Result<(), Fault> {
        Err(read_only())
    }

    fn bundle(&self, index: u64) -> Result<Option<StoredBundle>, Fault> {
        let (entries, vault) = (self.files.entries(index)?, self.files.vault(index)?);
        let items = entries.into_iter().zip(vault);
        let items = items.map(|(entry, (body, shared))| StoredItem { entry, body, shared }).collect();
        Ok(Some(StoredBundle { items, owners: self.files.owners(index)? }))
    }

    fn owners(&self, index: u64) -> Result<Option<Vec<u8>>, Fault> {
        self.files.owners(index).map(Some)
    }

    fn bundles(&self) -> Result<u64, Fault> {
        Ok(self.bundles)
    }

    fn put_tile(&self, _: &TileCoord, _: &[u8]) -> Result<(), Fault> {
        Err(read_only())
    }

    fn tile(&self, tile: &TileCoord) -> Result<Option<Vec<u8>>, Fault> {
        self.files.tile(tile)
    }

    fn put_keys(&self, _: &[(u64, Vec<u8>)]) -> Result<(), Fault> {
        Err(read_only())
    }

    fn keys(&self, visit: &mut dyn FnMut(u64, Vec<u8>)) -> Result<(), Fault> {
        for frame in self.files.keys()?.whole {
            frame.batch.keys.into_iter().for_each(|(id, wrapped)| visit(id, wrapped));
        }
        Ok(())
    }

    fn leases(&self, _: FrameVisitor<'_>) -> Result<bool, Fault> {
        // they are no part of the fold
        Ok(false)
    }

    fn append_leases(&self, _: u64, _: &[u8]) -> Result<(), Fault> {
        Err(read_only())
    }

    fn replace_leases(&self, _: u64, _: &[u8]) -> Result<(), Fault> {
        Err(read_only())
    }

    fn lease_mark(&self) -> Result<Option<String>, Fault> {
        Ok(None)
    }

    fn set_lease_mark(&self, _: &str) -> Result<(), Fault> {
        Err(read_only())
    }

    fn accounts(&self, _: FrameVisitor<'_>) -> Result<(), Fault> {
        Ok(())
    }

    fn append_accounts(&self, _: u64, _: &[u8]) -> Result<(), Fault> {
        Err(read_only())
    }

    fn replace_accounts(&self, _: u64, _: &[u8]) -> Result<(), Fault> {
        Err(read_only())
    }

    fn anchor(&self) -> Result<Option<String>, Fault> {
        // the real one vouches for the whole log; this part of it was compared with it before
        Ok(self.batches.last().map(|batch| batch.checkpoint.clone()))
    }

    fn set_anchor(&self, _: &str) -> Result<(), Fault> {
        Ok(())
    }

    fn row(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        self.rows.row(key)
    }

    fn rows(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Row>, Fault> {
        self.rows.rows(prefix, after, limit)
    }

    fn apply(&self, rows: Vec<RowChange>, position: u64) -> Result<(), Fault> {
        self.rows.apply(rows, position)
    }

    fn position(&self) -> Result<u64, Fault> {
        self.rows.position()
    }

    fn clear_state(&self) -> Result<(), Fault> {
        self.rows.clear_state()
    }

    fn flush_state(&self) -> Result<(), Fault> {
        Ok(())
    }

    fn witnessed(&self) -> Result<Option<String>, Fault> {
        Ok(None)
    }

    fn set_witnessed(&self, _: &str) -> Result<(), Fault> {
        Err(read_only())
    }

    fn epoch(&self) -> u64 {
        self.files.epoch()
    }

    fn base(&self, visit: BaseVisitor<'_>) -> Result<(), Fault> {
        self.files.base(visit)
    }

    fn remove_other_epochs(&self) -> Result<(), Fault> {
        Err(read_only())
    }

    fn next_epoch(&self) -> Result<Box<dyn NextEpoch + '_>, Fault> {
        Err(read_only())
    }
}
