//! State rows in sled 0.34.7, in one tree so that a batch of rows is all or none.
//!
//! sled's `flush` does not fsync on Linux, so the state is never the only place where anything is: it is rebuilt from
//! journal and bundles when it is missing, behind or broken.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::store::{Fault, Row, RowChange};

/// Key of the position row; every other key begins with a letter.
const POSITION: &[u8] = b"\0position";
/// After `kill -9` the lock of the old process may linger.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct SledState {
    db: sled::Db,
    path: PathBuf,
}

impl SledState {
    pub(super) fn open(path: &Path, cache_bytes: u64) -> Result<Self, Fault> {
        // sled panics over some of what may be wrong with its files
        let open = || {
            std::panic::catch_unwind(|| {
                sled::Config::default().path(path).cache_capacity(cache_bytes).flush_every_ms(None).open()
            })
            .unwrap_or_else(|_| Err(sled::Error::ReportableBug("it panicked".to_owned())))
        };
        let marker = marker(path);
        if marker.exists() {
            remake(path)?;
            std::fs::remove_file(&marker).map_err(super::durable::io("remove", &marker))?;
        }
        let begun = Instant::now();
        let db = loop {
            match open() {
                Ok(db) => break db,
                Err(sled::Error::Io(error)) if is_locked(&error) && begun.elapsed() < LOCK_PATIENCE => {
                    std::thread::sleep(Duration::from_millis(50));
                }
                Err(error) if is_broken(&error) => {
                    remake(path)?;
                    break open().map_err(|error| fault(path, &error))?;
                }
                Err(error) => return Err(fault(path, &error)),
            }
        };
        Ok(Self { db, path: path.to_owned() })
    }

    /// Opens what is there without making anew what is broken.
    pub(super) fn open_unmended(path: &Path) -> Result<Self, Fault> {
        let db = sled::Config::default().path(path).flush_every_ms(None).open();
        Ok(Self { db: db.map_err(|error| fault(path, &error))?, path: path.to_owned() })
    }

    pub(super) fn row(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        let row = self.db.get(key).map_err(|error| self.fault(&error))?;
        Ok(row.map(|value| value.to_vec()))
    }

    pub(super) fn rows(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Row>, Fault> {
        use std::ops::Bound::{Excluded, Included, Unbounded};
        let start = after.map_or(Included(prefix), Excluded);
        self.db
            .range::<&[u8], _>((start, Unbounded))
            .filter(|row| row.as_ref().map_or(true, |(key, _)| key != POSITION))
            .take(limit)
            .map(|row| {
                row.map(|(key, value)| (key.to_vec(), value.to_vec())).map_err(|error| self.fault(&error))
            })
            .take_while(|row| row.as_ref().map_or(true, |(key, _)| key.starts_with(prefix)))
            .collect()
    }

    pub(super) fn apply(&self, rows: Vec<RowChange>, position: u64) -> Result<(), Fault> {
        let mut batch = sled::Batch::default();
        for (key, value) in rows {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        batch.insert(POSITION, &position.to_be_bytes());
        self.db.apply_batch(batch).map_err(|error| self.fault(&error))
    }

    pub(super) fn position(&self) -> Result<u64, Fault> {
        let row = self.row(POSITION)?;
        Ok(row.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes))
    }

    /// Rows go one by one; the position goes first, so that a crash in between leaves a state that is at 0.
    pub(super) fn clear(&self) -> Result<(), Fault> {
        self.db.remove(POSITION).map_err(|error| self.fault(&error))?;
        self.db.clear().map_err(|error| self.fault(&error))
    }

    pub(super) fn flush(&self) -> Result<(), Fault> {
        self.db.flush().map(|_| ()).map_err(|error| self.fault(&error))
    }

    fn fault(&self, error: &sled::Error) -> Fault {
        // the process ends over this; the next one begins with an empty state
        if is_broken(error) && std::fs::write(marker(&self.path), b"").is_ok() {
            let why = format!("{error}; the next start makes it anew from the log");
            return Fault::Damaged { what: self.path.display().to_string(), why };
        }
        fault(&self.path, error)
    }
}

/// Says beside the folder that it was found broken.
fn marker(path: &Path) -> PathBuf {
    path.with_extension("broken")
}

/// Nothing is in the state that cannot be made again.
fn remake(path: &Path) -> Result<(), Fault> {
    tracing::warn!(path = %path.display(), "the state's store is broken and is made anew from the log");
    if path.is_dir() {
        return std::fs::remove_dir_all(path).map_err(super::durable::io("remove", path));
    }
    std::fs::remove_file(path).map_err(super::durable::io("remove", path))
}

/// sled tells of a held lock by an error of this kind, with these words.
fn is_locked(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::Other && error.to_string().contains("lock")
}

fn is_broken(error: &sled::Error) -> bool {
    use std::io::ErrorKind::{InvalidData, InvalidInput, NotADirectory, Other, UnexpectedEof};
    match error {
        sled::Error::Corruption { .. } | sled::Error::Unsupported(_) | sled::Error::ReportableBug(_) => true,
        sled::Error::Io(error) => {
            !is_locked(error)
                && error.raw_os_error().is_none()
                && matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof | Other)
                || error.kind() == NotADirectory
        }
        sled::Error::CollectionNotFound(_) => false,
    }
}

fn fault(path: &Path, error: &sled::Error) -> Fault {
    // not for want of the system
    if let sled::Error::Io(error) = error
        && let Some(code) = error.raw_os_error()
    {
        let source = std::io::Error::from_raw_os_error(code);
        return Fault::Io { doing: "use", what: path.display().to_string(), source };
    }
    Fault::Damaged { what: path.display().to_string(), why: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(path: &Path) {
        let state = SledState::open(path, 1 << 20).unwrap();
        for number in 0_u32..600 {
            let row = (format!("c{number:08}").into_bytes(), Some(vec![7; 300]));
            state.apply(vec![row], u64::from(number) + 1).unwrap();
        }
        state.flush().unwrap();
    }

    /// Each file of the state cut short, filled with garbage, or gone: it opens, with all of its rows or with none.
    #[test]
    fn a_broken_folder_opens_empty_or_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        filled(&path);
        let files: Vec<_> = std::fs::read_dir(&path).unwrap().map(|file| file.unwrap().file_name()).collect();
        for name in files {
            for damage in 0..5 {
                std::fs::remove_dir_all(&path).unwrap();
                filled(&path);
                let file = path.join(&name);
                if file.is_dir() {
                    continue;
                }
                let mut bytes = std::fs::read(&file).unwrap();
                let length = bytes.len();
                match damage {
                    0 => bytes.truncate(length / 2),
                    1 => bytes.clear(),
                    2 => bytes.iter_mut().for_each(|byte| *byte = 0xA5),
                    3 => bytes.iter_mut().skip(length / 3).for_each(|byte| *byte = 0),
                    _ => {}
                }
                if damage == 4 {
                    std::fs::remove_file(&file).unwrap();
                } else {
                    std::fs::write(&file, bytes).unwrap();
                }
                let what = format!("{}, damage {damage}", name.display());
                let state = SledState::open(&path, 1 << 20).unwrap_or_else(|fault| panic!("{what}: {fault}"));
                let position = state.position().unwrap();
                let rows = state.rows(b"c", None, 1000).map_or(0, |rows| rows.len() as u64);
                println!("{what}: {position} {rows}");
                assert!(position == rows, "{what}: at {position} with {rows} rows");
            }
        }
        std::fs::remove_dir_all(&path).unwrap();
        std::fs::write(&path, b"a file").unwrap();
        assert_eq!(SledState::open(&path, 1 << 20).unwrap().position().unwrap(), 0);
    }

    #[test]
    fn what_was_found_broken_while_running_is_made_anew_at_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        filled(&path);
        let state = SledState::open(&path, 1 << 20).unwrap();
        let said = state.fault(&sled::Error::Corruption { at: None, bt: () });
        assert!(said.to_string().contains("makes it anew"), "{said}");
        drop(state);
        assert_eq!(SledState::open(&path, 1 << 20).unwrap().position().unwrap(), 0);
        assert_eq!(SledState::open(&path, 1 << 20).unwrap().position().unwrap(), 0);
    }
}
