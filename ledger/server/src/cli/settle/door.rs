//! What `settle` asks of a ledger, by HTTP or in this process; the answers have one form.

use grantbook_engine::settlement::{PayoutRules, SettleError, Withholding};
use grantbook_record::event::Period;
use grantbook_record::{DataDay, Jti, Price, SubjectId, TenantId, Term};
use grantbook_server::settle::accounts::Payee;
use grantbook_server::settle::{OrderedView, PeriodView, SettledView, StatementView};
use grantbook_tlog::LeafIndex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::door::Door;
use super::super::failure::Failure;

/// Payees of one request.
const PAYEES_AT_ONCE: usize = 256;
/// Periods of one request.
const PERIODS_AT_ONCE: usize = 100;

/// On what terms payments are ordered.
pub(super) struct Rules<'a> {
    pub(super) file: Jti,
    pub(super) day: DataDay,
    pub(super) thresholds: &'a [Price],
    pub(super) withholding: Option<String>,
}

#[derive(Deserialize)]
struct Ordered {
    payouts: Vec<OrderedView>,
}

#[derive(Deserialize)]
struct Noted {
    new: bool,
}

fn failure(error: SettleError) -> Failure {
    match error {
        SettleError::Append(error) => error.into(),
        SettleError::Read(error) => error.into(),
        SettleError::RevenueNotDeclared { .. } | SettleError::TooLarge => Failure::no(error),
    }
}

fn value(of: &impl Serialize) -> Value {
    serde_json::to_value(of).unwrap_or_default()
}

impl Door {
    pub(super) fn settle(&self, tenant: TenantId, fee_basis_points: u16) -> Result<Value, Failure> {
        match self {
            Self::Remote(remote) => {
                Ok(remote.post_json("/v1/settlements", &json!({ "fee_basis_points": fee_basis_points }))?)
            }
            Self::Local(ledger) => {
                let settled = ledger.settle(tenant, fee_basis_points).map_err(failure)?;
                Ok(value(&SettledView::from(settled)))
            }
        }
    }

    /// Every period.
    pub(super) fn settlements(&self, tenant: TenantId) -> Result<Value, Failure> {
        let mut settlements = Vec::new();
        match self {
            Self::Remote(remote) => {
                let mut cursor = String::new();
                loop {
                    let page: Value =
                        remote.get_json(&format!("/v1/settlements?limit={PERIODS_AT_ONCE}{cursor}"))?;
                    settlements.extend(
                        page.get("settlements").and_then(Value::as_array).cloned().unwrap_or_default(),
                    );
                    match page.get("next").and_then(Value::as_str) {
                        Some(next) => cursor = format!("&cursor={next}"),
                        None => {
                            return Ok(json!({ "settlements": settlements, "pending": page.get("pending") }));
                        }
                    }
                }
            }
            Self::Local(ledger) => {
                let mut after = None;
                loop {
                    let page = ledger.settlements(tenant, after, PERIODS_AT_ONCE)?;
                    let Some(last) = page.last() else { break };
                    after = Some(last.closed.period);
                    settlements.extend(page.into_iter().map(|past| value(&PeriodView::posted(past))));
                }
                let books = ledger.books(tenant)?;
                Ok(json!({ "settlements": settlements, "pending": PeriodView::pending(&books) }))
            }
        }
    }

    /// The period that is open.
    pub(super) fn open_period(&self, tenant: TenantId) -> Result<Period, Failure> {
        if let Self::Local(ledger) = self {
            return Ok(ledger.books(tenant)?.open);
        }
        let listed = self.settlements(tenant)?;
        let periods = ["settlements", "pending"].into_iter().filter_map(|name| listed.get(name)?.as_array());
        let last = periods.flatten().filter_map(|period| {
            let open = period.get("state").and_then(Value::as_str) == Some("open");
            let number = u32::try_from(period.get("period")?.as_u64()?).ok()?;
            Some(if open { number } else { number.saturating_add(1) })
        });
        Ok(Period(last.max().unwrap_or(1)))
    }

    pub(super) fn statement(
        &self,
        tenant: TenantId,
        sub: &SubjectId,
        period: Period,
    ) -> Result<Value, Failure> {
        match self {
            Self::Remote(remote) => {
                Ok(remote.get_json(&format!("/v1/settlements/{period}/statements/{sub}"))?)
            }
            Self::Local(ledger) => Ok(value(&StatementView::read(ledger, tenant, sub, period)?)),
        }
    }

    pub(super) fn order(
        &self,
        tenant: TenantId,
        payees: &[Payee],
        rules: &Rules<'_>,
    ) -> Result<Vec<OrderedView>, Failure> {
        let Rules { file, day, thresholds, withholding } = rules;
        let mut ordered = Vec::new();
        match self {
            Self::Remote(remote) => {
                for some in payees.chunks(PAYEES_AT_ONCE) {
                    let payees: Vec<Value> = some
                        .iter()
                        .map(|payee| json!({ "sub": payee.sub, "country": payee.country }))
                        .collect();
                    let mut request =
                        json!({ "file": file, "day": day, "thresholds": thresholds, "payees": payees });
                    if let (Some(table), Some(request)) = (withholding, request.as_object_mut()) {
                        request.insert("withholding".to_owned(), json!(table));
                    }
                    let Ordered { payouts } = remote.post_json("/v1/payouts", &request)?;
                    ordered.extend(payouts);
                }
            }
            Self::Local(ledger) => {
                let table = withholding.as_deref().map_or_else(Withholding::built_in, Withholding::parse);
                let rules = PayoutRules {
                    thresholds: thresholds.iter().map(|least| (least.currency, least.minor.into())).collect(),
                    withholding: table.map_err(Failure::input)?,
                    day: *day,
                };
                let payees: Vec<_> = payees.iter().map(|payee| (payee.sub.clone(), payee.country)).collect();
                let payouts = ledger.order_payouts(tenant, *file, &payees, &rules).map_err(failure)?;
                ordered.extend(payouts.into_iter().map(OrderedView::from));
            }
        }
        Ok(ordered)
    }

    /// Gives the bank's final word on a payment; whether it was new.
    pub(super) fn payment_ended(
        &self,
        tenant: TenantId,
        order: Jti,
        failed: Option<&Term>,
    ) -> Result<bool, Failure> {
        match self {
            Self::Remote(remote) => {
                let word = failed.map_or_else(|| json!({}), |reason| json!({ "failed": reason }));
                let Noted { new } = remote.post_json(&format!("/v1/payouts/{order}"), &word)?;
                Ok(new)
            }
            Self::Local(ledger) => ledger.payment_ended(tenant, order, failed.cloned()).map_err(failure),
        }
    }

    pub(super) fn reverse(&self, tenant: TenantId, leaf: u64, reason: &Term) -> Result<Value, Failure> {
        match self {
            Self::Remote(remote) => {
                Ok(remote.post_json("/v1/reversals", &json!({ "leaf_index": leaf, "reason": reason }))?)
            }
            Self::Local(ledger) => {
                let reversed =
                    ledger.reverse_payout(tenant, LeafIndex(leaf), reason.clone()).map_err(failure)?;
                Ok(json!({ "leaf_index": reversed.leaf_index.0 }))
            }
        }
    }
}
