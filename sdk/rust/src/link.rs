//! Two tasks that keep a replica fed and fresh: one follows the feed, the other asks for heads.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use grantbook_record::encoding::Bytes32;
use grantbook_record::feed::{FeedPosition, Frame};
use grantbook_record::head::SignedHead;
use grantbook_record::{GateId, SubjectId, UnixMillis, UnixSeconds};
use http_body_util::BodyExt as _;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::clock::BootTime;
use crate::denial::LinkFault;
use crate::gate::{machine_time, random};
use crate::http::Http;
use crate::replica::{Fault, Pins, Question, Replica};
use crate::spool;
use crate::sse::{SseEvent, SseParser};

const FEED: &str = "/v1/feed";
const HEADS: &str = "/v1/heads";
const ERASURES: &str = "/v1/erasures";
/// The kind of the feed's events that are no frames: a customer is to be forgotten.
const PURGE: &[u8] = b"purge";
/// The kind of those that say which key epoch it is.
const EPOCH: &[u8] = b"epoch";
const BACKOFF_MIN: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// Heads asked for at a time.
const QUESTIONS_MAX: usize = 4;
/// Between two heads that are asked for because of a frame.
const EARLY_GAP: Duration = Duration::from_millis(50);

/// A replica with its two tasks, which end when it is dropped.
pub(crate) struct Link {
    shared: Arc<Shared>,
    tasks: [AbortHandle; 2],
}

struct Shared {
    http: Arc<Http>,
    pins: Pins,
    name: Option<GateId>,
    bound: Duration,
    spool: Option<Arc<spool::Shared>>,
    /// Erasures for which the gate is forgetting customers now.
    purging: Mutex<BTreeSet<u64>>,
    replica: RwLock<Replica>,
    /// A head was taken in, or a frame for which one waited.
    changed: Notify,
    /// The replica was emptied, so the feed must begin again.
    emptied: Notify,
    /// A frame was taken in that may end a grant, and the ledger wants to know when.
    ended: Notify,
}

/// Why following the feed ended.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Link(#[from] LinkFault),
    #[error(transparent)]
    Replica(#[from] Fault),
    #[error("replica unusable after a panic")]
    Poisoned,
}

/// Whom to forget, and for which erasure.
#[derive(Deserialize)]
struct Purge {
    erasure: u64,
    sub: SubjectId,
}

/// Which key epoch it is.
#[derive(Deserialize)]
struct EpochBegun {
    epoch: u64,
}

#[derive(Serialize)]
struct Purged {
    gate: GateId,
}

#[derive(Serialize)]
struct Ask {
    nonce: Bytes32,
    /// How far this gate is, so that customers see when it has taken a withdrawal in.
    #[serde(flatten)]
    standing: Option<Standing>,
}

#[derive(Serialize)]
struct Standing {
    gate: GateId,
    position: FeedPosition,
}

impl Link {
    /// Must be called within a Tokio runtime.
    pub(crate) fn start(
        http: Arc<Http>,
        pins: Pins,
        name: Option<GateId>,
        bound: Duration,
        spool: Option<Arc<spool::Shared>>,
    ) -> Self {
        let replica = RwLock::new(Replica::new(pins.clone(), bound));
        let (changed, emptied, ended) = (Notify::new(), Notify::new(), Notify::new());
        let purging = Mutex::default();
        let shared =
            Arc::new(Shared { http, pins, name, bound, spool, purging, replica, changed, emptied, ended });
        let follow = tokio::spawn(Arc::clone(&shared).follow()).abort_handle();
        let refresh = tokio::spawn(Arc::clone(&shared).refresh()).abort_handle();
        Self { shared, tasks: [follow, refresh] }
    }

    /// Reads the replica; `None` if it is unusable.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Replica) -> T) -> Option<T> {
        self.shared.replica.read().ok().map(|replica| read(&replica))
    }

    /// The ledger's time, as a clock; the machine's before the first head.
    pub(crate) fn time(&self) -> Box<dyn Fn() -> UnixMillis + Send + Sync> {
        let shared = Arc::clone(&self.shared);
        Box::new(move || {
            let read = shared.replica.read().ok();
            let at = read.and_then(|replica| replica.time_at(BootTime::now()));
            at.map_or_else(machine_time, |UnixSeconds(at)| UnixMillis(at.saturating_mul(1000)))
        })
    }

    /// Waits until the replica is fresh.
    pub(crate) async fn ready(&self) {
        loop {
            let changed = self.shared.changed.notified();
            if self.read(|replica| replica.fresh_until(BootTime::now())).flatten().is_some() {
                return;
            }
            changed.await;
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Shared {
    fn write<T>(&self, write: impl FnOnce(&mut Replica) -> T) -> Result<T, Broken> {
        self.replica.write().map(|mut replica| write(&mut replica)).map_err(|_| Broken::Poisoned)
    }

    /// Follows the feed for ever; waits longer after each failure until a frame arrives.
    async fn follow(self: Arc<Self>) {
        let mut backoff = BACKOFF_MIN;
        loop {
            let before = self.position();
            match self.follow_once().await {
                Ok(()) | Err(Broken::Link(_)) if self.position() > before => backoff = BACKOFF_MIN,
                _ => {}
            }
            sleep(backoff).await;
            backoff = (backoff * 2).min(BACKOFF_MAX);
        }
    }

    fn position(&self) -> u64 {
        self.replica.read().map_or(0, |replica| replica.position().0)
    }

    /// Ends when the stream does, when it stalls, or when the replica was emptied.
    async fn follow_once(self: &Arc<Self>) -> Result<(), Broken> {
        let last = self.position().checked_sub(1);
        let path = match &self.name {
            Some(name) => format!("{FEED}?gate={name}"),
            None => FEED.to_owned(),
        };
        let mut body = self.in_time(BACKOFF_MAX, self.http.events(&path, last)).await?;
        let mut parser = SseParser::default();
        loop {
            let chunk = tokio::select! {
                chunk = timeout(self.bound / 2, body.frame()) => chunk,
                () = self.emptied.notified() => return Ok(()),
            };
            let chunk = match chunk {
                Ok(Some(Ok(chunk))) => chunk,
                Ok(Some(Err(_)) | None) => return Ok(()),
                Err(_) if self.is_stalled() => return Err(LinkFault::Unreachable.into()),
                Err(_) => continue,
            };
            let Some(bytes) = chunk.data_ref() else { continue };
            let events =
                parser.push(bytes).map_err(|_| LinkFault::Answer { expected: "frames of bounded size" })?;
            for SseEvent { kind, data } in events {
                if kind == PURGE {
                    self.purge(&data)?;
                    continue;
                }
                if kind == EPOCH {
                    self.tell_epoch(&data)?;
                    continue;
                }
                let frame = Frame::parse(&data)
                    .map_err(|_| LinkFault::Answer { expected: "frames of the feed's schema" })?;
                self.take_frame(&frame)?;
            }
        }
    }

    /// Forgets a customer, and says so when nothing of theirs is left in the spool. The feed goes on meanwhile.
    fn purge(self: &Arc<Self>, json: &[u8]) -> Result<(), Broken> {
        let Some(gate) = self.name.clone() else { return Ok(()) };
        let Purge { erasure, sub } = serde_json::from_slice(json)
            .map_err(|_| LinkFault::Answer { expected: "a purge of the feed's schema" })?;
        self.write(|replica| replica.forget(&sub))?;
        if !self.purging.lock().is_ok_and(|mut purging| purging.insert(erasure)) {
            return Ok(());
        }
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            if let Some(spool) = &shared.spool {
                spool.forget(&sub).await;
            }
            let path = format!("{ERASURES}/{erasure}/purged");
            let mut backoff = BACKOFF_MIN;
            while shared
                .in_time(BACKOFF_MAX, shared.http.tell(&path, &Purged { gate: gate.clone() }))
                .await
                .is_err()
            {
                sleep(backoff).await;
                backoff = (backoff * 2).min(BACKOFF_MAX);
            }
            if let Ok(mut purging) = shared.purging.lock() {
                purging.remove(&erasure);
            }
        });
        Ok(())
    }

    fn tell_epoch(&self, json: &[u8]) -> Result<(), Broken> {
        let EpochBegun { epoch } = serde_json::from_slice(json)
            .map_err(|_| LinkFault::Answer { expected: "an epoch of the feed's schema" })?;
        if let Some(spool) = &self.spool {
            spool.tell_epoch(epoch);
        }
        Ok(())
    }

    /// Verifies outside the lock, so that decisions go on meanwhile.
    fn take_frame(&self, frame: &Frame) -> Result<(), Broken> {
        match self.pins.verify_frame(frame) {
            Ok(verified) => {
                let may_end = verified.may_end_a_grant();
                let live = self.write(|replica| {
                    replica.take_frame(verified)?;
                    Ok::<_, Fault>(replica.fresh_until(BootTime::now()).is_some())
                })??;
                // one that is still being fed is not asked by anybody yet
                if may_end && live && self.name.is_some() {
                    self.ended.notify_one();
                }
            }
            Err(fault) => {
                self.write(Replica::reset)?;
                return Err(fault.into());
            }
        }
        self.changed.notify_waiters();
        Ok(())
    }

    /// Heads say that there are frames, but they do not come: the connection is dead.
    fn is_stalled(&self) -> bool {
        let waiting = self.replica.read().ok().and_then(|replica| replica.waiting_since());
        waiting.is_some_and(|since| BootTime::now().since(since) > self.bound / 2)
    }

    /// Asks for a head every third of the bound, without waiting for the last answer; and once a grant may have ended, at
    /// once, but never twice at a time.
    async fn refresh(self: Arc<Self>) {
        let mut ticks = interval(self.bound / 3);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut questions = JoinSet::new();
        let mut early = JoinSet::new();
        loop {
            tokio::select! {
                _ = ticks.tick() => {
                    while questions.try_join_next().is_some() {}
                    if questions.len() < QUESTIONS_MAX {
                        questions.spawn(Arc::clone(&self).ask_head());
                    }
                }
                () = self.ended.notified(), if early.is_empty() => {
                    let shared = Arc::clone(&self);
                    early.spawn(async move {
                        shared.ask_head().await;
                        sleep(EARLY_GAP).await;
                    });
                }
                _ = early.join_next(), if !early.is_empty() => {}
            }
        }
    }

    async fn ask_head(self: Arc<Self>) {
        let Ok(nonce) = random::<32>() else { return };
        // the age counts from here, so that the time on the wire makes a head older, never younger
        let sent = BootTime::now();
        let standing = self
            .name
            .as_ref()
            .map(|gate| Standing { gate: gate.clone(), position: FeedPosition(self.position()) });
        let ask = Ask { nonce: Bytes32(nonce), standing };
        let Ok(head) = self.in_time(self.bound, self.http.ask::<SignedHead>(HEADS, &ask)).await else {
            return;
        };
        let taken =
            self.write(|replica| replica.take_head(&head, Question::new(nonce, sent), BootTime::now()));
        match taken {
            Ok(Ok(())) => self.changed.notify_waiters(),
            Ok(Err(Fault::Chain | Fault::Fork)) => self.emptied.notify_one(),
            Ok(Err(_)) | Err(_) => {}
        }
    }

    async fn in_time<T>(
        &self,
        deadline: Duration,
        answer: impl Future<Output = Result<T, LinkFault>>,
    ) -> Result<T, LinkFault> {
        timeout(deadline, answer).await.map_err(|_| LinkFault::Deadline { deadline })?
    }
}
