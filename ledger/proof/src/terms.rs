//! The terms of each statement: what must lie in a range or be zero, as combinations of commitments.

use std::collections::{BTreeMap, BTreeSet};

use grantbook_compliance::{Commitment, Term};
use grantbook_record::{Class, Quantity};

use crate::bundle::{
    Exception, Exceptions, Header, Mode, Own, Reader, check_commitments, parse_entries, parse_groups,
    parse_links,
};
use crate::calendar;
use crate::chain::{Chain, Grant, Pause, Resumed, Version};
use crate::error::ProofError;
use crate::policy::StatementPolicy;
use crate::statement::Statement;
use crate::walk::{Closing, CohortKey, CohortSums, Use, Walked, walk};

/// Where a prover chooses between two true things, or how much of a secret is shown. A verifier reads what was chosen.
pub(crate) trait Disclosures {
    /// Whether a use came after a pause, not before it.
    fn is_after(&mut self, leaf: u64, used: &Commitment, resumed: &Commitment) -> Result<bool, ProofError>;

    /// Months since January 2020 until which a use's data may be kept for sure; 0 for none.
    fn month(&mut self, leaf: u64, used: &Commitment, days: &Commitment) -> Result<u16, ProofError>;
}

/// The terms of one statement.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Claims {
    /// Leaf indexes of the entries that they are about.
    pub(crate) leaves: Vec<u64>,
    pub(crate) terms: Vec<Term>,
}

/// What one statement is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Extent {
    /// Terms that are proved.
    pub(crate) terms: u64,
    /// Entries that they are about.
    pub(crate) entries: u64,
    /// Entries whose commitments are in the sums that they are about.
    pub(crate) summed: u64,
    /// Entries that are excepted.
    pub(crate) exceptions: u64,
}

/// What was read of a day before anything is disclosed.
pub(crate) struct Day {
    pub(crate) header: Header,
    pub(crate) own: Vec<Own>,
    pub(crate) exceptions: Exceptions,
    /// As the day left it, but for its own bundle.
    pub(crate) chain: Chain,
    pub(crate) walked: Walked,
}

impl Day {
    /// Reads everything up to the exceptions, checks it, and walks the entries.
    pub(crate) fn parse(
        reader: &mut Reader<'_>,
        policy: &StatementPolicy,
        origin: &str,
        before: &Chain,
    ) -> Result<Self, ProofError> {
        let header = Header::parse(reader, policy)?;
        if header.origin != origin {
            return Err(ProofError::Field { field: "origin", expected: "that of the verifier's keys" });
        }
        before.check_next(&header)?;
        let own = parse_entries(reader, &header)?;
        check_commitments(&own)?;
        let groups = parse_groups(reader)?;
        let links = parse_links(reader, origin, &own, before)?;
        let exceptions = Exception::parse_all(reader, policy, &own, before)?;
        let mut chain = before.clone();
        let walked = walk(header.day, &own, &links, groups, &exceptions, &mut chain)?;
        Ok(Self { header, own, exceptions, chain, walked })
    }
}

/// Everything that a day's statements are derived from.
pub(crate) struct Derivation<'a> {
    policy: &'a StatementPolicy,
    day: Day,
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
        disclosures: &mut impl Disclosures,
    ) -> Result<Self, ProofError> {
        let mut derivation = Self { policy, day, sides: Vec::new(), months: BTreeMap::new() };
        let mut sides = Vec::new();
        for (used, grant, _) in derivation.uses() {
            if derivation.is_excepted(used.leaf, Statement::UseNotPaused) {
                continue;
            }
            for resumed in derivation.pauses(grant).filter_map(|pause| pause.resumed.as_ref()) {
                sides.push(disclosures.is_after(used.leaf, &used.time, &resumed.time)?);
            }
        }
        let mut months = BTreeMap::new();
        let last = calendar::ends(derivation.day.header.day);
        for (leaf, time, days) in derivation.kept() {
            if derivation.is_excepted(leaf, Statement::KeptInTime) {
                continue;
            }
            let month = disclosures.month(leaf, &time, &days)?;
            if month != 0 && calendar::month_begins(month) <= last {
                let (statement, expected) = (Statement::KeptInTime, "0 or a month that begins after the day");
                return Err(ProofError::Disclosure { leaf, statement, expected });
            }
            months.insert(leaf, month);
        }
        derivation.sides = sides;
        derivation.months = months;
        Ok(derivation)
    }

    pub(crate) fn day(&self) -> &Day {
        &self.day
    }

    /// The last so many uses of the day that count and name a version.
    pub(crate) fn last_uses(&self, version: u64, count: usize) -> impl Iterator<Item = u64> {
        let names = move |named: &Version| named.leaf == version;
        let counts = |leaf: &u64| !self.is_excepted(*leaf, Statement::UsesWithinCap);
        let uses: Vec<u64> = self
            .uses()
            .filter(|(.., named)| names(named))
            .map(|(used, ..)| used.leaf)
            .filter(counts)
            .collect();
        let first = uses.len().saturating_sub(count);
        uses.into_iter().skip(first)
    }

    /// The chain after the day's bundle.
    pub(crate) fn into_chain(self, digest: [u8; 32]) -> Chain {
        let Day { header, mut chain, .. } = self.day;
        for (leaf, month) in self.months {
            chain.set_month(leaf, month);
        }
        chain.end_bundle(&header, digest);
        chain
    }

    /// The terms of a statement, those about excepted entries left out.
    pub(crate) fn claims(&self, statement: Statement) -> Claims {
        let mut claims = Claims::default();
        self.visit(statement, &mut |leaf, parts, constant| {
            if !self.is_excepted(leaf, statement) {
                claims.leaves.push(leaf);
                claims.terms.push(Term { parts: parts.to_vec(), constant });
            }
        });
        claims
    }

    /// How much each statement is about; refuses exceptions that leave nothing out.
    pub(crate) fn extents(&self) -> Result<BTreeMap<Statement, Extent>, ProofError> {
        let mut left_out = BTreeSet::new();
        let mut extents = BTreeMap::new();
        for statement in Statement::ALL.iter().copied().filter(|asked| asked.is_asked(self.policy)) {
            let mut extent = Extent::default();
            let mut last = None;
            self.visit(statement, &mut |leaf, _, _| {
                if self.is_excepted(leaf, statement) {
                    left_out.insert((leaf, statement));
                } else {
                    extent.terms += 1;
                    extent.entries += u64::from(last != Some(leaf));
                    last = Some(leaf);
                }
            });
            let excepted = self.day.exceptions.keys().filter(|(_, excepted)| *excepted == statement);
            extent.exceptions = excepted.count() as u64;
            extent.summed = self.summed(statement);
            extents.insert(statement, extent);
        }
        for used in &self.day.walked.uses {
            // without a grant, and not counted: neither has a term
            left_out.insert((
                used.leaf,
                if used.under.is_some() { Statement::UsesWithinCap } else { Statement::UseHasGrant },
            ));
        }
        if let Some(has_grant) = extents.get_mut(&Statement::UseHasGrant) {
            has_grant.entries =
                self.day.walked.uses.iter().filter(|used| used.under.is_some()).count() as u64;
        }
        match self.day.exceptions.keys().find(|excepted| !left_out.contains(excepted)) {
            Some((leaf, statement)) => {
                let expected = "an entry that the statement is about";
                Err(ProofError::Exception { leaf: *leaf, statement: *statement, expected })
            }
            None => Ok(extents),
        }
    }

    /// How many entries are in the sums of a statement's terms, those about excepted entries apart.
    fn summed(&self, statement: Statement) -> u64 {
        let Walked { settlements, closings, .. } = &self.day.walked;
        let is_asked = |leaf: u64| !self.is_excepted(leaf, statement);
        let settlements = settlements.iter().filter(|settlement| is_asked(settlement.leaf));
        match statement {
            Statement::PoolAddsUp => settlements.map(|settlement| settlement.count).sum(),
            Statement::ShareOfRevenue => {
                let shares = settlements.filter(|settlement| settlement.basis_points.is_some());
                shares.map(|settlement| settlement.count).sum()
            }
            Statement::FairPay => {
                let closings = closings.iter().filter(|closing| is_asked(closing.leaf));
                closings.flat_map(|closing| self.compared(closing)).map(|(_, (count, _))| *count).sum()
            }
            _ => 0,
        }
    }

    /// The terms of a statement in their order, those about excepted entries among them.
    fn visit(&self, statement: Statement, give: &mut Give<'_>) {
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
                for (used, _, version) in self.uses() {
                    let [start, end] = [Quantity::Start, Quantity::End].map(|field| version.committed(field));
                    give(used.leaf, &[(1, used.time), (-1, start)], 0);
                    give(used.leaf, &[(1, end), (-1, used.time)], -1);
                }
            }
            Statement::UseBeforeEnd => self.before_ends(give),
            Statement::UseNotPaused => self.outside_pauses(give),
            Statement::UsesWithinCap => {
                for (version, count) in &self.day.walked.counts {
                    if let Some((_, version)) = self.version(*version) {
                        let count = i64::try_from(*count).unwrap_or(i64::MAX);
                        give(version.leaf, &[(1, version.committed(Quantity::Cap))], -count);
                    }
                }
            }
            Statement::DeletedInTime => {
                for (leaf, deleted) in &self.day.walked.deleted {
                    let parts = [
                        (calendar::DAY_SECONDS, deleted.version.committed(Quantity::RetentionDays)),
                        (1, deleted.use_time),
                        (-1, deleted.time),
                    ];
                    give(*leaf, &parts, 0);
                }
            }
            Statement::KeptInTime => {
                for (leaf, time, days) in self.kept() {
                    let month = self.months.get(&leaf).copied().unwrap_or_default();
                    let until = if month == 0 {
                        calendar::ends(self.day.header.day)
                    } else {
                        calendar::month_begins(month)
                    };
                    give(leaf, &[(calendar::DAY_SECONDS, days), (1, time)], -until);
                }
            }
            Statement::AcknowledgedInTime => {
                let within = i64::from(self.policy.acknowledged_within_seconds.unwrap_or_default());
                for acknowledged in &self.day.walked.acknowledged {
                    let (time, ended) = (acknowledged.time, acknowledged.ended);
                    give(acknowledged.leaf, &[(1, time), (-1, ended)], 0);
                    give(acknowledged.leaf, &[(1, ended), (-1, time)], within);
                }
            }
            Statement::UnacknowledgedYoung => {
                let within = i64::from(self.policy.acknowledged_within_seconds.unwrap_or_default());
                for (leaf, given) in &self.day.chain.ends {
                    let end = self.day.chain.grants.get(given).and_then(|grant| grant.end.as_ref());
                    if let Some(end) = end.filter(|end| !end.acknowledged) {
                        give(*leaf, &[(1, end.time)], within - calendar::ends(self.day.header.day));
                    }
                }
            }
            Statement::Age => {
                let born_by =
                    calendar::born_by(self.day.header.day, self.policy.age_years.unwrap_or_default());
                for (leaf, _, committed) in &self.day.walked.versions {
                    let at =
                        Class::TermsWithBirthDay.quantities().iter().position(|q| *q == Quantity::BirthDay);
                    if let Some(birth_day) = at.and_then(|at| committed.get(at)) {
                        give(*leaf, &[(-1, *birth_day)], born_by);
                    }
                }
            }
            Statement::PoolAddsUp => {
                for settlement in &self.day.walked.settlements {
                    let mut parts: Vec<_> = settlement.sums.iter().map(|sum| (1, *sum)).collect();
                    parts.push((-1, settlement.pool));
                    give(settlement.leaf, &parts, 0);
                }
            }
            Statement::FairPay => self.pairs_of_cohorts(give),
            Statement::ShareOfRevenue => {
                for settlement in &self.day.walked.settlements {
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
            self.day.walked.versions.iter().map(|(leaf, _, committed)| (*leaf, committed.as_slice()));
        let accrued = self.day.walked.accrued.iter().filter(|accrued| accrued.price.is_none());
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
            self.day.walked.versions.iter().filter(|version| version.1).map(|version| version.0).collect();
        for own in &self.day.own {
            let is_timed =
                matches!(own.entry.class, Class::Timed | Class::Use) || amended.contains(&own.leaf);
            if let Some(time) = own.entry.commitments.first().filter(|_| is_timed) {
                give(own.leaf, &[(1, *time)], -from);
                give(own.leaf, &[(-1, *time)], calendar::ends(self.day.header.day));
            }
        }
    }

    fn prices(&self, give: &mut Give<'_>) {
        let uses = self.uses().map(|(used, _, version)| {
            let price = self.is_paid_per_use(version).then(|| version.committed(Quantity::Price));
            (used.leaf, used.payout, price)
        });
        let accrued = self.day.walked.accrued.iter().filter(|accrued| accrued.price.is_some());
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
        for (used, grant, version) in self.uses() {
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
        for (used, grant, _) in self.uses() {
            let is_excepted = self.is_excepted(used.leaf, Statement::UseNotPaused);
            for pause in self.pauses(grant) {
                let after = match &pause.resumed {
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
        for closing in &self.day.walked.closings {
            let compared = || self.compared(closing);
            for ((currency, a), (count_a, sums_a)) in compared() {
                for ((_, _), (count_b, sums_b)) in
                    compared().filter(|((other, b), _)| (other, b) != (currency, a) && other == currency)
                {
                    let plus = sums_b.iter().map(|sum| (factor(fair.of, *count_a), *sum));
                    let minus = sums_a.iter().map(|sum| (-factor(fair.per, *count_b), *sum));
                    give(closing.leaf, &plus.chain(minus).collect::<Vec<_>>(), 0);
                }
            }
        }
    }

    /// The cohorts of a period that are large enough, where their currency has two of them.
    fn compared<'c>(&self, closing: &'c Closing) -> impl Iterator<Item = (&'c CohortKey, &'c CohortSums)> {
        let least = self.policy.fair_pay.map_or(u64::MAX, |fair| u64::from(fair.cohort_min));
        let large = move || closing.cohorts.iter().filter(move |(_, (count, _))| *count >= least);
        large().filter(move |(a, _)| large().any(|(b, _)| b != *a && b.0 == a.0))
    }

    fn is_excepted(&self, leaf: u64, statement: Statement) -> bool {
        self.day.exceptions.contains_key(&(leaf, statement))
    }

    /// The earliest second that a use of the day may have.
    fn earliest(&self) -> i64 {
        (calendar::begins(self.day.header.day) - i64::from(self.policy.late_seconds)).max(0)
    }

    /// Uses of the day that name a version, with it and its grant.
    fn uses(&self) -> impl Iterator<Item = (&Use, &Grant, &Version)> {
        self.day.walked.uses.iter().filter_map(|used| {
            let (given, at) = used.under?;
            let grant = self.day.chain.grants.get(&given)?;
            Some((used, grant, grant.versions.get(at)?))
        })
    }

    fn paid_per_use(&self) -> impl Iterator<Item = (&Use, &Grant, &Version)> {
        self.uses().filter(|(_, _, version)| self.is_paid_per_use(version))
    }

    fn is_paid_per_use(&self, version: &Version) -> bool {
        self.day.chain.groups.get(&version.group).is_some_and(|group| group.mode == Mode::PerUse)
    }

    fn version(&self, leaf: u64) -> Option<(&Grant, &Version)> {
        let grant = self.day.chain.grants.get(self.day.chain.versions.get(&leaf)?)?;
        Some((grant, grant.versions.iter().find(|version| version.leaf == leaf)?))
    }

    /// Pauses that a use of the day may have fallen into.
    fn pauses<'g>(&self, grant: &'g Grant) -> impl Iterator<Item = &'g Pause> {
        let earliest = self.earliest();
        let is_over = move |resumed: &Resumed| calendar::ends(resumed.day) < earliest;
        grant.pauses.iter().filter(move |pause| !pause.resumed.as_ref().is_some_and(is_over))
    }

    /// Uses whose data is kept and that are asked about: leaf index, time, retention days.
    fn kept(&self) -> impl Iterator<Item = (u64, Commitment, Commitment)> {
        self.day.chain.kept.iter().filter_map(|(leaf, given)| {
            let grant = self.day.chain.grants.get(given)?;
            let kept = grant.kept.get(leaf)?;
            let days = grant.versions.get(kept.version)?.committed(Quantity::RetentionDays);
            kept.is_due(self.day.header.day).then_some((*leaf, kept.time, days))
        })
    }
}

/// Takes a term: the entry that it is about, its parts, its constant.
type Give<'g> = dyn FnMut(u64, &[(i64, Commitment)], i64) + 'g;

/// One hundred percent in basis points.
const WHOLE: i64 = 10_000;
