//! `POST /v1/gate-keys`: the key under which a gate seals what it keeps on its disk.
//!
//! It follows from the key epoch's and is gone with it. Gates hold it in memory only, and are told by the feed when a new
//! epoch has begun.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use grantbook_record::GateId;
use grantbook_record::encoding::Bytes32;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::body;
use super::caller::Caller;
use super::problem::{Problem, ProblemDetails};

/// Which gate asks.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GateKeyRequest {
    /// Its name.
    #[schema(value_type = String, pattern = "^[A-Za-z0-9._-]{1,64}$")]
    gate: GateId,
}

/// A gate's sealing key.
#[derive(Serialize, ToSchema)]
pub(super) struct GateKeyView {
    /// The key epoch that it belongs to.
    epoch: u64,
    /// 32 bytes as base64url.
    #[schema(value_type = String)]
    key: Bytes32,
}

/// Get a gate's sealing key
///
/// The key of the present key epoch, for a gate that is registered. To be held in memory and written nowhere.
#[utoipa::path(post, path = "/v1/gate-keys", operation_id = "get_gate_key", tag = "tenant", security(("bearer" = [])), request_body = GateKeyRequest,
    responses(
        (status = 200, body = GateKeyView),
        (status = 400, description = "malformed-request", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 404, description = "not-found: no such gate is registered", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 413, description = "too-large", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 415, description = "unsupported-content-type", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn hand_out(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<GateKeyView>, Problem> {
    let GateKeyRequest { gate } = body::read_json(&headers, body).await?;
    let tenant = caller.tenant();
    let (epoch, key) = app.blocking(move |ledger| ledger.gate_key(tenant, &gate)).await??;
    Ok(Json(GateKeyView { epoch, key: Bytes32(*key) }))
}
