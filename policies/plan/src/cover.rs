//! Whether a scope covers a use: every point that the use touches is in an included clause and in no excluded one.
//!
//! A point is (category, day, field, row attributes). The three questions below look at ever more of it, so that a
//! denial can tell which part of the use goes too far; each is passed only where those before it are.
//! Specification: `docs/spec/denials.md`, section "Coverage".

use std::collections::BTreeMap;

use grantbook_record::scope::{AttributeValue, Clause, Scope};
use grantbook_record::uses::UseFacts;
use grantbook_record::{DataDay, DataPeriod, Term};

use crate::vocabulary::Version;

/// Row attributes to which a use is restricted.
type Rows = BTreeMap<Term, AttributeValue>;

/// The first category, in the use's order, with a day that is not granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeriodGap<'a> {
    /// The category.
    pub category: &'a Term,
    /// The first such day of the use's period.
    pub day: DataDay,
}

/// The first field, in the use's order of categories and then fields, with a day that is not granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldGap<'a> {
    /// The category.
    pub category: &'a Term,
    /// The field.
    pub field: &'a Term,
    /// The first such day of the use's period.
    pub day: DataDay,
}

/// Whether a scope has something of a category, on whatever day and in whatever row.
pub fn has_some_of(scope: &Scope, category: &Term) -> bool {
    scope.include.iter().any(|clause| clause.category == *category)
        && !scope.exclude.iter().any(|clause| {
            clause.category == *category && clause.fields.is_none() && is_about_every_row(clause)
        })
}

/// Whether a scope has a field, on whatever day and in whatever row.
pub fn has_some_of_field(scope: &Scope, category: &Term, field: &Term) -> bool {
    let concerns = |clause: &Clause| clause.category == *category && has_field(clause, field);
    scope.include.iter().any(concerns)
        && !scope.exclude.iter().any(|clause| concerns(clause) && is_about_every_row(clause))
}

/// Whether some included clause is about each of the use's categories.
pub fn names_categories(scope: &Scope, facts: &UseFacts) -> bool {
    facts.categories.iter().all(|category| scope.include.iter().any(|clause| clause.category == *category))
}

/// Days of a category that are not granted for any field, whatever the rows.
pub fn period_gap<'a>(scope: &Scope, facts: &'a UseFacts) -> Option<PeriodGap<'a>> {
    facts.categories.iter().find_map(|category| {
        let day = first_gap(
            scope,
            facts.data_period,
            |clause| clause.category == *category,
            |clause| clause.category == *category && clause.fields.is_none() && clause.filter.is_empty(),
        )?;
        Some(PeriodGap { category, day })
    })
}

/// Days of a field that are not granted, whatever the rows.
pub fn field_gap<'a>(vocabulary: &Version, scope: &Scope, facts: &'a UseFacts) -> Option<FieldGap<'a>> {
    any_gap(
        vocabulary,
        scope,
        facts,
        |_| true,
        |clause| clause.filter.is_empty(), // a filter may leave out just the rows used
    )
}

/// Days of a field that are not granted for all of the rows used.
pub fn filter_gap<'a>(vocabulary: &Version, scope: &Scope, facts: &'a UseFacts) -> Option<FieldGap<'a>> {
    if scope.include.iter().chain(scope.exclude.iter()).all(|clause| clause.filter.is_empty()) {
        return None; // then this is the question that `field_gap` has answered
    }
    any_gap(
        vocabulary,
        scope,
        facts,
        |clause| holds_for_all(clause, &facts.rows),
        |clause| may_hold(clause, &facts.rows),
    )
}

/// Gaps by category and field among the included clauses that count and the excluded ones that take away.
fn any_gap<'a>(
    vocabulary: &Version,
    scope: &Scope,
    facts: &'a UseFacts,
    counts: impl Fn(&Clause) -> bool,
    takes_away: impl Fn(&Clause) -> bool,
) -> Option<FieldGap<'a>> {
    facts.categories.iter().find_map(|category| {
        // a use of several categories lists the fields of all of them
        let fields = facts.fields.iter().filter(|field| vocabulary.has_field(category, field));
        fields.into_iter().find_map(|field| {
            let concerns = |clause: &Clause| clause.category == *category && has_field(clause, field);
            let day = first_gap(
                scope,
                facts.data_period,
                |clause| concerns(clause) && counts(clause),
                |clause| concerns(clause) && takes_away(clause),
            )?;
            Some(FieldGap { category, field, day })
        })
    })
}

/// Of every day, too.
fn is_about_every_row(clause: &Clause) -> bool {
    clause.period.is_none() && clause.filter.is_empty()
}

fn has_field(clause: &Clause, field: &Term) -> bool {
    clause.fields.as_ref().is_none_or(|fields| fields.contains(field))
}

/// Whether every row used satisfies the clause's conditions; an attribute left open may have any value.
fn holds_for_all(clause: &Clause, rows: &Rows) -> bool {
    clause
        .filter
        .iter()
        .all(|condition| rows.get(&condition.attribute).is_some_and(|value| condition.any_of.contains(value)))
}

/// Whether some row used may satisfy them.
fn may_hold(clause: &Clause, rows: &Rows) -> bool {
    clause
        .filter
        .iter()
        .all(|condition| rows.get(&condition.attribute).is_none_or(|value| condition.any_of.contains(value)))
}

/// The first wanted day that no counting included clause covers or that an excluded one takes away.
fn first_gap(
    scope: &Scope,
    wanted: DataPeriod,
    counts: impl Fn(&Clause) -> bool,
    takes_away: impl Fn(&Clause) -> bool,
) -> Option<DataDay> {
    let uncovered = first_uncovered(&scope.include.iter().filter(|clause| counts(clause)), wanted);
    let excluded = scope.exclude.iter().filter(|clause| takes_away(clause));
    let excluded = excluded.filter_map(|clause| first_common(clause.period, wanted)).min();
    uncovered.into_iter().chain(excluded).min()
}

/// The first wanted day that lies in none of the clauses' periods.
///
/// Walks along the wanted days, each time to the end of the clause that reaches furthest. Clauses are few and mostly
/// one covers everything, so this is quicker than sorting them, and it allocates nothing.
fn first_uncovered<'a>(
    clauses: &(impl Iterator<Item = &'a Clause> + Clone),
    wanted: DataPeriod,
) -> Option<DataDay> {
    let mut day = wanted.from();
    loop {
        let periods = clauses.clone().map(|clause| clause.period);
        let covered_to = periods.filter_map(|period| last_covered(period, day, wanted)).max();
        match covered_to {
            None => return Some(day),
            Some(last) if last >= wanted.to() => return None,
            Some(last) => day = DataDay(last.0.saturating_add(1)),
        }
    }
}

/// The last wanted day that the period covers without a gap from `day` on, if it covers `day`; no period is all days.
fn last_covered(period: Option<DataPeriod>, day: DataDay, wanted: DataPeriod) -> Option<DataDay> {
    match period {
        None => Some(wanted.to()),
        Some(period) => (period.from() <= day && day <= period.to()).then(|| period.to()),
    }
}

/// The first wanted day that the period has too.
fn first_common(period: Option<DataPeriod>, wanted: DataPeriod) -> Option<DataDay> {
    match period {
        None => Some(wanted.from()),
        Some(period) => {
            let first = period.from().max(wanted.from());
            (first <= period.to().min(wanted.to())).then_some(first)
        }
    }
}
