//! `GET /v1/policy`, `GET /v1/policy/candidate`, `POST /v1/policy/simulations`: rules that hold, rules in shadow, and the
//! recorded past under rules that might come.

use axum::Json;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use grantbook_engine::{Ledger, ReadError, Simulated};
use grantbook_plan::PolicyPlan;
use grantbook_plan::rules::PLAN_BYTES_MAX;
use grantbook_plan::simulation::{Report, Window};
use grantbook_plan::tenant::{Candidate, PublishedPolicy};
use grantbook_record::{TenantId, UnixSeconds, strict_json};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::body;
use super::caller::{Admin, Caller, within_rate};
use super::problem::{Problem, ProblemDetails, ProblemKind};

/// Bytes of a request to simulate: a plan and what surrounds it.
const REQUEST_BYTES_MAX: usize = PLAN_BYTES_MAX + 1024;

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

/// What is wanted of rules in shadow.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CandidateQuery {
    /// Whether what they would have changed is told; without it, yes.
    #[param(nullable = false)]
    report: Option<bool>,
}

/// Rules in shadow, and what they would have changed.
#[derive(Serialize, ToSchema)]
pub(super) struct CandidateView {
    /// The rules, and from when to when they are in shadow: docs/spec/policy-plan.md, "Shadow".
    #[schema(value_type = Object)]
    candidate: Candidate,
    /// Version of the rules in force with which they were compared; absent where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    in_force: Option<u32>,
    /// Counts of uses and customers: docs/spec/policy-plan.md, "Simulation". Absent where it was not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, nullable = false)]
    report: Option<Report>,
}

/// What rules would have changed.
#[derive(Serialize, ToSchema)]
pub(super) struct SimulatedView {
    /// Version of the rules in force with which they were compared; absent where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    in_force: Option<u32>,
    /// Counts of uses and customers: docs/spec/policy-plan.md, "Simulation".
    #[schema(value_type = Object)]
    report: Report,
}

impl From<Simulated> for SimulatedView {
    fn from(Simulated { in_force, report }: Simulated) -> Self {
        Self { in_force, report }
    }
}

/// The rules in shadow, and what they would have changed so far
///
/// The whole log is read for it, one such request at a time.
#[utoipa::path(get, path = "/v1/policy/candidate", operation_id = "get_candidate_policy", tag = "events", security(("bearer" = [])), params(CandidateQuery),
    responses(
        (status = 200, body = CandidateView),
        (status = 400, description = "malformed-request", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 403, description = "forbidden: the role is not admin", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 404, description = "not-found: none are in shadow", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 503, description = "busy: another simulation is under way", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn candidate(
    State(app): State<App>,
    Admin(principal): Admin,
    Query(CandidateQuery { report }): Query<CandidateQuery>,
) -> Result<Json<CandidateView>, Problem> {
    if report == Some(false) {
        let state = app.blocking(move |ledger| ledger.tenant_state(principal.tenant)).await??;
        let candidate = state.candidate.ok_or_else(Problem::not_found)?;
        return Ok(Json(CandidateView { candidate, in_force: None, report: None }));
    }
    let shadow = in_turn(&app, principal.tenant, Ledger::shadow).await?;
    let (candidate, Simulated { in_force, report }) = shadow.ok_or_else(Problem::not_found)?;
    Ok(Json(CandidateView { candidate, in_force, report: Some(report) }))
}

/// Which rules, and which part of the past.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicySimulationRequest {
    /// A policy plan: docs/spec/policy-plan.md.
    #[schema(value_type = Object)]
    plan: serde_json::Value,
    /// First second, Unix.
    #[serde(default)]
    #[schema(value_type = Option<u64>, nullable = false)]
    since: Option<UnixSeconds>,
    /// First second after, Unix.
    #[serde(default)]
    #[schema(value_type = Option<u64>, nullable = false)]
    until: Option<UnixSeconds>,
}

/// Judge the recorded past by rules that might come
///
/// Recorded uses and denials, under these rules and under those in force. The whole log is read for it, one such request at
/// a time; nothing is recorded.
#[utoipa::path(post, path = "/v1/policy/simulations", operation_id = "simulate_policy", tag = "events", security(("bearer" = [])),
    request_body = PolicySimulationRequest,
    responses(
        (status = 200, body = SimulatedView),
        (status = 400, description = "malformed-request, such as a plan that cannot be evaluated", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 403, description = "forbidden: the role is not admin", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 503, description = "busy: another simulation is under way", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn simulate(
    State(app): State<App>,
    Admin(principal): Admin,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<SimulatedView>, Problem> {
    body::expect_json(&headers)?;
    let PolicySimulationRequest { plan, since, until } =
        strict_json::parse(&body::read(body, REQUEST_BYTES_MAX).await?)?;
    let plan = PolicyPlan::from_value(&plan).map_err(|error| Problem::malformed(error.to_string()))?;
    let window =
        Window { since: since.unwrap_or(Window::ALL.since), until: until.unwrap_or(Window::ALL.until) };
    let simulate = move |ledger: &Ledger, tenant| ledger.simulate(tenant, &plan, window, &mut |_, _, _| ());
    in_turn(&app, principal.tenant, simulate).await.map(SimulatedView::from).map(Json)
}

/// Reads the whole log for a tenant, unless somebody else does.
async fn in_turn<T: Send + 'static>(
    app: &App,
    tenant: TenantId,
    read: impl FnOnce(&Ledger, TenantId) -> Result<T, ReadError> + Send + 'static,
) -> Result<T, Problem> {
    within_rate(app, tenant)?;
    let place = app.simulations.clone().try_acquire_owned();
    let busy = |_| Problem::new(ProblemKind::Busy, "another simulation is under way, try again later");
    let place = place.map_err(busy)?;
    let call = move |ledger: &Ledger| {
        // as long as it reads, even if nobody waits for it any more
        let _place = place;
        read(ledger, tenant)
    };
    Ok(app.blocking(call).await??)
}
