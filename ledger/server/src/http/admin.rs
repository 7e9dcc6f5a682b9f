//! What a tenant's administrators manage: gates and tokens. Any of the tenant's callers may read who the tenant is.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use grantbook_engine::{GateKey, Role, Tenant, TenantError, TokenInfo};
use grantbook_record::{DenialReason, GateId, PublicKey, TenantId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::body;
use super::caller::{Admin, Caller};
use super::problem::{Problem, ProblemDetails, ProblemKind};

/// A tenant and the keys that its readers need.
#[derive(Serialize, ToSchema)]
pub(super) struct TenantView {
    /// Its permanent id, the `aud` of its envelopes.
    #[schema(value_type = String)]
    id: TenantId,
    /// Its name, for people.
    name: String,
    /// Whether it is for trying things out.
    sandbox: bool,
    /// The enterprise's key, a JWK.
    #[schema(value_type = Object)]
    enterprise_key: PublicKey,
    /// The operator's key for events, a JWK.
    #[schema(value_type = Object)]
    operator_key: PublicKey,
    /// Its gates: name and key each.
    #[schema(value_type = Vec<Object>)]
    gates: Vec<GateKey>,
    /// The key epoch: what was erased in an earlier one opens from no backup any more.
    epoch: u64,
}

/// A token to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"role": "service", "label": "web shop"}))]
pub(super) struct TokenRequest {
    /// `service` or `admin`.
    #[schema(value_type = String, pattern = "^(service|admin)$")]
    role: Role,
    /// What it is for, for people: 1 to 128 bytes without control characters.
    #[schema(min_length = 1)]
    label: String,
}

/// A token that was made.
#[derive(Serialize, ToSchema)]
pub(super) struct TokenMade {
    /// Names the token, without giving it away.
    #[schema(value_type = Object)]
    token: TokenInfo,
    /// The token itself, shown this once.
    secret: String,
}

/// The tenant's tokens.
#[derive(Serialize, ToSchema)]
pub(super) struct Tokens {
    /// Id, role and label each.
    #[schema(value_type = Vec<Object>)]
    tokens: Vec<TokenInfo>,
}

/// Who the caller's tenant is
#[utoipa::path(get, path = "/v1/tenant", operation_id = "get_tenant", tag = "tenant", security(("bearer" = [])), responses(
    (status = 200, body = TenantView),
    (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
))]
pub(super) async fn tenant(State(app): State<App>, caller: Caller) -> Result<Json<TenantView>, Problem> {
    let tenant = app.ledger.tenant(caller.tenant()).ok_or(TenantError::UnknownTenant)?;
    let Tenant { id, name, sandbox, enterprise_key, gates, .. } = tenant;
    let (operator_key, epoch) = (app.ledger.operator_key(), app.ledger.epoch().number);
    Ok(Json(TenantView { id, name, sandbox, enterprise_key, operator_key, gates, epoch }))
}

/// Register a gate
#[utoipa::path(put, path = "/v1/gates/{gate}", operation_id = "register_gate", tag = "tenant", security(("bearer" = [])),
    params(("gate" = String, Path, description = "Its name: 1 to 64 letters, digits, `.`, `_` or `-`", pattern = "^[A-Za-z0-9._-]{1,64}$")),
    request_body(content = Object, description = "Its Ed25519 key, a JWK with crv, kty and x", example = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})),
    responses(
        (status = 204, description = "Registered; the same gate with the same key again changes nothing"),
        (status = 400, description = "malformed-request", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 403, description = "forbidden: the role is not admin", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 422, description = "refused, such as a gate that has another key", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn register_gate(
    State(app): State<App>,
    Admin(principal): Admin,
    Path(gate): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let gate = GateId::parse(&gate).map_err(|error| Problem::malformed(error.to_string()))?;
    let key: PublicKey = body::read_json(&headers, body).await?;
    app.blocking(move |ledger| ledger.register_gate(principal.tenant, &gate, key)).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// List tokens, without their secrets
#[utoipa::path(get, path = "/v1/tokens", operation_id = "list_tokens", tag = "tenant", security(("bearer" = [])), responses(
    (status = 200, body = Tokens),
    (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
    (status = 403, description = "forbidden: the role is not admin", content_type = "application/problem+json", body = ProblemDetails<'static>),
))]
pub(super) async fn list_tokens(State(app): State<App>, Admin(principal): Admin) -> Json<Tokens> {
    Json(Tokens { tokens: app.ledger.tokens(principal.tenant) })
}

/// Make a token
#[utoipa::path(post, path = "/v1/tokens", operation_id = "create_token", tag = "tenant", security(("bearer" = [])), request_body = TokenRequest,
    responses(
        (status = 201, body = TokenMade),
        (status = 400, description = "malformed-request", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 403, description = "forbidden: the role is not admin, or the role asked for is operator", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 422, description = "refused", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn create_token(
    State(app): State<App>,
    Admin(principal): Admin,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<TokenMade>), Problem> {
    let TokenRequest { role, label } = body::read_json(&headers, body).await?;
    // an enterprise's administrator must not make one who opens other enterprises' records
    if role == Role::Operator {
        let detail = "a token with the role operator is made where the keyring is";
        return Err(Problem::new(ProblemKind::Forbidden, detail));
    }
    let (token, secret) =
        app.blocking(move |ledger| ledger.create_token(principal.tenant, role, &label)).await??;
    Ok((StatusCode::CREATED, Json(TokenMade { token, secret })))
}

/// Revoke a token
#[utoipa::path(delete, path = "/v1/tokens/{id}", operation_id = "revoke_token", tag = "tenant", security(("bearer" = [])),
    params(("id" = String, Path, description = "Its id, not its secret")),
    responses(
        (status = 204, description = "It is valid no more"),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 403, description = "forbidden: the role is not admin", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 404, description = "not-found", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn revoke_token(
    State(app): State<App>,
    Admin(principal): Admin,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    app.blocking(move |ledger| ledger.revoke_token(principal.tenant, &id)).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// How far a gate has come.
#[derive(Serialize, ToSchema)]
pub(super) struct GateView {
    /// The sequence number that its next record must have.
    next_seq: u64,
    /// Uses permitted.
    permitted: u64,
    /// Uses denied, by reason.
    #[schema(value_type = Object)]
    denied: BTreeMap<DenialReason, u64>,
    /// What its uses pay, in minor units by ISO 4217 code.
    payout_minor: BTreeMap<String, u64>,
}

/// How far a gate has come
#[utoipa::path(get, path = "/v1/gates/{gate}", operation_id = "get_gate", tag = "tenant", security(("bearer" = [])),
    params(("gate" = String, Path, description = "Its name")),
    responses(
        (status = 200, body = GateView),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 404, description = "not-found", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn gate(
    State(app): State<App>,
    caller: Caller,
    Path(gate): Path<String>,
) -> Result<Json<GateView>, Problem> {
    let gate = GateId::parse(&gate).map_err(|_| Problem::not_found())?;
    let tenant = app.ledger.tenant(caller.tenant()).ok_or(TenantError::UnknownTenant)?;
    if !tenant.gates.iter().any(|known| known.id == gate) {
        return Err(Problem::not_found());
    }
    let progress = app.blocking(move |ledger| ledger.gate_progress(tenant.id, &gate)).await??;
    Ok(Json(GateView {
        next_seq: progress.next_seq,
        permitted: progress.permitted,
        denied: progress.denied,
        payout_minor: progress.payout_minor,
    }))
}
