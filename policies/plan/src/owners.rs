//! Owner periods: from when to when data of a source, such as a vehicle, is the customer's.
//!
//! A vehicle that is sold goes on making data, and the former owner's grants do not cover it. Specification:
//! `docs/spec/vocabulary.md`, section "Owner periods".

use std::collections::BTreeSet;

use grantbook_record::event::{DataSource, Event, SourceOwned};
use grantbook_record::list::List;
use grantbook_record::scope::{Clause, Condition};
use grantbook_record::uses::UseFacts;
use grantbook_record::{DataDay, Term, Terms, Thumbprint};
use serde::{Deserialize, Serialize};

use crate::admission::Refusal;
use crate::customer::CustomerState;

/// Sources of one customer.
pub const SOURCES_MAX: usize = 64;
/// Owner periods of one source.
pub const PERIODS_MAX: usize = 16;

/// A source that was said to be a customer's, at least for a time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnedSource {
    /// The source.
    pub source: DataSource,
    /// Categories of data that come from it.
    pub categories: List<Term, 1, 16>,
    /// Rising, and apart from each other.
    pub periods: Vec<OwnerPeriod>,
}

/// Days whose data is the customer's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnerPeriod {
    /// First day.
    pub from: DataDay,
    /// Last one; absent: there is none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<DataDay>,
    /// A key of each owner, where there are several; empty: one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joint: Vec<Thumbprint>,
}

/// The first day of a use whose data is somebody else's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnerGap<'a> {
    /// The category.
    pub category: &'a Term,
    /// The row attribute that names the source.
    pub attribute: &'a Term,
    /// The day.
    pub day: DataDay,
}

impl OwnerPeriod {
    fn has(&self, day: DataDay) -> bool {
        self.from <= day && self.to.is_none_or(|to| day <= to)
    }
}

impl OwnedSource {
    /// Whether a use of this category may touch the source's data: it does unless its rows say that it does not.
    fn concerns(&self, category: &Term, facts: &UseFacts) -> bool {
        let named = facts.rows.get(&self.source.attribute);
        self.categories.contains(category) && named.is_none_or(|value| *value == self.source.value)
    }

    /// The periods of which terms grant data.
    fn periods_granted<'a>(&'a self, terms: &'a Terms) -> impl Iterator<Item = &'a OwnerPeriod> {
        self.periods.iter().filter(|period| {
            let overlaps = |granted: &Clause| {
                granted.period.is_none_or(|days| {
                    period.from <= days.to() && period.to.is_none_or(|to| days.from() <= to)
                })
            };
            let named = |granted: &Clause| self.categories.contains(&granted.category);
            terms
                .scope
                .include
                .iter()
                .any(|granted| named(granted) && overlaps(granted) && self.may_be_in(&granted.filter))
                && !terms.scope.exclude.iter().any(|excluded| self.is_left_out(excluded, terms))
        })
    }

    /// Whether rows of the source may fulfil all conditions.
    fn may_be_in(&self, filter: &[Condition]) -> bool {
        let about = filter.iter().filter(|condition| condition.attribute == self.source.attribute);
        about.into_iter().all(|condition| condition.any_of.contains(&self.source.value))
    }

    /// Whether an excluded clause takes away all of the source's rows in the only category that terms include of it.
    fn is_left_out(&self, excluded: &Clause, terms: &Terms) -> bool {
        let included = terms.scope.include.iter().map(|clause| &clause.category);
        let mut of_source = included.filter(|category| self.categories.contains(category));
        let about = |condition: &Condition| {
            condition.attribute == self.source.attribute && condition.any_of.contains(&self.source.value)
        };
        excluded.period.is_none()
            && excluded.fields.is_none()
            && excluded.filter.iter().all(about)
            && of_source.all(|category| *category == excluded.category)
    }

    fn first_gap(&self, facts: &UseFacts) -> Option<DataDay> {
        let mut day = facts.data_period.from();
        for period in &self.periods {
            if !period.has(day) {
                continue;
            }
            match period.to {
                Some(to) if to < facts.data_period.to() => day = DataDay(to.0.saturating_add(1)),
                _ => return None,
            }
        }
        Some(day)
    }
}

/// The first category of the use, and in it the first source, with data that is not the customer's.
pub fn owner_gap<'a>(owned: &'a [OwnedSource], facts: &'a UseFacts) -> Option<OwnerGap<'a>> {
    facts.categories.iter().find_map(|category| {
        owned.iter().filter(|source| source.concerns(category, facts)).find_map(|source| {
            let day = source.first_gap(facts)?;
            Some(OwnerGap { category, attribute: &source.source.attribute, day })
        })
    })
}

/// Whether what an event says of a source widens what was said before, and so needs both to sign.
pub(crate) fn check_owned(event: &SourceOwned, customer: &CustomerState) -> Result<Widens, Refusal> {
    let refused = |expected| Err(Refusal::OwnerPeriod { expected });
    if event.to.is_some_and(|to| to < event.from) {
        return refused("a last day that is not before the first");
    }
    let joint = event.joint.iter().flat_map(|joint| joint.iter());
    let distinct: BTreeSet<&Thumbprint> = joint.clone().collect();
    if distinct.len() != joint.clone().count()
        || !joint.clone().all(|kid| customer.signing_key(kid).is_some())
    {
        return refused("an enrolled key of each joint owner, each once");
    }
    let Some(known) = customer.sources.iter().find(|known| known.source == event.source) else {
        if customer.sources.len() >= SOURCES_MAX {
            return Err(Refusal::TooMany { what: "sources", limit: SOURCES_MAX });
        }
        return Ok(Widens::Not);
    };
    if known.categories != event.categories {
        return refused("the categories that the source had before");
    }
    let joint = event.joint.as_deref().unwrap_or_default();
    match known.periods.last() {
        Some(OwnerPeriod { from, to: None, joint: owners })
            if *from == event.from && event.to.is_some() && owners != joint =>
        {
            refused("the owners that the period had before")
        }
        Some(OwnerPeriod { from, to: None, .. }) if *from == event.from && event.to.is_some() => {
            Ok(Widens::Not)
        }
        Some(OwnerPeriod { to: Some(to), .. }) if event.from > *to => {
            if known.periods.len() >= PERIODS_MAX {
                return Err(Refusal::TooMany { what: "owner periods", limit: PERIODS_MAX });
            }
            Ok(Widens::ByAPeriod)
        }
        _ => refused("the end of the period that is open, or one after the last"),
    }
}

/// Whether more data is the customer's than was said before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Widens {
    Not,
    ByAPeriod,
}

/// Takes in what [`check_owned`] has let pass.
pub(crate) fn apply(sources: &mut Vec<OwnedSource>, event: &SourceOwned) {
    let joint = event.joint.as_deref().unwrap_or_default().to_vec();
    let period = OwnerPeriod { from: event.from, to: event.to, joint };
    match sources.iter_mut().find(|known| known.source == event.source) {
        Some(known) => {
            known.periods.retain(|earlier| earlier.to.is_some());
            known.periods.push(period);
        }
        None => sources.push(OwnedSource {
            source: event.source.clone(),
            categories: event.categories.clone(),
            periods: vec![period],
        }),
    }
}

/// A key took another's place.
pub(crate) fn rotate(sources: &mut [OwnedSource], old: &Thumbprint, new: Thumbprint) {
    let periods = sources.iter_mut().flat_map(|source| &mut source.periods);
    let owners = periods.flat_map(|period| &mut period.joint);
    owners.filter(|kid| **kid == *old).for_each(|kid| *kid = new);
}

/// Whether every joint owner of data that an event grants has signed it. Any one of them ends what all have granted.
pub(crate) fn check_joint(
    event: &Event,
    signers: &[Thumbprint],
    customer: &CustomerState,
) -> Result<(), Refusal> {
    let resumed = match event {
        Event::GrantResumed(event) => customer.grant(&event.grant).map(|grant| &grant.terms),
        _ => None,
    };
    let Some(terms) = event.granted_terms().or(resumed) else { return Ok(()) };
    let concerned = customer.sources.iter().flat_map(|source| source.periods_granted(terms));
    if concerned.flat_map(|period| &period.joint).all(|owner| signers.contains(owner)) {
        return Ok(());
    }
    Err(Refusal::JointOwners {
        expected: "a signature by each owner of the source, or rows that leave it out",
    })
}

#[cfg(test)]
mod tests;
