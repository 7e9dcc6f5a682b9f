//! Something as it was at a time, as long as records may still come that were made then.

use std::collections::VecDeque;

use grantbook_record::day::UnixSeconds;

/// Whose view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsOf {
    /// After all that came before in the log, as the ledger's own gate sees it.
    Now,
    /// Of a gate that had so many frames of the feed.
    Position(u64),
    /// As of a time by the ledger's clock, where a gate does not say.
    Time(UnixSeconds),
}

/// A value and those that it had before.
#[derive(Default)]
pub(super) struct Timeline<T> {
    now: T,
    earlier: VecDeque<Earlier<T>>,
}

struct Earlier<T> {
    value: T,
    /// Frames before the one that changed it.
    position: u64,
    /// When that one was admitted.
    until: UnixSeconds,
}

impl<T: Clone> Timeline<T> {
    /// Changes the value by the event with this place in the feed, and forgets what it was more than `keep_seconds` before.
    pub(super) fn change(
        &mut self,
        (position, at, keep_seconds): (u64, UnixSeconds, u64),
        change: impl FnOnce(&mut T),
    ) {
        let is_old = |earlier: &Earlier<T>| earlier.until.0.saturating_add(keep_seconds) < at.0;
        while self.earlier.front().is_some_and(is_old) {
            self.earlier.pop_front();
        }
        self.earlier.push_back(Earlier { value: self.now.clone(), position, until: at });
        change(&mut self.now);
    }

    /// The value as it was for somebody.
    pub(super) fn as_of(&self, as_of: AsOf) -> &T {
        let found = match as_of {
            AsOf::Now => None,
            AsOf::Position(frames) => self.earlier.iter().find(|earlier| frames <= earlier.position),
            AsOf::Time(at) => self.earlier.iter().find(|earlier| at < earlier.until),
        };
        found.map_or(&self.now, |earlier| &earlier.value)
    }
}
