//! `POST /v1/audits`: opening what a regulator has drawn, over all enterprises.
//!
//! For operators' tokens alone. One is answered at a time, in parts, so that a large one neither fills the memory nor holds
//! the ledger's threads.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use grantbook_engine::{Drawn, ReadError};
use grantbook_record::audit::{REQUEST_BYTES_MAX, Request};
use tokio::sync::OwnedSemaphorePermit;

use super::App;
use super::body;
use super::caller::{Operator, within_rate};
use super::problem::{Problem, ProblemDetails, ProblemKind};

/// Answers that are read at once.
const ANSWERS_AT_ONCE: usize = 64;

/// Open the entries that a regulator has drawn
///
/// The body is the regulator's request as it came, docs/spec/audit.md. The answers are lines of JSON in the order of the
/// draw; fewer than were drawn mean that the answer broke off. That they are opened is put on the public log before.
#[utoipa::path(post, path = "/v1/audits", operation_id = "open_audit", tag = "audit", security(("bearer" = [])),
    request_body(content = Object, content_type = "application/json"),
    responses(
        (status = 200, description = "docs/spec/audit.md", content_type = "application/x-ndjson", body = String),
        (status = 400, description = "malformed-request", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 403, description = "forbidden: the role is not operator", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 422, description = "refused: the checkpoint is not of this log's history", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 503, description = "busy: another audit is answered", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn open(
    State(app): State<App>,
    Operator(principal): Operator,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    within_rate(&app, principal.tenant)?;
    body::expect_json(&headers)?;
    let request = Request::parse(&body::read(body, REQUEST_BYTES_MAX).await?)?;
    let place = app.audits.clone().try_acquire_owned();
    let place =
        place.map_err(|_| Problem::new(ProblemKind::Busy, "another audit is answered, try again later"))?;
    let drawn = app.blocking(move |ledger| ledger.open_drawn(&request)).await??;
    let reader = Reader { app, drawn: Some(drawn), _place: place };
    let lines = stream::unfold(reader, |mut reader| async move {
        let part = reader.part().await?;
        Some((part, reader))
    });
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response())
}

struct Reader {
    app: App,
    drawn: Option<Drawn>,
    _place: OwnedSemaphorePermit,
}

impl Reader {
    /// The next lines; after an error the answer breaks off.
    async fn part(&mut self) -> Option<Result<Bytes, ReadError>> {
        let mut drawn = self.drawn.take()?;
        if drawn.len() == 0 || *self.app.stopping.borrow() {
            return None;
        }
        let read = self.app.blocking(move |_| {
            let mut lines = Vec::new();
            for answer in drawn.by_ref().take(ANSWERS_AT_ONCE) {
                lines.extend(answer?.to_json());
                lines.push(b'\n');
            }
            Ok((lines, drawn))
        });
        match read.await.unwrap_or(Err(ReadError::Stopped)) {
            Ok((lines, drawn)) => {
                self.drawn = Some(drawn);
                Some(Ok(lines.into()))
            }
            Err(error) => {
                tracing::error!(%error, "an audit's answer broke off");
                Some(Err(error))
            }
        }
    }
}
