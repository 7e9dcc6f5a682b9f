//! The bounds within which a rule accepts.

use grantbook_record::event::{NamedData, PriceFloor, Within};
use grantbook_record::terms::{Compensation, RetentionDays};

use super::judgement::Why;
use super::request::Request;

const SECONDS_PER_DAY: u64 = 86_400;

/// The first bound that a request goes beyond.
pub(super) fn outside(within: &Within, request: &Request<'_>) -> Option<Why> {
    let Within {
        categories,
        never,
        price_min,
        validity_days_max,
        retention_days_max,
        uses_max,
        level_max,
        consents,
    } = within;
    let terms = request.terms;
    let seconds = terms.validity.end().0 - terms.validity.start().0;
    let asked = terms.scope.include.iter().map(|clause| &clause.category);
    let bounds = [
        (
            categories.is_empty()
                || asked
                    .into_iter()
                    .all(|category| categories.contains(category) || !request.touches(category)),
            Why { what: "category", expected: "none but those that the rule names" },
        ),
        (
            !never.iter().any(|data| asks_for(request, data)),
            Why { what: "data", expected: "nothing of what is never given" },
        ),
        (
            price_min.is_empty() || price_min.iter().any(|floor| pays(&terms.compensation, floor)),
            Why { what: "price", expected: "at least the least one" },
        ),
        (
            validity_days_max.is_none_or(|max| seconds <= u64::from(max) * SECONDS_PER_DAY),
            Why { what: "validity", expected: "at most as long as the rule allows" },
        ),
        (
            retention_days_max
                .map(RetentionDays::get)
                .is_none_or(|max| terms.deletion_days().is_some_and(|days| days <= max)),
            Why { what: "retention", expected: "at most as long as the rule allows" },
        ),
        (
            uses_max.is_none_or(|max| terms.limits.uses.is_some_and(|uses| uses <= max)),
            Why { what: "uses", expected: "at most as many as the rule allows" },
        ),
        (
            level_max.is_none_or(|max| terms.limits.level.is_some_and(|level| level <= max)),
            Why { what: "level", expected: "at most the rule's" },
        ),
        (
            request.consents.iter().all(|needed| consents.iter().any(|given| given.as_str() == *needed)),
            Why { what: "consents", expected: "none but those that the rule names" },
        ),
    ];
    bounds.into_iter().find(|(holds, _)| !holds).map(|(_, why)| why)
}

fn asks_for(request: &Request<'_>, data: &NamedData) -> bool {
    match &data.fields {
        None => request.touches(&data.category),
        Some(fields) => fields.iter().any(|field| request.touches_field(&data.category, field)),
    }
}

/// Whether the customer gets at least so much. Tiers rise from their first price or share on; a pool that is limited to an
/// amount promises no share.
fn pays(compensation: &Compensation, floor: &PriceFloor) -> bool {
    match (compensation, floor) {
        (Compensation::PerUse(price), PriceFloor::PerUse(min))
        | (Compensation::PerGrant(price), PriceFloor::PerGrant(min)) => {
            price.currency == min.currency && price.minor >= min.minor
        }
        (Compensation::TieredPrice(price), PriceFloor::PerUse(min)) => {
            price.currency == min.currency && price.minor >= min.minor
        }
        (Compensation::RevenueShare(share), PriceFloor::RevenueShare(min)) => {
            share.currency == min.currency && share.basis_points >= min.basis_points
        }
        (Compensation::TieredShare(share), PriceFloor::RevenueShare(min)) => {
            share.currency == min.currency
                && share.basis_points >= min.basis_points
                && share.maximum.is_none()
        }
        (Compensation::Benefit(benefit), PriceFloor::Benefit(wanted)) => benefit == wanted,
        _ => false,
    }
}
