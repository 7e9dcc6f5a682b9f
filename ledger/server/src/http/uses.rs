//! `/v1/uses`: batches of use records in, recorded uses out.

use axum::Json;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use grantbook_engine::{AppendedUse, UseRow};
use grantbook_record::uses::{BATCH_BYTES_MAX, UseRecord};
use grantbook_record::{Currency, DenialReason, Receipt};
use grantbook_tlog::LeafIndex;
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::body;
use super::caller::{Caller, within_rate};
use super::page::PageQuery;
use super::problem::{Problem, ProblemDetails};

/// What became of a batch.
#[derive(Serialize, ToSchema)]
pub(super) struct UsesAppended {
    /// One for each record, in order.
    uses: Vec<UseAppended>,
}

/// What became of one record.
#[derive(Serialize, ToSchema)]
pub(super) struct UseAppended {
    /// Where its entry stands in the log.
    leaf_index: u64,
    /// The rule that it breaks, a reason of docs/spec/denials.md; it is recorded and shown nevertheless.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    flag: Option<DenialReason>,
    /// docs/spec/receipt.md
    #[schema(value_type = Object)]
    receipt: Receipt,
}

/// Recorded uses, by rising leaf index.
#[derive(Serialize, ToSchema)]
pub(super) struct UsesPage {
    /// The rows.
    uses: Vec<UseView>,
    /// Cursor of the next page; absent at the end. A page may be short, even empty, before the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A recorded use or denial.
#[derive(Serialize, ToSchema)]
struct UseView {
    /// Where its entry stands in the log.
    leaf_index: u64,
    /// docs/spec/use-batch.md
    #[schema(value_type = Object)]
    record: UseRecord,
    /// The rule that it breaks.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    flag: Option<DenialReason>,
    /// Whether it fell between a withdrawal and the bound within which that took effect.
    in_window: bool,
    /// What it pays, in minor units.
    payout_minor: u64,
    /// ISO 4217 code of the payout; empty for none.
    #[schema(value_type = String)]
    currency: Currency,
}

/// Append a signed batch of use records
///
/// The batch (docs/spec/use-batch.md) is taken whole or refused whole. Sending it again gives the same receipts.
#[utoipa::path(post, path = "/v1/uses", operation_id = "append_uses", tag = "uses", security(("bearer" = [])),
    request_body(content = Object, content_type = "application/json", description = "docs/spec/use-batch.md"),
    responses(
        (status = 201, description = "Recorded: durable and under a signed checkpoint", body = UsesAppended),
        (status = 400, description = "malformed-batch", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 403, description = "bad-signature: unknown gate or another key than its own", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 409, description = "sequence-conflict, use-conflict, jti-conflict", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 413, description = "too-large", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 415, description = "unsupported-content-type", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 422, description = "wrong-time, wrong-audience", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 429, description = "tenant-limit", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 503, description = "busy, deadline, stopped", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn append(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<UsesAppended>), Problem> {
    body::expect_json(&headers)?;
    let bytes = body::read(body, BATCH_BYTES_MAX).await?;
    let tenant = caller.tenant();
    within_rate(&app, tenant)?;
    let appended = app.blocking(move |ledger| ledger.append_uses(tenant, &bytes)).await??;
    app.tenants_rate.charge(tenant, appended.len().saturating_sub(1));
    let all_known = appended.iter().all(|use_| use_.duplicate);
    let status = if all_known { StatusCode::OK } else { StatusCode::CREATED };
    let uses = appended
        .into_iter()
        .map(|AppendedUse { leaf_index, flag, receipt, .. }| UseAppended {
            leaf_index: leaf_index.0,
            flag,
            receipt,
        })
        .collect();
    Ok((status, Json(UsesAppended { uses })))
}

/// List recorded uses and denials
#[utoipa::path(get, path = "/v1/uses", operation_id = "list_uses", tag = "uses", security(("bearer" = [])), params(PageQuery),
    responses(
        (status = 200, description = "A page, by rising leaf index", body = UsesPage),
        (status = 400, description = "malformed-request", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<UsesPage>, Problem> {
    let page = query.page(app.config.limits.page_rows_max)?;
    let (tenant, after, limit) = (caller.tenant(), page.after, page.limit);
    let (rows, next) = app.blocking(move |ledger| ledger.uses(tenant, after, limit)).await??;
    let next = next.map(|LeafIndex(index)| index.to_string());
    let view = |UseRow { leaf_index, record, flag, in_window, payout_minor, currency }| UseView {
        leaf_index: leaf_index.0,
        record,
        flag,
        in_window,
        payout_minor,
        currency,
    };
    Ok(Json(UsesPage { uses: rows.into_iter().map(view).collect(), next }))
}
