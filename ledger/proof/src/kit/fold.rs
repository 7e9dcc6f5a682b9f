//! From a tenant's events to the tables of a period.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use grantbook_record::event::Event;
use grantbook_record::terms::{Obligation, Validity};
use grantbook_record::{Day, Jti, Term, Terms, UnixSeconds};

use super::figure::{Figure, suppress};
use super::tables::{Activity, Period, RecordOfProcessing, Requests, STEPS_SECONDS, Withdrawals};

/// An event as the ledger took it in. Events come by rising leaf index.
#[derive(Debug, Clone, Copy)]
pub struct Taken<'a> {
    /// The envelope's id.
    pub jti: Jti,
    /// The entry's day.
    pub day: Day,
    /// When, by the ledger's clock.
    pub at: UnixSeconds,
    /// What happened.
    pub event: &'a Event,
}

/// What tells one processing activity from another.
type Key = (Term, Term, Term, Term, u32);

/// What terms say of a processing activity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Processing {
    key: Key,
    categories: BTreeSet<Term>,
    /// Days after a use; `None` for no limit.
    deletion_days: Option<u32>,
    obligations: BTreeSet<String>,
    consents: BTreeSet<Term>,
}

/// A grant that nobody has ended.
struct Held {
    processing: Rc<Processing>,
    validity: Validity,
    paused: bool,
}

/// An end that its recipient has not acknowledged.
struct Waiting {
    at: UnixSeconds,
    recipient: Option<Term>,
}

enum Answer {
    Open,
    Granted,
    Declined,
}

/// Takes a tenant's events in, those before the period as well.
pub struct Fold {
    period: Period,
    /// Terms that many grants share are held once.
    known: BTreeSet<Rc<Processing>>,
    grants: BTreeMap<Jti, Held>,
    requests: BTreeMap<Jti, Answer>,
    waiting: BTreeMap<Jti, Waiting>,
    /// Withdrawals by the step within which they were acknowledged.
    acknowledged: [u64; STEPS_SECONDS.len() + 1],
    unreadable: u64,
}

/// The tables that events alone lead to.
pub(super) struct Folded {
    pub(super) record: RecordOfProcessing,
    pub(super) requests: Requests,
    pub(super) withdrawals: Withdrawals,
    pub(super) unreadable: Figure,
}

impl Fold {
    /// Before the tenant's first event.
    pub fn new(period: Period) -> Self {
        Self {
            period,
            known: BTreeSet::new(),
            grants: BTreeMap::new(),
            requests: BTreeMap::new(),
            waiting: BTreeMap::new(),
            acknowledged: Default::default(),
            unreadable: 0,
        }
    }

    /// What it is about.
    pub(super) fn period(&self) -> Period {
        self.period
    }

    /// Counts an entry of the tenant of this day whose key was destroyed, and which the tables therefore lack.
    pub fn take_unreadable(&mut self, day: Day) {
        self.unreadable += u64::from(self.period.contains(day));
    }

    /// Takes an event in; what is of a day after the period changes nothing.
    pub fn take(&mut self, taken: &Taken<'_>) {
        let Taken { jti, day, at, event } = *taken;
        if day > self.period.to {
            return;
        }
        let within = self.period.contains(day);
        match event {
            Event::RequestMade(_) if within => {
                self.requests.insert(jti, Answer::Open);
            }
            Event::RequestDeclined(event) => self.answer(&event.request, Answer::Declined),
            Event::GrantGiven(event) => {
                if let Some(request) = &event.request {
                    self.answer(request, Answer::Granted);
                }
                if let Some(superseded) = &event.terms.supersedes {
                    self.grants.remove(superseded);
                }
                let held = self.held(&event.terms);
                self.grants.insert(jti, held);
            }
            Event::GrantAmended(event) => {
                let amended = self.held(&event.terms);
                if let Some(held) = self.grants.get_mut(&event.grant) {
                    *held = Held { paused: held.paused, ..amended };
                }
            }
            Event::GrantPaused(event) => self.pause(&event.grant, true),
            Event::GrantResumed(event) => self.pause(&event.grant, false),
            Event::GrantWithdrawn(event) => {
                let held = self.grants.remove(&event.grant);
                if within {
                    let recipient = held.map(|held| held.processing.key.1.clone());
                    self.waiting.insert(jti, Waiting { at, recipient });
                }
            }
            Event::GrantRevoked(event) => {
                self.grants.remove(&event.grant);
            }
            Event::RecipientAcknowledged(event) => {
                // those to whom the data was passed on answer for themselves
                let is_theirs = |waiting: &&Waiting| {
                    waiting.recipient.as_ref().is_none_or(|recipient| *recipient == event.recipient)
                };
                if let Some(waiting) = self.waiting.get(&event.ended).filter(is_theirs) {
                    let seconds = event.at.seconds().0.saturating_sub(waiting.at.0);
                    let step = STEPS_SECONDS.partition_point(|within| *within < seconds);
                    if let Some(count) = self.acknowledged.get_mut(step) {
                        *count += 1;
                    }
                    self.waiting.remove(&event.ended);
                }
            }
            _ => {}
        }
    }

    fn answer(&mut self, request: &Jti, answer: Answer) {
        if let Some(known) = self.requests.get_mut(request) {
            *known = answer;
        }
    }

    fn pause(&mut self, grant: &Jti, paused: bool) {
        if let Some(held) = self.grants.get_mut(grant) {
            held.paused = paused;
        }
    }

    fn held(&mut self, terms: &Terms) -> Held {
        let processing = Processing {
            key: (
                terms.controller.clone(),
                terms.recipient.clone(),
                terms.purpose.clone(),
                terms.template.id.clone(),
                terms.template.version,
            ),
            categories: terms.scope.include.iter().map(|clause| clause.category.clone()).collect(),
            deletion_days: terms.deletion_days(),
            obligations: terms.obligations.iter().map(said).collect(),
            consents: terms.consents.iter().map(|consent| consent.to.clone()).collect(),
        };
        let processing = if let Some(known) = self.known.get(&processing) {
            Rc::clone(known)
        } else {
            let new = Rc::new(processing);
            self.known.insert(Rc::clone(&new));
            new
        };
        Held { processing, validity: terms.validity, paused: false }
    }

    pub(super) fn finish(self) -> Folded {
        let mut answers = [0; 3];
        for answer in self.requests.values() {
            let [granted, declined, open] = &mut answers;
            *match answer {
                Answer::Granted => granted,
                Answer::Declined => declined,
                Answer::Open => open,
            } += 1;
        }
        let [granted, declined, open] = answers;
        let mut acknowledged = self.acknowledged;
        if let Some(later) = acknowledged.last_mut() {
            *later += self.waiting.len() as u64;
        }
        let over = self.period.over();
        let active = self
            .grants
            .values()
            .filter(|held| !held.paused && held.validity.start() < over && held.validity.end() >= over);
        Folded {
            record: record(active),
            requests: Requests::new(granted, declined, open),
            withdrawals: Withdrawals::new(&acknowledged),
            unreadable: Figure::alone(self.unreadable),
        }
    }
}

fn record<'a>(active: impl Iterator<Item = &'a Held>) -> RecordOfProcessing {
    let mut activities: BTreeMap<&Key, (u64, BTreeSet<&Processing>)> = BTreeMap::new();
    for held in active {
        let (count, kinds) = activities.entry(&held.processing.key).or_default();
        *count += 1;
        kinds.insert(&held.processing);
    }
    let counts: Vec<u64> = activities.values().map(|(count, _)| *count).collect();
    let (shown, total) = suppress(&counts);
    let activities = activities.into_iter().zip(shown).map(|((key, (_, kinds)), active_grants)| {
        let (controller, recipient, purpose, template, version) = key.clone();
        let of = |each: fn(&Processing) -> &BTreeSet<Term>| {
            kinds.iter().flat_map(|kind| each(kind)).cloned().collect::<BTreeSet<_>>()
        };
        let obligations: BTreeSet<_> = kinds.iter().flat_map(|kind| &kind.obligations).cloned().collect();
        // without a limit in one grant there is none for all
        let longest = kinds
            .iter()
            .map(|kind| kind.deletion_days)
            .try_fold(0, |longest, days| days.map(|days| days.max(longest)));
        Activity {
            controller,
            recipient,
            purpose,
            template,
            version,
            legal_basis: Activity::CONSENT.to_owned(),
            categories: of(|kind| &kind.categories).into_iter().collect(),
            retention_days_max: longest,
            obligations: obligations.into_iter().collect(),
            consents: of(|kind| &kind.consents).into_iter().collect(),
            active_grants,
        }
    });
    RecordOfProcessing { activities: activities.collect(), active_grants: total }
}

/// An obligation in one word and what it is about.
fn said(obligation: &Obligation) -> String {
    let fields = |word: &str, fields: &[Term]| {
        let names: Vec<_> = fields.iter().map(Term::as_str).collect();
        format!("{word} {}", names.join(" "))
    };
    match obligation {
        Obligation::Mask(of) => fields("mask", &of.fields),
        Obligation::KeepFields(of) => fields("keep-fields", &of.fields),
        Obligation::AuditOnly(of) => fields("audit-only", &of.fields),
        Obligation::Generalise(of) => format!("generalise {} to {}", of.field, of.to),
        Obligation::DeleteBy(of) => format!("delete-within-days {}", of.days.get()),
        Obligation::Watermark(of) => format!("watermark {}", of.label),
        Obligation::Notify(of) => format!("notify {}", of.party),
    }
}
