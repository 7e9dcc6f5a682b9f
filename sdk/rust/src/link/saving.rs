//! When snapshots are written: every so often, when customers were forgotten, and when somebody asks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use grantbook_record::feed::FeedPosition;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::{Broken, Link, Shared};
use crate::gate_key;
use crate::replica::{Replica, SnapshotError, StateFolder};

/// How often the replica is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How long one try to get a key may take.
const KEY_WITHIN: Duration = Duration::from_secs(10);

/// How much of the feed a restart may have to read again: a snapshot is written when either is reached.
#[derive(Debug, Clone, Copy)]
pub struct SaveEvery {
    /// Frames taken in since the last one.
    pub frames: u64,
    /// Time since the last one, where there were frames.
    pub time: Duration,
}

impl Default for SaveEvery {
    /// 100,000 frames, five minutes.
    fn default() -> Self {
        Self { frames: 100_000, time: Duration::from_secs(300) }
    }
}

impl Link {
    /// Writes a snapshot now; nothing for a replica without a folder.
    pub(crate) async fn save(&self) -> Result<(), SnapshotError> {
        self.shared.blocking(Shared::save_now).await
    }

    /// Seals everything anew under the key of `folder`, and leaves nothing under the one before.
    pub(crate) async fn reseal(&self, folder: Arc<StateFolder>) -> Result<(), SnapshotError> {
        self.shared.blocking(|shared| shared.rewrite(Some(folder))).await
    }
}

impl Shared {
    /// Seals the folder anew whenever a key epoch has begun, for ever.
    pub(super) async fn follow_epochs(self: Arc<Self>) {
        let mut told = self.epoch.subscribe();
        loop {
            let folder = self.reading(Replica::folder).ok().flatten();
            let (Some(folder), Some(gate)) = (folder, &self.name) else { return };
            let epoch = folder.epoch();
            if told.wait_for(|told| *told > epoch).await.is_err() {
                return;
            }
            let sealed = match self.in_time(KEY_WITHIN, gate_key::fetch(&self.http, gate)).await {
                Ok(key) if key.epoch > epoch => {
                    let folder = Arc::new(folder.of_epoch(&self.pins, gate, &key.key, key.epoch));
                    self.blocking(|shared| shared.rewrite(Some(folder))).await.is_ok()
                }
                _ => false,
            };
            if !sealed {
                sleep(LOOK).await;
            }
        }
    }

    pub(super) async fn keep_saving(self: Arc<Self>, every: SaveEvery) {
        let (mut saved, mut since) = (self.position(), Instant::now());
        loop {
            sleep(LOOK.min(every.time)).await;
            let position = self.position();
            let wiped = self.reading(|replica| replica.wiped_since(FeedPosition(saved)));
            let is_due = position.abs_diff(saved) >= every.frames || since.elapsed() >= every.time;
            if position == saved || !(is_due || wiped.unwrap_or(false)) {
                continue;
            }
            // a disk that is full now may not be later; until then a restart reads more of the feed
            let _ = self.blocking(Shared::save_now).await;
            (saved, since) = (position, Instant::now());
        }
    }

    /// A snapshot from before somebody was forgotten is replaced or, where that fails, removed.
    pub(super) async fn leave_no_older_snapshot(self: &Arc<Self>) -> Result<(), Broken> {
        let saved = self.blocking(|shared| {
            shared.save_now().or_else(|_| {
                let replica = shared.replica.read().map_err(|_| unusable())?;
                replica.remove_snapshot()
            })
        });
        saved.await.map_err(Broken::from)
    }

    async fn blocking(
        self: &Arc<Self>,
        write: impl FnOnce(&Self) -> Result<(), SnapshotError> + Send + 'static,
    ) -> Result<(), SnapshotError> {
        let shared = Arc::clone(self);
        let done = spawn_blocking(move || {
            // a panic while the folder was written leaves at worst an unfinished file under a name of its own
            let _one_at_a_time = shared.saving.lock();
            write(&shared)
        });
        done.await.unwrap_or_else(|_| Err(unusable()))
    }

    fn save_now(&self) -> Result<(), SnapshotError> {
        if self.reading(Replica::wants_rewriting)? {
            return self.rewrite(None);
        }
        match self.reading(Replica::snapshot)? {
            Some(snapshot) => snapshot.save(),
            None => self.reading(Replica::remove_snapshot)?,
        }
    }

    /// Copies the records to a new file, then writes the snapshot that names it, then removes the old file.
    fn rewrite(&self, folder: Option<Arc<StateFolder>>) -> Result<(), SnapshotError> {
        let (rewriting, present) = self.reading(|replica| (replica.begin_rewriting(), replica.folder()))?;
        let (Some(rewriting), Some(folder)) = (rewriting, folder.or(present)) else { return Ok(()) };
        let rewritten = rewriting.copy(folder)?;
        let mut replica = self.replica.write().map_err(|_| unusable())?;
        replica.finish_rewriting(rewritten)?;
        drop(replica);
        if let Some(snapshot) = self.reading(Replica::snapshot)? {
            snapshot.save()?;
        }
        self.reading(Replica::tidy_folder)?
    }

    fn reading<T>(&self, read: impl FnOnce(&Replica) -> T) -> Result<T, SnapshotError> {
        self.replica.read().map(|replica| read(&replica)).map_err(|_| unusable())
    }
}

fn unusable() -> SnapshotError {
    SnapshotError::File(std::io::Error::other("replica unusable after a panic"))
}
