//! `/v1/leases` and `/v1/budgets`: slices of caps, rates and budgets for gates, and what projects may spend.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use grantbook_engine::leases::Budget;
use grantbook_record::lease::{LeaseRequest, LeaseResponse, OpenLeases};
use grantbook_record::{Currency, GateId, Jti, MinorUnits, Term};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::body;
use super::caller::{Admin, Caller, within_rate};
use super::problem::{Problem, ProblemDetails};

/// What a gate gives back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Released {
    /// docs/spec/lease.md: a compact JWS by the gate's key.
    release: String,
}

/// What a project may spend on payouts.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BudgetSet {
    /// ISO 4217 code.
    #[schema(value_type = String, pattern = "^[A-Z]{3}$", example = "CNY")]
    currency: Currency,
    /// In all, in minor units.
    #[schema(value_type = u64, example = 500_000)]
    minor: MinorUnits,
}

/// A tenant's budgets, by project.
#[derive(Serialize, ToSchema)]
pub(super) struct Budgets {
    /// The rows.
    budgets: Vec<BudgetView>,
}

/// A project's budget. All amounts are in minor units of its currency.
#[derive(Serialize, ToSchema)]
struct BudgetView {
    /// The requester.
    #[schema(value_type = String)]
    project: Term,
    /// ISO 4217 code.
    #[schema(value_type = String)]
    currency: Currency,
    /// What it may spend in all.
    #[schema(value_type = u64)]
    minor: MinorUnits,
    /// Payouts of its recorded uses since it has a budget.
    #[schema(value_type = u64)]
    spent: MinorUnits,
    /// Leased to gates, their records still to arrive.
    outstanding: u64,
    /// Leased, and never accounted for: counts as spent.
    written_off: u64,
}

/// Lease slices of limits
///
/// A gate asks for slices of caps, rates and budgets that it then uses up by itself (docs/spec/lease.md). What is leased is
/// charged at once.
#[utoipa::path(post, path = "/v1/leases", operation_id = "lease", tag = "leases", security(("bearer" = [])),
    request_body(content = Object, content_type = "application/json", description = "docs/spec/lease.md"),
    responses(
        (status = 200, description = "A lease or the reason why not, for each want and in their order", body = Object),
        (status = 400, description = "malformed-request", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 403, description = "bad-signature: unknown gate", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 413, description = "too-large", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 415, description = "unsupported-content-type", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 429, description = "tenant-limit", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 503, description = "busy, deadline, stopped", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn lease(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<LeaseResponse>, Problem> {
    let request: LeaseRequest = body::read_json(&headers, body).await?;
    let tenant = caller.tenant();
    within_rate(&app, tenant)?;
    Ok(Json(app.blocking(move |ledger| ledger.lease(tenant, request)).await??))
}

/// Which gate's leases, and where the page begins.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct OpenQuery {
    /// The gate.
    #[param(required = true, nullable = false, pattern = "^[A-Za-z0-9._-]{1,64}$")]
    gate: Option<String>,
    /// `next` of the page before; without it the list begins.
    #[param(
        nullable = false,
        pattern = "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
    )]
    cursor: Option<String>,
}

/// List a gate's open leases
///
/// Those that it has not given back, that what has arrived has not used up, and that are not written off: a gate that was
/// killed learns from it what it may give back (docs/spec/lease.md).
#[utoipa::path(get, path = "/v1/leases", operation_id = "list_leases", tag = "leases", security(("bearer" = [])), params(OpenQuery),
    responses(
        (status = 200, description = "A page, by the leases' ids", body = Object),
        (status = 400, description = "malformed-request", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 403, description = "bad-signature: unknown gate", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<OpenQuery>,
) -> Result<Json<OpenLeases>, Problem> {
    let gate = GateId::parse(&query.gate.unwrap_or_default())
        .map_err(|error| Problem::malformed(error.to_string()))?;
    let after = query.cursor.as_deref().map(str::parse::<Jti>).transpose();
    let after = after.map_err(|_| Problem::malformed("malformed cursor, expected next of a page"))?;
    let tenant = caller.tenant();
    Ok(Json(app.blocking(move |ledger| ledger.open_leases(tenant, &gate, after)).await??))
}

/// Give leases back
///
/// Said once: the same again changes nothing.
#[utoipa::path(post, path = "/v1/leases/releases", operation_id = "release_leases", tag = "leases", security(("bearer" = [])),
    request_body = Released,
    responses(
        (status = 204, description = "Taken in: what was not spent is free again"),
        (status = 400, description = "malformed-request", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 403, description = "bad-signature: unknown gate or another key than its own", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 413, description = "too-large", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 415, description = "unsupported-content-type", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 422, description = "wrong-time, wrong-audience", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 429, description = "tenant-limit", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 503, description = "busy, deadline, stopped", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn release(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let Released { release } = body::read_json(&headers, body).await?;
    let tenant = caller.tenant();
    within_rate(&app, tenant)?;
    app.blocking(move |ledger| ledger.release_leases(tenant, &release)).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// Set what a project may spend on payouts
///
/// The project is the `requester` of its uses; one without a budget is not limited. What it has spent stays spent.
#[utoipa::path(put, path = "/v1/budgets/{project}", operation_id = "set_budget", tag = "leases", security(("bearer" = [])),
    params(("project" = String, Path, description = "The requester: 1 to 64 lower-case letters, digits, `_` or `-`, beginning with a letter", pattern = "^[a-z][a-z0-9_-]{0,63}$")),
    request_body = BudgetSet,
    responses(
        (status = 204, description = "Set: durable"),
        (status = 400, description = "malformed-request", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 403, description = "forbidden: the role is not admin", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 413, description = "too-large", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 415, description = "unsupported-content-type", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 422, description = "refused: no currency, or another one than what is spent or leased already", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 503, description = "busy, deadline, stopped", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn set_budget(
    State(app): State<App>,
    Admin(principal): Admin,
    Path(project): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let project = Term::parse(&project).map_err(|error| Problem::malformed(error.to_string()))?;
    let BudgetSet { currency, minor } = body::read_json(&headers, body).await?;
    app.blocking(move |ledger| ledger.set_budget(principal.tenant, project, currency, minor)).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// List budgets
#[utoipa::path(get, path = "/v1/budgets", operation_id = "list_budgets", tag = "leases", security(("bearer" = [])), responses(
    (status = 200, description = "All of the tenant's, by project", body = Budgets),
    (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
))]
pub(super) async fn list_budgets(State(app): State<App>, caller: Caller) -> Result<Json<Budgets>, Problem> {
    let view = |Budget { project, currency, minor, spent, charged }| BudgetView {
        project,
        currency,
        minor,
        spent,
        outstanding: charged.outstanding,
        written_off: charged.written_off,
    };
    let tenant = caller.tenant();
    let budgets = app.blocking(move |ledger| ledger.budgets(tenant)).await??;
    Ok(Json(Budgets { budgets: budgets.into_iter().map(view).collect() }))
}
