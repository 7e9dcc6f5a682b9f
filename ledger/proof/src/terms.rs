//! The terms of each statement: what must lie in a range or be zero, as combinations of commitments.

use std::collections::{BTreeMap, BTreeSet};

use grantbook_compliance::{Commitment, Term};
use grantbook_record::{Class, Day, Quantity};

use crate::bundle::{Exceptions, Mode, Own};
use crate::calendar;
use crate::chain::{Chain, Grant, Pause, Resumed, Version};
use crate::error::ProofError;
use crate::policy::StatementPolicy;
use crate::statement::Statement;
use crate::walk::{Use, Walked};

/// Where a prover chooses between two true things, or how much of a secret is shown. A verifier reads what was chosen.
pub(crate) trait Disclosures {
    /// Whether a use came after a pause, not before it.
    fn is_after(&mut self, leaf: u64, used: &Commitment, resumed: &Commitment) -> Result<bool, ProofError>;

    /// Months since January 2020 until which a use's data may be kept for sure; 0 for none.
    fn month(&mut self, leaf: u64, used: &Commitment, days: &Commitment) -> Result<u16, ProofError>;
}

/// A term and the entry that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Leaf index of the entry.
    pub leaf: u64,
    /// What is claimed of.
    pub term: Term,
}

/// What one statement is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extent {
    /// Terms that are proved.
    pub terms: u64,
    /// Entries that they are about.
    pub entries: u64,
    /// Entries that are excepted.
    pub exceptions: u64,
}

/// Everything that a day's statements are derived from.
pub(crate) struct Derivation<'a> {
    pub(crate) policy: &'a StatementPolicy,
    pub(crate) day: Day,
    pub(crate) own: &'a [Own],
    pub(crate) exceptions: &'a Exceptions,
    /// As the day left it.
    pub(crate) chain: &'a Chain,
    pub(crate) walked: &'a Walked,
    /// For each pair of use and resumed pause, whether the use came after it.
    sides: Vec<bool>,
    /// For each use whose data is kept and that is asked about.
    months: BTreeMap<u64, u16>,
}

impl<'a> Derivation<'a> {
    /// Takes in the disclosures.
    pub(crate) fn new(
        policy: &'a StatementPolicy,
        day: Day,
        own: &'a [Own],
        exceptions: &'a Exceptions,
        chain: &'a Chain,
        walked: &'a Walked,
        disclosures: &mut impl Disclosures,
    ) -> Result<Self, ProofError> {
        let (sides, months) = (Vec::new(), BTreeMap::new());
        let mut derivation = Self { policy, day, own, exceptions, chain, walked, sides, months };
        let mut sides = Vec::new();
        for (used, grant, _) in derivation.uses(Statement::UseNotPaused) {
            for (_, resumed) in derivation.pauses(grant) {
                if let Some(resumed) = resumed {
                    sides.push(disclosures.is_after(used.leaf, &used.time, &resumed.time)?);
                }
            }
        }
        let mut months = BTreeMap::new();
        for (leaf, time, days) in derivation.kept() {
            let month = disclosures.month(leaf, &time, &days)?;
            if month != 0 && calendar::month_begins(month) <= calendar::ends(day) {
                let (statement, expected) = (Statement::KeptInTime, "0 or a month that begins after the day");
                return Err(ProofError::Disclosure { leaf, statement, expected });
            }
            months.insert(leaf, month);
        }
        derivation.sides = sides;
        derivation.months = months;
        Ok(derivation)
    }

    /// The disclosed months, which the chain keeps.
    pub(crate) fn into_months(self) -> BTreeMap<u64, u16> {
        self.months
    }

    /// The terms of a statement, those about excepted entries left out.
    pub(crate) fn claims(&self, statement: Statement) -> Vec<Claim> {
        let mut claims = Vec::new();
        self.visit(statement, &mut |claim| claims.push(claim));
        claims
    }

    /// How much each statement is about; refuses exceptions that leave nothing out.
    pub(crate) fn extents(&self) -> Result<BTreeMap<Statement, Extent>, ProofError> {
        let mut left_out = BTreeSet::new();
        let mut extents = BTreeMap::new();
        for statement in Statement::ALL.iter().copied().filter(|asked| asked.is_asked(self.policy)) {
            let mut extent = Extent::default();
            let mut last = None;
            self.visit_all(statement, &mut |claim, is_excepted| {
                if is_excepted {
                    left_out.insert((claim.leaf, statement));
                } else {
                    extent.terms += 1;
                    extent.entries += u64::from(last != Some(claim.leaf));
                    last = Some(claim.leaf);
                }
            });
            let excepted = self.exceptions.keys().filter(|(_, excepted)| *excepted == statement);
            extent.exceptions = excepted.count() as u64;
            extents.insert(statement, extent);
        }
        for used in &self.walked.uses {
            // without a grant, and not counted: neither has a term
            left_out.insert((
                used.leaf,
                if used.under.is_some() { Statement::UsesWithinCap } else { Statement::UseHasGrant },
            ));
        }
        if let Some(has_grant) = extents.get_mut(&Statement::UseHasGrant) {
            has_grant.entries = self.walked.uses.iter().filter(|used| used.under.is_some()).count() as u64;
        }
        match self.exceptions.keys().find(|excepted| !left_out.contains(excepted)) {
            Some((leaf, statement)) => {
                let expected = "an entry that the statement is about";
                Err(ProofError::Exception { leaf: *leaf, statement: *statement, expected })
            }
            None => Ok(extents),
        }
    }

    fn visit(&self, statement: Statement, visit: &mut dyn FnMut(Claim)) {
        self.visit_all(statement, &mut |claim, is_excepted| {
            if !is_excepted {
                visit(claim);
            }
        });
    }

    /// The terms of a statement in their order, and whether each is about an entry that is excepted.
    fn visit_all(&self, statement: Statement, visit: &mut dyn FnMut(Claim, bool)) {
        let mut give = |leaf, parts: &[(i64, Commitment)], constant| {
            let is_excepted = self.exceptions.contains_key(&(leaf, statement));
            visit(Claim { leaf, term: Term { parts: parts.to_vec(), constant } }, is_excepted);
        };
        let give = &mut give;
        match statement {
            Statement::UseHasGrant => {}
            Statement::ValuesInRange => self.values(give),
            Statement::TimeOfDay => self.times(give),
            Statement::PayoutFloor => {
                for (used, _, _) in self.paid_per_use() {
                    give(used.leaf, &[(1, used.payout)], -i64::from(self.policy.floor(used.currency)));
                }
            }
            Statement::PayoutIsPrice => self.prices(give),
            Statement::UseWithinValidity => {
                for (used, _, version) in self.all_uses() {
                    let [start, end] = [Quantity::Start, Quantity::End].map(|field| version.committed(field));
                    give(used.leaf, &[(1, used.time), (-1, start)], 0);
                    give(used.leaf, &[(1, end), (-1, used.time)], -1);
                }
            }
            Statement::UseBeforeEnd => self.before_ends(give),
            Statement::UseNotPaused => self.outside_pauses(give),
            Statement::UsesWithinCap => {
                for (version, count) in &self.walked.counts {
                    if let Some((_, version)) = self.version(*version) {
                        let count = i64::try_from(*count).unwrap_or(i64::MAX);
                        give(version.leaf, &[(1, version.committed(Quantity::Cap))], -count);
                    }
                }
            }
            Statement::DeletedInTime => {
                for (leaf, deleted) in &self.walked.deleted {
                    let parts = [
                        (calendar::DAY_SECONDS, deleted.retention_days),
                        (1, deleted.use_time),
                        (-1, deleted.time),
                    ];
                    give(*leaf, &parts, 0);
                }
            }
            Statement::KeptInTime => {
                for (leaf, time, days) in self.kept() {
                    let month = self.months.get(&leaf).copied().unwrap_or_default();
                    let until =
                        if month == 0 { calendar::ends(self.day) } else { calendar::month_begins(month) };
                    give(leaf, &[(calendar::DAY_SECONDS, days), (1, time)], -until);
                }
            }
            Statement::AcknowledgedInTime => {
                let within = i64::from(self.policy.acknowledged_within_seconds.unwrap_or_default());
                for acknowledged in &self.walked.acknowledged {
                    let (time, ended) = (acknowledged.time, acknowledged.ended);
                    give(acknowledged.leaf, &[(1, time), (-1, ended)], 0);
                    give(acknowledged.leaf, &[(1, ended), (-1, time)], within);
                }
            }
            Statement::UnacknowledgedYoung => {
                let within = i64::from(self.policy.acknowledged_within_seconds.unwrap_or_default());
                for (leaf, given) in &self.chain.ends {
                    let end = self.chain.grants.get(given).and_then(|grant| grant.end.as_ref());
                    if let Some(end) = end.filter(|end| !end.acknowledged) {
                        give(*leaf, &[(1, end.time)], within - calendar::ends(self.day));
                    }
                }
            }
            Statement::Age => {
                let born_by = calendar::born_by(self.day, self.policy.age_years.unwrap_or_default());
                for (leaf, _, committed) in &self.walked.versions {
                    let at =
                        Class::TermsWithBirthDay.quantities().iter().position(|q| *q == Quantity::BirthDay);
                    if let Some(birth_day) = at.and_then(|at| committed.get(at)) {
                        give(*leaf, &[(-1, *birth_day)], born_by);
                    }
                }
            }
            Statement::PoolAddsUp => {
                for settlement in &self.walked.settlements {
                    let mut parts: Vec<_> = settlement.sums.iter().map(|sum| (1, *sum)).collect();
                    parts.push((-1, settlement.pool));
                    give(settlement.leaf, &parts, 0);
                }
            }
            Statement::FairPay => self.pairs_of_cohorts(give),
            Statement::ShareOfRevenue => {
                for settlement in &self.walked.settlements {
                    let Some(points) = settlement.basis_points.map(i64::from) else { continue };
                    let (revenue, pool) = (settlement.revenue, settlement.pool);
                    give(settlement.leaf, &[(1, revenue)], 0);
                    give(settlement.leaf, &[(points, revenue), (-WHOLE, pool)], 0);
                    give(settlement.leaf, &[(-points, revenue), (WHOLE, pool)], WHOLE - 1);
                }
            }
        }
    }

    fn values(&self, give: &mut Give<'_>) {
        let versions =
            self.walked.versions.iter().map(|(leaf, _, committed)| (*leaf, committed.as_slice()));
        let accrued = self.walked.accrued.iter().filter(|accrued| accrued.price.is_none());
        let accrued = accrued.map(|accrued| (accrued.leaf, std::slice::from_ref(&accrued.amount)));
        let mut values: Vec<_> = versions.chain(accrued).collect();
        values.sort_by_key(|(leaf, _)| *leaf);
        for (leaf, commitments) in values {
            for commitment in commitments {
                give(leaf, &[(1, *commitment)], 0);
            }
        }
    }

    fn times(&self, give: &mut Give<'_>) {
        let from = self.earliest();
        let amended: BTreeSet<u64> =
            self.walked.versions.iter().filter(|version| version.1).map(|version| version.0).collect();
        for own in self.own {
            let is_timed = matches!(own.entry.class, Class::Timed | Class::Use) || amended.contains(&own.leaf);
            if let Some(time) = own.entry.commitments.first().filter(|_| is_timed) {
                give(own.leaf, &[(1, *time)], -from);
                give(own.leaf, &[(-1, *time)], calendar::ends(self.day));
            }
        }
    }

    fn prices(&self, give: &mut Give<'_>) {
        let uses = self.all_uses().map(|(used, _, version)| {
            let price = self.is_paid_per_use(version).then(|| version.committed(Quantity::Price));
            (used.leaf, used.payout, price)
        });
        let accrued = self.walked.accrued.iter().filter(|accrued| accrued.price.is_some());
        let mut tied: Vec<_> =
            uses.chain(accrued.map(|accrued| (accrued.leaf, accrued.amount, accrued.price))).collect();
        tied.sort_by_key(|(leaf, ..)| *leaf);
        for (leaf, amount, price) in tied {
            match price {
                Some(price) => give(leaf, &[(1, amount), (-1, price)], 0),
                None => give(leaf, &[(1, amount)], 0),
            }
        }
    }

    fn before_ends(&self, give: &mut Give<'_>) {
        let bound = i64::from(self.policy.bound_seconds);
        for (used, grant, version) in self.all_uses() {
            let next = grant.versions.iter().find(|later| later.leaf > version.leaf);
            let next = next.map(|next| next.committed(Quantity::Start));
            for ended in next.into_iter().chain(grant.end.as_ref().map(|end| end.time)) {
                give(used.leaf, &[(1, ended), (-1, used.time)], bound);
            }
        }
    }

    fn outside_pauses(&self, give: &mut Give<'_>) {
        let bound = i64::from(self.policy.bound_seconds);
        let mut sides = self.sides.iter();
        for (used, grant, _) in self.all_uses() {
            let is_excepted = self.exceptions.contains_key(&(used.leaf, Statement::UseNotPaused));
            for (pause, resumed) in self.pauses(grant) {
                let after = match resumed {
                    // nothing is disclosed of what is left out
                    Some(resumed) if !is_excepted => sides.next().filter(|after| **after).map(|_| resumed),
                    _ => None,
                };
                match after {
                    Some(resumed) => give(used.leaf, &[(1, used.time), (-1, resumed.time)], 0),
                    None => give(used.leaf, &[(1, pause.time), (-1, used.time)], bound),
                }
            }
        }
    }

    fn pairs_of_cohorts(&self, give: &mut Give<'_>) {
        let Some(fair) = self.policy.fair_pay else { return };
        let factor = |times: u16, count: u64| {
            i64::try_from(count).unwrap_or(i64::MAX).saturating_mul(i64::from(times))
        };
        for closing in &self.walked.closings {
            let large = || {
                closing.cohorts.iter().filter(|(_, (count, _))| *count >= u64::from(fair.cohort_min))
            };
            for ((currency, a), (count_a, sums_a)) in large() {
                for ((_, _), (count_b, sums_b)) in
                    large().filter(|((other, b), _)| (other, b) != (currency, a) && other == currency)
                {
                    let plus = sums_b.iter().map(|sum| (factor(fair.of, *count_a), *sum));
                    let minus = sums_a.iter().map(|sum| (-factor(fair.per, *count_b), *sum));
                    give(closing.leaf, &plus.chain(minus).collect::<Vec<_>>(), 0);
                }
            }
        }
    }

    /// The earliest second that a use of the day may have.
    fn earliest(&self) -> i64 {
        (calendar::begins(self.day) - i64::from(self.policy.late_seconds)).max(0)
    }

    /// Uses of the day that name a version, with it and its grant.
    fn all_uses(&self) -> impl Iterator<Item = (&Use, &Grant, &Version)> {
        self.walked.uses.iter().filter_map(|used| {
            let (given, at) = used.under?;
            let grant = self.chain.grants.get(&given)?;
            Some((used, grant, grant.versions.get(at)?))
        })
    }

    /// Those that are not excepted from the statement.
    fn uses(&self, statement: Statement) -> impl Iterator<Item = (&Use, &Grant, &Version)> {
        self.all_uses().filter(move |(used, ..)| !self.exceptions.contains_key(&(used.leaf, statement)))
    }

    fn paid_per_use(&self) -> impl Iterator<Item = (&Use, &Grant, &Version)> {
        self.all_uses().filter(|(_, _, version)| self.is_paid_per_use(version))
    }

    fn is_paid_per_use(&self, version: &Version) -> bool {
        self.chain.groups.get(&version.group).is_some_and(|group| group.mode == Mode::PerUse)
    }

    fn version(&self, leaf: u64) -> Option<(&Grant, &Version)> {
        let grant = self.chain.grants.get(self.chain.versions.get(&leaf)?)?;
        Some((grant, grant.versions.iter().find(|version| version.leaf == leaf)?))
    }

    /// Pauses that a use of the day may have fallen into, and how each ended.
    fn pauses<'g>(&self, grant: &'g Grant) -> impl Iterator<Item = (&'g Pause, Option<&'g Resumed>)> {
        let earliest = self.earliest();
        grant
            .pauses
            .iter()
            .map(|pause| (pause, pause.resumed.as_ref()))
            .filter(move |(_, resumed)| resumed.is_none_or(|resumed| calendar::ends(resumed.day) >= earliest))
    }

    /// Uses whose data is kept and that are asked about, excepted ones left out: leaf index, time, retention days.
    fn kept(&self) -> impl Iterator<Item = (u64, Commitment, Commitment)> {
        self.chain.kept.iter().filter_map(|(leaf, given)| {
            let grant = self.chain.grants.get(given)?;
            let kept = grant.kept.get(leaf)?;
            let is_due = kept.month == 0 || calendar::month_begins(kept.month) <= calendar::ends(self.day);
            let days = grant.versions.get(kept.version)?.committed(Quantity::RetentionDays);
            is_due.then_some((*leaf, kept.time, days))
        })
    }
}

/// Takes a term: the entry that it is about, its parts, its constant.
type Give<'g> = dyn FnMut(u64, &[(i64, Commitment)], i64) + 'g;

/// One hundred percent in basis points.
const WHOLE: i64 = 10_000;
