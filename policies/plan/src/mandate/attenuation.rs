//! Handing a mandate on: whatever the narrower one accepts, the one above it accepts.
//!
//! Decided by comparing rules, not requests: sound, and some mandates that are narrower are refused because that does not
//! show from their rules.

use grantbook_record::Term;
use grantbook_record::event::{MandateGiven, NamedData, PriceFloor, StandingRule, When, Within};

use super::error::MandateError;

/// Whether an agent may hand `child` on from `parent`.
pub fn check_handed_on(child: &MandateGiven, parent: &MandateGiven) -> Result<(), MandateError> {
    let wider = |what, expected| Err(MandateError::Wider { what, expected });
    if child.sub != parent.sub {
        return wider("customer", "the same");
    }
    if child.until > parent.until {
        return wider("end", "none after that of the mandate above");
    }
    if child.depth >= parent.depth {
        return wider("depth", "less than that of the mandate above");
    }
    if child.vocabulary != parent.vocabulary {
        return wider("vocabulary", "the version of the mandate above");
    }
    for rule in child.rules.iter() {
        let Some(within) = &rule.accept else { continue };
        let mut above = parent.rules.iter().filter(|above| above.accept.is_some());
        if !above.any(|above| is_about_all_of(&above.when, &rule.when)) {
            return wider("rule", "requests that a rule above accepts some of");
        }
        let kept = |above: &StandingRule| {
            are_apart(rule, within, above)
                || above.accept.as_ref().is_some_and(|bounds| is_within(within, bounds))
                || child.rules.iter().any(|guard| repeats(guard, above))
        };
        if !parent.rules.iter().all(kept) {
            return wider("rule", "each bound within that of every rule above that is about the same");
        }
    }
    Ok(())
}

/// Whether a rule accepts nothing that the rule above is about and does not accept.
fn repeats(guard: &StandingRule, above: &StandingRule) -> bool {
    is_about_all_of(&guard.when, &above.when)
        && match (&guard.accept, &above.accept) {
            (None, _) => true,
            (Some(within), Some(bounds)) => is_within(within, bounds),
            (Some(_), None) => false,
        }
}

/// Whether every request that `narrow` is about, `wide` is about.
fn is_about_all_of(wide: &When, narrow: &When) -> bool {
    let any_recipient = |when: &When| when.recipients.is_empty() && when.kinds.is_empty();
    let recipients = any_recipient(wide)
        || (!any_recipient(narrow)
            && narrow.recipients.iter().all(|recipient| wide.recipients.contains(recipient))
            && narrow.kinds.iter().all(|kind| wide.kinds.contains(kind)));
    recipients
        && no_wider(&narrow.purposes, &wide.purposes)
        && no_wider(&narrow.categories, &wide.categories)
        && no_wider(&narrow.templates, &wide.templates)
}

/// Of two lists that mean everything where they are empty.
fn no_wider(narrow: &[Term], wide: &[Term]) -> bool {
    wide.is_empty() || (!narrow.is_empty() && narrow.iter().all(|term| wide.contains(term)))
}

/// Whether nothing that the one accepts is what the other is about.
fn are_apart(rule: &StandingRule, within: &Within, above: &StandingRule) -> bool {
    let apart = |one: &[Term], other: &[Term]| {
        !one.is_empty() && !other.is_empty() && !one.iter().any(|term| other.contains(term))
    };
    let by_name = rule.when.kinds.is_empty() && above.when.kinds.is_empty();
    (by_name && apart(&rule.when.recipients, &above.when.recipients))
        || apart(&rule.when.purposes, &above.when.purposes)
        || apart(&rule.when.templates, &above.when.templates)
        || apart(&within.categories, &above.when.categories)
}

/// Whether every request within the one is within the other.
fn is_within(narrow: &Within, wide: &Within) -> bool {
    no_wider(&narrow.categories, &wide.categories)
        && wide.never.iter().all(|data| narrow.never.iter().any(|more| includes(more, data)))
        && (wide.price_min.is_empty()
            || (!narrow.price_min.is_empty()
                && narrow
                    .price_min
                    .iter()
                    .all(|floor| wide.price_min.iter().any(|least| is_more(floor, least)))))
        && at_most(narrow.validity_days_max, wide.validity_days_max)
        && at_most(narrow.retention_days_max, wide.retention_days_max)
        && at_most(narrow.uses_max, wide.uses_max)
        && at_most(narrow.level_max, wide.level_max)
        && narrow.consents.iter().all(|consent| wide.consents.contains(consent))
}

fn at_most<T: PartialOrd>(narrow: Option<T>, wide: Option<T>) -> bool {
    match (narrow, wide) {
        (_, None) => true,
        (Some(narrow), Some(wide)) => narrow <= wide,
        (None, Some(_)) => false,
    }
}

fn includes(more: &NamedData, data: &NamedData) -> bool {
    more.category == data.category
        && match (&more.fields, &data.fields) {
            (None, _) => true,
            (Some(more), Some(fields)) => fields.iter().all(|field| more.contains(field)),
            (Some(_), None) => false,
        }
}

/// Whether whoever gets at least `floor` gets at least `least`.
fn is_more(floor: &PriceFloor, least: &PriceFloor) -> bool {
    match (floor, least) {
        (PriceFloor::PerUse(floor), PriceFloor::PerUse(least))
        | (PriceFloor::PerGrant(floor), PriceFloor::PerGrant(least)) => {
            floor.currency == least.currency && floor.minor >= least.minor
        }
        (PriceFloor::RevenueShare(floor), PriceFloor::RevenueShare(least)) => {
            floor.currency == least.currency && floor.basis_points >= least.basis_points
        }
        (PriceFloor::Benefit(floor), PriceFloor::Benefit(least)) => floor == least,
        _ => false,
    }
}
