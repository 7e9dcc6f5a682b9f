//! `/v1/grants`: the tenant's grants as the log's events have made them.

use axum::Json;
use axum::extract::{Path, Query, State};
use grantbook_engine::{GrantRow, Ledger, ReadError};
use grantbook_plan::Status;
use grantbook_record::day::UnixSeconds;
use grantbook_record::{Jti, SubjectId, TenantId, Terms};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::caller::Caller;
use super::page::{self, Page, PageQuery};
use super::problem::{Problem, ProblemDetails};

/// Whose grants or assets.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SubjectQuery {
    /// Only this data subject's.
    #[param(nullable = false, pattern = "^[A-Za-z0-9._:-]{1,64}$")]
    sub: Option<String>,
}

impl SubjectQuery {
    /// The data subject, if one is named in its form.
    pub(super) fn parse(&self) -> Result<Option<SubjectId>, Problem> {
        let sub = self.sub.as_deref().map(SubjectId::parse).transpose();
        sub.map_err(|error| Problem::malformed(error.to_string()))
    }
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
    /// The mandate under which an agent gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    mandate: Option<Jti>,
    /// `active`, `paused`, `superseded`, `withdrawn` or `revoked`.
    #[schema(value_type = String)]
    status: Status,
    /// First second in force, Unix time.
    #[schema(value_type = u64)]
    starts: UnixSeconds,
    /// Uses so far, amendments included.
    uses: u64,
    /// Leaf index of the last use whose data is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted_through: Option<u64>,
    /// When the oldest data that is kept of its uses must be deleted, Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    deletion_due: Option<UnixSeconds>,
    /// docs/spec/event.md
    #[schema(value_type = Object)]
    terms: Terms,
}

impl GrantView {
    fn new(row: GrantRow) -> Self {
        let deletion_due = row.deletion_due();
        let GrantRow { sub, grant, count, duties, .. } = row;
        Self {
            grant: grant.id,
            leaf_index: grant.given,
            sub,
            mandate: grant.mandate,
            status: grant.status,
            starts: grant.starts,
            uses: count.uses,
            deleted_through: duties.deleted_through(),
            deletion_due,
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
    Query(subject): Query<SubjectQuery>,
) -> Result<Json<GrantsPage>, Problem> {
    let page = query.page(app.config.limits.page_rows_max)?;
    let sub = subject.parse()?;
    let (tenant, limit) = (caller.tenant(), page.limit);
    let grants: Vec<GrantView> = app
        .blocking(move |ledger| {
            let rows = match sub {
                Some(sub) => of_subject(ledger, tenant, &sub, &page),
                None => ledger.grants(tenant, page.after, page.limit),
            };
            rows.map(|rows| rows.into_iter().map(GrantView::new).collect())
        })
        .await??;
    let next = page::next(grants.len(), limit, grants.last().map(|grant| grant.leaf_index));
    Ok(Json(GrantsPage { grants, next }))
}

fn of_subject(
    ledger: &Ledger,
    tenant: TenantId,
    sub: &SubjectId,
    page: &Page,
) -> Result<Vec<GrantRow>, ReadError> {
    let mut rows = ledger.grants_of(tenant, sub)?;
    rows.retain(|row| page.after.is_none_or(|after| row.leaf_index > after));
    rows.truncate(page.limit);
    Ok(rows)
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
    let row = app.blocking(move |ledger| ledger.grant(tenant, &jti)).await??;
    Ok(Json(GrantView::new(row)))
}
