//! `/v1/complaints`: what customers complain of, for the enterprise's own systems. No word of it is ever on the log.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use grantbook_engine::{ComplaintCounts, ComplaintError, ComplaintRow, ReadError};
use grantbook_record::complaint::ComplaintText;
use grantbook_record::{Jti, SubjectId, UnixSeconds};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::body;
use super::caller::{Caller, within_rate};
use super::portal::complaints::SHOWN_MAX;
use super::problem::{Problem, ProblemDetails};

/// A complaint that waits for an answer.
#[derive(Serialize, ToSchema)]
pub(super) struct ComplaintView {
    /// Names it.
    #[schema(value_type = String)]
    complaint: Jti,
    /// The customer's pseudonym.
    #[schema(value_type = String)]
    sub: SubjectId,
    /// What it says.
    #[schema(value_type = String)]
    text: ComplaintText,
    /// When it was made, Unix seconds.
    #[schema(value_type = u64)]
    made: UnixSeconds,
    /// By when it is to be answered, Unix seconds.
    #[schema(value_type = u64)]
    due: UnixSeconds,
}

/// Complaints that wait, and how the others went.
#[derive(Serialize, ToSchema)]
pub(super) struct Complaints {
    /// Those that are due first, first; at most 100.
    waiting: Vec<ComplaintView>,
    /// All that were ever made.
    counts: CountsView,
}

/// How complaints are dealt with.
#[derive(Serialize, ToSchema)]
pub(super) struct CountsView {
    /// Answered when due.
    in_time: u64,
    /// Answered later.
    late: u64,
    /// Waiting, and not due yet.
    open: u64,
    /// Waiting for longer than they may.
    overdue: u64,
    /// Erased before they were answered, with all else of the customer.
    erased: u64,
}

/// An answer.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"text": "You are right. We have stopped it, and deleted what we had."}))]
pub(super) struct Answer {
    /// 1 to 2,000 characters, none of them invisible. White space around it is left out.
    #[schema(value_type = String, min_length = 1, max_length = 2000)]
    text: ComplaintText,
}

/// List complaints
///
/// Those that wait for an answer, and how many were answered in time, late, or not at all.
#[utoipa::path(get, path = "/v1/complaints", operation_id = "list_complaints", tag = "complaints", security(("bearer" = [])),
    responses(
        (status = 200, body = Complaints),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn list(State(app): State<App>, caller: Caller) -> Result<Json<Complaints>, Problem> {
    let tenant = caller.tenant();
    within_rate(&app, tenant)?;
    let (rows, counts) = app
        .blocking(move |ledger| {
            let rows = ledger.open_complaints(tenant, SHOWN_MAX)?;
            Ok::<_, ReadError>((rows, ledger.complaint_counts(tenant)?))
        })
        .await??;
    let waiting = rows.into_iter().map(|ComplaintRow { id, sub, complaint }| {
        let (text, made, due) = (complaint.text, complaint.made, complaint.due);
        ComplaintView { complaint: id, sub, text, made, due }
    });
    let ComplaintCounts { in_time, late, open, overdue, erased } = counts;
    let counts = CountsView { in_time, late, open, overdue, erased };
    Ok(Json(Complaints { waiting: waiting.collect(), counts }))
}

/// Answer a complaint
///
/// Once. The answer appears on the customer's page, and the customer is told that there is one.
#[utoipa::path(post, path = "/v1/complaints/{complaint}/answer", operation_id = "answer_complaint", tag = "complaints", security(("bearer" = [])),
    params(("complaint" = String, Path, description = "Names it", pattern = "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")),
    request_body = Answer,
    responses(
        (status = 204, description = "Answered"),
        (status = 400, description = "malformed-request", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 404, description = "not-found", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 409, description = "state-conflict: answered before", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn answer(
    State(app): State<App>,
    caller: Caller,
    Path(complaint): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let Answer { text } = body::read_json(&headers, body).await?;
    let complaint = Jti::parse(&complaint).map_err(|_| Problem::not_found())?;
    let tenant = caller.tenant();
    within_rate(&app, tenant)?;
    let of = app.clone();
    app.blocking(move |ledger| {
        let sub = ledger.answer_complaint(tenant, &complaint, text)?;
        // what was answered is answered, whether the customer is told or not: it is on their page
        if of.portal.tell_answered(tenant, &sub).is_err() {
            tracing::warn!("a customer was not told that a complaint is answered");
        }
        Ok::<_, ComplaintError>(())
    })
    .await??;
    Ok(StatusCode::NO_CONTENT)
}
