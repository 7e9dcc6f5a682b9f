//! One limit: its leases, the window of its rate, or its budget.
//!
//! A lease is charged whole when it is given. What its release gives back is free again; the rest stays charged until the
//! records that drew on it have arrived, since a recorded use counts by itself.

use grantbook_plan::UseCount;
use grantbook_record::day::{UnixMillis, UnixSeconds};
use grantbook_record::terms::Rate;
use grantbook_record::{Currency, GateId, Jti};
use serde::{Deserialize, Serialize};

/// A slice that was given to a gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LeaseRow {
    pub(super) id: Jti,
    pub(super) gate: GateId,
    pub(super) units: u64,
    /// Units of records that named it.
    pub(super) arrived: u64,
    /// What its release says, at most its units; `None` before it.
    pub(super) spent: Option<u64>,
    pub(super) expires: UnixMillis,
    /// The window of the rate that it is charged to, by its start.
    pub(super) window: Option<UnixSeconds>,
}

impl LeaseRow {
    /// Units that count as used, arrived ones among them. A release that says less than what arrived is not believed.
    pub(super) fn charged(&self) -> u64 {
        self.spent.map_or(self.units, |spent| spent.max(self.arrived))
    }

    /// Units whose records are still to arrive, or never will.
    pub(super) fn remaining(&self) -> u64 {
        self.charged().saturating_sub(self.arrived)
    }

    /// Whether its last record could have arrived in time by `now`.
    pub(super) fn is_over(&self, now: UnixMillis, late_after_ms: u64) -> bool {
        self.expires.0.saturating_add(late_after_ms) < now.0
    }
}

/// A window in which units of a rate are charged. All its uses lie in the `seconds` from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Window {
    pub(super) start: UnixSeconds,
    pub(super) seconds: u32,
    /// Uses that no lease in the book stands for.
    pub(super) direct: u64,
    /// One of its uses was made by then, as far as that is known.
    pub(super) first_by: Option<UnixMillis>,
}

impl Window {
    fn length_ms(&self) -> u64 {
        u64::from(self.seconds) * 1000
    }

    /// First moment at which its units may be drawn on no more.
    pub(super) fn closes(&self) -> UnixMillis {
        UnixMillis(self.start.0.saturating_add(self.seconds.into()).saturating_mul(1000))
    }

    pub(super) fn used_by(&mut self, at: UnixMillis) {
        let at = at.max(UnixMillis(self.start.0.saturating_mul(1000)));
        self.first_by = Some(self.first_by.map_or(at, |known| known.min(at)));
    }
}

/// What a project may spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spending {
    pub(super) currency: Currency,
    pub(super) minor: u64,
    pub(super) spent: u64,
}

/// A limit that has leases, a window or a budget.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitRow {
    pub(super) leases: Vec<LeaseRow>,
    /// Whether units that were never accounted for stay charged for good.
    pub(super) capped: bool,
    pub(super) window: Option<Window>,
    pub(super) budget: Option<Spending>,
}

impl LimitRow {
    /// Units leased whose records have not arrived.
    pub(super) fn remaining(&self) -> u64 {
        self.leases.iter().fold(0, |sum, lease| sum.saturating_add(lease.remaining()))
    }

    /// What the budget has left; 0 without one.
    pub(super) fn budget_left(&self) -> u64 {
        let budget = self.budget.map_or(0, |budget| budget.minor.saturating_sub(budget.spent));
        budget.saturating_sub(self.remaining())
    }

    fn in_window(&self, window: Window) -> impl Iterator<Item = &LeaseRow> {
        self.leases.iter().filter(move |lease| lease.window == Some(window.start))
    }

    /// Units charged to the window.
    fn taken(&self, window: Window) -> u64 {
        self.in_window(window).fold(window.direct, |sum, lease| sum.saturating_add(lease.charged()))
    }

    /// The window, and first moment at which another may begin. A window as the decision counts them begins with a use;
    /// which one is the first is known only once records have arrived, so the latest moment that is possible counts.
    fn window_ends(&self) -> Option<(Window, UnixMillis)> {
        let window = self.window?;
        let latest =
            self.in_window(window).filter(|lease| lease.charged() > 0).map(|lease| lease.expires).max();
        // none of the leases may have been used at all, so they say nothing where another use is known
        let first = window.first_by.or(latest)?;
        // after an amendment, leases given under a longer window may outlast this one
        let first = latest.filter(|latest| *latest > window.closes()).unwrap_or(first);
        Some((window, UnixMillis(first.0.saturating_add(window.length_ms()))))
    }

    fn running(&self, now: UnixMillis) -> Option<(Window, UnixMillis)> {
        self.window_ends().filter(|(_, end)| now < *end)
    }

    /// The count that the decision is to go by: leased units count as used.
    pub(super) fn effective(&self, count: UseCount, rate: Option<&Rate>, now: UnixMillis) -> UseCount {
        let uses = count.uses.saturating_add(self.remaining());
        let (Some(rate), Some((window, end))) = (rate, self.running(now)) else {
            return UseCount { uses, ..count };
        };
        let recorded = if recorded_window_closes(&count, *rate).is_some_and(|closes| now < closes) {
            count.window_uses
        } else {
            0
        };
        // what is used after its units are gone would be in the next window as well
        let taken = if now < window.closes() {
            u32::try_from(self.taken(window)).unwrap_or(u32::MAX).max(recorded)
        } else {
            u32::MAX
        };
        let begun = end.0.div_ceil(1000).saturating_sub(rate.seconds.get().into());
        UseCount { uses, window_start: UnixSeconds(begun), window_uses: taken }
    }

    /// The window that a lease given at `now` is charged to: the one that is running, or a new one. Where the book knows of
    /// none at all it is the one that recorded uses have begun; after one that it knows it knows better, since records may
    /// arrive in another order than that of their uses.
    pub(super) fn open_window(&mut self, count: &UseCount, rate: Rate, now: UnixMillis) -> Window {
        if let Some((window, _)) = self.running(now) {
            let window = Window { seconds: rate.seconds.get(), ..window };
            self.window = Some(window);
            return window;
        }
        let recorded =
            self.window.is_none() && recorded_window_closes(count, rate).is_some_and(|closes| now < closes);
        let (start, direct) =
            if recorded { (count.window_start, count.window_uses) } else { (now.seconds(), 0) };
        let first_by = recorded.then_some(UnixMillis(start.0.saturating_mul(1000)));
        let window = Window { start, seconds: rate.seconds.get(), direct: direct.into(), first_by };
        // given while the grant had no rate
        for lease in self.leases.iter_mut().filter(|lease| lease.window.is_none() && now < lease.expires) {
            lease.window = Some(start);
        }
        self.window = Some(window);
        window
    }

    /// Charges a use that no lease covers to the window, or to a new one after it. One that was made before the window
    /// opened, and so close to it that both fall in one window as the decision counts them, takes the window's start back.
    pub(super) fn use_directly(&mut self, at: UnixSeconds) {
        let at_ms = UnixMillis(at.0.saturating_mul(1000));
        if let Some((Window { seconds, .. }, end)) = self.window_ends()
            && end <= at_ms
        {
            self.window = Some(Window { start: at, seconds, direct: 1, first_by: Some(at_ms) });
            return;
        }
        let Self { leases, window, .. } = self;
        let Some(window) = window else { return };
        let start = window.start;
        if at.0.saturating_add(window.seconds.into()) <= start.0 {
            // of a window before it
            return;
        }
        if at < start {
            window.start = at;
            leases
                .iter_mut()
                .filter(|lease| lease.window == Some(start))
                .for_each(|lease| lease.window = Some(at));
        }
        window.direct = window.direct.saturating_add(1);
        window.used_by(at_ms);
    }

    /// Drops what counts no more. Gives whether anything is left.
    pub(super) fn tidy(&mut self, now: UnixMillis, late_after_ms: u64) -> bool {
        // one of which everything was given back; and one whose records can begin no window any more that is running now
        let is_over = |(window, end): (Window, UnixMillis)| {
            self.taken(window) == 0 || end.0.saturating_add(window.length_ms()) <= now.0
        };
        if self.window_ends().is_none_or(is_over) {
            self.window = None;
        }
        let Self { leases, capped, window, .. } = self;
        leases.retain(|lease| {
            let window = window.as_mut().filter(|window| lease.window == Some(window.start));
            if lease.remaining() > 0 {
                // what nobody ever accounts for tells nothing of when the window's first use was
                return *capped || window.is_some() || !lease.is_over(now, late_after_ms);
            }
            if let Some(window) = window {
                window.direct = window.direct.saturating_add(lease.charged());
            }
            false
        });
        !self.leases.is_empty() || self.window.is_some() || self.budget.is_some()
    }
}

/// First moment after the window that recorded uses have begun.
fn recorded_window_closes(count: &UseCount, rate: Rate) -> Option<UnixMillis> {
    let end = count.window_start.0.saturating_add(rate.seconds.get().into());
    (count.window_uses > 0).then_some(UnixMillis(end.saturating_mul(1000)))
}
