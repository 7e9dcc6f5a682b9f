//! `GET /v1/receipts/{leaf_index}`, and the same by a gate's sequence number.

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use grantbook_record::GateId;
use grantbook_tlog::LeafIndex;

use super::App;
use super::caller::Caller;
use super::page::parse_number;
use super::problem::{Problem, ProblemDetails};

/// The receipt of an entry
///
/// The bytes are the receipt in its one spelling: store them as they come.
#[utoipa::path(get, path = "/v1/receipts/{leaf_index}", operation_id = "get_receipt", tag = "receipts", security(("bearer" = [])),
    params(("leaf_index" = u64, Path, description = "Leaf index of the entry")),
    responses(
        (status = 200, description = "docs/spec/receipt.md", content_type = "application/json", body = Object),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 404, description = "not-found, also for entries of other tenants", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 410, description = "erased", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn one(
    State(app): State<App>,
    caller: Caller,
    Path(leaf_index): Path<String>,
) -> Result<Response, Problem> {
    let index = parse_number(&leaf_index).map(LeafIndex).ok_or_else(Problem::not_found)?;
    let tenant = caller.tenant();
    let receipt = app.blocking(move |ledger| ledger.receipt(tenant, index)).await??;
    Ok(([(header::CONTENT_TYPE, "application/json")], receipt.to_json()).into_response())
}

/// The receipt of a gate's record
///
/// By the record's number in the gate's spool. `remote` is the name of the ledger's own gate.
#[utoipa::path(get, path = "/v1/uses/{gate}/{seq}/receipt", operation_id = "get_use_receipt", tag = "receipts", security(("bearer" = [])),
    params(("gate" = String, Path, description = "Its name"), ("seq" = u64, Path, description = "Sequence number of the record")),
    responses(
        (status = 200, description = "docs/spec/receipt.md", content_type = "application/json", body = Object),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 404, description = "not-found, also for a record that has not arrived yet", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 410, description = "erased", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn of_use(
    State(app): State<App>,
    caller: Caller,
    Path((gate, seq)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let gate = GateId::parse(&gate).map_err(|_| Problem::not_found())?;
    let seq = parse_number(&seq).ok_or_else(Problem::not_found)?;
    let tenant = caller.tenant();
    let receipt = app.blocking(move |ledger| ledger.use_receipt(tenant, &gate, seq)).await??;
    Ok(([(header::CONTENT_TYPE, "application/json")], receipt.to_json()).into_response())
}
