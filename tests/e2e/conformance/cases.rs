//! The cases: random small worlds, stretched from seconds to hours and narrowed to what the ledger admits, each with what
//! has to happen for it to come about and the answer of the slow reference.

use std::collections::BTreeMap;

use grantbook_plan::{Status, Vocabulary};
use grantbook_record::list::List;
use grantbook_record::scope::{Clause, Scope};
use grantbook_record::terms::{Consent, Limits, Rate, Validity, WindowSeconds};
use grantbook_record::{DenialReason, SubjectId, Term, Terms, UnixMillis, UnixSeconds};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;

use super::slow::{self, Answer};
use super::world::{EPOCH, Grant, World, world};

/// What is a second in the reference's worlds takes this long here, so that a gate's clock, which runs on between two
/// heads, makes no difference.
const HOUR: u64 = 3600;
/// Permits and each reason come this often at least, and no more of them are taken than this.
const PERMITS: (usize, usize) = (200, 250);
const EACH_REASON: (usize, usize) = (12, 30);
/// Of all of them there are no fewer.
const CASES: usize = 600;

/// A world with what makes it.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) sub: SubjectId,
    pub(super) world: World,
    /// By rising hour, and in this order.
    pub(super) steps: Vec<Step>,
    /// The hour of the question.
    pub(super) asked_at: u64,
    pub(super) answer: Answer,
    /// The answer of a door that knows of no uses so far.
    pub(super) uncounted: Answer,
}

/// Something that happens to a grant.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) hour: u64,
    /// Position of the grant.
    pub(super) grant: usize,
    pub(super) what: What,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    /// With the position of the grant that it supersedes.
    Given(Box<Terms>, Option<usize>),
    Amended(Box<Terms>),
    Paused,
    Resumed,
    Withdrawn,
    Revoked,
}

/// When questions of this hour are asked, and its uses are made.
pub(super) fn moment(hour: u64) -> UnixSeconds {
    UnixSeconds(EPOCH + hour * HOUR)
}

/// When events of this hour happen: before it, so that no question falls into their second.
pub(super) fn events_at(hour: u64) -> UnixSeconds {
    UnixSeconds(moment(hour).0 - HOUR / 2)
}

/// The second of a world of the reference.
fn second(at: UnixSeconds) -> u64 {
    at.0 - EPOCH
}

impl Case {
    /// From a world of the reference.
    pub(super) fn of(sub: &str, raw: World, is_resumed: bool) -> Self {
        let World { mut grants, mut facts, now } = raw;
        let asked_at = second(now);
        let sub = SubjectId::parse(sub).unwrap();
        facts.data_subject = sub.clone();
        let mut steps = Vec::new();
        let supersedes = supersede(&mut grants);
        for (at, grant) in grants.iter_mut().enumerate() {
            let ended_as = grant.status.is_ended().then_some(grant.status);
            let is_superseded = ended_as == Some(Status::Superseded);
            let ends = grant.ended_at.map_or(asked_at, second).min(asked_at);
            let amended = grant.amended_at.map(second).filter(|amended| {
                let before_its_end = grant.status == Status::Active || *amended <= ends;
                !is_superseded
                    && before_its_end
                    && *amended <= asked_at.min(second(grant.terms.validity.end()))
            });
            narrow(&mut grant.terms);
            let given = if amended.is_some() { before(&grant.terms) } else { grant.terms.clone() };
            let supersedes = supersedes.get(&at).copied();
            let mut step = |hour, what| steps.push(Step { hour, grant: at, what });
            step(0, What::Given(Box::new(given), supersedes));
            if let Some(amended) = amended {
                step(amended, What::Amended(Box::new(grant.terms.clone())));
            }
            match grant.status {
                Status::Active if is_resumed => {
                    step(ends, What::Paused);
                    step(ends, What::Resumed);
                }
                Status::Active | Status::Superseded => {}
                Status::Paused => step(ends, What::Paused),
                Status::Withdrawn => step(ends, What::Withdrawn),
                Status::Revoked => step(ends, What::Revoked),
            }
            grant.amended_at = amended.map(|hour| events_at(hour).max(grant.terms.validity.start()));
            grant.ended_at = ended_as.map(|_| events_at(if is_superseded { 0 } else { ends }));
            let past = grant.past.iter().map(|at| second(*at)).filter(|hour| *hour <= asked_at);
            grant.past = past.map(moment).collect();
        }
        // given in order, and before anything else happens
        steps.sort_by_key(|step| (step.hour, !matches!(step.what, What::Given(..))));
        let world = World { grants, facts, now: moment(asked_at) };
        let mut case = Self { sub, world, steps, asked_at, answer: Ok(0), uncounted: Ok(0) };
        case.ask();
        case
    }

    /// Asks the reference.
    fn ask(&mut self) {
        let mut uncounted = self.world.clone();
        uncounted.grants.iter_mut().for_each(|grant| grant.past.clear());
        self.answer = slow::decide(Vocabulary::builtin(), &self.world);
        self.uncounted = slow::decide(Vocabulary::builtin(), &uncounted);
    }

    pub(super) fn reason(&self) -> Option<DenialReason> {
        self.answer.err().map(|(reason, _)| reason)
    }

    /// The same with other terms for all grants.
    pub(super) fn with_terms(mut self, change: impl Fn(&mut Terms)) -> Self {
        self.world.grants.iter_mut().for_each(|grant| change(&mut grant.terms));
        for step in &mut self.steps {
            if let What::Given(terms, _) | What::Amended(terms) = &mut step.what {
                change(terms);
            }
        }
        self.ask();
        self
    }
}

/// Which grant supersedes which: each one that is superseded by the next that may do so. Where there is none, it stays
/// active.
fn supersede(grants: &mut [Grant]) -> BTreeMap<usize, usize> {
    let mut supersedes = BTreeMap::new();
    for at in 0..grants.len() {
        if grants[at].status == Status::Superseded {
            match (at + 1..grants.len()).find(|later| !supersedes.contains_key(later)) {
                Some(later) => drop(supersedes.insert(later, at)),
                None => grants[at].status = Status::Active,
            }
        }
    }
    supersedes
}

/// Hours, and only fields that the clause's category has: the ledger admits no others.
fn narrow(terms: &mut Terms) {
    let vocabulary = Vocabulary::builtin();
    let hour = |at| moment(second(at));
    terms.validity = Validity::new(hour(terms.validity.start()), hour(terms.validity.end())).unwrap();
    if let Some(Rate { seconds, .. }) = &mut terms.limits.rate {
        *seconds = WindowSeconds::new(seconds.get() * u32::try_from(HOUR).unwrap()).unwrap();
    }
    let narrowed = |clauses: &[Clause]| -> Vec<Clause> {
        let clauses = clauses.iter().cloned().map(|mut clause| {
            clause.fields = clause.fields.and_then(|fields| {
                let has = |field: &&Term| vocabulary.has_field(&clause.category, field);
                List::new(fields.iter().filter(has).cloned().collect())
            });
            clause
        });
        clauses.collect()
    };
    terms.scope = Scope {
        include: List::new(narrowed(&terms.scope.include)).unwrap(),
        exclude: List::new(narrowed(&terms.scope.exclude)).unwrap(),
    };
}

/// Terms that an amendment makes into these: wider in scope and uses, and other consents. The rate stays, so that past uses
/// fall into the same windows.
fn before(terms: &Terms) -> Terms {
    let whole =
        |clause: &Clause| Clause { period: None, fields: None, filter: List::default(), ..clause.clone() };
    let others = if terms.consents.is_empty() { vec![passing_on(terms)] } else { Vec::new() };
    Terms {
        scope: Scope {
            include: List::new(terms.scope.include.iter().map(whole).collect()).unwrap(),
            exclude: List::default(),
        },
        limits: Limits { uses: None, level: None, ..terms.limits },
        consents: List::new(others).unwrap(),
        ..terms.clone()
    }
}

/// The consent to pass data on, given when the notice was shown.
fn passing_on(terms: &Terms) -> Consent {
    let at = UnixMillis(terms.notice.shown_at.0 * 1000);
    Consent::asked(Term::parse("third-party").unwrap(), "They may have these records.").given(at)
}

/// Worlds of the reference, always the same.
pub(super) struct Worlds(TestRunner);

impl Worlds {
    pub(super) fn new() -> Self {
        Self(TestRunner::deterministic())
    }

    pub(super) fn next(&mut self) -> World {
        world().new_tree(&mut self.0).unwrap().current()
    }
}

/// Enough of every answer.
pub(super) fn cases(worlds: &mut Worlds) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let answers = of_the_decision().map(Some).chain([None]);
    let mut counts: BTreeMap<Option<DenialReason>, usize> = answers.map(|answer| (answer, 0)).collect();
    let wanted = |answer: Option<DenialReason>| if answer.is_none() { PERMITS } else { EACH_REASON };
    while cases.len() < CASES || counts.iter().any(|(answer, count)| *count < wanted(*answer).0) {
        let case = Case::of(&format!("c-{}", cases.len()), worlds.next(), cases.len().is_multiple_of(4));
        let count = counts.get_mut(&case.reason()).unwrap();
        if *count < wanted(case.reason()).1 {
            *count += 1;
            cases.push(case);
        }
    }
    cases
}

/// What only published rules and customers who are or were minors give: shown by the tests of replica and ledger.
pub(super) const OF_RULES: [DenialReason; 4] =
    [DenialReason::NoGuardian, DenialReason::Unconfirmed, DenialReason::PolicyError, DenialReason::Policy];

/// The reasons that the function of `docs/spec/denials.md` gives, wherever it runs, of an enterprise that has published no
/// rules, about customers who are of age.
pub(super) fn of_the_decision() -> impl Iterator<Item = DenialReason> {
    use DenialReason::{NoGrant, Rate, UnknownTerm, Withdrawn};
    let reasons = DenialReason::ALL.iter().copied();
    reasons.filter(|reason| {
        let of_grants = matches!(reason, UnknownTerm | NoGrant) || (Withdrawn..=Rate).contains(reason);
        of_grants && !OF_RULES.contains(reason)
    })
}
