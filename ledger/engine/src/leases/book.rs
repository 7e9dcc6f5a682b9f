//! The book of leases: what every limit has given away, and what came of it. Pure: time is an argument, and what is
//! recorded already comes from whoever keeps the records.
//!
//! What holds of a cap, with any number of gates and whatever they do: recorded uses that a lease covered or that were
//! not over the cap when they came, and what is charged and has not arrived, are never more than the cap.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use grantbook_plan::UseCount;
use grantbook_record::day::{UnixMillis, UnixSeconds};
use grantbook_record::lease::{Lease, Leased, OpenLease, Unlimited, Want};
use grantbook_record::terms::Rate;
use grantbook_record::{Currency, DenialReason, GateId, Jti, MinorUnits, Term};
use serde::{Deserialize, Serialize};

use super::limit::{LeaseRow, LimitRow, Spending};

/// Leases that one limit may have in the book.
pub const LEASES_PER_LIMIT_MAX: usize = 1024;

/// Names a limit. Customers go by keyed hashes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LimitKey {
    /// A grant's cap and rate.
    Grant {
        /// Number of the tenant.
        tenant: u32,
        /// Name of the customer in memory.
        customer: [u8; 16],
        /// The `jti` of its `grant.given`.
        grant: Jti,
    },
    /// A project's budget.
    Budget {
        /// Number of the tenant.
        tenant: u32,
        /// The requester.
        project: Term,
    },
}

impl LimitKey {
    /// Number of the tenant.
    pub fn tenant(&self) -> u32 {
        match self {
            Self::Grant { tenant, .. } | Self::Budget { tenant, .. } => *tenant,
        }
    }
}

/// How leases are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseRules {
    /// How long a lease may be drawn on at most, milliseconds.
    pub ttl_ms: u64,
    /// How long after a lease has expired the records that drew on it may arrive in time, milliseconds.
    pub late_after_ms: u64,
}

/// Who asks for a slice, of what size, when.
#[derive(Debug, Clone)]
pub struct Ask<'a> {
    /// The gate.
    pub gate: &'a GateId,
    /// The id that the lease gets.
    pub id: Jti,
    /// Fewer are refused.
    pub least: u64,
    /// More are never given.
    pub most: u64,
    /// By the ledger's clock.
    pub now: UnixMillis,
}

impl<'a> Ask<'a> {
    /// What a gate wants.
    pub fn of(want: &Want, gate: &'a GateId, id: Jti, now: UnixMillis) -> Self {
        Self { gate, id, least: want.least, most: want.most, now }
    }
}

/// A grant's limits, and how much of them is recorded.
#[derive(Debug, Clone, Copy)]
pub struct GrantLimits {
    /// Uses over its whole life.
    pub cap: Option<u64>,
    /// Uses within a window.
    pub rate: Option<Rate>,
    /// Recorded ones.
    pub count: UseCount,
}

/// A permitted use as it is recorded.
#[derive(Debug, Clone, Copy)]
pub struct Taken<'a> {
    /// The gate.
    pub gate: &'a GateId,
    /// The leases that its record names.
    pub leases: &'a [Jti],
    /// When, by the gate's clock.
    pub at: UnixSeconds,
}

/// A project's budget as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// The project.
    pub project: Term,
    /// Its currency.
    pub currency: Currency,
    /// What it may spend in all.
    pub minor: MinorUnits,
    /// Payouts of recorded uses.
    pub spent: MinorUnits,
    /// What is leased or written off beyond that.
    pub charged: Charged,
}

/// Units that are charged though no record has arrived for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Charged {
    /// Records may still arrive in time.
    pub outstanding: u64,
    /// None can: they count as used.
    pub written_off: u64,
}

/// What gates hold, by kind of limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outstanding {
    /// Leases that may be drawn on or whose records are still to arrive.
    pub leases: u64,
    /// Their units.
    pub charged: Charged,
}

/// Rows that changed: `None` where one is gone.
pub type ChangedRows = Vec<(LimitKey, Option<String>)>;

/// See the module's documentation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeaseBook {
    limits: BTreeMap<LimitKey, LimitRow>,
    of_lease: BTreeMap<Jti, LimitKey>,
    changed: BTreeSet<LimitKey>,
}

impl LeaseBook {
    /// Whether nothing is leased and no project has a budget.
    pub fn is_empty(&self) -> bool {
        self.limits.is_empty()
    }

    /// The limits in the book.
    pub fn limits(&self) -> impl Iterator<Item = &LimitKey> {
        self.limits.keys()
    }

    /// Gives a slice of a grant's cap and rate.
    pub fn lease_grant(
        &mut self,
        key: &LimitKey,
        limits: &GrantLimits,
        ask: &Ask<'_>,
        rules: &LeaseRules,
    ) -> Leased {
        let row = self.open(key, ask.now, rules);
        row.capped = limits.cap.is_some();
        let count = row.effective(limits.count, limits.rate.as_ref(), ask.now);
        let left = limits.cap.map_or(u64::MAX, |cap| cap.saturating_sub(count.uses));
        let Some(mut units) = slice(left, ask) else { return self.refuse(key, DenialReason::Cap) };
        let mut expires = UnixMillis(ask.now.0.saturating_add(rules.ttl_ms));
        let mut window = None;
        if let Some(rate) = limits.rate {
            let left = rate_left(&count, rate, ask.now);
            let Some(within) = slice(left, ask) else { return self.refuse(key, DenialReason::Rate) };
            units = units.min(within);
            let Some(row) = self.limits.get_mut(key) else { return Leased::Refused(DenialReason::Unleased) };
            let opened = row.open_window(&limits.count, rate, ask.now);
            window = Some(opened.start);
            expires = expires.min(opened.closes());
        }
        self.give(key, ask, units, expires, window)
    }

    /// Gives a slice of a project's budget. One without a budget needs none, for as long as a lease would be good: then
    /// the gate asks again, and a budget that was set meanwhile counts.
    pub fn lease_budget(&mut self, key: &LimitKey, ask: &Ask<'_>, rules: &LeaseRules) -> Leased {
        let expires = UnixMillis(ask.now.0.saturating_add(rules.ttl_ms));
        let Some(budget) = self.limits.get(key).and_then(|row| row.budget) else {
            return Leased::Unlimited(Unlimited { expires });
        };
        let left = self.open(key, ask.now, rules).budget_left();
        let Some(units) = slice(left, ask) else { return self.refuse(key, DenialReason::Budget) };
        match self.give(key, ask, units, expires, None) {
            Leased::Lease(lease) => Leased::Lease(Lease { currency: Some(budget.currency), ..lease }),
            other => other,
        }
    }

    fn open(&mut self, key: &LimitKey, now: UnixMillis, rules: &LeaseRules) -> &mut LimitRow {
        self.tidy_one(key, now, rules);
        self.limits.entry(key.clone()).or_default()
    }

    fn refuse(&mut self, key: &LimitKey, reason: DenialReason) -> Leased {
        if self.limits.get(key).is_some_and(LimitRow::is_bare) {
            self.limits.remove(key);
        }
        Leased::Refused(reason)
    }

    fn give(
        &mut self,
        key: &LimitKey,
        ask: &Ask<'_>,
        units: u64,
        expires: UnixMillis,
        window: Option<UnixSeconds>,
    ) -> Leased {
        let row = self.limits.entry(key.clone()).or_default();
        if row.leases.len() >= LEASES_PER_LIMIT_MAX {
            return self.refuse(key, DenialReason::Unleased);
        }
        let gate = ask.gate.clone();
        row.leases.push(LeaseRow { id: ask.id, gate, units, arrived: 0, spent: None, expires, window });
        self.of_lease.insert(ask.id, key.clone());
        self.changed.insert(key.clone());
        Leased::Lease(Lease { id: ask.id, units, expires, currency: None })
    }

    /// Takes a gate's word for what it drew in all; what it did not is free again. Said once: later words change nothing,
    /// as do those about leases that are not the gate's or of which nothing is left.
    pub fn release(&mut self, tenant: u32, gate: &GateId, lease: &Jti, spent: u64) {
        let Some(key) = self.of_lease.get(lease).filter(|key| key.tenant() == tenant) else { return };
        let Some(row) = self.limits.get_mut(key) else { return };
        let Some(found) = row.leases.iter_mut().find(|known| known.id == *lease && known.gate == *gate)
        else {
            return;
        };
        if found.spent.is_some() {
            return;
        }
        found.spent = Some(spent.min(found.units));
        let (charged, expires, of) = (found.charged(), found.expires, found.window);
        if let Some(window) = row.window.as_mut().filter(|window| of == Some(window.start))
            && charged > 0
        {
            window.used_by(expires);
        }
        self.changed.insert(key.clone());
    }

    /// Leases of a gate that it may still account for, after this one and in the order of their ids: not given back, not
    /// used up by what has arrived, and not written off. At most so many.
    pub fn open_leases(
        &self,
        tenant: u32,
        gate: &GateId,
        after: Option<Jti>,
        most: usize,
        now: UnixMillis,
        rules: &LeaseRules,
    ) -> Vec<OpenLease> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let of_tenant =
            self.of_lease.range((from, Bound::Unbounded)).filter(|(_, key)| key.tenant() == tenant);
        let rows =
            of_tenant.filter_map(|(id, key)| self.limits.get(key)?.leases.iter().find(|row| row.id == *id));
        let is_open = |row: &&LeaseRow| {
            row.gate == *gate
                && row.spent.is_none()
                && row.remaining() > 0
                && !row.is_over(now, rules.late_after_ms)
        };
        let open = rows.filter(is_open).take(most);
        open.map(|row| OpenLease { id: row.id, units: row.units, arrived: row.arrived, expires: row.expires })
            .collect()
    }

    /// The count that a decision about a grant is to go by: leased units count as used.
    pub fn count(&self, key: &LimitKey, count: UseCount, rate: Option<&Rate>, now: UnixMillis) -> UseCount {
        self.limits.get(key).map_or(count, |row| row.effective(count, rate, now))
    }

    /// How many of a use's `units` the leases cover that its record names.
    pub fn covered(&self, key: &LimitKey, used: &Taken<'_>, units: u64) -> u64 {
        let Some(row) = self.limits.get(key) else { return 0 };
        let held = row.leases.iter().filter(|lease| draws_on(lease, used));
        held.fold(0, |sum: u64, lease| sum.saturating_add(lease.remaining())).min(units)
    }

    /// Takes in a permitted use that is recorded under a grant.
    pub fn take_use(&mut self, key: &LimitKey, used: &Taken<'_>) {
        let Some(row) = self.limits.get_mut(key) else { return };
        if row.draw(used, 1) == 0 {
            row.use_directly(used.at);
        }
        self.changed.insert(key.clone());
    }

    /// Takes in what a recorded use pays, if that is of the budget's currency.
    pub fn take_payout(&mut self, key: &LimitKey, used: &Taken<'_>, currency: Currency, minor: u64) {
        let Some(row) = self.limits.get_mut(key) else { return };
        let Some(budget) = row.budget.as_mut().filter(|budget| budget.currency == currency) else { return };
        budget.spent = budget.spent.saturating_add(minor);
        row.draw(used, minor);
        self.changed.insert(key.clone());
    }

    /// Whether a project's budget pays for a use, of whose payout leases cover a part. A project without one is not limited.
    pub fn pays(&self, key: &LimitKey, currency: Currency, minor: u64, covered: u64) -> bool {
        let Some((row, budget)) = self.limits.get(key).and_then(|row| Some((row, row.budget?))) else {
            return true;
        };
        minor == 0 || (budget.currency == currency && minor.saturating_sub(covered) <= row.budget_left())
    }

    /// Sets what a project may spend in all. `false` where something is spent or leased in another currency.
    pub fn set_budget(&mut self, key: &LimitKey, currency: Currency, minor: MinorUnits) -> bool {
        let row = self.limits.entry(key.clone()).or_default();
        let spent = match row.budget {
            Some(known) if known.currency != currency && (known.spent > 0 || !row.leases.is_empty()) => {
                return false;
            }
            known => known.map_or(0, |known| known.spent),
        };
        row.budget = Some(Spending { currency, minor: minor.0, spent });
        row.capped = true;
        self.changed.insert(key.clone());
        true
    }

    /// The budgets of a tenant's projects.
    pub fn budgets(&self, of: u32, now: UnixMillis, rules: &LeaseRules) -> Vec<Budget> {
        let budget = |(key, row): (&LimitKey, &LimitRow)| match (key, row.budget) {
            (LimitKey::Budget { tenant, project }, Some(budget)) if *tenant == of => Some(Budget {
                project: project.clone(),
                currency: budget.currency,
                minor: MinorUnits(budget.minor),
                spent: MinorUnits(budget.spent),
                charged: row.charged(now, rules.late_after_ms),
            }),
            _ => None,
        };
        self.limits.iter().filter_map(budget).collect()
    }

    /// Units of a limit that are charged though no record has arrived for them.
    pub fn charged(&self, key: &LimitKey, now: UnixMillis, rules: &LeaseRules) -> Charged {
        self.limits.get(key).map_or(Charged::default(), |row| row.charged(now, rules.late_after_ms))
    }

    /// What gates hold: of grants, and of budgets.
    pub fn outstanding(&self, now: UnixMillis, rules: &LeaseRules) -> [Outstanding; 2] {
        let mut sums = [Outstanding::default(); 2];
        let [grants, budgets] = &mut sums;
        for (key, row) in &self.limits {
            let sum = if matches!(key, LimitKey::Grant { .. }) { &mut *grants } else { &mut *budgets };
            let charged = row.charged(now, rules.late_after_ms);
            sum.leases += row.held(now, rules.late_after_ms);
            sum.charged.outstanding = sum.charged.outstanding.saturating_add(charged.outstanding);
            sum.charged.written_off = sum.charged.written_off.saturating_add(charged.written_off);
        }
        sums
    }

    /// Forgets limits, such as those of an erased customer. Gives whether there were any.
    pub fn forget(&mut self, is_gone: impl Fn(&LimitKey) -> bool) -> bool {
        let gone: Vec<LimitKey> = self.limits.keys().filter(|key| is_gone(key)).cloned().collect();
        for key in &gone {
            self.remove(key);
        }
        !gone.is_empty()
    }

    /// Drops what counts no more, of all limits.
    pub fn tidy(&mut self, now: UnixMillis, rules: &LeaseRules) {
        let keys: Vec<LimitKey> = self.limits.keys().cloned().collect();
        for key in &keys {
            self.tidy_one(key, now, rules);
        }
    }

    fn tidy_one(&mut self, key: &LimitKey, now: UnixMillis, rules: &LeaseRules) {
        let Some(row) = self.limits.get_mut(key) else { return };
        let before = (row.leases.len(), row.window);
        let ids: Vec<Jti> = row.leases.iter().map(|lease| lease.id).collect();
        if !row.tidy(now, rules.late_after_ms) {
            self.remove(key);
            for id in &ids {
                self.of_lease.remove(id);
            }
            return;
        }
        if before == (row.leases.len(), row.window) {
            return;
        }
        let left: BTreeSet<Jti> = row.leases.iter().map(|lease| lease.id).collect();
        for gone in ids.iter().filter(|id| !left.contains(id)) {
            self.of_lease.remove(gone);
        }
        self.changed.insert(key.clone());
    }

    fn remove(&mut self, key: &LimitKey) {
        for lease in self.limits.remove(key).iter().flat_map(|row| &row.leases) {
            self.of_lease.remove(&lease.id);
        }
        self.changed.insert(key.clone());
    }

    /// Whether something has changed since the rows were last taken.
    pub fn is_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// The rows that changed since they were last taken.
    pub fn take_changed(&mut self) -> ChangedRows {
        let changed = std::mem::take(&mut self.changed).into_iter();
        changed.map(|key| (key.clone(), self.limits.get(&key).map(encode))).collect()
    }

    /// Every row; none has changed since.
    pub fn take_all(&mut self) -> ChangedRows {
        self.changed.clear();
        self.limits.iter().map(|(key, row)| (key.clone(), Some(encode(row)))).collect()
    }

    /// Puts rows back, as they were taken. `None` where one does not parse.
    pub fn put(&mut self, rows: ChangedRows) -> Option<()> {
        for (key, row) in rows {
            for lease in self.limits.remove(&key).iter().flat_map(|row| &row.leases) {
                self.of_lease.remove(&lease.id);
            }
            let Some(row) = row else { continue };
            let row: LimitRow = serde_json::from_str(&row).ok()?;
            self.of_lease.extend(row.leases.iter().map(|lease| (lease.id, key.clone())));
            self.limits.insert(key, row);
        }
        Some(())
    }
}

fn encode(row: &LimitRow) -> String {
    // string keys, no fallible serialisers
    serde_json::to_string(row).unwrap_or_default()
}

fn draws_on(lease: &LeaseRow, used: &Taken<'_>) -> bool {
    used.leases.contains(&lease.id)
        && lease.gate == *used.gate
        && used.at.0.saturating_mul(1000) < lease.expires.0
        && lease.remaining() > 0
}

impl LimitRow {
    /// Charges a recorded use to the leases that it names; gives how many of its units they covered.
    fn draw(&mut self, used: &Taken<'_>, units: u64) -> u64 {
        let mut left = units;
        for lease in self.leases.iter_mut().filter(|lease| draws_on(lease, used)) {
            let drawn = left.min(lease.remaining());
            lease.arrived += drawn;
            left -= drawn;
            if let Some(window) = self.window.as_mut().filter(|window| lease.window == Some(window.start))
                && drawn > 0
            {
                window.used_by(UnixMillis(used.at.0.saturating_mul(1000)));
            }
        }
        units - left
    }

    fn charged(&self, now: UnixMillis, late_after_ms: u64) -> Charged {
        let mut charged = Charged::default();
        for lease in &self.leases {
            let sum = if lease.is_over(now, late_after_ms) {
                &mut charged.written_off
            } else {
                &mut charged.outstanding
            };
            *sum = sum.saturating_add(lease.remaining());
        }
        charged
    }

    fn held(&self, now: UnixMillis, late_after_ms: u64) -> u64 {
        let held = self.leases.iter();
        held.filter(|lease| lease.remaining() > 0 && !lease.is_over(now, late_after_ms)).count() as u64
    }

    fn is_bare(&self) -> bool {
        self.leases.is_empty() && self.window.is_none() && self.budget.is_none()
    }
}

/// Units of a rate that are left.
fn rate_left(count: &UseCount, rate: Rate, now: UnixMillis) -> u64 {
    let closes = count.window_start.0.saturating_add(rate.seconds.get().into()).saturating_mul(1000);
    let used = if count.window_uses > 0 && now.0 < closes { count.window_uses } else { 0 };
    rate.uses.get().saturating_sub(used).into()
}

/// How much of what is left one lease gets: at most half, so that many gates share it, and no less than is needed now.
fn slice(left: u64, ask: &Ask<'_>) -> Option<u64> {
    (ask.least <= left).then(|| ask.most.min(left.div_ceil(2)).max(ask.least))
}
