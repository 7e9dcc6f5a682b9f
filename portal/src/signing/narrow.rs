//! Terms with less in them than was asked for.

use std::collections::BTreeMap;

use grantbook_record::day::UnixSeconds;
use grantbook_record::list::List;
use grantbook_record::scope::Clause;
use grantbook_record::terms::{UseCap, Validity};
use grantbook_record::{Scope, Term, Terms};

const SECONDS_PER_DAY: u64 = 86_400;

/// What a customer leaves out of a request. Nothing of it can widen anything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Narrowed {
    /// `category/field`, or a whole category.
    pub without: Vec<String>,
    /// Days from its start, fewer than asked for.
    pub days: Option<u32>,
    /// Fewer uses than asked for.
    pub uses: Option<u32>,
}

/// The terms that are left; `None` where nothing is, or where it names what was not asked for.
pub fn narrowed(terms: &Terms, by: &Narrowed) -> Option<Terms> {
    let mut fields: BTreeMap<Term, Vec<Term>> = BTreeMap::new();
    let mut categories = Vec::new();
    for left_out in &by.without {
        match left_out.split_once('/') {
            Some((category, field)) => {
                let field = Term::parse(field).ok()?;
                fields.entry(Term::parse(category).ok()?).or_default().push(field);
            }
            None => categories.push(Term::parse(left_out).ok()?),
        }
    }
    let asked = |category: &Term| terms.scope.include.iter().any(|clause| clause.category == *category);
    if !fields.keys().chain(&categories).all(asked) {
        return None;
    }
    let include = terms.scope.include.iter().filter(|clause| !categories.contains(&clause.category));
    let mut exclude = terms.scope.exclude.to_vec();
    for (category, mut fields) in fields {
        fields.sort();
        fields.dedup();
        let filter = List::default();
        let clause = Clause { category, period: None, fields: Some(List::new(fields)?), filter };
        if !exclude.contains(&clause) {
            exclude.push(clause);
        }
    }
    let mut left = terms.clone();
    left.scope = Scope { include: List::new(include.cloned().collect())?, exclude: List::new(exclude)? };
    if let Some(days) = by.days {
        let start = terms.validity.start();
        let end = start.0.saturating_add(u64::from(days) * SECONDS_PER_DAY).min(terms.validity.end().0);
        left.validity = Validity::new(start, UnixSeconds(end))?;
    }
    if let Some(uses) = by.uses {
        let asked = terms.limits.uses.map_or(u32::MAX, UseCap::get);
        left.limits.uses = Some(UseCap::new(uses.min(asked))?);
    }
    Some(left)
}
