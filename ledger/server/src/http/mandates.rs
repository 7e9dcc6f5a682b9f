//! `/v1/mandates` and `/v1/requests`: what agents may answer, what waits for an answer, and what a mandate would say.
//! docs/spec/mandate.md

use axum::Json;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use grantbook_engine::{MandateRow, RequestRow, Simulation};
use grantbook_plan::mandate::{Answer, Draft, SimulatedTemplate};
use grantbook_record::day::UnixSeconds;
use grantbook_record::event::MandateGiven;
use grantbook_record::{Jti, SubjectId, Term, Terms};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::body;
use super::caller::Caller;
use super::problem::{Problem, ProblemDetails};

/// Whose.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CustomerQuery {
    /// The data subject.
    #[param(pattern = "^[A-Za-z0-9._:-]{1,64}$")]
    sub: String,
}

impl CustomerQuery {
    fn parse(&self) -> Result<SubjectId, Problem> {
        SubjectId::parse(&self.sub).map_err(|error| Problem::malformed(error.to_string()))
    }
}

/// By which rules.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AnswerQuery {
    /// Only requests that wait, each with the answer of this mandate: the `jti` of its `mandate.given`.
    #[param(nullable = false)]
    mandate: Option<String>,
}

/// Mandates, by rising leaf index.
#[derive(Serialize, ToSchema)]
pub(super) struct Mandates {
    /// Those in force, and ended ones as far as they are remembered.
    mandates: Vec<MandateView>,
}

/// A mandate.
#[derive(Serialize, ToSchema)]
struct MandateView {
    /// The `jti` of its `mandate.given`.
    #[schema(value_type = String)]
    mandate: Jti,
    /// Leaf index of its `mandate.given`.
    leaf_index: u64,
    /// Whether its agent may answer now.
    in_force: bool,
    /// Grants that were given under it, or under one handed on from it, and have not ended.
    #[schema(value_type = Vec<String>)]
    grants: Vec<Jti>,
    /// docs/spec/mandate.md
    #[schema(value_type = Object)]
    given: MandateGiven,
}

impl From<MandateRow> for MandateView {
    fn from(MandateRow { mandate, in_force, grants }: MandateRow) -> Self {
        let (leaf_index, given) = (mandate.leaf_index, mandate.given);
        Self { mandate: mandate.id, leaf_index, in_force, grants, given }
    }
}

/// Requests, the latest first.
#[derive(Serialize, ToSchema)]
pub(super) struct Requests {
    /// Those that wait, and the last 64 that wait no longer.
    requests: Vec<RequestView>,
}

/// A request.
#[derive(Serialize, ToSchema)]
struct RequestView {
    /// The `jti` of its `request.made`.
    #[schema(value_type = String)]
    request: Jti,
    /// Leaf index of it.
    leaf_index: u64,
    /// Whether it waits for an answer.
    open: bool,
    /// Until when it may be answered, Unix seconds.
    #[schema(value_type = u64)]
    expires: UnixSeconds,
    /// docs/spec/event.md
    #[schema(value_type = Object)]
    terms: Terms,
    /// What the mandate says of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<AnswerView>,
}

impl RequestView {
    fn new(RequestRow { id, leaf_index, open, request }: RequestRow, answer: Option<Answer>) -> Self {
        let (expires, terms) = (request.expires, request.terms);
        let answer = answer.map(AnswerView::from);
        Self { request: id, leaf_index: leaf_index.0, open, expires, terms, answer }
    }
}

/// What a mandate says of a request.
#[derive(Serialize, ToSchema)]
struct AnswerView {
    /// `accept`, `decline` or `ask`.
    verdict: &'static str,
    /// The rule that says so, by its place, from 0; none where no rule does.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<usize>,
    /// Why it is not accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

impl From<Answer> for AnswerView {
    fn from(Answer { verdict, rule, why }: Answer) -> Self {
        Self { verdict, rule, why: why.map(|why| why.to_string()) }
    }
}

/// A mandate that nobody has signed yet.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MandateSimulationRequest {
    /// The data subject whose requests it is tried on.
    #[schema(value_type = String)]
    sub: SubjectId,
    /// `rules`, and optionally `otherwise`, `depth` and `vocabulary`: docs/spec/mandate.md
    #[schema(value_type = Object)]
    draft: Draft,
}

/// What the mandate would have said.
#[derive(Serialize, ToSchema)]
pub(super) struct SimulationView {
    /// Of the customer's requests, the latest first.
    requests: Vec<RequestView>,
    /// Of the widest request under the latest version of each template.
    templates: Vec<TemplateView>,
}

/// The widest request under a template.
#[derive(Serialize, ToSchema)]
struct TemplateView {
    /// The template.
    #[schema(value_type = String)]
    template: Term,
    /// Its version.
    version: u32,
    /// From whom.
    #[schema(value_type = String)]
    recipient: Term,
    /// What for.
    #[schema(value_type = String)]
    purpose: Term,
    /// What the mandate says of it.
    answer: AnswerView,
}

impl From<SimulatedTemplate> for TemplateView {
    fn from(simulated: SimulatedTemplate) -> Self {
        let SimulatedTemplate { template, version, recipient, purpose, answer } = simulated;
        Self { template, version, recipient, purpose, answer: answer.into() }
    }
}

/// List a customer's mandates
#[utoipa::path(get, path = "/v1/mandates", operation_id = "list_mandates", tag = "mandates", security(("bearer" = [])), params(CustomerQuery),
    responses(
        (status = 200, description = "At most 64, by rising leaf index", body = Mandates),
        (status = 400, description = "malformed-request", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(customer): Query<CustomerQuery>,
) -> Result<Json<Mandates>, Problem> {
    let (tenant, sub) = (caller.tenant(), customer.parse()?);
    let rows = app.blocking(move |ledger| ledger.mandates_of(tenant, &sub)).await??;
    Ok(Json(Mandates { mandates: rows.into_iter().map(MandateView::from).collect() }))
}

/// List requests made to a customer
#[utoipa::path(get, path = "/v1/requests", operation_id = "list_requests", tag = "mandates", security(("bearer" = [])), params(CustomerQuery, AnswerQuery),
    responses(
        (status = 200, description = "At most 128, the latest first", body = Requests),
        (status = 400, description = "malformed-request", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 404, description = "not-found: the customer has no such mandate", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn requests(
    State(app): State<App>,
    caller: Caller,
    Query(customer): Query<CustomerQuery>,
    Query(answer): Query<AnswerQuery>,
) -> Result<Json<Requests>, Problem> {
    let (tenant, sub) = (caller.tenant(), customer.parse()?);
    let mandate = answer.mandate.as_deref().map(Jti::parse).transpose().map_err(|_| Problem::not_found())?;
    let requests = app
        .blocking(move |ledger| {
            let Some(mandate) = mandate else {
                let rows = ledger.requests_of(tenant, &sub)?;
                return Ok(rows.into_iter().map(|row| RequestView::new(row, None)).collect());
            };
            let answers = ledger.answers_of(tenant, &sub, &mandate)?;
            let views = answers.into_iter().map(|(row, answer)| RequestView::new(row, Some(answer)));
            Ok::<_, grantbook_engine::ReadError>(views.collect())
        })
        .await??;
    Ok(Json(Requests { requests }))
}

/// Try a mandate before it is signed
///
/// On the requests made to the customer, and on the widest request that each template allows. Nothing is recorded.
#[utoipa::path(post, path = "/v1/mandates/simulate", operation_id = "simulate_mandate", tag = "mandates", security(("bearer" = [])),
    request_body = MandateSimulationRequest,
    responses(
        (status = 200, description = "What it would have said", body = SimulationView),
        (status = 400, description = "malformed-request", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 422, description = "refused: words that the vocabulary does not have", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn simulate(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<SimulationView>, Problem> {
    let MandateSimulationRequest { sub, draft } = body::read_json(&headers, body).await?;
    let tenant = caller.tenant();
    let Simulation { requests, templates } =
        app.blocking(move |ledger| ledger.simulate_mandate(tenant, &sub, draft)).await???;
    let requests = requests.into_iter().map(|(row, answer)| RequestView::new(row, Some(answer))).collect();
    Ok(Json(SimulationView { requests, templates: templates.into_iter().map(TemplateView::from).collect() }))
}
