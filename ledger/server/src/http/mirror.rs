//! `/v1/mirror`: what enterprises' systems say of their customers, pushed by the systems, and what customers wish to have
//! changed there. Reference: `docs/reference/connector.md`.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use grantbook_record::mirror::{MirrorPushAnswer, STATEMENT_BYTES_MAX, SourceState, WaitingWishes};
use grantbook_record::{Jti, PublicKey, SourceId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::body;
use super::caller::{Admin, Caller, within_rate};
use super::problem::{Problem, ProblemDetails};

/// Bytes around a statement.
const FRAME_BYTES: usize = 64;

/// What a source pushes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Pushed {
    /// docs/reference/connector.md: a compact JWS by the source's key.
    pushed: String,
}

/// What a source says became of wishes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Decided {
    /// docs/reference/connector.md: a compact JWS by the source's key.
    decided: String,
}

/// How far a source is.
#[derive(Serialize, ToSchema)]
pub(super) struct SourceView {
    /// Sequence number of the last push; 0 before the first.
    sequence: u64,
    /// As of when the mirror is, Unix milliseconds; absent before the first push.
    #[serde(skip_serializing_if = "Option::is_none")]
    as_of: Option<u64>,
    /// The last push's mark.
    mark: String,
}

/// Register a source
///
/// A system that pushes records, by statements that its key signs. Another key takes the place of the one before.
#[utoipa::path(put, path = "/v1/mirror/sources/{source}", operation_id = "register_source", tag = "mirror", security(("bearer" = [])),
    params(("source" = String, Path, description = "Its name: 1 to 64 letters, digits, `.`, `_` or `-`", pattern = "^[A-Za-z0-9._-]{1,64}$")),
    request_body(content = Object, description = "Its Ed25519 key, a JWK with crv, kty and x", example = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})),
    responses(
        (status = 204, description = "Registered"),
        (status = 400, description = "malformed-request", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 403, description = "forbidden: the role is not admin", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 422, description = "refused: too many sources", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn register_source(
    State(app): State<App>,
    Admin(principal): Admin,
    Path(source): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let source = SourceId::parse(&source).map_err(|error| Problem::malformed(error.to_string()))?;
    let key: PublicKey = body::read_json(&headers, body).await?;
    app.blocking(move |ledger| ledger.register_source(principal.tenant, &source, key)).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// How far a source is
///
/// Where a source goes on after a crash: its mark is that of the last push that the ledger has.
#[utoipa::path(get, path = "/v1/mirror/sources/{source}", operation_id = "get_source", tag = "mirror", security(("bearer" = [])),
    params(("source" = String, Path, description = "Its name")),
    responses(
        (status = 200, body = SourceView),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 404, description = "not-found", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn source(
    State(app): State<App>,
    caller: Caller,
    Path(source): Path<String>,
) -> Result<Json<SourceView>, Problem> {
    let source = SourceId::parse(&source).map_err(|_| Problem::not_found())?;
    let tenant = caller.tenant();
    let state = app.blocking(move |ledger| ledger.source_state(tenant, &source)).await??;
    let SourceState { sequence, as_of, mark } = state;
    Ok(Json(SourceView { sequence, as_of: as_of.map(|as_of| as_of.0), mark: mark.to_string() }))
}

/// Push records
///
/// Durable when answered. The last push once more is answered as it was.
#[utoipa::path(post, path = "/v1/mirror", operation_id = "push_mirror", tag = "mirror", security(("bearer" = [])), request_body = Pushed,
    responses(
        (status = 200, description = "Taken in; which records were not, and why", body = Object),
        (status = 400, description = "malformed-request, malformed-envelope", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 403, description = "bad-signature: unknown source or another key than its own", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 409, description = "sequence-conflict: not the source's next push", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 422, description = "wrong-time, wrong-audience", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn push(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<MirrorPushAnswer>, Problem> {
    let Pushed { pushed } = read_statement(&headers, body).await?;
    let tenant = caller.tenant();
    within_rate(&app, tenant)?;
    Ok(Json(app.blocking(move |ledger| ledger.push_mirror(tenant, &pushed)).await??))
}

/// Which source's wishes.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WishesQuery {
    /// The source.
    #[param(required = true, nullable = false, pattern = "^[A-Za-z0-9._-]{1,64}$")]
    source: Option<String>,
    /// The last wish of the page before; without it the list begins.
    #[param(
        nullable = false,
        pattern = "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
    )]
    cursor: Option<String>,
}

/// List wishes that wait
///
/// What customers wish to have changed in a system: the oldest, as many as one answer holds.
#[utoipa::path(get, path = "/v1/mirror/wishes", operation_id = "list_wishes", tag = "mirror", security(("bearer" = [])), params(WishesQuery),
    responses(
        (status = 200, body = Object),
        (status = 400, description = "malformed-request", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 404, description = "not-found: no such source", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn wishes(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<WishesQuery>,
) -> Result<Json<WaitingWishes>, Problem> {
    let source = SourceId::parse(&query.source.unwrap_or_default())
        .map_err(|error| Problem::malformed(error.to_string()))?;
    let after = query.cursor.as_deref().map(str::parse::<Jti>).transpose();
    let after = after.map_err(|_| Problem::malformed("malformed cursor, expected the id of a wish"))?;
    let tenant = caller.tenant();
    Ok(Json(app.blocking(move |ledger| ledger.waiting_wishes(tenant, &source, after)).await??))
}

/// Say what became of wishes
///
/// About wishes that do not wait for the source, it changes nothing.
#[utoipa::path(post, path = "/v1/mirror/wishes", operation_id = "decide_wishes", tag = "mirror", security(("bearer" = [])), request_body = Decided,
    responses(
        (status = 204, description = "Taken in"),
        (status = 400, description = "malformed-request, malformed-envelope", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 403, description = "bad-signature: unknown source or another key than its own", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 422, description = "wrong-time, wrong-audience", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn decide(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let Decided { decided } = read_statement(&headers, body).await?;
    let tenant = caller.tenant();
    within_rate(&app, tenant)?;
    app.blocking(move |ledger| ledger.decide_wishes(tenant, &decided)).await??;
    Ok(StatusCode::NO_CONTENT)
}

async fn read_statement<T: serde::de::DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
) -> Result<T, Problem> {
    body::expect_json(headers)?;
    let bytes = body::read(body, STATEMENT_BYTES_MAX + FRAME_BYTES).await?;
    Ok(grantbook_record::strict_json::parse(&bytes)?)
}
