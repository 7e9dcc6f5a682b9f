//! `/v1/grants`: the tenant's grants as the log's events have made them.

use axum::Json;
use axum::extract::{Path, Query, State};
use grantbook_engine::{GrantRow, Ledger};
use grantbook_plan::{GrantState, Status, UseCount};
use grantbook_record::day::UnixSeconds;
use grantbook_record::receipt::Content;
use grantbook_record::{Envelope, Event, Jti, SubjectId, TenantId, Terms};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::caller::Caller;
use super::page::{self, Page, PageQuery};
use super::problem::{Problem, ProblemDetails};

/// Whose grants.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SubjectQuery {
    /// Only this data subject's.
    #[param(nullable = false, pattern = "^[A-Za-z0-9._:-]{1,64}$")]
    sub: Option<String>,
}

/// Grants, by rising leaf index of their `grant.given`.
#[derive(Serialize, ToSchema)]
pub(super) struct GrantsPage {
    /// The rows.
    grants: Vec<GrantView>,
    /// Cursor of the next page; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A grant with all its amendments so far.
#[derive(Serialize, ToSchema)]
pub(super) struct GrantView {
    /// The `jti` of its `grant.given`.
    #[schema(value_type = String)]
    grant: Jti,
    /// Leaf index of its `grant.given`.
    leaf_index: u64,
    /// The data subject.
    #[schema(value_type = String)]
    sub: SubjectId,
    /// `active`, `paused`, `superseded`, `withdrawn` or `revoked`.
    #[schema(value_type = String)]
    status: Status,
    /// First second in force, Unix time.
    #[schema(value_type = u64)]
    starts: UnixSeconds,
    /// Uses so far, amendments included.
    uses: u64,
    /// docs/spec/event.md
    #[schema(value_type = Object)]
    terms: Terms,
}

impl GrantView {
    fn new(sub: SubjectId, grant: GrantState, count: UseCount) -> Self {
        Self {
            grant: grant.id,
            leaf_index: grant.given,
            sub,
            status: grant.status,
            starts: grant.starts,
            uses: count.uses,
            terms: grant.terms,
        }
    }
}

/// List grants
#[utoipa::path(get, path = "/v1/grants", operation_id = "list_grants", tag = "grants", security(("bearer" = [])), params(PageQuery, SubjectQuery),
    responses(
        (status = 200, description = "A page, by rising leaf index", body = GrantsPage),
        (status = 400, description = "malformed-request", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<PageQuery>,
    Query(SubjectQuery { sub }): Query<SubjectQuery>,
) -> Result<Json<GrantsPage>, Problem> {
    let page = query.page(app.config.limits.page_rows_max)?;
    let sub = sub
        .as_deref()
        .map(SubjectId::parse)
        .transpose()
        .map_err(|error| Problem::malformed(error.to_string()))?;
    let (tenant, limit) = (caller.tenant(), page.limit);
    let grants: Vec<GrantView> = app
        .blocking(move |ledger| match sub {
            Some(sub) => Ok(of_subject(ledger, tenant, &sub, &page)),
            None => ledger.grants(tenant, page.after, page.limit).map(|rows| {
                let view = |GrantRow { sub, grant, count, .. }| GrantView::new(sub, grant, count);
                rows.into_iter().map(view).collect()
            }),
        })
        .await??;
    let next = page::next(grants.len(), limit, grants.last().map(|grant| grant.leaf_index));
    Ok(Json(GrantsPage { grants, next }))
}

fn of_subject(ledger: &Ledger, tenant: TenantId, sub: &SubjectId, page: &Page) -> Vec<GrantView> {
    let grants = ledger.customer(tenant, sub).map(|customer| customer.grants).unwrap_or_default();
    let wanted = grants.into_iter().filter(|grant| page.after.is_none_or(|after| grant.given > after.0));
    wanted
        .take(page.limit)
        .map(|grant| {
            let count = ledger.use_count(tenant, sub, &grant.id);
            GrantView::new(sub.clone(), grant, count)
        })
        .collect()
}

/// One grant
#[utoipa::path(get, path = "/v1/grants/{jti}", operation_id = "get_grant", tag = "grants", security(("bearer" = [])),
    params(("jti" = String, Path, description = "The jti of its grant.given")),
    responses(
        (status = 200, description = "The grant with all its amendments so far", body = GrantView),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 404, description = "not-found, also for grants of other tenants", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 410, description = "erased", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn one(
    State(app): State<App>,
    caller: Caller,
    Path(jti): Path<String>,
) -> Result<Json<GrantView>, Problem> {
    let jti = Jti::parse(&jti).map_err(|_| Problem::not_found())?;
    let tenant = caller.tenant();
    let found = app.blocking(move |ledger| find(ledger, tenant, &jti)).await??;
    found.map(Json).ok_or_else(Problem::not_found)
}

/// The log says whose grant it is; the state says what became of it.
fn find(ledger: &Ledger, tenant: TenantId, jti: &Jti) -> Result<Option<GrantView>, Problem> {
    let Some(leaf_index) = ledger.find_event(tenant, jti) else { return Ok(None) };
    let Content::Event(content) = ledger.receipt(tenant, leaf_index)?.content else { return Ok(None) };
    let claims = Envelope::parse(&content.envelope.0)?.event()?;
    let Event::GrantGiven(given) = claims.event else { return Ok(None) };
    let customer = ledger.customer(tenant, &given.sub);
    let grant = customer.and_then(|customer| customer.grant(jti).cloned());
    Ok(grant.map(|grant| {
        let count = ledger.use_count(tenant, &given.sub, jti);
        GrantView::new(given.sub, grant, count)
    }))
}
