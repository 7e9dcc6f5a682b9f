//! `GET /v1/policy`.

use axum::Json;
use axum::extract::State;
use grantbook_plan::tenant::PublishedPolicy;

use super::App;
use super::caller::Caller;
use super::problem::{Problem, ProblemDetails};

/// The rules of law and of the house that hold now
///
/// As the enterprise published them last: version, digest of the Cedar sources, and the lowered plan.
#[utoipa::path(get, path = "/v1/policy", operation_id = "get_policy", tag = "events", security(("bearer" = [])),
    responses(
        (status = 200, description = "docs/spec/policy-plan.md", content_type = "application/json", body = Object),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 404, description = "not-found: none was published", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn one(State(app): State<App>, caller: Caller) -> Result<Json<PublishedPolicy>, Problem> {
    let tenant = caller.tenant();
    let state = app.blocking(move |ledger| ledger.tenant_state(tenant)).await??;
    state.policy.map(Json).ok_or_else(Problem::not_found)
}
