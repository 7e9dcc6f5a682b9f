//! Whether the process lives, and whether it can do its work.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::problem::{Problem, ProblemDetails, ProblemKind};

/// How the server is.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`
    status: &'static str,
}

/// The process answers
#[utoipa::path(get, path = "/healthz", operation_id = "get_liveness", tag = "operation", responses((status = 200, body = Health)))]
pub(super) async fn live() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// The ledger takes entries
#[utoipa::path(get, path = "/readyz", operation_id = "get_readiness", tag = "operation", responses(
    (status = 200, body = Health),
    (status = 503, description = "not-ready", content_type = "application/problem+json", body = ProblemDetails<'static>),
))]
pub(super) async fn ready(State(app): State<App>) -> Result<Json<Health>, Problem> {
    if *app.stopping.borrow() {
        return Err(Problem::new(ProblemKind::NotReady, "the server is stopping"));
    }
    match app.blocking(grantbook_engine::Ledger::readiness).await? {
        Ok(()) => Ok(Json(Health { status: "ok" })),
        Err(why) => Err(Problem::new(ProblemKind::NotReady, why)),
    }
}
