//! OpenID AuthZEN Authorization API 1.0: single evaluation and discovery. Specification: `docs/spec/authzen.md`.

mod request;

use axum::Extension;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use grantbook_engine::Recorded;
use grantbook_plan::Denial;
use grantbook_record::strict_json;
use grantbook_record::terms::Obligation;
use grantbook_record::uses::UseId;
use grantbook_record::{DenialReason, Jti, Receipt};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::App;
use super::body;
use super::caller::{Caller, within_rate};
use super::layers::RequestId;
use super::problem::{Problem, ProblemDetails};
use request::{EvaluationRequest, Question, Unanswerable};

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

    fn reason(&self) -> Option<DenialReason> {
        match &self.context {
            Context::Permit(_) => None,
            Context::Denial(denial) => Some(denial.reason),
        }
    }
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
    within_rate(&app, caller.tenant())?;
    // the API answers a wrong content type with 400
    body::expect_json(&headers).map_err(|problem| Problem::malformed(problem.detail))?;
    let bytes = body::read(body, body::JSON_BYTES_MAX).await?;
    // read as AuthZEN says, not as our own formats are: what is not known is ignored, whatever it holds
    let request: EvaluationRequest =
        serde_json::from_slice(&bytes).map_err(|error| strict_json::describe(&error))?;
    let response = match request.question() {
        Err(unanswerable) => EvaluationResponse::unanswerable(unanswerable),
        Ok(Question { facts, use_id, at_least }) => {
            let use_id = use_id.or_else(|| id.as_deref().and_then(use_id_of));
            let tenant = caller.tenant();
            let recorded = app
                .blocking(move |ledger| ledger.decide_and_record(tenant, &facts, use_id, at_least))
                .await??;
            EvaluationResponse::recorded(recorded)
        }
    };
    app.metrics.decision(response.reason());
    Ok(Json(response))
}

/// The request's id as the use's: it is one for requests that come without, too.
fn use_id_of(RequestId(id): &RequestId) -> Option<UseId> {
    UseId::try_from(id.to_str().ok()?.to_owned()).ok()
}

/// Where the API is (AuthZEN section "Policy Decision Point Metadata").
#[derive(Serialize, ToSchema)]
pub(super) struct Metadata {
    /// This server's address.
    policy_decision_point: String,
    /// Address of single evaluations.
    access_evaluation_endpoint: String,
}

/// AuthZEN discovery
#[utoipa::path(get, path = "/.well-known/authzen-configuration", operation_id = "get_authzen_configuration", tag = "authzen",
    responses((status = 200, description = "What is absent is not served", body = Metadata)))]
pub(super) async fn metadata(State(app): State<App>) -> Response {
    let metadata = Metadata {
        policy_decision_point: app.base_url.clone(),
        access_evaluation_endpoint: format!("{}/access/v1/evaluation", app.base_url),
    };
    ([(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"))], Json(metadata))
        .into_response()
}
