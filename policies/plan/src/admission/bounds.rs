//! What a grant's template says of its terms and of who signs it.

use grantbook_record::event::{Audience, Bounds, FieldRule, Handling};
use grantbook_record::terms::{Compensation, Obligation, RetentionDays};
use grantbook_record::{Currency, Price, Terms, Thumbprint};

use super::{Context, Refusal, by_customer, expect};
use crate::cover::has_some_of_field;
use crate::customer::CustomerState;

const SECONDS_PER_DAY: u64 = 86_400;

/// Everything in which terms go beyond a template's bounds.
pub fn beyond_template(terms: &Terms, bounds: &Bounds) -> impl Iterator<Item = Refusal> {
    let version = terms.vocabulary == bounds.vocabulary;
    let named = "one that the template names";
    let categories = terms.scope.include.iter().map(|clause| &clause.category);
    let seconds = terms.validity.end().0 - terms.validity.start().0;
    let retention = terms.limits.retention_days.map(RetentionDays::get);
    let price = match &terms.compensation {
        Compensation::PerGrant(price) | Compensation::PerUse(price) => Some(*price),
        Compensation::TieredPrice(price) => Some(Price { currency: price.currency, minor: price.minor }),
        Compensation::None
        | Compensation::RevenueShare(_)
        | Compensation::TieredShare(_)
        | Compensation::Benefit(_) => None,
    };
    let rules = [
        (version, "vocabulary", "the template's version"),
        (bounds.controllers.contains(&terms.controller), "controller", named),
        (bounds.recipients.contains(&terms.recipient), "recipient", named),
        (bounds.purposes.contains(&terms.purpose), "purpose", named),
        (categories.into_iter().all(|category| bounds.categories.contains(category)), "category", named),
        (
            seconds <= u64::from(bounds.validity_days_max) * SECONDS_PER_DAY,
            "validity",
            "at most as long as the template allows",
        ),
        (
            bounds.uses_max.is_none_or(|max| terms.limits.uses.is_some_and(|uses| uses <= max)),
            "cap",
            "at most as many uses as the template allows",
        ),
        (
            bounds.retention_days_max.is_none_or(|max| retention.is_some_and(|days| days <= max)),
            "retention",
            "at most as long as the template allows",
        ),
        (
            bounds.price_min.is_none_or(|min| {
                price.is_some_and(|price| price.currency == min.currency && price.minor >= min.minor)
            }),
            "price",
            "at least the template's, in its currency",
        ),
        (
            bounds.budget_max.is_none_or(|max| most_paid(terms).is_some_and(|most| within(most, max))),
            "budget",
            "at most the template's for all uses together, in its currency",
        ),
        (
            bounds.level_max.is_none_or(|max| terms.limits.level.is_some_and(|level| level <= max)),
            "level",
            "at most the template's",
        ),
        (
            bounds.fields.iter().all(|rule| is_handled(terms, rule)),
            "obligations",
            "one for each field that the template does not leave open",
        ),
        (
            bounds.consents.iter().all(|consent| terms.has_consent(consent.as_str())),
            "consents",
            "each that the template asks for separately",
        ),
    ];
    let broken = rules.into_iter().filter(|(within, ..)| !within);
    broken.map(|(_, what, expected)| Refusal::OutsideTemplate { what, expected })
}

/// The most that all uses under terms come to; `None` where nothing limits it. Minor units.
fn most_paid(terms: &Terms) -> Option<(Currency, u64)> {
    let times = |price: &Price, uses: u32| (price.currency, u64::from(price.minor) * u64::from(uses));
    match &terms.compensation {
        Compensation::None | Compensation::Benefit(_) => Some((Currency::NONE, 0)),
        Compensation::PerGrant(price) => Some(times(price, 1)),
        Compensation::PerUse(price) => Some(times(price, terms.limits.uses?.get())),
        Compensation::RevenueShare(_) | Compensation::TieredPrice(_) | Compensation::TieredShare(_) => None,
    }
}

fn within((currency, minor): (Currency, u64), max: Price) -> bool {
    minor == 0 || (currency == max.currency && minor <= max.minor.into())
}

/// Whether a field that is not open is outside the terms' scope, or obliges them to what the template asks.
fn is_handled(terms: &Terms, rule: &FieldRule) -> bool {
    if !has_some_of_field(&terms.scope, &rule.category, &rule.field) {
        return true;
    }
    terms.obligations.iter().any(|obligation| match (obligation, rule.handling) {
        (Obligation::AuditOnly(hidden), _) => hidden.fields.contains(&rule.field),
        (Obligation::Mask(masked), Handling::Mask) => masked.fields.contains(&rule.field),
        (Obligation::Generalise(coarse), Handling::Mask) => coarse.field == rule.field,
        _ => false,
    })
}

/// Those who give a grant under a template: as many of the customer's keys as it asks for; of the enterprise's own data the
/// enterprise as well, which is enrolled like a customer.
pub(super) fn by_giver(
    terms: &Terms,
    signers: &[Thumbprint],
    customer: &CustomerState,
    context: &Context<'_>,
) -> Result<(), Refusal> {
    let template = context.tenant.template(&terms.template);
    let needed =
        template.and_then(|template| template.bounds.signatures_min).map_or(1, std::num::NonZero::get);
    let of_enterprise = template.is_some_and(|template| template.audience == Some(Audience::Enterprise));
    let (enterprises, customers): (Vec<_>, Vec<_>) =
        signers.iter().copied().partition(|kid| of_enterprise && *kid == context.parties.enterprise);
    by_customer(&customers, customer)?;
    expect(!of_enterprise || !enterprises.is_empty(), "the enterprise beside its keys of the data subject")?;
    let mut keys = customers;
    keys.sort_unstable();
    keys.dedup();
    expect(keys.len() >= needed.into(), "as many enrolled keys as the template asks for")
}

/// A tier counts once the customer has agreed to it.
pub(super) fn check_tier(
    terms: &Terms,
    customer: &CustomerState,
    context: &Context<'_>,
) -> Result<(), Refusal> {
    let template = context.tenant.template(&terms.template);
    let tier = template.and_then(|template| template.bounds.tier);
    if tier.is_none() || tier == customer.tier {
        return Ok(());
    }
    Err(Refusal::OutsideTemplate { what: "tier", expected: "one that the customer has agreed to last" })
}
