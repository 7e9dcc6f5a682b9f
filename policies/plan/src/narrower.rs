//! Whether terms give away nothing that others did not: `docs/spec/attachment.md`, section "Narrower".
//!
//! It errs on one side only: terms that are narrower in another way than the ones it knows count as wider.

use grantbook_record::scope::Clause;
use grantbook_record::terms::{Limits, Obligation, Rate};
use grantbook_record::{Scope, Terms};

/// Whether `new` is `old` with less in it.
pub fn is_narrower(old: &Terms, new: &Terms) -> bool {
    // in other words the same terms may mean more
    old.vocabulary == new.vocabulary
        && old.controller == new.controller
        && old.recipient == new.recipient
        && old.purpose == new.purpose
        && old.compensation == new.compensation
        && old.licence == new.licence
        && new.supersedes.is_none()
        && is_smaller(&old.scope, &new.scope)
        && old.validity.start() <= new.validity.start()
        && new.validity.end() <= old.validity.end()
        && are_tighter(&old.limits, &new.limits)
        && old.obligations.iter().all(|kept: &Obligation| new.obligations.contains(kept))
        && new.consents.iter().all(|kept| old.consents.contains(kept))
}

fn is_smaller(old: &Scope, new: &Scope) -> bool {
    let within = |some: &[Clause], all: &[Clause]| some.iter().all(|clause| all.contains(clause));
    within(&new.include, &old.include) && within(&old.exclude, &new.exclude)
}

fn are_tighter(old: &Limits, new: &Limits) -> bool {
    let rate = match (old.rate, new.rate) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(Rate { uses, seconds }), Some(new)) => new.seconds == seconds && new.uses <= uses,
    };
    rate && at_most(old.uses, new.uses)
        && at_most(old.retention_days, new.retention_days)
        && at_most(old.level, new.level)
}

/// No limit is the widest of all.
fn at_most<T: PartialOrd>(old: Option<T>, new: Option<T>) -> bool {
    match (old, new) {
        (None, _) => true,
        (Some(old), Some(new)) => new <= old,
        (Some(_), None) => false,
    }
}

#[cfg(test)]
mod tests;
