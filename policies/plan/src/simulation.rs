//! The recorded past, judged by other rules: what would have been denied, and what permitted.
//!
//! A tenant's events and records are taken in as the log has them. Each record is judged twice, by the rules in force and
//! by the candidate, with the grants, the vocabulary and the customer as they were for its gate. What a use counts for is
//! folded apart for each: a use that is denied leaves room under a cap or rate. Specification:
//! `docs/spec/policy-plan.md`, "Simulation".

mod report;
mod timeline;

use std::collections::{BTreeMap, HashMap};

use grantbook_record::day::{Day, UnixSeconds};
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{Event, PolicyPublished, Stage};
use grantbook_record::feed::FeedPosition;
use grantbook_record::uses::{Denied, Outcome, Permitted, UseRecord};
use grantbook_record::{DenialReason, Jti, Kind, SubjectId, Term};

use crate::customer::{Admitted, CustomerState};
use crate::decide::{Basis, Decision, Denial, Detail, UseCount, decide};
use crate::rules::PolicyPlan;
use crate::tenant::{Candidate, TenantState};

use report::Tally;
pub use report::{Difference, Report, Sum, Word};
pub use timeline::AsOf;
use timeline::Timeline;

/// Which records are judged, by the time at which their gates recorded them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First second.
    pub since: UnixSeconds,
    /// First second after it.
    pub until: UnixSeconds,
}

impl Window {
    /// Everything.
    pub const ALL: Self = Self { since: UnixSeconds(0), until: UnixSeconds(u64::MAX) };

    fn has(self, at: UnixSeconds) -> bool {
        self.since <= at && at < self.until
    }
}

/// The two sides that are compared.
#[derive(Debug, Clone, Copy)]
pub struct Compared<'r> {
    /// The rules in force; none: nothing is demanded beside grants.
    pub in_force: Option<&'r PolicyPlan>,
    /// The rules that might come.
    pub candidate: &'r PolicyPlan,
}

/// What becomes of a use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may go on.
    Permitted {
        /// Under this grant.
        grant: Jti,
    },
    /// It may not.
    Denied {
        /// Why not.
        reason: DenialReason,
        /// The rule that denies it, where one does.
        rule: Option<Term>,
    },
}

/// A record under both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// By the rules in force.
    pub now: Verdict,
    /// By the candidate.
    pub then: Verdict,
}

/// A past that is being judged.
pub struct Simulation<'r> {
    compared: Compared<'r>,
    window: Window,
    /// Start and sources of the rules in shadow, until their publication comes: what lies before it is not judged.
    awaited: Option<(UnixSeconds, Bytes32)>,
    /// How late a record may come; how each customer was is kept as long.
    late_after_seconds: u64,
    /// Frames of the tenant's feed so far.
    position: u64,
    /// The enterprise's words and notices.
    tenant: Timeline<TenantState>,
    customers: HashMap<SubjectId, Known>,
    tally: Tally,
}

/// Everything about one customer that a verdict needs.
#[derive(Default)]
struct Known {
    number: usize,
    state: Timeline<CustomerState>,
    /// By the rules in force, and by the candidate.
    counts: BTreeMap<Jti, [UseCount; 2]>,
}

impl<'r> Simulation<'r> {
    /// Of a tenant of which nothing is known yet. Records that come later than `late_after_seconds` are judged by the
    /// oldest of what is still known of their customer.
    pub fn new(compared: Compared<'r>, window: Window, late_after_seconds: u64) -> Self {
        let (tenant, customers, tally) = (Timeline::default(), HashMap::new(), Tally::default());
        let awaited = None;
        Self { compared, window, awaited, late_after_seconds, position: 0, tenant, customers, tally }
    }

    /// The same, of what the log has after the publication of these rules in shadow.
    #[must_use]
    pub fn after(self, Candidate { from, sources, .. }: &Candidate) -> Self {
        Self { awaited: Some((*from, *sources)), ..self }
    }

    /// Takes in the tenant's next event.
    pub fn event(&mut self, event: &Event, admitted: &Admitted) {
        // what gates are not fed changes no verdict
        if !event.kind().is_fed() {
            return;
        }
        let when = (self.position, admitted.at, self.late_after_seconds);
        self.position += 1;
        if let Event::VocabularyPublished(_) | Event::NoticePublished(_) = event {
            // of templates alone the envelope's hash is kept
            self.tenant.change(when, |tenant| tenant.apply(event, Bytes32([0; 32])));
        }
        if let Event::PolicyPublished(PolicyPublished {
            from, sources, stage: Some(Stage::Shadow(_)), ..
        }) = event
            && self.awaited == Some((*from, *sources))
        {
            self.awaited = None;
        }
        if let Some(sub) = event.subject() {
            known(&mut self.customers, sub).state.change(when, |state| state.apply(event, admitted));
        }
    }

    /// Takes in an entry of the tenant that nobody can read any more.
    pub fn erased(&mut self, kind: Kind, day: Day) {
        self.position += u64::from(kind.is_fed());
        let Window { since, until } = self.window;
        let is_within = since.day() <= day && day <= UnixSeconds(until.0.saturating_sub(1)).day();
        let is_judged = is_within && self.awaited.is_none();
        if is_judged && matches!(kind, Kind::UseRecorded | Kind::UseDenied) {
            self.tally.unreadable += 1;
        }
    }

    /// Takes in the tenant's next record; gives the verdicts on it if it is one that is judged.
    pub fn record(&mut self, record: &UseRecord, as_of: AsOf) -> Option<Judged> {
        let known = known(&mut self.customers, &record.facts.data_subject);
        let outcome = match &record.outcome {
            // no data was used, and nothing counted
            Outcome::Voided(_) => return None,
            outcome => outcome,
        };
        if self.awaited.is_some() || !self.window.has(record.at) {
            if let Outcome::Permitted(Permitted { grant, .. }) = outcome {
                known.count([Some(*grant); 2], record.at);
            }
            return None;
        }
        let state = known.state.as_of(as_of);
        if let Outcome::Permitted(Permitted { grant, .. }) = outcome
            && known.state.as_of(AsOf::Now).grant(grant).is_none()
        {
            self.tally.unreadable += 1;
            return None;
        }
        let tenant = self.tenant.as_of(as_of);
        let verdict = |rules, side: usize| {
            let count = |grant: &Jti| {
                known.counts.get(grant).and_then(|sides| sides.get(side)).copied().unwrap_or_default()
            };
            let basis = Basis::new(&tenant.vocabulary, rules).with_notices(&tenant.notices);
            Verdict::from(decide(basis, Some(state), count, &record.facts, record.at))
        };
        let Compared { in_force, candidate } = self.compared;
        let decided = [verdict(in_force, 0), verdict(Some(candidate), 1)];
        let [now, then] = with_denial(outcome, decided);
        let judged = Judged { now, then };
        known.count([judged.now.grant(), judged.then.grant()], record.at);
        self.tally.add(&judged, known.number);
        Some(judged)
    }

    /// What it comes to.
    pub fn finish(self) -> Report {
        self.tally.report(self.window)
    }
}

/// What was denied for a reason that neither rules nor counts can tell is denied under both: a gate without a connection, a
/// budget, a fact from outside, the slice of a cap that another gate held.
fn with_denial(outcome: &Outcome, decided: [Verdict; 2]) -> [Verdict; 2] {
    let Outcome::Denied(Denied { reason, .. }) = *outcome else { return decided };
    // asked before the grants are looked at
    let is_first = (DenialReason::Stale..=DenialReason::Suspended).contains(&reason);
    let is_of_rules = matches!(reason, DenialReason::Policy | DenialReason::PolicyError);
    let is_of_counts = matches!(reason, DenialReason::Cap | DenialReason::Rate);
    let is_permitted_now = decided.first().is_some_and(|now| now.grant().is_some());
    let holds = !is_of_rules && (!is_of_counts || is_permitted_now);
    decided.map(|verdict| match verdict {
        Verdict::Permitted { .. } if holds => Verdict::Denied { reason, rule: None },
        _ if is_first => Verdict::Denied { reason, rule: None },
        verdict => verdict,
    })
}

impl Known {
    /// Counts a use for each side under the grant that permits it there.
    fn count(&mut self, grants: [Option<Jti>; 2], at: UnixSeconds) {
        for (side, grant) in grants.into_iter().enumerate() {
            let Some(grant) = grant else { continue };
            let rate =
                self.state.as_of(AsOf::Time(at)).grant(&grant).and_then(|grant| grant.terms.limits.rate);
            if let Some(count) = self.counts.entry(grant).or_default().get_mut(side) {
                count.count(rate.as_ref(), at);
            }
        }
    }
}

impl Verdict {
    /// The grant that permits the use.
    pub fn grant(&self) -> Option<Jti> {
        match self {
            Self::Permitted { grant } => Some(*grant),
            Self::Denied { .. } => None,
        }
    }

    /// The rule that denies it.
    pub fn rule(&self) -> Option<&Term> {
        match self {
            Self::Permitted { .. } => None,
            Self::Denied { rule, .. } => rule.as_ref(),
        }
    }
}

impl From<Decision> for Verdict {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Permit(permission) => Self::Permitted { grant: permission.grant },
            Decision::Denial(Denial { reason, detail, .. }) => {
                let rule = match detail {
                    Some(Detail::Rule(broken)) => Some(broken.rule),
                    _ => None,
                };
                Self::Denied { reason, rule }
            }
        }
    }
}

/// How a record's gate saw its customer: by the frames on which it rested, where it says so.
impl From<&UseRecord> for AsOf {
    fn from(record: &UseRecord) -> Self {
        match record.position {
            Some(FeedPosition(position)) => Self::Position(position),
            None => Self::Time(record.at),
        }
    }
}

fn known<'c>(customers: &'c mut HashMap<SubjectId, Known>, sub: &SubjectId) -> &'c mut Known {
    if !customers.contains_key(sub) {
        let number = customers.len();
        customers.insert(sub.clone(), Known { number, ..Known::default() });
    }
    customers.entry(sub.clone()).or_default()
}

#[cfg(test)]
mod tests;
