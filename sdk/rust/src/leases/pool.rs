//! What a gate holds of limits, and what it should ask for. Pure: the ledger's time is an argument, and whoever waits is a
//! token of the caller's, which comes back with the answer.

use std::collections::BTreeMap;

use grantbook_record::lease::{Lease, Leased, Limit, Release, Unlimited, WANTS_MAX, Want};
use grantbook_record::{Currency, DenialReason, Jti, UnixMillis};

/// How a pool behaves. Durations in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolRules {
    /// A lease that nobody has drawn on for so long is given back.
    pub idle_ms: u64,
    /// A lease is not drawn on any more when it expires within this, since the ledger's time is known only roughly.
    pub margin_ms: u64,
    /// How long after the last draw a lease may be given back: until then a permit may still be voided.
    pub settle_ms: u64,
    /// After a refusal nothing is asked ahead of need for so long.
    pub patience_ms: u64,
    /// Units asked for at most, unless more are needed at once.
    pub most: u64,
}

impl Default for PoolRules {
    fn default() -> Self {
        Self { idle_ms: 20_000, margin_ms: 500, settle_ms: 5_000, patience_ms: 1_000, most: 4096 }
    }
}

/// Units drawn from one lease. The record of the use names the lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// Of which limit.
    pub of: Limit,
    /// From which lease; `None` where the project has no budget.
    pub lease: Option<Jti>,
    /// The budget's currency.
    pub currency: Option<Currency>,
    /// How many.
    pub units: u64,
}

/// No lease has as many units left: as many as these must be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Short {
    /// What to ask the ledger for.
    pub want: Want,
}

/// What became of a wait.
#[derive(Debug)]
pub struct Served<W> {
    /// Who waited.
    pub waiter: W,
    /// The units, or why there are none.
    pub drawn: Result<Drawn, DenialReason>,
}

#[derive(Debug)]
struct Slice {
    lease: Lease,
    spent: u64,
    last_draw: UnixMillis,
    /// It is being given back: nothing is drawn on it any more.
    closed: bool,
}

impl Slice {
    fn left(&self) -> u64 {
        self.lease.units.saturating_sub(self.spent)
    }
}

#[derive(Debug)]
struct Held<W> {
    slices: Vec<Slice>,
    /// Units drawn since a slice was last asked for: the next one is to last longer than this one has.
    demand: u64,
    waiting: Vec<(u64, W)>,
    /// Nothing is asked ahead of need before.
    patient_until: UnixMillis,
    /// There is nothing to be drawn on before: the project has no budget.
    unlimited_until: UnixMillis,
}

impl<W> Default for Held<W> {
    fn default() -> Self {
        Self {
            slices: Vec::new(),
            demand: 0,
            waiting: Vec::new(),
            patient_until: UnixMillis(0),
            unlimited_until: UnixMillis(0),
        }
    }
}

/// A limit of which a slice was asked for, and who waits for how many units of it.
type Asked<W> = (Limit, Vec<(u64, W)>);

/// See the module's documentation.
#[derive(Debug)]
pub struct LeasePool<W> {
    rules: PoolRules,
    limits: BTreeMap<Limit, Held<W>>,
    /// What the request under way asks for, and who waited for it then.
    asked: Option<Vec<Asked<W>>>,
}

impl<W> LeasePool<W> {
    /// Holds nothing.
    pub fn new(rules: PoolRules) -> Self {
        Self { rules, limits: BTreeMap::new(), asked: None }
    }

    /// Draws units, all from one lease, or says what must be asked for.
    pub fn draw(&mut self, of: &Limit, units: u64, now: UnixMillis) -> Result<Drawn, Short> {
        let margin = self.rules.margin_ms;
        let Some(held) = self.limits.get_mut(of) else {
            return Err(Short { want: Want { of: of.clone(), least: units, most: units } });
        };
        if now.0.saturating_add(margin) < held.unlimited_until.0 {
            return Ok(Drawn { of: of.clone(), lease: None, currency: None, units });
        }
        // the one that expires first is used up first
        let slices = held.slices.iter_mut().filter(|slice| {
            !slice.closed && slice.left() >= units && now.0.saturating_add(margin) < slice.lease.expires.0
        });
        let Some(slice) = slices.min_by_key(|slice| slice.lease.expires) else {
            return Err(Short { want: want(of, held, units, self.rules.most) });
        };
        slice.spent = slice.spent.saturating_add(units);
        slice.last_draw = now;
        held.demand = held.demand.saturating_add(units);
        let Lease { id, currency, .. } = slice.lease;
        Ok(Drawn { of: of.clone(), lease: Some(id), currency, units })
    }

    /// Puts units back of a use that was not made. Where their lease was given back meanwhile they stay charged.
    pub fn give_back(&mut self, drawn: &Drawn) {
        let Some(held) = self.limits.get_mut(&drawn.of) else { return };
        if let Some(slice) =
            held.slices.iter_mut().find(|slice| Some(slice.lease.id) == drawn.lease && !slice.closed)
        {
            slice.spent = slice.spent.saturating_sub(drawn.units);
        }
    }

    /// Has somebody wait for units; the next request asks for them. Those who wait for one limit are served by one slice.
    pub fn wait(&mut self, of: &Limit, units: u64, waiter: W) {
        self.limits.entry(of.clone()).or_default().waiting.push((units, waiter));
    }

    /// What to ask the ledger for next: all that somebody waits for, and what runs low. Nothing while a request is under
    /// way; then [`Self::answered`] or [`Self::failed`] must come before the next.
    pub fn next_request(&mut self, now: UnixMillis) -> Vec<Want> {
        if self.asked.is_some() {
            return Vec::new();
        }
        let rules = self.rules;
        let (mut wants, mut asked) = (Vec::new(), Vec::new());
        // who waits goes before what merely runs low
        for waited_for in [true, false] {
            for (of, held) in &mut self.limits {
                let is_due = if waited_for { !held.waiting.is_empty() } else { held.runs_low(&rules, now) };
                if !is_due
                    || wants.len() == WANTS_MAX
                    || (!waited_for && asked.iter().any(|(known, _)| known == of))
                {
                    continue;
                }
                let waiting = std::mem::take(&mut held.waiting);
                let least = waiting.iter().map(|(units, _)| *units).max().unwrap_or(1);
                let all = waiting.iter().fold(0_u64, |sum, (units, _)| sum.saturating_add(*units));
                let Want { most, .. } = want(of, held, all, rules.most);
                wants.push(Want { of: of.clone(), least, most: most.max(least) });
                held.demand = 0;
                asked.push((of.clone(), waiting));
            }
        }
        if !asked.is_empty() {
            self.asked = Some(asked);
        }
        wants
    }

    /// Takes the answer to the request under way in, one for each want; gives who is served. Whoever is not goes on
    /// waiting.
    pub fn answered(&mut self, leases: Vec<Leased>, now: UnixMillis) -> Vec<Served<W>> {
        let mut served = Vec::new();
        let asked = self.asked.take().unwrap_or_default();
        if leases.len() != asked.len() {
            self.asked = Some(asked);
            return self.failed();
        }
        for ((of, waiting), leased) in asked.into_iter().zip(leases) {
            let held = self.limits.entry(of.clone()).or_default();
            match leased {
                Leased::Refused(reason) => {
                    held.patient_until = UnixMillis(now.0.saturating_add(self.rules.patience_ms));
                    let refused = |(_, waiter)| Served { waiter, drawn: Err(reason) };
                    served.extend(waiting.into_iter().map(refused));
                    continue;
                }
                Leased::Lease(lease) => {
                    held.slices.push(Slice { lease, spent: 0, last_draw: now, closed: false });
                }
                Leased::Unlimited(Unlimited { expires }) => held.unlimited_until = expires,
            }
            for (units, waiter) in waiting {
                match self.draw(&of, units, now) {
                    Ok(drawn) => served.push(Served { waiter, drawn: Ok(drawn) }),
                    Err(_) => self.wait(&of, units, waiter),
                }
            }
        }
        served
    }

    /// The request under way came to nothing: whoever waited for it gets [`DenialReason::Unleased`].
    pub fn failed(&mut self) -> Vec<Served<W>> {
        let asked = self.asked.take().unwrap_or_default().into_iter();
        let served = asked.flat_map(|(_, waiting)| waiting);
        served.map(|(_, waiter)| Served { waiter, drawn: Err(DenialReason::Unleased) }).collect()
    }

    /// Leases to be given back, drawn on no more from now on: idle, used up or about to expire. They are given out again
    /// until [`Self::released`] says that the ledger knows.
    pub fn due(&mut self, now: UnixMillis) -> Vec<Release> {
        let PoolRules { idle_ms, margin_ms, settle_ms, .. } = self.rules;
        self.close(|slice| {
            let since = now.0.saturating_sub(slice.last_draw.0);
            let is_over = slice.left() == 0 || slice.lease.expires.0 <= now.0.saturating_add(margin_ms);
            since >= settle_ms && (is_over || since >= idle_ms)
        })
    }

    /// Gives everything back, as a gate does that stops.
    pub fn drain(&mut self) -> Vec<Release> {
        self.close(|_| true)
    }

    fn close(&mut self, is_due: impl Fn(&Slice) -> bool) -> Vec<Release> {
        let slices = self.limits.values_mut().flat_map(|held| &mut held.slices);
        let due = slices.filter(|slice| slice.closed || is_due(slice)).take(WANTS_MAX);
        due.map(|slice| {
            slice.closed = true;
            Release { lease: slice.lease.id, spent: slice.spent }
        })
        .collect()
    }

    /// The ledger has taken these in.
    pub fn released(&mut self, releases: &[Release]) {
        let is_known = |slice: &Slice| releases.iter().any(|release| release.lease == slice.lease.id);
        for held in self.limits.values_mut() {
            held.slices.retain(|slice| !is_known(slice));
        }
        let is_known = |held: &Held<W>| held.unlimited_until > UnixMillis(0);
        self.limits.retain(|_, held| !held.slices.is_empty() || !held.waiting.is_empty() || is_known(held));
    }

    /// Whether no lease is held and none is asked for.
    pub fn is_empty(&self) -> bool {
        self.asked.is_none() && self.limits.values().all(|held| held.slices.is_empty())
    }

    /// Units of a limit that can be drawn now.
    pub fn left(&self, of: &Limit, now: UnixMillis) -> u64 {
        let Some(held) = self.limits.get(of) else { return 0 };
        held.left(self.rules.margin_ms, now)
    }
}

impl<W> Held<W> {
    fn live(&self, margin_ms: u64, now: UnixMillis) -> impl Iterator<Item = &Slice> {
        let is_live =
            move |slice: &&Slice| !slice.closed && now.0.saturating_add(margin_ms) < slice.lease.expires.0;
        self.slices.iter().filter(is_live)
    }

    fn left(&self, margin_ms: u64, now: UnixMillis) -> u64 {
        self.live(margin_ms, now).fold(0, |sum, slice| sum.saturating_add(slice.left()))
    }

    /// Less than a quarter of what it drew on is left, and it is in use.
    fn runs_low(&self, rules: &PoolRules, now: UnixMillis) -> bool {
        let units =
            self.live(rules.margin_ms, now).fold(0_u64, |sum, slice| sum.saturating_add(slice.lease.units));
        units > 1
            && self.demand > 0
            && self.patient_until <= now
            && self.left(rules.margin_ms, now) < units / 4
    }
}

/// Twice what was drawn since the last slice was asked for, so that slices grow with the demand.
fn want<W>(of: &Limit, held: &Held<W>, units: u64, most: u64) -> Want {
    let wanted = held.demand.saturating_mul(2).min(most).max(units);
    Want { of: of.clone(), least: units, most: wanted }
}

#[cfg(test)]
mod tests;
