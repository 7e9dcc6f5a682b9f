//! Leases of caps, rates and budgets, for a gate that decides by itself. Specification: `docs/spec/lease.md`.
//!
//! [`LeasePool`] knows what is held and decides what to ask for; `Leasing` asks over HTTP, one request at a time, which
//! serves everybody who waits. What is drawn is charged at the ledger already, so a gate that dies overspends nothing.

mod pool;

pub use pool::{Drawn, LeasePool, PoolRules, Served, Short};

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use grantbook_record::event::Claims;
use grantbook_record::lease::{
    LeaseRequest, LeaseResponse, LeasesReleased, Limit, Release, WANTS_MAX, sign_release,
};
use grantbook_record::list::List;
use grantbook_record::{DenialReason, Jti, Signer, TenantId, UnixMillis};
use serde::Serialize;
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::denial::LinkFault;
use crate::gate::random;
use crate::http::Http;
use crate::spool::{self, LeftBehind};

const LEASES: &str = "/v1/leases";
const RELEASES: &str = "/v1/leases/releases";
/// Between two looks at what is to be given back.
const LOOK_AFTER: Duration = Duration::from_secs(1);
/// Between two tries of what must succeed at last.
const RETRY_AFTER: Duration = Duration::from_millis(200);

type Waiter = oneshot::Sender<Result<Drawn, DenialReason>>;

/// The ledger's time, as a gate knows it; `None` while it knows none.
pub type LedgerTime = Arc<dyn Fn() -> Option<UnixMillis> + Send + Sync>;

/// Which gate it is, and how its leases are asked for.
pub(crate) struct LeasingConfig {
    pub(crate) tenant: TenantId,
    /// Where uses are recorded; it has the gate's name.
    pub(crate) spool: Arc<spool::Shared>,
    /// The gate's key.
    pub(crate) signer: Signer,
    pub(crate) rules: PoolRules,
    /// How long one use may wait for its units.
    pub(crate) deadline: Duration,
    pub(crate) now: LedgerTime,
}

/// A pool and the tasks that fill and empty it, which end when it is dropped.
pub(crate) struct Leasing {
    shared: Arc<Shared>,
    tasks: [AbortHandle; 3],
}

struct Shared {
    http: Arc<Http>,
    config: LeasingConfig,
    pool: Mutex<LeasePool<Waiter>>,
    /// Somebody waits, or something may run low.
    wanted: Notify,
    /// Leases are being given back of a gate that is gone.
    left_behind: watch::Sender<bool>,
}

#[derive(Serialize)]
struct Released {
    release: String,
}

impl std::fmt::Debug for Leasing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Leasing").field("gate", &self.shared.config.spool.gate).finish_non_exhaustive()
    }
}

impl Leasing {
    /// Holds nothing, and gives back what a gate of this name has left behind. Must be called within a Tokio runtime.
    pub(crate) fn start(http: Arc<Http>, config: LeasingConfig, left_behind: LeftBehind) -> Self {
        let pool = Mutex::new(LeasePool::new(config.rules));
        let wanted = Notify::new();
        let shared = Arc::new(Shared { http, config, pool, wanted, left_behind: watch::Sender::new(true) });
        let recovers = tokio::spawn(Arc::clone(&shared).recover(left_behind)).abort_handle();
        let asks = tokio::spawn(Arc::clone(&shared).ask()).abort_handle();
        let releases = tokio::spawn(Arc::clone(&shared).give_back_what_is_due()).abort_handle();
        Self { shared, tasks: [recovers, asks, releases] }
    }

    /// Draws units of every limit, or of none. What is not held is asked for, all of it at once, until the deadline.
    pub(crate) async fn draw(&self, limits: &[(Limit, u64)]) -> Result<Vec<Drawn>, DenialReason> {
        let shared = &self.shared;
        let now = (shared.config.now)().ok_or(DenialReason::Stale)?;
        let (mut drawn, mut waits) = (Vec::with_capacity(limits.len()), Vec::new());
        {
            let mut pool = shared.pool();
            for (of, units) in limits {
                if let Ok(units) = pool.draw(of, *units, now) {
                    drawn.push(units);
                } else {
                    let (waiter, wait) = oneshot::channel();
                    pool.wait(of, *units, waiter);
                    waits.push(wait);
                }
            }
        }
        shared.wanted.notify_one();
        let mut refused = None;
        let within = Instant::now() + shared.config.deadline;
        for mut wait in waits {
            let answer = if let Ok(answer) = timeout_at(within, &mut wait).await {
                answer.unwrap_or(Err(DenialReason::Unleased))
            } else {
                // it may have come in this very moment
                wait.close();
                wait.try_recv().unwrap_or(Err(DenialReason::Unleased))
            };
            match answer {
                Ok(units) => drawn.push(units),
                Err(reason) => {
                    refused = Some(refused.map_or(reason, |first: DenialReason| first.min(reason)));
                }
            }
        }
        let Some(reason) = refused else { return Ok(drawn) };
        for units in &drawn {
            self.give_back(units);
        }
        Err(reason)
    }

    /// Puts units back of a use that was not made.
    pub(crate) fn give_back(&self, drawn: &Drawn) {
        self.shared.pool().give_back(drawn);
    }

    /// Whether leases are open that only the spool can account for, should this end now.
    pub(crate) fn holds_any(&self) -> bool {
        !self.shared.pool().is_empty() || *self.shared.left_behind.borrow()
    }

    /// Gives everything back, also of a gate that is gone, as far as the ledger answers in time.
    pub(crate) async fn drain(&self) {
        let deadline = self.shared.config.deadline;
        let mut left_behind = self.shared.left_behind.subscribe();
        // what does not come back in time stays charged, and the next start gives it back
        let _ = timeout(deadline, left_behind.wait_for(|left| !*left)).await;
        let until = Instant::now() + deadline;
        loop {
            let releases = self.shared.pool().drain();
            if !releases.is_empty() {
                if self.shared.release(releases).await.is_err() {
                    return;
                }
            } else if self.shared.pool().is_empty() || until < Instant::now() {
                return;
            } else {
                // what was asked for ahead of need is on its way
                sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

impl Drop for Leasing {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Shared {
    fn pool(&self) -> MutexGuard<'_, LeasePool<Waiter>> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One request after another, each for all that is wanted when it leaves.
    async fn ask(self: Arc<Self>) {
        loop {
            let wants = match (self.config.now)() {
                Some(now) => self.pool().next_request(now),
                None => Vec::new(),
            };
            let Some(wants) = List::new(wants) else {
                self.wanted.notified().await;
                continue;
            };
            let request = LeaseRequest { gate: self.config.spool.gate.clone(), wants };
            let answer = self.in_time(self.http.ask::<LeaseResponse>(LEASES, &request)).await;
            let now = (self.config.now)();
            let served = match (answer, now) {
                (Ok(LeaseResponse { leases }), Some(now)) => self.pool().answered(leases.to_vec(), now),
                _ => self.pool().failed(),
            };
            for Served { waiter, drawn } in served {
                // whoever waited may have gone away
                if let Err(Ok(drawn)) = waiter.send(drawn) {
                    self.pool().give_back(&drawn);
                }
            }
        }
    }

    async fn give_back_what_is_due(self: Arc<Self>) {
        loop {
            sleep(LOOK_AFTER).await;
            let Some(now) = (self.config.now)() else { continue };
            let releases = self.pool().due(now);
            if !releases.is_empty() {
                // what was not taken in is said again the next time
                let _ = self.release(releases).await;
            }
        }
    }

    /// Gives back what a gate has left that is gone: at once what no record is to come of, the rest when the ledger has
    /// these records. None of it is drawn on.
    async fn recover(self: Arc<Self>, left_behind: LeftBehind) {
        let LeftBehind { at_once, later, next } = left_behind;
        self.release_at_last(&at_once).await;
        if let Some(last) = next.checked_sub(1).filter(|_| !later.is_empty()) {
            self.config.spool.arrived(last).await;
            let arrived = loop {
                match self.in_time(spool::open_leases(&self.http, &self.config.spool.gate)).await {
                    Ok(open) => break open,
                    Err(_) => sleep(LOOK_AFTER).await,
                }
            };
            let arrived = arrived.iter().filter(|lease| later.contains(&lease.id));
            let releases = arrived.map(|lease| Release { lease: lease.id, spent: lease.arrived });
            self.release_at_last(&releases.collect::<Vec<_>>()).await;
        }
        self.left_behind.send_replace(false);
    }

    async fn release_at_last(&self, releases: &[Release]) {
        for releases in releases.chunks(WANTS_MAX) {
            while self.release(releases.to_vec()).await.is_err() {
                sleep(RETRY_AFTER).await;
            }
        }
    }

    async fn release(&self, releases: Vec<Release>) -> Result<(), LinkFault> {
        let now = (self.config.now)().ok_or(LinkFault::Unreachable)?;
        let Some(listed) = List::new(releases.clone()) else { return Ok(()) };
        let word = LeasesReleased { gate: self.config.spool.gate.clone(), releases: listed };
        let claims = Claims::new(self.config.tenant, Jti::new(now, random()?), word);
        let release = sign_release(&claims, &self.config.signer);
        self.in_time(self.http.tell(RELEASES, &Released { release })).await?;
        self.pool().released(&releases);
        let leases: Vec<Jti> = releases.iter().map(|release| release.lease).collect();
        self.config.spool.released(&leases);
        Ok(())
    }

    async fn in_time<T>(&self, answer: impl Future<Output = Result<T, LinkFault>>) -> Result<T, LinkFault> {
        let deadline = self.config.deadline;
        timeout(deadline, answer).await.map_err(|_| LinkFault::Deadline { deadline })?
    }
}
