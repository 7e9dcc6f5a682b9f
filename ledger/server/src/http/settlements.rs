//! `/v1/settlements`, `/v1/payouts`, `/v1/reversals`: what periods came to, and what customers are paid.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use grantbook_engine::ReadError;
use grantbook_engine::settlement::{PayoutRules, SettleError, Withholding};
use grantbook_record::event::Period;
use grantbook_record::{CountryCode, Currency, DataDay, Jti, SubjectId, Term};
use grantbook_tlog::LeafIndex;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::body;
use super::caller::{Admin, Caller, within_rate};
use super::page::{PageQuery, next, parse_number};
use super::problem::{Problem, ProblemDetails, ProblemKind};
use crate::settle::{OrderedView, PeriodView, SettledView, StatementView};

/// Payees of one request.
pub(crate) const PAYEES_MAX: usize = 256;

/// On what terms a period is settled.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SettleRequest {
    /// What the platform is paid on top of each pool, in basis points.
    #[serde(default)]
    #[schema(maximum = 10_000, example = 250)]
    fee_basis_points: u16,
}

/// Periods, by rising number.
#[derive(Serialize, ToSchema)]
pub(super) struct SettlementsPage {
    /// Periods that are posted.
    settlements: Vec<PeriodView>,
    /// The period that is open, and one that is closed and not posted yet, as far as anything is due in them.
    pending: Vec<PeriodView>,
    /// Cursor of the next page; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Whom to pay, on what terms.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PayoutsRequest {
    /// A UUIDv7 that names the file; the same again gives the same orders.
    #[schema(value_type = String, pattern = "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")]
    file: Jti,
    /// The customers, 1 to 256.
    #[schema(min_items = 1, max_items = 256)]
    payees: Vec<Payee>,
    /// The day of payment, `YYYY-MM-DD`.
    #[schema(value_type = String, example = "2026-11-30", format = "date")]
    day: DataDay,
    /// Least balances that are paid; of other currencies, 1000 minor units.
    #[serde(default)]
    thresholds: Vec<Threshold>,
    /// docs/spec/settlement.md: a table of what is withheld; without one, the table that comes with the server.
    #[serde(default)]
    #[schema(nullable = false)]
    withholding: Option<String>,
}

/// A customer to be paid.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Payee {
    /// The data subject.
    #[schema(value_type = String, pattern = "^[A-Za-z0-9._:-]{1,64}$")]
    pub(crate) sub: SubjectId,
    /// Where they pay tax: ISO 3166-1 alpha-2.
    #[schema(value_type = String, pattern = "^[A-Z]{2}$")]
    pub(crate) country: CountryCode,
}

/// A least balance.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Threshold {
    /// ISO 4217 code.
    #[schema(value_type = String, pattern = "^[A-Z]{3}$")]
    pub(crate) currency: Currency,
    /// Minor units.
    pub(crate) minor: u64,
}

/// What came of a request for payments.
#[derive(Serialize, ToSchema)]
pub(super) struct PayoutsOrdered {
    /// The orders of the file to these customers, and what was carried forward.
    payouts: Vec<OrderedView>,
}

/// The bank's final word on a payment.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PaymentEnd {
    /// The bank's code, in lower case, where the payment was not made and will not be; absent where it was made.
    #[serde(default)]
    #[schema(value_type = Option<String>, nullable = false, pattern = "^[a-z][a-z0-9_-]{0,63}$")]
    failed: Option<Term>,
}

/// What became of a word of the bank.
#[derive(Serialize, ToSchema)]
pub(super) struct PaymentNoted {
    /// Whether it was new.
    new: bool,
}

/// What is taken back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReversalRequest {
    /// Leaf index of a use or an accrual of a posted period.
    leaf_index: u64,
    /// Why, as a term.
    #[schema(value_type = String, pattern = "^[a-z][a-z0-9_-]{0,63}$")]
    reason: Term,
}

/// A reversal on the log.
#[derive(Serialize, ToSchema)]
pub(super) struct Reversed {
    /// Where it stands.
    leaf_index: u64,
}

impl From<SettleError> for Problem {
    fn from(error: SettleError) -> Self {
        match error {
            SettleError::Append(error) => error.into(),
            SettleError::Read(error) => error.into(),
            SettleError::RevenueNotDeclared { .. } | SettleError::TooLarge => {
                Self::new(ProblemKind::Refused, error.to_string())
            }
        }
    }
}

fn period(text: &str) -> Result<Period, Problem> {
    let number = parse_number(text).and_then(|number| u32::try_from(number).ok());
    number.map(Period).ok_or_else(|| Problem::malformed("malformed period, expected its number"))
}

/// List settled periods
///
/// With what is due in the open one. All amounts are in minor units.
#[utoipa::path(get, path = "/v1/settlements", operation_id = "list_settlements", tag = "money", security(("bearer" = [])), params(PageQuery),
    responses(
        (status = 200, description = "A page, by rising number of the period", body = SettlementsPage),
        (status = 400, description = "malformed-request", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<SettlementsPage>, Problem> {
    let page = query.page(app.config.limits.page_rows_max)?;
    let (tenant, limit) = (caller.tenant(), page.limit);
    let after = page.after.map(|LeafIndex(number)| Period(u32::try_from(number).unwrap_or(u32::MAX)));
    let (past, books) = app
        .blocking(move |ledger| {
            let past = ledger.settlements(tenant, after, limit)?;
            Ok::<_, ReadError>((past, ledger.books(tenant)?))
        })
        .await??;
    let last = past.last().map(|past| past.closed.period.0.into());
    let next = next(past.len(), limit, last);
    let settlements = past.into_iter().map(PeriodView::posted).collect();
    Ok(Json(SettlementsPage { settlements, pending: PeriodView::pending(&books), next }))
}

/// Settle the open period
///
/// Closes it, lets accrue what is due beyond what uses have committed to, and posts it; or finishes what an earlier
/// request has begun. Where nothing is due nothing is done, so asking again is safe.
#[utoipa::path(post, path = "/v1/settlements", operation_id = "settle", tag = "money", security(("bearer" = [])),
    request_body = SettleRequest,
    responses(
        (status = 200, description = "Posted, or nothing was due", body = SettledView),
        (status = 400, description = "malformed-request", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 403, description = "forbidden: the role is not admin", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 409, description = "state-conflict: somebody else settles", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 413, description = "too-large", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 415, description = "unsupported-content-type", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 422, description = "refused, such as a share of revenue that was not declared", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 429, description = "tenant-limit", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 503, description = "busy, deadline, stopped", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn settle(
    State(app): State<App>,
    Admin(principal): Admin,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<SettledView>, Problem> {
    let SettleRequest { fee_basis_points } = body::read_json(&headers, body).await?;
    within_rate(&app, principal.tenant)?;
    let settled = app.blocking(move |ledger| ledger.settle(principal.tenant, fee_basis_points)).await??;
    Ok(Json(settled.into()))
}

/// What one period has come to
#[utoipa::path(get, path = "/v1/settlements/{period}", operation_id = "get_settlement", tag = "money", security(("bearer" = [])),
    params(("period" = String, Path, description = "Its number, from 1", pattern = "^(0|[1-9][0-9]{0,9})$")),
    responses(
        (status = 200, body = PeriodView),
        (status = 400, description = "malformed-request", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 404, description = "not-found: it is not posted, and nothing is due in it", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn one(
    State(app): State<App>,
    caller: Caller,
    Path(number): Path<String>,
) -> Result<Json<PeriodView>, Problem> {
    let (tenant, period) = (caller.tenant(), period(&number)?);
    let found = app
        .blocking(move |ledger| {
            let before = period.0.checked_sub(1).map(Period).ok_or(ReadError::NotFound)?;
            let past = ledger.settlements(tenant, Some(before), 1)?.pop();
            Ok::<_, ReadError>((past, ledger.books(tenant)?))
        })
        .await??;
    let (past, books) = found;
    let posted = past.filter(|past| past.closed.period == period).map(PeriodView::posted);
    let pending = || PeriodView::pending(&books).into_iter().find(|view| view.period == period.0);
    posted.or_else(pending).map(Json).ok_or_else(Problem::not_found)
}

/// A customer's statement of a period
///
/// What their data was used for, by whom, and how each amount came about; and what they are owed now.
#[utoipa::path(get, path = "/v1/settlements/{period}/statements/{sub}", operation_id = "get_statement", tag = "money", security(("bearer" = [])),
    params(
        ("period" = String, Path, description = "Its number, from 1", pattern = "^(0|[1-9][0-9]{0,9})$"),
        ("sub" = String, Path, description = "The data subject", pattern = "^[A-Za-z0-9._:-]{1,64}$"),
    ),
    responses(
        (status = 200, body = StatementView),
        (status = 400, description = "malformed-request", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 404, description = "not-found", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn statement(
    State(app): State<App>,
    caller: Caller,
    Path((number, sub)): Path<(String, String)>,
) -> Result<Json<StatementView>, Problem> {
    let (tenant, period) = (caller.tenant(), period(&number)?);
    let sub = SubjectId::parse(&sub).map_err(|error| Problem::malformed(error.to_string()))?;
    let read = app.blocking(move |ledger| StatementView::read(ledger, tenant, &sub, period));
    Ok(Json(read.await??))
}

/// Order payments
///
/// Of what customers are owed of posted periods, where that reaches the threshold; the rest is carried forward. An order
/// counts as under way until the bank's final word on it is given, and is never made again meanwhile. Names and accounts
/// stay with the caller, who writes the file to the bank.
#[utoipa::path(post, path = "/v1/payouts", operation_id = "order_payouts", tag = "money", security(("bearer" = [])),
    request_body = PayoutsRequest,
    responses(
        (status = 200, description = "What is in the file, and what was carried forward", body = PayoutsOrdered),
        (status = 400, description = "malformed-request", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 403, description = "forbidden: the role is not admin", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 409, description = "state-conflict: somebody else orders", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 413, description = "too-large", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 415, description = "unsupported-content-type", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 429, description = "tenant-limit", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 503, description = "busy, deadline, stopped", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn order(
    State(app): State<App>,
    Admin(principal): Admin,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<PayoutsOrdered>, Problem> {
    let PayoutsRequest { file, payees, day, thresholds, withholding } =
        body::read_json(&headers, body).await?;
    if payees.is_empty() || payees.len() > PAYEES_MAX {
        return Err(Problem::malformed("malformed payees, expected 1 to 256"));
    }
    let table = withholding.map_or_else(Withholding::built_in, |text| Withholding::parse(&text));
    let withholding = table.map_err(|error| Problem::malformed(error.to_string()))?;
    let thresholds = thresholds.into_iter().map(|least| (least.currency, least.minor)).collect();
    let rules = PayoutRules { thresholds, withholding, day };
    within_rate(&app, principal.tenant)?;
    app.tenants_rate.charge(principal.tenant, payees.len().saturating_sub(1));
    let payees: Vec<_> = payees.into_iter().map(|payee| (payee.sub, payee.country)).collect();
    let ordered = app.blocking(move |ledger| ledger.order_payouts(principal.tenant, file, &payees, &rules));
    let payouts = ordered.await??.into_iter().map(OrderedView::from).collect();
    Ok(Json(PayoutsOrdered { payouts }))
}

/// Say what became of a payment
///
/// The bank's final word. The same again changes nothing; a word against an earlier one is refused, for a person to look
/// into. What failed is owed again, and ordered under another id.
#[utoipa::path(post, path = "/v1/payouts/{order}", operation_id = "end_payout", tag = "money", security(("bearer" = [])),
    params(("order" = String, Path, description = "Its id: the end-to-end id with hyphens", pattern = "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")),
    request_body = PaymentEnd,
    responses(
        (status = 200, body = PaymentNoted),
        (status = 400, description = "malformed-request", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 403, description = "forbidden: the role is not admin", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 404, description = "not-found", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 409, description = "state-conflict: another word was given before", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 410, description = "erased", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 413, description = "too-large", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 415, description = "unsupported-content-type", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 429, description = "tenant-limit", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 503, description = "busy, deadline, stopped", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn end(
    State(app): State<App>,
    Admin(principal): Admin,
    Path(order): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<PaymentNoted>, Problem> {
    let order = Jti::parse(&order).map_err(|error| Problem::malformed(error.to_string()))?;
    let PaymentEnd { failed } = body::read_json(&headers, body).await?;
    within_rate(&app, principal.tenant)?;
    let new = app.blocking(move |ledger| ledger.payment_ended(principal.tenant, order, failed)).await??;
    Ok(Json(PaymentNoted { new }))
}

/// Take back what was paid
///
/// Corrections are reversals in the open period; what is posted stays as it is.
#[utoipa::path(post, path = "/v1/reversals", operation_id = "reverse_payout", tag = "money", security(("bearer" = [])),
    request_body = ReversalRequest,
    responses(
        (status = 200, body = Reversed),
        (status = 400, description = "malformed-request", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 403, description = "forbidden: the role is not admin", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 404, description = "not-found", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 409, description = "state-conflict: it is not of a posted period, or was taken back before", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 410, description = "erased", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 413, description = "too-large", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 415, description = "unsupported-content-type", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 429, description = "tenant-limit", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 503, description = "busy, deadline, stopped", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn reverse(
    State(app): State<App>,
    Admin(principal): Admin,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Reversed>, Problem> {
    let ReversalRequest { leaf_index, reason } = body::read_json(&headers, body).await?;
    within_rate(&app, principal.tenant)?;
    let entry = LeafIndex(leaf_index);
    let appended =
        app.blocking(move |ledger| ledger.reverse_payout(principal.tenant, entry, reason)).await??;
    Ok(Json(Reversed { leaf_index: appended.leaf_index.0 }))
}
