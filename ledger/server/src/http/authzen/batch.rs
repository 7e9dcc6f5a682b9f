//! Several evaluations in one request, with common members said once.

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::{Extension, Json};
use futures_util::StreamExt as _;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::super::App;
use super::super::caller::{Caller, within_rate};
use super::super::layers::RequestId;
use super::super::problem::{Problem, ProblemDetails};
use super::members::{self, Malformed, Members, object, text};
use super::request::EvaluationRequest;
use super::{EvaluationResponse, FallbackId, body_of, decide};

/// Evaluations of one request.
pub(in crate::http) const EVALUATIONS_MAX: usize = 256;
/// Bytes of such a request.
const BODY_BYTES_MAX: usize = 512 * 1024;
/// Evaluations of one request that are under way at once.
const AT_ONCE: usize = 32;

/// Several evaluations. Members that are not listed are ignored.
#[derive(Debug, ToSchema)]
#[schema(example = json!(example()))]
pub(in crate::http) struct EvaluationsRequest {
    /// For evaluations without their own.
    #[schema(value_type = Option<Object>, nullable = false)]
    subject: Option<Members>,
    /// For evaluations without their own.
    #[schema(value_type = Option<Object>, nullable = false)]
    action: Option<Members>,
    /// For evaluations without their own.
    #[schema(value_type = Option<Object>, nullable = false)]
    resource: Option<Members>,
    /// For evaluations without their own.
    #[schema(value_type = Option<Object>, nullable = false)]
    context: Option<Members>,
    /// Each as in a request of its own; absent or empty: the request is one evaluation.
    #[schema(value_type = Option<Vec<Object>>, nullable = false, max_items = 256)]
    evaluations: Vec<Members>,
    /// `evaluations_semantic`: `execute_all`, `deny_on_first_deny` or `permit_on_first_permit`.
    #[schema(value_type = Option<EvaluationsOptions>, nullable = false)]
    options: Semantic,
}

/// How evaluations are to be made. Members that are not listed are ignored.
#[derive(Debug, ToSchema)]
#[allow(dead_code, reason = "describes what `Semantic::read` reads")]
pub(in crate::http) struct EvaluationsOptions {
    #[schema(nullable = false)]
    evaluations_semantic: Option<Semantic>,
}

/// When to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum Semantic {
    /// Never: every evaluation is made.
    #[default]
    ExecuteAll,
    /// After the first that denies.
    DenyOnFirstDeny,
    /// After the first that permits.
    PermitOnFirstPermit,
}

/// The decisions, in the order of their evaluations.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(in crate::http) enum EvaluationsResponse {
    /// Of several evaluations.
    Several {
        /// As many as there were evaluations, or up to the one at which the semantic stops.
        evaluations: Vec<EvaluationResponse>,
    },
    /// Of a request without evaluations, which is one itself.
    One(EvaluationResponse),
}

fn example() -> Value {
    let mut example = super::request::example();
    if let Some(members) = example.as_object_mut() {
        let evaluations = serde_json::json!([{}, {"action": {"name": "read"}}]);
        members.insert("evaluations".to_owned(), evaluations);
        members
            .insert("options".to_owned(), serde_json::json!({"evaluations_semantic": "deny_on_first_deny"}));
    }
    example
}

impl Semantic {
    fn read(options: Option<Members>) -> Result<Self, Malformed> {
        const MEMBER: &str = "options.evaluations_semantic";
        let Some(mut options) = options else { return Ok(Self::default()) };
        match text(&mut options, MEMBER)?.as_deref() {
            None | Some("execute_all") => Ok(Self::ExecuteAll),
            Some("deny_on_first_deny") => Ok(Self::DenyOnFirstDeny),
            Some("permit_on_first_permit") => Ok(Self::PermitOnFirstPermit),
            Some(_) => Err(Malformed::Form {
                member: MEMBER,
                expected: "execute_all, deny_on_first_deny or permit_on_first_permit",
            }),
        }
    }

    fn ends_after(self, decision: bool) -> bool {
        match self {
            Self::ExecuteAll => false,
            Self::DenyOnFirstDeny => !decision,
            Self::PermitOnFirstPermit => decision,
        }
    }
}

impl EvaluationsRequest {
    fn read(members: &mut Members) -> Result<Self, Malformed> {
        let evaluations = match members.remove("evaluations") {
            None => Vec::new(),
            Some(Value::Array(items)) => items.into_iter().map(members_of).collect::<Result<_, _>>()?,
            Some(_) => return Err(NO_LIST),
        };
        if evaluations.len() > EVALUATIONS_MAX {
            return Err(Malformed::Form { member: "evaluations", expected: "at most 256 of them" });
        }
        Ok(Self {
            subject: object(members, "subject")?,
            action: object(members, "action")?,
            resource: object(members, "resource")?,
            context: object(members, "context")?,
            evaluations,
            options: Semantic::read(object(members, "options")?)?,
        })
    }

    /// One evaluation with what it leaves to the request. Its own entity takes the place of the request's as a whole;
    /// only `type`, `id` and `name`, without which there is no entity, are taken from there where they are absent.
    fn with_defaults(&self, at: usize, mut item: Members) -> Result<EvaluationRequest, Malformed> {
        let of_request = [
            ("subject", &self.subject, ["type", "id"].as_slice()),
            ("action", &self.action, &["name"]),
            ("resource", &self.resource, &["type", "id"]),
        ];
        for (name, default, parts) in of_request {
            let Some(default) = default else { continue };
            match item.get_mut(name) {
                None => drop(item.insert(name.to_owned(), Value::Object(default.clone()))),
                Some(Value::Object(own)) => {
                    for part in parts {
                        if let (false, Some(value)) = (own.contains_key(*part), default.get(*part)) {
                            own.insert((*part).to_owned(), value.clone());
                        }
                    }
                }
                Some(_) => {}
            }
        }
        if let (Some(context), false) = (&self.context, item.contains_key("context")) {
            let mut context = context.clone();
            // one id for several uses would be one use
            if let Some(Value::String(id)) = context.get_mut("use_id") {
                *id = format!("{id}/{at}");
            }
            item.insert("context".to_owned(), Value::Object(context));
        }
        EvaluationRequest::read(item)
    }
}

const NO_LIST: Malformed = Malformed::Form { member: "evaluations", expected: "an array of objects" };

fn members_of(item: Value) -> Result<Members, Malformed> {
    match item {
        Value::Object(members) => Ok(members),
        _ => Err(NO_LIST),
    }
}

/// Which of these uses may go on?
///
/// OpenID AuthZEN Authorization API 1.0. Each permit is recorded before the answer is given. One evaluation that fails
/// does not fail the others: it is denied, with the problem in `context.error`. See docs/spec/authzen.md.
#[utoipa::path(post, path = "/access/v1/evaluations", operation_id = "evaluate_several", tag = "authzen", security(("bearer" = [])),
    request_body(content = EvaluationsRequest, content_type = "application/json"),
    params(("X-Request-ID" = Option<String>, Header, description = "Echoed; with `/` and its place the id of a use that names none")),
    responses(
        (status = 200, description = "The decisions", body = EvaluationsResponse),
        (status = 400, description = "malformed-request: not JSON, or no evaluations request", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 409, description = "use-conflict, of a request without evaluations", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 413, description = "too-large", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 429, description = "tenant-limit", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 503, description = "busy, deadline, stopped", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(in crate::http) async fn evaluate(
    State(app): State<App>,
    caller: Caller,
    id: Option<Extension<RequestId>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<EvaluationsResponse>, Problem> {
    let tenant = caller.tenant();
    within_rate(&app, tenant)?;
    let bytes = body_of(&headers, body, BODY_BYTES_MAX).await?;
    let mut members = members::read(&bytes)?;
    let settings = app.authzen.of(tenant);
    if members.get("evaluations").is_none_or(|evaluations| *evaluations == Value::Array(Vec::new())) {
        // the options are of no use, but of a form all the same
        Semantic::read(object(&mut members, "options")?)?;
        let request = EvaluationRequest::read(members)?;
        let fallback = FallbackId::of(id.as_deref(), None);
        let response = decide(&app, tenant, &settings, request, fallback).await?;
        return Ok(Json(EvaluationsResponse::One(response)));
    }
    let mut request = EvaluationsRequest::read(&mut members)?;
    let items = std::mem::take(&mut request.evaluations);
    app.tenants_rate.charge(tenant, items.len().saturating_sub(1));
    let (request, app, settings) = (&request, &app, settings.as_ref());
    let answers = items.into_iter().enumerate().map(|(at, item)| {
        let fallback = FallbackId::of(id.as_deref(), Some(at));
        async move {
            let answer = match request.with_defaults(at, item) {
                Ok(request) => decide(app, tenant, settings, request, fallback).await,
                Err(malformed) => Err(malformed.into()),
            };
            answer.unwrap_or_else(EvaluationResponse::failed)
        }
    });
    // one after another where the next may not be made at all
    let at_once = if request.options == Semantic::ExecuteAll { AT_ONCE } else { 1 };
    let mut answers = futures_util::stream::iter(answers).buffered(at_once);
    let mut evaluations = Vec::new();
    while let Some(answer) = answers.next().await {
        let decision = answer.decision;
        evaluations.push(answer);
        if request.options.ends_after(decision) {
            break;
        }
    }
    Ok(Json(EvaluationsResponse::Several { evaluations }))
}
