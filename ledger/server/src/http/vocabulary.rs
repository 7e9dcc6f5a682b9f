//! `GET /v1/vocabulary`.

use axum::Json;
use axum::extract::State;
use grantbook_record::vocabulary::VocabularyPublished;
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::caller::Caller;
use super::problem::{Problem, ProblemDetails};

/// What the caller's tenant has published of its vocabulary.
#[derive(Serialize, ToSchema)]
pub(super) struct Publications {
    /// The events, by rising version: what each version changes of the one before, from the second on. docs/spec/vocabulary.md
    #[schema(value_type = Vec<Object>)]
    published: Vec<VocabularyPublished>,
}

/// What the caller's tenant has published of its vocabulary
#[utoipa::path(get, path = "/v1/vocabulary", operation_id = "get_vocabulary", tag = "tenant", security(("bearer" = [])), responses(
    (status = 200, body = Publications),
    (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
))]
pub(super) async fn all(State(app): State<App>, caller: Caller) -> Result<Json<Publications>, Problem> {
    let tenant = caller.tenant();
    let state = app.blocking(move |ledger| ledger.tenant_state(tenant)).await??;
    Ok(Json(Publications { published: state.vocabulary.into() }))
}
