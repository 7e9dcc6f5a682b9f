//! The replay's time: the machine's, or as far behind it as a life that is already over needs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use grantbook_engine::Clock;
use grantbook_record::Jti;
use grantbook_record::day::UnixMillis;

use crate::cli::clock;

/// A clock that goes as fast as the machine's and may be behind it. Clones are the same clock.
#[derive(Debug, Clone, Default)]
pub(super) struct Time {
    /// How far it is behind the machine's, in milliseconds.
    behind: Arc<AtomicU64>,
}

impl Time {
    /// What it shows.
    pub(super) fn now(&self) -> UnixMillis {
        UnixMillis(clock::now().0.saturating_sub(self.behind.load(Ordering::SeqCst)))
    }

    /// Sets it to a time that has passed.
    pub(super) fn set(&self, to: UnixMillis) {
        self.behind.store(clock::now().0.saturating_sub(to.0), Ordering::SeqCst);
    }

    /// The id of an envelope made now.
    pub(super) fn new_jti(&self) -> Jti {
        Jti::new(self.now(), clock::random_bytes())
    }

    /// The same clock for a ledger.
    pub(super) fn clock(&self) -> Clock {
        let time = self.clone();
        Clock::new(move || time.now())
    }
}
