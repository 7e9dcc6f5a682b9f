//! The gate's question: may this use go on, and under which grant?
//!
//! Pure and total: every use gets a permit or a typed denial. The order of the reasons, what *addressing* means and
//! which grant is the *closest* are specified in `docs/spec/denials.md`.

mod words;

use std::collections::BTreeMap;

use grantbook_record::day::UnixSeconds;
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::Law;
use grantbook_record::terms::{Level, NoticeShown, Obligation, Rate, RetentionDays, UseCap};
use grantbook_record::uses::UseFacts;
use grantbook_record::vocabulary::Source;
use grantbook_record::{DataDay, DataPeriod, DenialReason, Jti, Price, Term, Terms};
use serde::{Deserialize, Serialize};

use crate::assets;
use crate::consents;
use crate::cover::{self, FieldGap, PeriodGap};
use crate::customer::{CustomerState, GrantState, Status};
use crate::guardian::{Giver, Ward};
use crate::notice::PublishedNotice;
use crate::owners::{OwnedSource, OwnerGap, owner_gap};
use crate::protections::UNSAID;
use crate::rules::{Asked, Broken, EvaluationError, PolicyPlan, RuleText};
use crate::vocabulary::{Version, Vocabulary};

pub use words::check_terms;
use words::{foreign_field, known_in, version_of};

/// The separate consent without which no recipient may pass the data on.
pub const CONSENT_TO_PASS_ON: &str = consents::THIRD_PARTY;
/// The action for which fields that are for audits alone may be seen.
pub const AUDIT: &str = "audit";

/// How much of a grant is used up. The default: nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UseCount {
    /// Uses over the grant's whole life.
    pub uses: u64,
    /// When the running window of its rate began.
    pub window_start: UnixSeconds,
    /// Uses in that window; 0 before the first one.
    pub window_uses: u32,
}

impl Default for UseCount {
    fn default() -> Self {
        Self { uses: 0, window_start: UnixSeconds(0), window_uses: 0 }
    }
}

impl UseCount {
    /// Adds a use made at `at` under a grant that has this rate.
    pub fn count(&mut self, rate: Option<&Rate>, at: UnixSeconds) {
        self.uses = self.uses.saturating_add(1);
        if let Some(rate) = rate {
            if self.window_uses > 0 && at < self.window_end(*rate) {
                self.window_uses = self.window_uses.saturating_add(1);
            } else {
                (self.window_start, self.window_uses) = (at, 1);
            }
        }
    }

    /// First second after the running window.
    fn window_end(&self, rate: Rate) -> UnixSeconds {
        UnixSeconds(self.window_start.0.saturating_add(rate.seconds.get().into()))
    }
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Decision {
    /// The use may go on.
    Permit(Permission),
    /// It may not.
    Denial(Denial),
}

/// Under which grant a use may go on, and on what conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// The `jti` of its `grant.given`.
    pub grant: Jti,
    /// Leaf index of its `grant.given`.
    pub given: u64,
    /// What the user of the data must do.
    pub obligations: Vec<Obligation>,
    /// What this use pays; without money 0 of [`grantbook_record::Currency::NONE`].
    pub payout: Price,
    /// Days after the use by which the data is deleted; `None`: no limit.
    pub retention_days: Option<u32>,
    /// Whether uses under it are limited in number, over the grant's life or within a time.
    pub limited: bool,
}

/// By what a customer's grants are judged: the words in which they speak, the rules of law and of the house where the
/// enterprise has published them, and what is known of the customer beside grants.
#[derive(Debug, Clone, Copy)]
pub struct Basis<'a> {
    /// The words.
    pub vocabulary: &'a Vocabulary,
    /// The rules; `None`: nothing is demanded beside the grant.
    pub rules: Option<&'a PolicyPlan>,
    /// The customer's birth day, days since 1900-01-01, where it is known.
    pub birth_day: Option<u32>,
    /// The sources of data of which the log says whose they are.
    pub owned: &'a [OwnedSource],
    /// Who was a minor when a guardian was named, and what of it still matters.
    pub ward: Option<&'a Ward>,
    /// The enterprise's notices, where rules may ask what they say.
    pub notices: Option<&'a BTreeMap<Bytes32, PublishedNotice>>,
}

impl<'a> From<&'a Vocabulary> for Basis<'a> {
    fn from(vocabulary: &'a Vocabulary) -> Self {
        Self::new(vocabulary, None)
    }
}

impl<'a> Basis<'a> {
    /// The words, and rules where there are any; nothing of the customer, whom [`decide`] adds.
    pub fn new(vocabulary: &'a Vocabulary, rules: Option<&'a PolicyPlan>) -> Self {
        Self { vocabulary, rules, birth_day: None, owned: &[], ward: None, notices: None }
    }

    /// The same where these notices were published.
    #[must_use]
    pub fn with_notices(self, notices: &'a BTreeMap<Bytes32, PublishedNotice>) -> Self {
        Self { notices: Some(notices), ..self }
    }

    /// The same for this customer.
    #[must_use]
    pub fn of(self, customer: &'a CustomerState) -> Self {
        self.about(customer.birth_day, &customer.sources, customer.ward.as_ref())
    }

    pub(crate) fn about(
        self,
        birth_day: Option<u32>,
        owned: &'a [OwnedSource],
        ward: Option<&'a Ward>,
    ) -> Self {
        // what a guardian has stated before witnesses comes before what a minor says
        let birth_day = ward.map(|ward| ward.birth_day).or(birth_day);
        Self { birth_day, owned, ward, ..self }
    }

    pub(crate) fn giver(&self, grant: &Jti) -> Giver {
        self.ward.map_or(Giver::Customer, |ward| ward.giver(grant))
    }

    pub(crate) fn laws(&self, notice: &NoticeShown) -> &'a [Law] {
        self.notices.and_then(|known| known.get(&notice.hash)).map(PublishedNotice::laws).unwrap_or_default()
    }

    fn grace_days(&self) -> u16 {
        self.rules.map_or(&UNSAID, PolicyPlan::protections).grace_days()
    }
}

/// A grant as the decision sees it, wherever it is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GrantView<'a> {
    pub(crate) id: Jti,
    pub(crate) given: u64,
    /// All but the validity, which may be that of no grant: [`GrantView::starts`] and [`GrantView::ends`] stand for it.
    pub(crate) terms: &'a Terms,
    pub(crate) starts: UnixSeconds,
    pub(crate) ends: UnixSeconds,
    pub(crate) status: Status,
    pub(crate) ended_at: Option<UnixSeconds>,
}

impl<'a> From<&'a GrantState> for GrantView<'a> {
    fn from(grant: &'a GrantState) -> Self {
        let GrantState { id, given, terms, starts, status, ended_at, .. } = grant;
        Self {
            id: *id,
            given: *given,
            terms,
            starts: *starts,
            ends: terms.validity.end(),
            status: *status,
            ended_at: *ended_at,
        }
    }
}

/// Why a use may not go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use]
pub struct Denial {
    /// The reason.
    pub reason: DenialReason,
    /// The grant that came closest to a permit, where one addresses the use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<Jti>,
    /// The fact that failed, for the reasons that turn on one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Detail>,
}

/// The fact on which a denial turns. Only words of the use, of the vocabulary and of the grant's terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Detail {
    /// `unknown_term`: which part of the use, and the word.
    Term {
        /// Where it stands in the use.
        part: Part,
        /// The word.
        term: Term,
    },
    /// `unknown_term`: a column that the vocabulary does not map.
    Source(Source),
    /// `not_started`: first second in force.
    Starts(UnixSeconds),
    /// `withdrawn`, `revoked`, `superseded`, `expired` and `unconfirmed`: first second no longer in force.
    Ended(UnixSeconds),
    /// `period`: days of a category that are not granted.
    Period {
        /// The category.
        category: Term,
        /// First day of the use's period that is not granted.
        day: DataDay,
        /// The granted periods of the category, as the terms list them; absent ones (any day) are left out.
        granted: Vec<DataPeriod>,
    },
    /// `period`: a day of a category whose data is no longer the customer's, or not yet.
    Owner {
        /// The category.
        category: Term,
        /// The row attribute that names the source of the data.
        attribute: Term,
        /// The first such day.
        day: DataDay,
    },
    /// `field` and `filter`: days of a field that are not granted, or not for all rows used.
    Field {
        /// The category.
        category: Term,
        /// The field.
        field: Term,
        /// First day of the use's period that is not granted.
        day: DataDay,
    },
    /// `level`: how far the grant lets uses personalise.
    Level(Level),
    /// `onward`: the first recipient to whom the data may not be passed on.
    Onward(Term),
    /// `policy` and `policy_error`: the rule, and what would mend it.
    Rule(Box<BrokenRule>),
    /// `cap`: uses allowed over the grant's whole life.
    Cap(UseCap),
    /// `rate`: uses allowed in a window, and when a use is allowed again.
    Rate {
        /// The rate.
        rate: Rate,
        /// First second after the running window.
        until: UnixSeconds,
    },
    /// `budget`, `fact_missing`, `fact_stale`, `certificate` and `masking_level` by a house rule: the fact that failed.
    Fact {
        /// Id of the rule that demands it.
        rule: Term,
        /// Name of the fact.
        fact: Term,
        /// Who said it; absent where nobody did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source: Option<Term>,
        /// How old it is; absent where it is missing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        age_seconds: Option<u64>,
    },
}

/// A rule that does not let a use go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokenRule {
    /// The rule's id.
    pub rule: Term,
    /// Names of the attributes on which it turns, see [`crate::rules::Rule::turns_on`]; of `policy_error` the one that is
    /// missing, if that is the error.
    pub failed: Vec<Box<str>>,
    /// What the rule demands.
    pub demands: RuleText,
}

/// A part of a use that is a word of the vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// `purpose`
    Purpose,
    /// One of `categories`.
    Category,
    /// One of `fields`: no category of the use has it.
    Field,
    /// `action`
    Action,
}

impl Part {
    /// Its name in messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Purpose => "purpose",
            Self::Category => "category",
            Self::Field => "field",
            Self::Action => "action",
        }
    }
}

impl Denial {
    /// A denial that concerns no one grant, such as `stale`.
    pub fn of(reason: DenialReason) -> Self {
        Self { reason, grant: None, detail: None }
    }

    fn under(grant: &GrantView<'_>, reason: DenialReason) -> Self {
        Self { reason, grant: Some(grant.id), detail: None }
    }

    fn by_rule(grant: &GrantView<'_>, broken: Broken<'_>) -> Self {
        let (reason, rule, failed) = match broken {
            Broken::NotPermitted => return Self::under(grant, DenialReason::Policy),
            Broken::Forbidden(rule) => (DenialReason::Policy, rule, rule.turns_on()),
            Broken::Failed(rule, EvaluationError::Missing { attribute }) => {
                (DenialReason::PolicyError, rule, vec![attribute])
            }
            Broken::Failed(rule, _) => (DenialReason::PolicyError, rule, Vec::new()),
        };
        let failed = failed.into_iter().map(|attribute| attribute.name().into()).collect();
        let broken = BrokenRule { rule: rule.id.clone(), failed, demands: rule.text.clone() };
        Self::under(grant, reason).with(Detail::Rule(Box::new(broken)))
    }

    fn with(self, detail: Detail) -> Self {
        Self { detail: Some(detail), ..self }
    }
}

impl std::fmt::Display for Denial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.reason.what())
    }
}

/// Decides a use at `now`, given its customer's grants and how much of each is used up.
pub fn decide<'a>(
    basis: impl Into<Basis<'a>>,
    customer: Option<&'a CustomerState>,
    count_of: impl Fn(&Jti) -> UseCount,
    facts: &UseFacts,
    now: UnixSeconds,
) -> Decision {
    let basis = basis.into();
    let basis = customer.map_or(basis, |customer| basis.of(customer));
    let grants = customer.map(|customer| customer.grants.as_slice()).unwrap_or_default();
    decide_among(basis, grants.iter().map(GrantView::from), count_of, facts, now)
}

/// The same over grants by rising leaf index and the customer's sources, wherever they are kept.
pub(crate) fn decide_among<'a>(
    basis: Basis<'_>,
    grants: impl Iterator<Item = GrantView<'a>>,
    count_of: impl Fn(&Jti) -> UseCount,
    facts: &UseFacts,
    now: UnixSeconds,
) -> Decision {
    let known = match known_in(basis.vocabulary, facts) {
        Ok(version) => version,
        Err(denial) => return Decision::Denial(denial),
    };
    let mut closest: Option<Denial> = None;
    // by rising leaf index, so that the first that permits is the one the specification names
    for grant in grants.filter(|grant| addresses(grant, facts)) {
        let Some(version) = version_of(basis.vocabulary, known, &grant, facts) else { continue };
        match judge_addressed((basis, version), &grant, &count_of, facts, now) {
            Ok(()) => return Decision::Permit(Permission::of(&grant)),
            Err(denial) if closest.as_ref().is_none_or(|best| denial.reason > best.reason) => {
                closest = Some(denial);
            }
            Err(_) => {}
        }
    }
    Decision::Denial(closest.unwrap_or(Denial::of(DenialReason::NoGrant)))
}

/// Judges a use under one named grant: what [`decide`] would say if the customer had no other.
pub fn judge_grant<'a>(
    basis: impl Into<Basis<'a>>,
    grant: &GrantState,
    count: UseCount,
    facts: &UseFacts,
    now: UnixSeconds,
) -> Result<(), Denial> {
    judge_alone(basis.into(), &GrantView::from(grant), count, facts, now)
}

/// Judges a use under terms alone, in force from `starts`: what [`judge_grant`] would say of a grant that nobody has paused,
/// ended or used up.
pub fn judge_terms<'a>(
    basis: impl Into<Basis<'a>>,
    (grant, terms): (Jti, &Terms),
    starts: UnixSeconds,
    facts: &UseFacts,
    at: UnixSeconds,
) -> Result<(), Denial> {
    let ends = terms.validity.end();
    let grant =
        GrantView { id: grant, given: 0, terms, starts, ends, status: Status::Active, ended_at: None };
    judge_alone(Basis { owned: &[], ward: None, ..basis.into() }, &grant, UseCount::default(), facts, at)
}

fn judge_alone(
    basis: Basis<'_>,
    grant: &GrantView<'_>,
    count: UseCount,
    facts: &UseFacts,
    now: UnixSeconds,
) -> Result<(), Denial> {
    let known = known_in(basis.vocabulary, facts)?;
    let addressed = addresses(grant, facts).then(|| version_of(basis.vocabulary, known, grant, facts));
    let version = addressed.flatten().ok_or_else(|| Denial::of(DenialReason::NoGrant))?;
    judge_addressed((basis, version), grant, |_| count, facts, now)
}

/// Whether the grant is about such uses at all.
fn addresses(grant: &GrantView<'_>, facts: &UseFacts) -> bool {
    let terms = grant.terms;
    terms.recipient == facts.recipient
        && terms.purpose == facts.purpose
        && assets::is_of_same_asset(terms, facts)
        && cover::names_categories(&terms.scope, facts)
}

/// The first reason, in order of precedence, why a grant that addresses the use does not permit it.
fn judge_addressed(
    (basis, version): (Basis<'_>, &Version),
    grant: &GrantView<'_>,
    count_of: impl Fn(&Jti) -> UseCount,
    facts: &UseFacts,
    now: UnixSeconds,
) -> Result<(), Denial> {
    let denied_by = |reason, detail| Err(Denial::under(grant, reason).with(detail));
    let ended = |reason| {
        let detail = grant.ended_at.map(Detail::Ended);
        Err(Denial { detail, ..Denial::under(grant, reason) })
    };
    match grant.status {
        Status::Active => {}
        Status::Withdrawn => return ended(DenialReason::Withdrawn),
        Status::Revoked => return ended(DenialReason::Revoked),
        Status::Superseded => return ended(DenialReason::Superseded),
        Status::Paused => return Err(Denial::under(grant, DenialReason::Paused)),
    }
    let terms = grant.terms;
    if now < grant.starts {
        return denied_by(DenialReason::NotStarted, Detail::Starts(grant.starts));
    }
    if now >= grant.ends {
        return denied_by(DenialReason::Expired, Detail::Ended(grant.ends));
    }
    let objection = basis.ward.and_then(|ward| ward.objection(&grant.id, basis.grace_days(), now));
    if let Some((reason, since)) = objection {
        return Err(Denial { detail: since.map(Detail::Ended), ..Denial::under(grant, reason) });
    }
    if let Some(gap) = cover::period_gap(&terms.scope, facts) {
        return denied_by(DenialReason::Period, Detail::period(grant, gap));
    }
    if let Some(gap) = owner_gap(basis.owned, facts) {
        return denied_by(DenialReason::Period, Detail::owner(gap));
    }
    let gap = foreign_field(basis.vocabulary, version, facts).or_else(|| audit_only(terms, facts));
    if let Some(gap) = gap.or_else(|| cover::field_gap(version, &terms.scope, facts)) {
        return denied_by(DenialReason::Field, Detail::field(gap));
    }
    if let Some(gap) = cover::filter_gap(version, &terms.scope, facts) {
        return denied_by(DenialReason::Filter, Detail::field(gap));
    }
    if let Some(granted) = terms.limits.level
        && facts.level.is_none_or(|level| level > granted)
    {
        return denied_by(DenialReason::Level, Detail::Level(granted));
    }
    if let Some(recipient) = facts.onward.first()
        && !terms.has_consent(CONSENT_TO_PASS_ON)
    {
        return denied_by(DenialReason::Onward, Detail::Onward(recipient.clone()));
    }
    if let Some(rules) = basis.rules {
        let asked = Asked::new((rules, version), grant, facts, &basis, now);
        rules.judge(&asked).map_err(|broken| Denial::by_rule(grant, broken))?;
    }
    if terms.limits.uses.is_none() && terms.limits.rate.is_none() {
        return Ok(());
    }
    let count = count_of(&grant.id);
    if let Some(cap) = terms.limits.uses
        && count.uses >= cap.get().into()
    {
        return denied_by(DenialReason::Cap, Detail::Cap(cap));
    }
    if let Some(rate) = terms.limits.rate {
        let until = count.window_end(rate);
        if count.window_uses >= rate.uses.get() && now < until {
            return denied_by(DenialReason::Rate, Detail::Rate { rate, until });
        }
    }
    Ok(())
}

/// The first field that is for audits alone, in a use that is none.
fn audit_only<'a>(terms: &Terms, facts: &'a UseFacts) -> Option<FieldGap<'a>> {
    if facts.action.as_str() == AUDIT {
        return None;
    }
    let hidden = |field: &&Term| {
        terms.obligations.iter().any(|obligation| match obligation {
            Obligation::AuditOnly(hidden) => hidden.fields.contains(field),
            _ => false,
        })
    };
    let field = facts.fields.iter().find(hidden)?;
    let category = facts.categories.first()?;
    Some(FieldGap { category, field, day: facts.data_period.from() })
}

impl Permission {
    /// What uses under this grant are permitted on.
    pub fn under(grant: &GrantState) -> Self {
        Self::of(&GrantView::from(grant))
    }

    fn of(grant: &GrantView<'_>) -> Self {
        let terms = grant.terms;
        Self {
            grant: grant.id,
            given: grant.given,
            obligations: terms.obligations.to_vec(),
            payout: Price {
                currency: terms.compensation.currency(),
                minor: terms.compensation.payout_per_use_minor(),
            },
            retention_days: terms.limits.retention_days.map(RetentionDays::get),
            limited: terms.limits.uses.is_some() || terms.limits.rate.is_some(),
        }
    }
}

impl Detail {
    fn period(grant: &GrantView<'_>, gap: PeriodGap<'_>) -> Self {
        let clauses = grant.terms.scope.include.iter().filter(|clause| clause.category == *gap.category);
        let granted = clauses.filter_map(|clause| clause.period).collect();
        Self::Period { category: gap.category.clone(), day: gap.day, granted }
    }

    fn owner(gap: OwnerGap<'_>) -> Self {
        let OwnerGap { category, attribute, day } = gap;
        Self::Owner { category: category.clone(), attribute: attribute.clone(), day }
    }

    fn field(gap: FieldGap<'_>) -> Self {
        Self::Field { category: gap.category.clone(), field: gap.field.clone(), day: gap.day }
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod versions;
