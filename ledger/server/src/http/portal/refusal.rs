//! Customers' refusals, as the enterprise that asked sees them.

use grantbook_engine::{Ledger, ReadError};
use grantbook_portal::view::Names as _;
use grantbook_portal::view::money::Amount;
use grantbook_portal::view::refusal::{Refusal, Unless};
use grantbook_record::TenantId;
use grantbook_record::event::Wish;
use grantbook_record::terms::{RetentionDays, UseCap};

use super::names::TenantNames;

/// Rows of the page.
const ROWS_MAX: usize = 100;

/// The latest of them.
pub(super) fn latest(ledger: &Ledger, tenant: TenantId) -> Result<Vec<Refusal>, ReadError> {
    let names = TenantNames::of(ledger, tenant)?;
    let unless = |wish: &Wish| Unless {
        without: wish.without.iter().map(|category| names.category(category)).collect(),
        days_max: wish.validity_days_max,
        kept_days_max: wish.retention_days_max.map(RetentionDays::get),
        uses_max: wish.uses_max.map(UseCap::get),
        price_min: wish.price_min.map(|price| Amount { currency: price.currency, minor: price.minor.into() }),
    };
    let refusals = ledger.declined(tenant, ROWS_MAX)?.into_iter().map(|declined| Refusal {
        at: declined.at,
        request: declined.answer.request.to_string(),
        asked: declined.request.map(|request| {
            let agreement = names.agreement(&request.terms);
            let data = agreement.data().into_iter().cloned().collect();
            (agreement.recipient, agreement.purpose, data)
        }),
        unless: declined.answer.unless.as_ref().map(unless),
    });
    Ok(refusals.collect())
}
