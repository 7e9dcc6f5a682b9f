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
        let open =
            || sled::Config::default().path(path).cache_capacity(cache_bytes).flush_every_ms(None).open();
        let begun = Instant::now();
        let db = loop {
            match open() {
                Ok(db) => break db,
                Err(sled::Error::Io(error))
                    if error.kind() == std::io::ErrorKind::Other && begun.elapsed() < LOCK_PATIENCE =>
                {
                    std::thread::sleep(Duration::from_millis(50));
                }
                Err(sled::Error::Corruption { .. } | sled::Error::Unsupported(_)) => {
                    // nothing is here that cannot be made again
                    tracing::warn!("the state's store is broken and is made anew");
                    std::fs::remove_dir_all(path).map_err(super::durable::io("remove", path))?;
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

    pub(super) fn clear(&self) -> Result<(), Fault> {
        self.db.clear().map_err(|error| self.fault(&error))
    }

    pub(super) fn flush(&self) -> Result<(), Fault> {
        self.db.flush().map(|_| ()).map_err(|error| self.fault(&error))
    }

    fn fault(&self, error: &sled::Error) -> Fault {
        fault(&self.path, error)
    }
}

fn fault(path: &Path, error: &sled::Error) -> Fault {
    Fault::Damaged { what: path.display().to_string(), why: error.to_string() }
}
