//! A whole life of grants around the same rows: two groups of customers are paid for each row, others besides for a grant or
//! by a share; terms are amended, grants paused, resumed, withdrawn and revoked, ends acknowledged, data deleted, and the
//! period is settled. It takes five days that are over, one after another, so that each can be proved.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use grantbook_engine::settlement::{PastPeriod, SettleError};
use grantbook_engine::{ReadError, date_of};
use grantbook_plan::tenant::CompensationMode;
use grantbook_record::day::UnixMillis;
use grantbook_record::event::{
    DataDeleted, GrantAmended, GrantPaused, GrantResumed, GrantRevoked, Period, RecordedUse, Revenue,
    RevenueDeclared, Revoker,
};
use grantbook_record::terms::RetentionDays;
use grantbook_record::uses::Outcome;
use grantbook_record::{DataDay, Jti, Kind, SubjectId};
use serde::Serialize;

use super::identity::GateName;
use super::input::Customers;
use super::offer::{TRENDS, currency, term};
use super::proposal;
use super::scenario::{Scenario, birth_day};
use super::shop::{Deed, Shop, in_parallel, patiently};
use super::time::Time;
use crate::cli::failure::Failure;

/// The last day is the second before the machine's today, so that it is over wherever the minute hand stands.
const DAYS: u64 = 5;
const DAY_MILLIS: u64 = 86_400_000;
const HOUR_MILLIS: u64 = 3_600_000;
/// First days of the rows of the second and the fourth day; the third begins with the withdrawals.
const CUTS: (&str, &str) = ("1997-04-01", "1997-10-01");
/// Each customer whose number is a multiple of one of these amends, pauses, has their data deleted.
const AMENDS_EVERY: u64 = 5;
const PAUSES_EVERY: u64 = 4;
const DELETED_EVERY: u64 = 6;
/// Of those who withdraw, so many wait until the next morning for the acknowledgement.
const ACKNOWLEDGED_LATER_EVERY: u64 = 2;
/// What the shop earns with trends: 12,005.00 CNY.
const REVENUE_FEN: u64 = 1_200_500;
/// Gates that have taken in the end of a grant.
const GATES: u32 = 2;
/// Uses read back at once.
const PAGE: usize = 512;

/// When a life starts that is over by now.
pub(super) fn starts(now: UnixMillis) -> UnixMillis {
    let today = now.0 / DAY_MILLIS * DAY_MILLIS;
    UnixMillis(today.saturating_sub((DAYS + 1) * DAY_MILLIS).saturating_add(6 * HOUR_MILLIS))
}

/// What happened, counted the same in every run.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Tally {
    /// The days that it took, all over.
    pub(super) days: Vec<String>,
    /// Grants beyond those that the rows are uses under.
    pub(super) grants_beyond: u64,
    pub(super) amendments: u64,
    /// Each is followed by a resumption.
    pub(super) pauses: u64,
    pub(super) revocations: u64,
    pub(super) acknowledgements: u64,
    /// Grants of whose uses data was deleted.
    pub(super) deletions: u64,
    /// What was posted, minor units.
    pub(super) settled: Settled,
    /// A customer of whom nothing is open any more, to be erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) closed_customer: Option<SubjectId>,
}

/// What the period came to, minor units.
#[derive(Debug, Clone, Copy, Default, Serialize)]
#[allow(clippy::struct_field_names, reason = "amounts say their unit")]
pub(super) struct Settled {
    /// The file's own uses.
    pub(super) per_use_minor: u64,
    pub(super) per_grant_minor: u64,
    pub(super) share_minor: u64,
    /// Of which the shares are.
    pub(super) revenue_minor: u64,
}

/// A life under way.
pub(super) struct Life<'a> {
    shop: &'a Shop<'a>,
    time: &'a Time,
    customers: &'a Customers,
    /// The day that it is, from 0.
    day: u64,
    tally: Tally,
}

impl<'a> Life<'a> {
    /// On its first day, with everybody enrolled.
    pub(super) fn new(shop: &'a Shop<'a>, time: &'a Time, customers: &'a Customers) -> Result<Self, Failure> {
        let first = shop.identity.started().day();
        let days = (0..DAYS).filter_map(|day| {
            let day = u16::try_from(day).ok()?.checked_add(first.0)?;
            Some(date_of(grantbook_record::Day(day)))
        });
        let tally = Tally { days: days.collect(), ..Tally::default() };
        let mut life = Self { shop, time, customers, day: 0, tally };
        life.tally.grants_beyond = life.each(|_, id| Ok(Scenario::WholeLife.beyond(id).is_some()))?;
        life.time.set(life.at(9));
        Ok(life)
    }

    /// Whether this row belongs to a later day than it is: then gates are to send what they have, and the life to go on.
    pub(super) fn is_past(&self, row: DataDay) -> bool {
        day_of(row) > self.day
    }

    /// Lives until the day of this row.
    pub(super) fn live_until(&mut self, row: DataDay) -> Result<(), Failure> {
        while self.is_past(row) {
            self.next_day()?;
        }
        Ok(())
    }

    /// Lives to its end.
    pub(super) fn finish(mut self) -> Result<Tally, Failure> {
        while self.day + 1 < DAYS {
            self.next_day()?;
        }
        Ok(self.tally)
    }

    fn next_day(&mut self) -> Result<(), Failure> {
        match self.day {
            0 => {
                self.amend(self.begin(20))?;
                self.pause(self.begin(21))?;
            }
            1 => {
                self.shop.withdraw_all(self.customers, self.begin(20))?;
                self.begin(21);
                self.acknowledge_withdrawals(&|number| !waits(number))?;
            }
            3 => self.revoke(self.begin(20))?,
            _ => {}
        }
        self.day += 1;
        match self.day {
            1 => self.resume(self.begin(8))?,
            2 => {
                self.begin(8);
                self.tally.acknowledgements = self.acknowledge_withdrawals(&|_| true)?;
            }
            4 => {
                self.begin(8);
                self.tally.acknowledgements += self.acknowledge_revocations()?;
                self.delete(self.begin(10))?;
                self.settle(self.begin(12))?;
            }
            _ => {}
        }
        self.begin(9);
        Ok(())
    }

    /// Moves on to this hour, unless it is later; gives its beginning, the same in every run.
    fn begin(&self, hour: u64) -> UnixMillis {
        let at = self.at(hour);
        if self.time.now() < at {
            self.time.set(at);
        }
        at
    }

    fn at(&self, hour: u64) -> UnixMillis {
        let midnight = self.shop.identity.began().0 / DAY_MILLIS * DAY_MILLIS;
        UnixMillis(midnight + self.day * DAY_MILLIS + hour * HOUR_MILLIS)
    }

    /// Runs `act(number, id)` for every customer; how many it says yes to.
    fn each(&self, act: impl Fn(u64, u64) -> Result<bool, Failure> + Sync) -> Result<u64, Failure> {
        let done = AtomicU64::new(0);
        in_parallel(self.customers, &|number, id| {
            if act(number, id)? {
                done.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        })?;
        Ok(done.into_inner())
    }

    /// Halves how long data is kept.
    fn amend(&mut self, at: UnixMillis) -> Result<(), Failure> {
        let Self { shop, .. } = *self;
        self.tally.amendments = self.each(|number, id| {
            if number % AMENDS_EVERY != 0 {
                return Ok(false);
            }
            let offer = Scenario::WholeLife.per_use(number);
            let mut terms = shop.terms(offer)?.clone();
            let days = terms.limits.retention_days.map(|days| days.get() / 2);
            terms.limits.retention_days = days.and_then(RetentionDays::new);
            let (sub, key) = (shop.identity.subject(id)?, shop.identity.customer(id)?);
            let grant = offer.grant(shop.identity, id);
            let birth_day = offer.birth_day.then(|| birth_day(number));
            let deed = Deed { kind: Kind::GrantAmended, what: "amendment", at };
            shop.append_once(deed, id, GrantAmended { sub, grant, terms, birth_day }, &[&key])?;
            Ok(true)
        })?;
        Ok(())
    }

    fn pause(&mut self, at: UnixMillis) -> Result<(), Failure> {
        let Self { shop, .. } = *self;
        self.tally.pauses = self.each(|number, id| {
            if number % PAUSES_EVERY != 0 {
                return Ok(false);
            }
            let (sub, key) = (shop.identity.subject(id)?, shop.identity.customer(id)?);
            let grant = Scenario::WholeLife.per_use(number).grant(shop.identity, id);
            let deed = Deed { kind: Kind::GrantPaused, what: "pause", at };
            shop.append_once(deed, id, GrantPaused { sub, grant }, &[&key])?;
            Ok(true)
        })?;
        Ok(())
    }

    fn resume(&self, at: UnixMillis) -> Result<(), Failure> {
        let shop = self.shop;
        self.each(|number, id| {
            if number % PAUSES_EVERY == 0 {
                let (sub, key) = (shop.identity.subject(id)?, shop.identity.customer(id)?);
                let grant = Scenario::WholeLife.per_use(number).grant(shop.identity, id);
                let deed = Deed { kind: Kind::GrantResumed, what: "resumption", at };
                shop.append_once(deed, id, GrantResumed { sub, grant }, &[&key])?;
            }
            Ok(false)
        })?;
        Ok(())
    }

    /// Of those customers whose number `is_asked`.
    fn acknowledge_withdrawals(&self, is_asked: &(impl Fn(u64) -> bool + Sync)) -> Result<u64, Failure> {
        self.each(|number, id| {
            let is_one = number % proposal::WITHDRAWS_EVERY == 0 && is_asked(number);
            if is_one {
                self.acknowledge(&Scenario::WholeLife.per_use(number).grant(self.shop.identity, id))?;
            }
            Ok(is_one)
        })
    }

    fn acknowledge_revocations(&self) -> Result<u64, Failure> {
        self.each(|_, id| {
            let is_one = has_trends(id);
            if is_one {
                self.acknowledge(&TRENDS.grant(self.shop.identity, id))?;
            }
            Ok(is_one)
        })
    }

    fn acknowledge(&self, grant: &Jti) -> Result<(), Failure> {
        let Shop { ledger, tenant, .. } = *self.shop;
        let ending = match ledger.ending(tenant, grant) {
            Ok(Some(ending)) => ending,
            // of a customer who was erased since
            Err(ReadError::NotFound | ReadError::Erased) => return Ok(()),
            Ok(None) => return Err(Failure::fault("a grant goes on, expected its end")),
            Err(error) => return Err(error.into()),
        };
        if ending.duties.is_open(&ending.grant.terms) {
            patiently(|| ledger.acknowledge(tenant, &ending, GATES, self.time.now()))?;
        }
        Ok(())
    }

    /// The shop ends what is paid by shares.
    fn revoke(&mut self, at: UnixMillis) -> Result<(), Failure> {
        let Self { shop, .. } = *self;
        let reason = term("product-ended")?;
        self.tally.revocations = self.each(|_, id| {
            let is_one = has_trends(id);
            if is_one {
                let (sub, grant) = (shop.identity.subject(id)?, TRENDS.grant(shop.identity, id));
                let event = GrantRevoked { sub, grant, by: Revoker::Enterprise, reason: reason.clone() };
                let deed = Deed { kind: Kind::GrantRevoked, what: "revocation", at };
                shop.append_once(deed, id, event, &[&shop.enterprise])?;
            }
            Ok(is_one)
        })?;
        Ok(())
    }

    /// Deletes what was used under a sixth of the grants.
    fn delete(&mut self, at: UnixMillis) -> Result<(), Failure> {
        let Self { shop, .. } = *self;
        let last_uses = self.last_uses()?;
        let gate = GateName::Purchases.id()?;
        let last_use = |number: u64, id: u64| {
            last_uses.get(&Scenario::WholeLife.per_use(number).grant(shop.identity, id)).copied()
        };
        self.tally.deletions = self.each(|number, id| {
            let Some(seq) = last_use(number, id) else { return Ok(false) };
            let (sub, grant) =
                (shop.identity.subject(id)?, Scenario::WholeLife.per_use(number).grant(shop.identity, id));
            let through = RecordedUse { gate: gate.clone(), seq };
            let event = DataDeleted { sub, grant, through, at: at.seconds() };
            let deed = Deed { kind: Kind::DataDeleted, what: "deletion", at };
            shop.append_once(deed, id, event, &[&shop.enterprise])?;
            Ok(true)
        })?;
        for customer in self.customers.ids()? {
            let (number, id) = customer?;
            let is_closed = number % proposal::WITHDRAWS_EVERY == 0
                && Scenario::WholeLife.beyond(id).is_none()
                && last_use(number, id).is_some();
            if is_closed {
                self.tally.closed_customer = Some(shop.identity.subject(id)?);
                break;
            }
        }
        Ok(())
    }

    /// The last use under each grant of which data is deleted: its number at the gate. Held in memory, a sixth of them.
    fn last_uses(&self) -> Result<HashMap<Jti, u64>, Failure> {
        let Shop { ledger, identity, tenant, .. } = *self.shop;
        let mut last: HashMap<Jti, Option<u64>> = HashMap::new();
        for customer in self.customers.ids()? {
            let (number, id) = customer?;
            if number % DELETED_EVERY == 0 {
                last.insert(Scenario::WholeLife.per_use(number).grant(identity, id), None);
            }
        }
        let mut after = None;
        loop {
            let (page, next) = ledger.uses(tenant, after, PAGE)?;
            for row in &page {
                if let Outcome::Permitted(permitted) = &row.record.outcome
                    && let Some(last) = last.get_mut(&permitted.grant)
                {
                    *last = Some(row.record.seq);
                }
            }
            match next {
                Some(next) => after = Some(next),
                None => return Ok(last.into_iter().filter_map(|(grant, seq)| Some((grant, seq?))).collect()),
            }
        }
    }

    /// Declares what trends have earned, and settles the first period.
    fn settle(&mut self, at: UnixMillis) -> Result<(), Failure> {
        let Shop { ledger, tenant, .. } = *self.shop;
        let period = Period(1);
        let groups = ledger.tenant_state(tenant)?.groups;
        let numbered = || (1_u16..).zip(&groups);
        if let Some((group, _)) = numbered().find(|(_, group)| group.mode == CompensationMode::RevenueShare) {
            let minor = Revenue::new(REVENUE_FEN).ok_or_else(|| Failure::fault("a revenue out of range"))?;
            let event = RevenueDeclared { period, group, currency: currency(), minor };
            let deed = Deed { kind: Kind::RevenueDeclared, what: "revenue", at };
            self.shop.append_once(deed, 0, event, &[&self.shop.enterprise])?;
        }
        let posted =
            || -> Result<Option<PastPeriod>, Failure> { Ok(ledger.settlements(tenant, None, 1)?.pop()) };
        if posted()?.is_none() {
            ledger.settle(tenant, 0).map_err(|error| match error {
                SettleError::Append(error) => error.into(),
                SettleError::Read(error) => error.into(),
                other => Failure::fault(other),
            })?;
        }
        let Some(PastPeriod { lines, .. }) = posted()? else { return Ok(()) };
        for line in lines {
            let pool = line.posted.map_or(0, |posted| posted.pool);
            let mode = numbered().find(|(number, _)| *number == line.group).map(|(_, group)| group.mode);
            let settled = &mut self.tally.settled;
            match mode {
                Some(CompensationMode::PerUse) => settled.per_use_minor += pool,
                Some(CompensationMode::PerGrant) => settled.per_grant_minor += pool,
                Some(CompensationMode::RevenueShare) => {
                    settled.share_minor += pool;
                    settled.revenue_minor += line.revenue.unwrap_or(0);
                }
                Some(CompensationMode::None) | None => {}
            }
        }
        Ok(())
    }
}

/// Whether the acknowledgement of a withdrawal comes on the next morning only.
fn waits(number: u64) -> bool {
    (number / proposal::WITHDRAWS_EVERY).is_multiple_of(ACKNOWLEDGED_LATER_EVERY)
}

fn has_trends(id: u64) -> bool {
    Scenario::WholeLife.beyond(id) == Some(&TRENDS)
}

/// The day on which a row is replayed.
fn day_of(row: DataDay) -> u64 {
    let is_from = |day: &str| DataDay::parse(day).is_some_and(|day| row >= day);
    let cuts = [is_from(CUTS.0), proposal::after_withdrawals(row), is_from(CUTS.1)];
    cuts.into_iter().filter(|is_later| *is_later).count() as u64
}
