//! The decision once more, from its specification and slow on purpose: sets of points, listed one by one.

use std::collections::{BTreeMap, BTreeSet};

use grantbook_plan::{Status, Vocabulary};
use grantbook_record::DenialReason as Reason;
use grantbook_record::scope::Clause;
use grantbook_record::terms::Level;
use grantbook_record::uses::UseFacts;
use grantbook_record::{DataDay, Terms};

use super::world::{ATTRIBUTES, Grant, VALUES, World};

/// A permit under the grant at this position, or a denial with the closest grant's position.
pub(crate) type Answer = Result<usize, (Reason, Option<usize>)>;

pub(crate) fn decide(vocabulary: &Vocabulary, world: &World) -> Answer {
    if has_unknown_word(vocabulary, &world.facts) {
        return Err((Reason::UnknownTerm, None));
    }
    let addressing: Vec<usize> =
        (0..world.grants.len()).filter(|&at| addresses(&world.grants[at].terms, &world.facts)).collect();
    let judged: Vec<(usize, BTreeSet<Reason>)> =
        addressing.into_iter().map(|at| (at, all_reasons(vocabulary, &world.grants[at], world))).collect();
    if let Some((at, _)) = judged.iter().find(|(_, reasons)| reasons.is_empty()) {
        return Ok(*at);
    }
    let firsts: Vec<(usize, Reason)> =
        judged.iter().map(|(at, reasons)| (*at, *reasons.first().unwrap())).collect();
    match firsts.iter().map(|(_, reason)| *reason).max() {
        None => Err((Reason::NoGrant, None)),
        Some(latest) => {
            let closest = firsts.iter().find(|(_, reason)| *reason == latest).map(|(at, _)| *at);
            Err((latest, closest))
        }
    }
}

fn has_unknown_word(vocabulary: &Vocabulary, facts: &UseFacts) -> bool {
    let categories = vocabulary.categories();
    let known_fields: BTreeSet<_> = facts
        .categories
        .iter()
        .filter_map(|category| categories.get(category))
        .flat_map(|category| category.fields.keys())
        .collect();
    !vocabulary.purposes().contains_key(&facts.purpose)
        || !vocabulary.actions().contains_key(&facts.action)
        || facts.categories.iter().any(|category| !categories.contains_key(category))
        || facts.fields.iter().any(|field| !known_fields.contains(field))
}

fn addresses(terms: &Terms, facts: &UseFacts) -> bool {
    let included: BTreeSet<_> = terms.scope.include.iter().map(|clause| &clause.category).collect();
    let used: BTreeSet<_> = facts.categories.iter().collect();
    terms.recipient == facts.recipient && terms.purpose == facts.purpose && used.is_subset(&included)
}

/// Every reason that holds, whatever comes before it.
fn all_reasons(vocabulary: &Vocabulary, grant: &Grant, world: &World) -> BTreeSet<Reason> {
    let Grant { terms, status, past, amended_at, .. } = grant;
    let start = amended_at.unwrap_or(terms.validity.start());
    let limits = &terms.limits;
    let in_window = limits.rate.map(|rate| uses_in_window(past, rate.seconds.get().into(), world.now.0));
    let holds = [
        (Reason::Withdrawn, *status == Status::Withdrawn),
        (Reason::Revoked, *status == Status::Revoked),
        (Reason::Superseded, *status == Status::Superseded),
        (Reason::Paused, *status == Status::Paused),
        (Reason::NotStarted, world.now < start),
        (Reason::Expired, world.now >= terms.validity.end()),
        (Reason::Period, !covered_days(terms, &world.facts)),
        (Reason::Field, !covered_fields(vocabulary, terms, &world.facts)),
        (Reason::Filter, !covered_points(vocabulary, terms, &world.facts)),
        (Reason::Level, limits.level.is_some_and(|most| !states_at_most(&world.facts, most))),
        (Reason::Onward, !world.facts.onward.is_empty() && !consents_to_passing_on(terms)),
        (Reason::Cap, limits.uses.is_some_and(|cap| past.len() >= cap.get() as usize)),
        (Reason::Rate, limits.rate.is_some_and(|rate| in_window >= Some(rate.uses.get() as usize))),
    ];
    holds.into_iter().filter(|(_, holds)| *holds).map(|(reason, _)| reason).collect()
}

/// Whether the use says a level, and one of those from 0 up to `most`.
fn states_at_most(facts: &UseFacts, most: Level) -> bool {
    (0..=most.get()).any(|allowed| facts.level.map(Level::get) == Some(allowed))
}

fn consents_to_passing_on(terms: &Terms) -> bool {
    let consents: BTreeSet<&str> = terms.consents.iter().map(|consent| consent.to.as_str()).collect();
    consents.contains("third-party")
}

/// Past uses in the window that runs at `now`.
fn uses_in_window(past: &[grantbook_record::UnixSeconds], seconds: u64, now: u64) -> usize {
    let mut windows: BTreeMap<u64, usize> = BTreeMap::new(); // uses by start of window
    for at in past {
        let running = windows.keys().copied().find(|start| (*start..start + seconds).contains(&at.0));
        *windows.entry(running.unwrap_or(at.0)).or_default() += 1;
    }
    windows.into_iter().filter(|(start, _)| now < start + seconds).map(|(_, uses)| uses).sum()
}

fn days(facts: &UseFacts) -> impl Iterator<Item = DataDay> {
    (facts.data_period.from().0..=facts.data_period.to().0).map(DataDay)
}

fn has_day(clause: &Clause, day: DataDay) -> bool {
    clause.period.is_none_or(|period| (period.from()..=period.to()).contains(&day))
}

fn covered_days(terms: &Terms, facts: &UseFacts) -> bool {
    facts.categories.iter().all(|category| {
        days(facts).all(|day| {
            let has = |clause: &&Clause| clause.category == *category && has_day(clause, day);
            let whole = |clause: &Clause| clause.fields.is_none() && clause.filter.is_empty();
            terms.scope.include.iter().any(|clause| has(&clause))
                && !terms.scope.exclude.iter().filter(has).any(whole)
        })
    })
}

fn covered_fields(vocabulary: &Vocabulary, terms: &Terms, facts: &UseFacts) -> bool {
    facts.categories.iter().all(|category| {
        facts.fields.iter().filter(|field| vocabulary.categories()[category].fields.contains_key(field)).all(
            |field| {
                days(facts).all(|day| {
                    let has = |clause: &&Clause| {
                        let fields = clause.fields.as_ref();
                        clause.category == *category
                            && has_day(clause, day)
                            && fields.is_none_or(|fields| fields.contains(field))
                    };
                    terms.scope.include.iter().any(|clause| has(&clause))
                        && !terms.scope.exclude.iter().filter(has).any(|clause| clause.filter.is_empty())
                })
            },
        )
    })
}

/// Full membership of every point, with every value that a row attribute may have: those that are named anywhere,
/// and one that is not.
fn covered_points(vocabulary: &Vocabulary, terms: &Terms, facts: &UseFacts) -> bool {
    let mut all_rows: Vec<BTreeMap<&str, &str>> = vec![BTreeMap::new()];
    for attribute in ATTRIBUTES {
        let restricted = facts.rows.iter().find(|(name, _)| name.as_str() == *attribute);
        let values = match restricted {
            Some((_, value)) => vec![value.as_str()],
            None => [VALUES, &["another value"]].concat(),
        };
        all_rows = all_rows
            .into_iter()
            .flat_map(|row| {
                values.clone().into_iter().map(move |value| {
                    let mut row = row.clone();
                    row.insert(attribute, value);
                    row
                })
            })
            .collect();
    }
    facts.categories.iter().all(|category| {
        facts.fields.iter().filter(|field| vocabulary.categories()[category].fields.contains_key(field)).all(
            |field| {
                days(facts).all(|day| {
                    all_rows.iter().all(|row| {
                        let has = |clause: &Clause| {
                            clause.category == *category
                                && has_day(clause, day)
                                && clause.fields.as_ref().is_none_or(|fields| fields.contains(field))
                                && clause.filter.iter().all(|condition| {
                                    let value = row[condition.attribute.as_str()];
                                    condition.any_of.iter().any(|allowed| allowed.as_str() == value)
                                })
                        };
                        terms.scope.include.iter().any(has) && !terms.scope.exclude.iter().any(has)
                    })
                })
            },
        )
    })
}
