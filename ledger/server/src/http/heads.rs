//! `POST /v1/heads`: how far the tenant's feed reaches, signed over the asker's nonce.

use std::time::Instant;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use grantbook_engine::Clock;
use grantbook_record::encoding::Bytes32;
use grantbook_record::feed::FeedPosition;
use grantbook_record::head::SignedHead;
use grantbook_record::{GateId, TenantId};
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
    /// The registered gate that asks, together with `position`.
    #[serde(default)]
    #[schema(value_type = String, required = false, pattern = "^[A-Za-z0-9._-]{1,64}$")]
    gate: Option<GateId>,
    /// How many frames of the feed it has folded: how far it is, as `/v1/grants/{jti}/acknowledgements` shows it.
    #[serde(default)]
    #[schema(value_type = u64, required = false)]
    position: Option<FeedPosition>,
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
    let HeadRequest { nonce, gate, position } = body::read_json(&headers, body).await?;
    let tenant = caller.tenant();
    match (gate, position) {
        (Some(gate), Some(position)) => note(&app, tenant, gate, position)?,
        (None, None) => {}
        _ => return Err(Problem::malformed("expected gate and position together, or neither")),
    }
    Ok(Json(app.blocking(move |ledger| ledger.signed_head(tenant, nonce.0)).await??))
}

/// Notes how far a gate is. One that is not registered, or says that it is ahead of the feed, gets its head all the same.
fn note(app: &App, tenant: TenantId, gate: GateId, position: FeedPosition) -> Result<(), Problem> {
    let known = app.ledger.tenant(tenant).is_some_and(|tenant| tenant.gates.iter().any(|one| one.id == gate));
    if known && position <= app.ledger.feed_end(tenant)?.position {
        app.live_gates.report(tenant, gate, position, Clock::system().now(), Instant::now());
    }
    Ok(())
}
