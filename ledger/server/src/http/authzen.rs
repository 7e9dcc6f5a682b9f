//! OpenID AuthZEN Authorization API 1.0: evaluations, searches and discovery. Specification: `docs/spec/authzen.md`.

pub(super) mod batch;
mod members;
mod request;
pub(super) mod search;
mod settings;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use axum::Extension;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use grantbook_engine::Recorded;
use grantbook_plan::{Decision, Denial};
use grantbook_record::terms::Obligation;
use grantbook_record::uses::UseId;
use grantbook_record::{DenialReason, Jti, Receipt, TenantId};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::App;
use super::body;
use super::caller::{Caller, within_rate};
use super::layers::RequestId;
use super::problem::{Problem, ProblemDetails, TYPE_PREFIX};
use members::Malformed;
use request::{EvaluationRequest, Question, Unanswerable};
pub use settings::{SETTINGS_BYTES_MAX, Settings, SettingsError};

/// Every tenant's settings.
#[derive(Debug, Default)]
pub(super) struct AllSettings(RwLock<BTreeMap<TenantId, Arc<Settings>>>);

impl AllSettings {
    pub(super) fn new(all: BTreeMap<TenantId, Settings>) -> Self {
        Self(RwLock::new(all.into_iter().map(|(tenant, settings)| (tenant, Arc::new(settings))).collect()))
    }

    pub(super) fn set(&self, tenant: TenantId, settings: Settings) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(tenant, Arc::new(settings));
    }

    fn of(&self, tenant: TenantId) -> Arc<Settings> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&tenant).cloned().unwrap_or_default()
    }
}

impl From<Malformed> for Problem {
    fn from(error: Malformed) -> Self {
        Self::malformed(error.to_string())
    }
}

/// The answer to an evaluation.
#[derive(Serialize, ToSchema)]
pub(super) struct EvaluationResponse {
    /// Whether the use is permitted.
    decision: bool,
    /// With a permit the recorded use, with a denial its reason.
    #[schema(value_type = Object)]
    context: Context,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Context {
    Permit(Box<PermitContext>),
    Denial(DenialContext),
    /// An evaluation among several that could not be made.
    Failure {
        error: ItemError,
    },
}

/// Why one evaluation among several failed, as the problem that it would be alone.
#[derive(Serialize)]
struct ItemError {
    status: u16,
    r#type: String,
    message: Cow<'static, str>,
}

#[derive(Serialize)]
struct PermitContext {
    grant: Jti,
    leaf_index: u64,
    obligations: Vec<Obligation>,
    receipt: Box<Receipt>,
}

#[derive(Serialize)]
struct DenialContext {
    reason: DenialReason,
    what: &'static str,
    remedy: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<Jti>,
    /// The member of the request on which it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<&'static str>,
    /// Further facts of the denial, none of them personal.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<Value>,
}

impl EvaluationResponse {
    fn recorded(recorded: Recorded) -> Self {
        match recorded {
            Recorded::Permit { permission, receipt, leaf_index, .. } => Self {
                decision: true,
                context: Context::Permit(Box::new(PermitContext {
                    grant: permission.grant,
                    leaf_index: leaf_index.0,
                    obligations: permission.obligations,
                    receipt,
                })),
            },
            Recorded::Denial(denial) => Self::denied(&denial),
        }
    }

    fn denied(denial: &Denial) -> Self {
        let detail = serde_json::to_value(&denial.detail).ok().filter(|detail| !detail.is_null());
        Self::denial(denial.reason, denial.grant, None, detail)
    }

    fn unanswerable(Unanswerable { reason, member }: Unanswerable) -> Self {
        Self::denial(reason, None, Some(member), None)
    }

    fn denial(
        reason: DenialReason,
        grant: Option<Jti>,
        member: Option<&'static str>,
        detail: Option<Value>,
    ) -> Self {
        let context =
            DenialContext { reason, what: reason.what(), remedy: reason.remedy(), grant, member, detail };
        Self { decision: false, context: Context::Denial(context) }
    }

    fn failed(problem: Problem) -> Self {
        let Problem { kind, detail, .. } = problem;
        let error = ItemError {
            status: kind.status().as_u16(),
            r#type: format!("{TYPE_PREFIX}{}", kind.slug()),
            message: detail,
        };
        Self { decision: false, context: Context::Failure { error } }
    }

    fn reason(&self) -> Option<DenialReason> {
        match &self.context {
            Context::Permit(_) => None,
            Context::Denial(denial) => Some(denial.reason),
            Context::Failure { .. } => Some(DenialReason::EvaluationError),
        }
    }
}

/// The id of a use that names none itself.
struct FallbackId {
    /// The request's id, where it has the form of a use's.
    id: Option<UseId>,
    /// Whether the caller sent it: then a use may be recorded under it already.
    is_callers: bool,
}

impl FallbackId {
    fn of(request: Option<&RequestId>, suffix: Option<usize>) -> Self {
        let Some(RequestId { id, is_clients }) = request else { return Self { id: None, is_callers: false } };
        let text = id.to_str().ok().map(|id| match suffix {
            None => id.to_owned(),
            Some(at) => format!("{id}/{at}"),
        });
        Self { id: text.and_then(|text| UseId::try_from(text).ok()), is_callers: *is_clients }
    }
}

/// Answers one evaluation; a permit is recorded first.
async fn decide(
    app: &App,
    tenant: TenantId,
    settings: &Settings,
    request: EvaluationRequest,
    fallback: FallbackId,
) -> Result<EvaluationResponse, Problem> {
    let response = match request.question(settings) {
        Err(unanswerable) => EvaluationResponse::unanswerable(unanswerable),
        Ok(Question { facts, use_id, at_least, provenance }) => {
            let is_new = use_id.is_none() && !fallback.is_callers;
            let use_id = use_id.or(fallback.id);
            // the state is at hand, so a denial waits for no thread; under an id that was used before it may be a
            // permit that is recorded, which the ledger looks up
            let decided = is_new.then(|| app.ledger.decide(tenant, &facts, at_least));
            if let Some(Decision::Denial(denial)) = decided {
                EvaluationResponse::denied(&denial)
            } else {
                let answer =
                    app.ledger.decide_and_trace_in_task(tenant, &facts, use_id, at_least, provenance);
                EvaluationResponse::recorded(answer.await?)
            }
        }
    };
    app.metrics.decision(response.reason());
    Ok(response)
}

/// The body of a request of this API, which answers a wrong content type with 400.
async fn body_of(headers: &HeaderMap, body: Body, limit: usize) -> Result<axum::body::Bytes, Problem> {
    body::expect_json(headers).map_err(|problem| Problem::malformed(problem.detail))?;
    body::read(body, limit).await
}

/// May this use of a customer's data go on?
///
/// OpenID AuthZEN Authorization API 1.0. A permit is recorded before it is given: the answer holds its receipt. A denial
/// is an answer, status 200. Unknown members are ignored. See docs/spec/authzen.md.
#[utoipa::path(post, path = "/access/v1/evaluation", operation_id = "evaluate", tag = "authzen", security(("bearer" = [])),
    request_body(content = EvaluationRequest, content_type = "application/json"),
    params(("X-Request-ID" = Option<String>, Header, description = "Echoed; the use's id where context.use_id is absent")),
    responses(
        (status = 200, description = "The decision", body = EvaluationResponse),
        (status = 400, description = "malformed-request: not JSON, or a member that AuthZEN requires is absent", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 409, description = "use-conflict: the use id was used before for another use", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 413, description = "too-large", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 429, description = "tenant-limit", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 503, description = "busy, deadline, stopped", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn evaluate(
    State(app): State<App>,
    caller: Caller,
    id: Option<Extension<RequestId>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<EvaluationResponse>, Problem> {
    let tenant = caller.tenant();
    within_rate(&app, tenant)?;
    let bytes = body_of(&headers, body, body::JSON_BYTES_MAX).await?;
    let request = EvaluationRequest::parse(&bytes)?;
    let settings = app.authzen.of(tenant);
    decide(&app, tenant, &settings, request, FallbackId::of(id.as_deref(), None)).await.map(Json)
}

/// Where the API is (AuthZEN section "Policy Decision Point Metadata").
#[derive(Serialize, ToSchema)]
pub(super) struct Metadata {
    /// This server's address.
    policy_decision_point: String,
    /// Address of single evaluations.
    access_evaluation_endpoint: String,
    /// Address of several evaluations at once.
    access_evaluations_endpoint: String,
    /// Address of searches for subjects.
    search_subject_endpoint: String,
    /// Address of searches for resources.
    search_resource_endpoint: String,
    /// Address of searches for actions.
    search_action_endpoint: String,
}

/// AuthZEN discovery
#[utoipa::path(get, path = "/.well-known/authzen-configuration", operation_id = "get_authzen_configuration", tag = "authzen",
    responses((status = 200, description = "What is absent is not served", body = Metadata)))]
pub(super) async fn metadata(State(app): State<App>) -> Response {
    let at = |path: &str| format!("{}/access/v1/{path}", app.base_url);
    let metadata = Metadata {
        policy_decision_point: app.base_url.clone(),
        access_evaluation_endpoint: at("evaluation"),
        access_evaluations_endpoint: at("evaluations"),
        search_subject_endpoint: at("search/subject"),
        search_resource_endpoint: at("search/resource"),
        search_action_endpoint: at("search/action"),
    };
    ([(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"))], Json(metadata))
        .into_response()
}
