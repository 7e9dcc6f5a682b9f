//! Searches: who, whose data, or what would be permitted now. Nothing is recorded.
//!
//! A search asks the same question as an evaluation, once for each candidate, so that the two cannot disagree.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use grantbook_engine::{Customers, Ledger};
use grantbook_plan::Decision;
use grantbook_record::TenantId;
use grantbook_record::encoding::{array_from_base64url, to_base64url};
use grantbook_tlog::LeafIndex;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use super::super::App;
use super::super::body;
use super::super::caller::{Caller, within_rate};
use super::super::problem::{Problem, ProblemDetails};
use super::body_of;
use super::members::{self, Malformed, Members, object, required, text};
use super::request::{Action, EvaluationRequest, Resource, Subject};
use super::settings::Settings;

/// Results of a page that asks for no number.
const PAGE_RESULTS: usize = 100;
/// Grants that one page looks at.
const GRANTS_SCAN_MAX: usize = 4096;
/// Grants that are read at once.
const GRANTS_AT_ONCE: usize = 256;

/// A search for subjects. Members that are not listed are ignored, `subject.id` among them.
#[derive(Debug, ToSchema)]
#[schema(example = json!(example("subject")))]
pub(in crate::http) struct SubjectSearchRequest {
    /// Of which type.
    subject: Sought,
    /// What is done with the data.
    action: Action,
    /// Whose data, and which.
    resource: Resource,
    /// As in an evaluation.
    #[schema(value_type = Option<Object>, nullable = false)]
    context: Members,
    #[schema(nullable = false)]
    page: Option<PageRequest>,
}

/// A search for resources. Members that are not listed are ignored, `resource.id` among them.
#[derive(Debug, ToSchema)]
#[schema(example = json!(example("resource")))]
pub(in crate::http) struct ResourceSearchRequest {
    /// Who asks.
    subject: Subject,
    /// What is done with the data.
    action: Action,
    /// Of which type, and which data.
    resource: Sought,
    /// As in an evaluation.
    #[schema(value_type = Option<Object>, nullable = false)]
    context: Members,
    #[schema(nullable = false)]
    page: Option<PageRequest>,
}

/// A search for actions. Members that are not listed are ignored, `action` among them.
#[derive(Debug, ToSchema)]
#[schema(example = json!(example("action")))]
pub(in crate::http) struct ActionSearchRequest {
    /// Who asks.
    subject: Subject,
    /// Whose data, and which.
    resource: Resource,
    /// As in an evaluation.
    #[schema(value_type = Option<Object>, nullable = false)]
    context: Members,
    #[schema(nullable = false)]
    page: Option<PageRequest>,
}

/// An entity whose id is sought.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in crate::http) struct Sought {
    r#type: String,
    /// What every candidate is asked about with.
    #[schema(value_type = Option<Object>, nullable = false)]
    properties: Members,
}

/// Which part of the results is wanted. Members that are not listed are ignored.
#[derive(Debug, ToSchema)]
pub(in crate::http) struct PageRequest {
    /// `next_token` of the page before; without it the search begins.
    #[schema(nullable = false)]
    token: Option<String>,
    /// Most results wanted; there may be fewer.
    #[schema(required = false, schema_with = any_count)]
    limit: Option<usize>,
}

/// Any whole number: there is no format that has no largest one.
fn any_count() -> utoipa::openapi::schema::Object {
    use utoipa::openapi::schema::{ObjectBuilder, Type};
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).build()
}

/// What was found. A result evaluated with the same request is permitted, unless something has changed since.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct SearchResponse<T: ToSchema> {
    /// Absent where nothing was said of pages and all results are here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    page: Option<PageResponse>,
    /// May be fewer than asked for, even none, before the end.
    results: Vec<T>,
}

/// Where the next page begins.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct PageResponse {
    /// The `token` of the next page; empty at the end.
    next_token: String,
    /// Results of this page.
    count: usize,
}

/// A subject or resource.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Found {
    r#type: String,
    id: String,
}

/// An action.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct FoundAction {
    name: String,
}

fn example(sought: &str) -> Value {
    let mut example = super::request::example();
    if let Some(members) = example.as_object_mut() {
        if sought == "action" {
            members.remove("action");
        } else if let Some(entity) = members.get_mut(sought).and_then(Value::as_object_mut) {
            entity.remove("id");
        }
        members.insert("page".to_owned(), json!({"limit": 10}));
    }
    example
}

impl Sought {
    fn read(mut members: Members, r#type: &'static str, properties: &'static str) -> Result<Self, Malformed> {
        Ok(Self {
            r#type: required(text(&mut members, r#type)?, r#type)?,
            properties: object(&mut members, properties)?.unwrap_or_default(),
        })
    }

    fn subject(&self, id: &str) -> Subject {
        Subject { r#type: self.r#type.clone(), id: id.to_owned(), properties: self.properties.clone() }
    }

    fn resource(&self, id: &str) -> Resource {
        Resource { r#type: self.r#type.clone(), id: id.to_owned(), properties: self.properties.clone() }
    }
}

impl PageRequest {
    fn read(members: &mut Members) -> Result<Option<Self>, Malformed> {
        const LIMIT: Malformed =
            Malformed::Form { member: "page.limit", expected: "an integer, not negative" };
        let Some(mut page) = object(members, "page")? else { return Ok(None) };
        let limit = match page.remove("limit") {
            None => None,
            Some(Value::Number(number)) => Some(whole(&number).ok_or(LIMIT)?),
            Some(_) => return Err(LIMIT),
        };
        // nothing of ours is in it, but an object it must be
        object(&mut page, "page.properties")?;
        Ok(Some(Self { token: text(&mut page, "page.token")?, limit }))
    }
}

/// A number without a fraction, however it is written; beyond what a page can have it is all the same.
fn whole(number: &serde_json::Number) -> Option<usize> {
    if let Some(number) = number.as_u64() {
        return Some(usize::try_from(number).unwrap_or(usize::MAX));
    }
    let number = number.as_f64()?;
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole and not negative; saturates"
    )]
    (number >= 0.0 && number.fract() == 0.0).then_some(number as usize)
}

impl SubjectSearchRequest {
    fn read(mut members: Members) -> Result<Self, Malformed> {
        let subject = required(object(&mut members, "subject")?, "subject")?;
        Ok(Self {
            subject: Sought::read(subject, "subject.type", "subject.properties")?,
            action: Action::read(required(object(&mut members, "action")?, "action")?)?,
            resource: Resource::read(required(object(&mut members, "resource")?, "resource")?)?,
            context: object(&mut members, "context")?.unwrap_or_default(),
            page: PageRequest::read(&mut members)?,
        })
    }
}

impl ResourceSearchRequest {
    fn read(mut members: Members) -> Result<Self, Malformed> {
        let resource = required(object(&mut members, "resource")?, "resource")?;
        Ok(Self {
            subject: Subject::read(required(object(&mut members, "subject")?, "subject")?)?,
            action: Action::read(required(object(&mut members, "action")?, "action")?)?,
            resource: Sought::read(resource, "resource.type", "resource.properties")?,
            context: object(&mut members, "context")?.unwrap_or_default(),
            page: PageRequest::read(&mut members)?,
        })
    }
}

impl ActionSearchRequest {
    fn read(mut members: Members) -> Result<Self, Malformed> {
        Ok(Self {
            subject: Subject::read(required(object(&mut members, "subject")?, "subject")?)?,
            resource: Resource::read(required(object(&mut members, "resource")?, "resource")?)?,
            context: object(&mut members, "context")?.unwrap_or_default(),
            page: PageRequest::read(&mut members)?,
        })
    }
}

/// The part of a search that is answered now.
struct Part {
    /// Names the search, so that a token of another one is refused.
    search: [u8; 16],
    /// Candidates before this one were looked at; leaf indices where candidates are customers.
    from: u64,
    limit: usize,
    is_paged: bool,
}

impl Part {
    fn of(page: Option<PageRequest>, rows_max: u16, search: &Value) -> Result<Self, Problem> {
        let mut search = search.clone();
        search.sort_all_objects();
        let digest: [u8; 32] = Sha256::digest(search.to_string()).into();
        let search = digest.first_chunk().copied().unwrap_or_default();
        let is_paged = page.is_some();
        let PageRequest { token, limit } = page.unwrap_or(PageRequest { token: None, limit: None });
        let from = match token {
            None => 0,
            Some(token) => from_token(&token, &search).ok_or_else(|| {
                Problem::malformed("malformed page.token, expected next_token of this search")
            })?,
        };
        let limit = limit.unwrap_or(PAGE_RESULTS).min(rows_max.into());
        Ok(Self { search, from, limit, is_paged })
    }

    /// The answer; `next` is where the next page begins.
    fn response<T: ToSchema>(&self, results: Vec<T>, next: Option<u64>) -> SearchResponse<T> {
        let token = |next: u64| to_base64url(&[self.search.as_slice(), &next.to_be_bytes()].concat());
        let next_token = next.map(token).unwrap_or_default();
        let page = PageResponse { next_token, count: results.len() };
        let page = (self.is_paged || next.is_some()).then_some(page);
        SearchResponse { page, results }
    }

    /// Those of a list of candidates that are permitted.
    fn permitted<T>(
        &self,
        candidates: impl Iterator<Item = T>,
        is_permitted: impl Fn(&T) -> bool,
    ) -> (Vec<T>, Option<u64>) {
        let mut found = Vec::new();
        for (at, candidate) in (0..).zip(candidates) {
            if at >= self.from && is_permitted(&candidate) {
                if found.len() >= self.limit {
                    return (found, Some(at));
                }
                found.push(candidate);
            }
        }
        (found, None)
    }
}

fn from_token(token: &str, search: &[u8; 16]) -> Option<u64> {
    let bytes = array_from_base64url::<24>(token)?;
    let (named, from) = bytes.split_first_chunk::<16>()?;
    (named == search).then(|| Some(u64::from_be_bytes(from.try_into().ok()?))).flatten()
}

/// Whether an evaluation of this request would permit, now.
fn is_permitted(ledger: &Ledger, tenant: TenantId, settings: &Settings, request: EvaluationRequest) -> bool {
    let Ok(question) = request.question(settings) else { return false };
    matches!(ledger.decide(tenant, &question.facts, question.at_least), Decision::Permit(_))
}

/// Who may use this customer's data so?
///
/// Of the subjects that the tenant's settings list. OpenID AuthZEN Authorization API 1.0; see docs/spec/authzen.md.
#[utoipa::path(post, path = "/access/v1/search/subject", operation_id = "search_subjects", tag = "authzen", security(("bearer" = [])),
    request_body(content = SubjectSearchRequest, content_type = "application/json"),
    responses(
        (status = 200, description = "Those who may", body = SearchResponse<Found>),
        (status = 400, description = "malformed-request", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 413, description = "too-large", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 429, description = "tenant-limit", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 503, description = "busy, deadline", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(in crate::http) async fn subjects(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<SearchResponse<Found>>, Problem> {
    let tenant = caller.tenant();
    within_rate(&app, tenant)?;
    let bytes = body_of(&headers, body, body::JSON_BYTES_MAX).await?;
    let request = SubjectSearchRequest::read(members::read(&bytes)?)?;
    let SubjectSearchRequest { subject, action, resource, context, page } = request;
    let search = json!([tenant, "subject", subject, action, resource, context]);
    let part = Part::of(page, app.config.limits.page_rows_max, &search)?;
    let settings = app.authzen.of(tenant);
    app.blocking(move |ledger| {
        let candidates = settings.subjects().filter(|known| known.r#type == subject.r#type);
        let (found, next) = part.permitted(candidates.map(|known| known.id.as_str()), |id| {
            let (action, resource, context) = (action.clone(), resource.clone(), context.clone());
            let request = EvaluationRequest { subject: subject.subject(id), action, resource, context };
            is_permitted(ledger, tenant, &settings, request)
        });
        let found = found.into_iter().map(|id| Found { r#type: subject.r#type.clone(), id: id.to_owned() });
        Json(part.response(found.collect(), next))
    })
    .await
}

/// Whose data may be used so?
///
/// By rising leaf index of the customers' first grants. OpenID AuthZEN Authorization API 1.0; see docs/spec/authzen.md.
#[utoipa::path(post, path = "/access/v1/search/resource", operation_id = "search_resources", tag = "authzen", security(("bearer" = [])),
    request_body(content = ResourceSearchRequest, content_type = "application/json"),
    responses(
        (status = 200, description = "A page of those whose data may", body = SearchResponse<Found>),
        (status = 400, description = "malformed-request", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 413, description = "too-large", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 429, description = "tenant-limit", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 503, description = "busy, deadline", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(in crate::http) async fn resources(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<SearchResponse<Found>>, Problem> {
    let tenant = caller.tenant();
    within_rate(&app, tenant)?;
    let bytes = body_of(&headers, body, body::JSON_BYTES_MAX).await?;
    let request = ResourceSearchRequest::read(members::read(&bytes)?)?;
    let ResourceSearchRequest { subject, action, resource, context, page } = request;
    let search = json!([tenant, "resource", subject, action, resource, context]);
    let part = Part::of(page, app.config.limits.page_rows_max, &search)?;
    let settings = app.authzen.of(tenant);
    app.blocking(move |ledger| {
        let permits = |id: &str| {
            let (subject, action, context) = (subject.clone(), action.clone(), context.clone());
            let request = EvaluationRequest { subject, action, resource: resource.resource(id), context };
            is_permitted(ledger, tenant, &settings, request)
        };
        let (mut found, mut from) = (Vec::new(), part.from);
        for _ in 0..GRANTS_SCAN_MAX / GRANTS_AT_ONCE {
            let after = from.checked_sub(1).map(LeafIndex);
            let Customers { customers, next } = ledger.customers(tenant, after, GRANTS_AT_ONCE)?;
            for (LeafIndex(leaf), sub) in customers {
                if permits(sub.as_str()) {
                    if found.len() >= part.limit {
                        return Ok(Json(part.response(found, Some(leaf))));
                    }
                    found.push(Found { r#type: resource.r#type.clone(), id: sub.as_str().to_owned() });
                }
            }
            match next {
                Some(LeafIndex(leaf)) => from = leaf.saturating_add(1),
                None => return Ok(Json(part.response(found, None))),
            }
        }
        Ok(Json(part.response(found, Some(from))))
    })
    .await?
}

/// What may be done with this customer's data?
///
/// Of the vocabulary's actions and those that the tenant's settings name. OpenID AuthZEN Authorization API 1.0; see
/// docs/spec/authzen.md.
#[utoipa::path(post, path = "/access/v1/search/action", operation_id = "search_actions", tag = "authzen", security(("bearer" = [])),
    request_body(content = ActionSearchRequest, content_type = "application/json"),
    responses(
        (status = 200, description = "What may be done", body = SearchResponse<FoundAction>),
        (status = 400, description = "malformed-request", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 413, description = "too-large", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 429, description = "tenant-limit", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 503, description = "busy, deadline", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(in crate::http) async fn actions(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<SearchResponse<FoundAction>>, Problem> {
    let tenant = caller.tenant();
    within_rate(&app, tenant)?;
    let bytes = body_of(&headers, body, body::JSON_BYTES_MAX).await?;
    let request = ActionSearchRequest::read(members::read(&bytes)?)?;
    let ActionSearchRequest { subject, resource, context, page } = request;
    let search = json!([tenant, "action", subject, resource, context]);
    let part = Part::of(page, app.config.limits.page_rows_max, &search)?;
    let settings = app.authzen.of(tenant);
    app.blocking(move |ledger| {
        let state = ledger.tenant_state(tenant)?;
        let vocabulary = state.vocabulary.actions().keys().map(grantbook_record::Term::as_str);
        let names: std::collections::BTreeSet<&str> = settings.actions().chain(vocabulary).collect();
        let (found, next) = part.permitted(names.into_iter(), |name| {
            let action = Action { name: (*name).to_owned(), properties: Members::new() };
            let (subject, resource, context) = (subject.clone(), resource.clone(), context.clone());
            let request = EvaluationRequest { subject, action, resource, context };
            is_permitted(ledger, tenant, &settings, request)
        });
        let found = found.into_iter().map(|name| FoundAction { name: name.to_owned() }).collect();
        Ok(Json(part.response(found, next)))
    })
    .await?
}
