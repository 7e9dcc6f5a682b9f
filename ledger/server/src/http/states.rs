//! `GET /v1/states/{sub}`.

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use grantbook_record::SubjectId;

use super::App;
use super::caller::Caller;
use super::problem::{Problem, ProblemDetails};

/// What a customer's grants came to, proved
///
/// Under the last `state.root` entry of the log: which grants were in force, or how and when they ended, or that there were
/// none. Verify it with `grantbook verify state`.
#[utoipa::path(get, path = "/v1/states/{sub}", operation_id = "get_state_proof", tag = "grants", security(("bearer" = [])),
    params(("sub" = String, Path, description = "The customer's pseudonym")),
    responses(
        (status = 200, description = "docs/spec/state-proof.md", content_type = "application/json", body = Object),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 404, description = "not-found, also for customers of other tenants", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 409, description = "not-yet: the customer's grants have changed since the last root", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn one(
    State(app): State<App>,
    caller: Caller,
    Path(sub): Path<String>,
) -> Result<Response, Problem> {
    let sub = SubjectId::parse(&sub).map_err(|_| Problem::not_found())?;
    let tenant = caller.tenant();
    let proof = app.blocking(move |ledger| ledger.state_proof(tenant, &sub)).await??;
    Ok(([(header::CONTENT_TYPE, "application/json")], proof.to_json()).into_response())
}
