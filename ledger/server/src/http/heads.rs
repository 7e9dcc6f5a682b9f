//! `POST /v1/heads`: how far the tenant's feed reaches, signed over the asker's nonce.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use grantbook_record::encoding::Bytes32;
use grantbook_record::head::SignedHead;
use serde::Deserialize;
use utoipa::ToSchema;

use super::App;
use super::body;
use super::caller::Caller;
use super::problem::{Problem, ProblemDetails};

/// What the head must cover.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HeadRequest {
    /// 32 random bytes as base64url, never used before.
    #[schema(value_type = String, pattern = "^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$")]
    nonce: Bytes32,
}

/// A fresh signed head
#[utoipa::path(post, path = "/v1/heads", operation_id = "sign_head", tag = "feed", security(("bearer" = [])), request_body = HeadRequest,
    responses(
        (status = 200, description = "docs/spec/head.md", body = Object),
        (status = 400, description = "malformed-request", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 415, description = "unsupported-content-type", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn sign(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<SignedHead>, Problem> {
    let HeadRequest { nonce } = body::read_json(&headers, body).await?;
    let tenant = caller.tenant();
    Ok(Json(app.blocking(move |ledger| ledger.signed_head(tenant, nonce.0)).await??))
}
