//! `GET /v1/deletions`: grants of whose uses data is kept, and when it must be deleted.

use axum::Json;
use axum::extract::{Query, State};
use grantbook_engine::GrantRow;
use grantbook_record::{Jti, SubjectId, UnixSeconds};
use grantbook_tlog::LeafIndex;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::caller::Caller;
use super::page::{PageQuery, parse_number};
use super::problem::{Problem, ProblemDetails};

/// Until when.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DueQuery {
    /// Only what is due before this time, Unix seconds.
    #[param(nullable = false, pattern = "^(0|[1-9][0-9]{0,18})$")]
    due_before: Option<String>,
}

/// Grants, by rising leaf index of their `grant.given`.
#[derive(Serialize, ToSchema)]
pub(super) struct DeletionsPage {
    /// The rows.
    deletions: Vec<DeletionView>,
    /// Cursor of the next page; absent at the end. A page may be short, even empty, before the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Data that is kept of the uses of a grant.
#[derive(Serialize, ToSchema)]
struct DeletionView {
    /// The `jti` of its `grant.given`.
    #[schema(value_type = String)]
    grant: Jti,
    /// The data subject.
    #[schema(value_type = String)]
    sub: SubjectId,
    /// When the oldest of it must be deleted, Unix seconds.
    #[schema(value_type = u64)]
    due: UnixSeconds,
    /// Days after a use in which its data must be deleted.
    days: u32,
    /// Leaf index of the last use whose data is deleted already.
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted_through: Option<u64>,
}

/// List what must be deleted
///
/// An enterprise that has deleted data says so by an event `data.deleted` (docs/spec/event.md).
#[utoipa::path(get, path = "/v1/deletions", operation_id = "list_deletions", tag = "grants", security(("bearer" = [])), params(PageQuery, DueQuery),
    responses(
        (status = 200, description = "A page, by rising leaf index", body = DeletionsPage),
        (status = 400, description = "malformed-request", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<PageQuery>,
    Query(DueQuery { due_before }): Query<DueQuery>,
) -> Result<Json<DeletionsPage>, Problem> {
    let page = query.page(app.config.limits.page_rows_max)?;
    let due_before = match due_before.as_deref().map(parse_number) {
        None => UnixSeconds(u64::MAX),
        Some(Some(seconds)) => UnixSeconds(seconds),
        Some(None) => return Err(Problem::malformed("malformed due_before, expected Unix seconds")),
    };
    let tenant = caller.tenant();
    let due = app.blocking(move |ledger| ledger.deletions_due(tenant, due_before, page.after, page.limit));
    let (rows, next) = due.await??;
    let view = |row: &GrantRow| {
        Some(DeletionView {
            grant: row.grant.id,
            sub: row.sub.clone(),
            due: row.deletion_due()?,
            days: row.grant.terms.deletion_days()?,
            deleted_through: row.duties.deleted_through(),
        })
    };
    let next = next.map(|LeafIndex(leaf)| leaf.to_string());
    Ok(Json(DeletionsPage { deletions: rows.iter().filter_map(view).collect(), next }))
}
