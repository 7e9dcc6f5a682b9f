//! `/v1/proofs`: making an enterprise's bundles, and handing them out to its administrators.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read as _};
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use grantbook_engine::{DayRequest, ProofShelf, ProveError, date_of, parse_date};
use grantbook_proof::StatementPolicy;
use grantbook_proof::policy::POLICY_BYTES_MAX;
use grantbook_record::{Day, TenantId, strict_json};
use serde::Deserialize;
use utoipa::ToSchema;

use super::App;
use super::body;
use super::caller::{Admin, within_rate};
use super::problem::{Problem, ProblemDetails, ProblemKind};
use crate::profiles::profile;
use crate::proofs::{ExceptionView, ProofsView, RunState, RunView, ViolationView};

/// Bytes of a request: a policy, and some thousand exceptions.
const REQUEST_BYTES_MAX: usize = 4 * POLICY_BYTES_MAX;
/// Bytes of a bundle that are read at once.
const PIECE_BYTES: usize = 256 * 1024;

/// A day to be proved.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"policy": "gdpr"}))]
pub(super) struct ProveRequest {
    /// The day, `YYYY-MM-DD`; absent: the next one.
    #[serde(default)]
    #[schema(nullable = false, format = "date")]
    day: Option<String>,
    /// The JSON of a statement policy, byte for byte as the regulator gave it, or the name of one that comes with the
    /// server: `data-act`, `dpdp`, `gdpr`, `pipl`, `sandbox`.
    policy: String,
    /// Entries that are to be opened in the bundle because they do not comply.
    #[serde(default)]
    exceptions: Vec<ExceptionView>,
}

/// The last run of each tenant. One proves at a time: a proof takes all cores.
#[derive(Default)]
pub(super) struct Runs {
    last: Mutex<BTreeMap<TenantId, RunView>>,
    turn: Mutex<()>,
}

impl Runs {
    fn of(&self, tenant: TenantId) -> Option<RunView> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).get(&tenant).cloned()
    }

    /// Notes that a run begins; not while there is one of the tenant.
    fn begin(&self, tenant: TenantId, day: Day) -> Option<RunView> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.get(&tenant).is_some_and(|run| matches!(run.state, RunState::Running { .. })) {
            return None;
        }
        let begun = RunView { day: date_of(day), state: RunState::Running { done: 0, total: 0 } };
        last.insert(tenant, begun.clone());
        Some(begun)
    }

    fn note(&self, tenant: TenantId, state: RunState) {
        if let Some(run) = self.last.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&tenant) {
            run.state = state;
        }
    }
}

pub(super) fn shelf(app: &App, tenant: TenantId) -> ProofShelf {
    ProofShelf::new(&app.config.data_dir.join("proofs"), tenant)
}

impl From<ProveError> for Problem {
    fn from(error: ProveError) -> Self {
        match error {
            ProveError::UnknownTenant => Self::new(ProblemKind::UnknownTenant, error.to_string()),
            ProveError::Policy(error) => Self::malformed(error.to_string()),
            ProveError::Read(error) => error.into(),
            ProveError::Append(error) => error.into(),
            ProveError::Store(error) => {
                tracing::error!(%error, "the proofs of a tenant have a fault");
                Self::internal()
            }
            other => Self::new(ProblemKind::StateConflict, other.to_string()),
        }
    }
}

/// List proved days
///
/// With the next one to be proved, and how far the last run is.
#[utoipa::path(get, path = "/v1/proofs", operation_id = "list_proofs", tag = "proofs", security(("bearer" = [])), responses(
    (status = 200, body = ProofsView),
    (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
    (status = 403, description = "forbidden: the role is not admin", content_type = "application/problem+json", body = ProblemDetails<'static>),
))]
pub(super) async fn list(
    State(app): State<App>,
    Admin(principal): Admin,
) -> Result<Json<ProofsView>, Problem> {
    let (tenant, shelf) = (principal.tenant, shelf(&app, principal.tenant));
    let run = app.proofs.of(tenant);
    let is_running = run.as_ref().is_some_and(|run| matches!(run.state, RunState::Running { .. }));
    let (days, next) = app
        .blocking(move |ledger| {
            let days = shelf.days()?;
            // a run is about to change what there is
            let next = if is_running { None } else { ledger.next_day_to_prove(&shelf, tenant)? };
            Ok::<_, ProveError>((days, next))
        })
        .await??;
    let days = days.into_iter().map(|shelved| date_of(shelved.day)).collect();
    Ok(Json(ProofsView { days, next: next.map(date_of), run }))
}

/// Prove a day
///
/// Begins it; the list of proved days tells how far it is. What was begun before is taken up again.
#[utoipa::path(post, path = "/v1/proofs", operation_id = "prove", tag = "proofs", security(("bearer" = [])),
    request_body = ProveRequest,
    responses(
        (status = 202, description = "Begun", body = RunView),
        (status = 400, description = "malformed-request, such as a policy that cannot be used", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 403, description = "forbidden: the role is not admin", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 409, description = "state-conflict: a run is under way, or the day is not the next one", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn prove(
    State(app): State<App>,
    Admin(principal): Admin,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<RunView>), Problem> {
    let tenant = principal.tenant;
    within_rate(&app, tenant)?;
    body::expect_json(&headers)?;
    let request: ProveRequest = strict_json::parse(&body::read(body, REQUEST_BYTES_MAX).await?)?;
    let policy = match profile(&request.policy) {
        Some(bytes) => bytes.to_vec(),
        None => request.policy.into_bytes(),
    };
    StatementPolicy::parse(&policy).map_err(ProveError::from)?;
    let exceptions: BTreeSet<_> =
        request.exceptions.iter().map(|excepted| (excepted.leaf_index, excepted.statement)).collect();
    let asked = request.day.map(|day| {
        parse_date(&day).ok_or_else(|| Problem::malformed("malformed day, expected one such as 2026-03-02"))
    });
    let (asked, shelf) = (asked.transpose()?, shelf(&app, tenant));
    let of_next = shelf.clone();
    let next = app.blocking(move |ledger| ledger.next_day_to_prove(&of_next, tenant)).await??;
    let day = match (asked, next) {
        (Some(got), Some(expected)) if got != expected => {
            return Err(ProveError::Order { got, expected }.into());
        }
        (_, Some(next)) => next,
        (_, None) => {
            return Err(Problem::new(ProblemKind::StateConflict, "every day that is over is proved"));
        }
    };
    let under_way =
        || Problem::new(ProblemKind::StateConflict, "a day of the tenant is being proved already");
    let begun = app.proofs.begin(tenant, day).ok_or_else(under_way)?;
    let running = app.clone();
    tokio::task::spawn_blocking(move || {
        let _turn = running.proofs.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let request = DayRequest { tenant, day, policy: &policy, exceptions: &exceptions, threads };
        let progress = |done, total| {
            running.proofs.note(tenant, RunState::Running { done, total });
            !*running.stopping.borrow()
        };
        let proved = running.ledger.prove_day(&shelf, &request, &progress);
        running.proofs.note(tenant, ended(proved));
    });
    Ok((StatusCode::ACCEPTED, Json(begun)))
}

fn ended(proved: Result<grantbook_engine::ProvedDay, ProveError>) -> RunState {
    match proved {
        Ok(proved) => RunState::Proved {
            own_entries: proved.report.own_entries,
            exceptions: proved.report.exceptions.len(),
            bundle_sha256: format!("{:?}", proved.bundle_sha256),
            leaf_index: proved.leaf_index.0,
        },
        Err(error) if !error.violations().is_empty() => {
            RunState::Refused { entries: error.violations().iter().map(ViolationView::from).collect() }
        }
        // what a fault says of files is for the server's own log
        Err(error) => RunState::Failed { why: Problem::from(error).detail.into_owned() },
    }
}

/// The bundle of a day
///
/// Binary, docs/spec/compliance-proof.md. It shows who used how many grants, under pseudonyms: it is for the regulator alone.
#[utoipa::path(get, path = "/v1/proofs/{day}", operation_id = "get_proof", tag = "proofs", security(("bearer" = [])),
    params(("day" = String, Path, description = "The day, YYYY-MM-DD")),
    responses(
        (status = 200, description = "The bundle", content_type = "application/octet-stream"),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 403, description = "forbidden: the role is not admin", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 404, description = "not-found: the day is not proved", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn bundle(
    State(app): State<App>,
    Admin(principal): Admin,
    Path(day): Path<String>,
) -> Result<Response, Problem> {
    within_rate(&app, principal.tenant)?;
    let day = parse_date(&day).ok_or_else(Problem::not_found)?;
    let file = shelf(&app, principal.tenant).bundle_file(day);
    let opened =
        app.blocking(move |_| File::open(file).and_then(|file| Ok((file.metadata()?.len(), file)))).await?;
    let (length, file) = opened.map_err(|error| {
        if error.kind() == io::ErrorKind::NotFound {
            return Problem::not_found();
        }
        tracing::error!(%error, "a bundle cannot be read");
        Problem::internal()
    })?;
    let pieces = stream::try_unfold(file, |mut file| async move {
        let read = tokio::task::spawn_blocking(move || {
            let mut piece = Vec::with_capacity(PIECE_BYTES);
            (&mut file).take(PIECE_BYTES as u64).read_to_end(&mut piece)?;
            Ok::<_, io::Error>((piece, file))
        });
        let (piece, file) = read.await.map_err(io::Error::other)??;
        Ok::<_, io::Error>((!piece.is_empty()).then(|| (Bytes::from(piece), file)))
    });
    let headers = [(header::CONTENT_TYPE, "application/octet-stream"), (header::CACHE_CONTROL, "no-store")];
    let length = [(header::CONTENT_LENGTH, length)];
    Ok((headers, length, Body::from_stream(pieces)).into_response())
}

/// What the verification of a day's bundle says
#[utoipa::path(get, path = "/v1/proofs/{day}/report", operation_id = "get_proof_report", tag = "proofs", security(("bearer" = [])),
    params(("day" = String, Path, description = "The day, YYYY-MM-DD")),
    responses(
        (status = 200, description = "Statement by statement: what was proved about how many entries, and what was excepted", content_type = "application/json", body = Object),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 403, description = "forbidden: the role is not admin", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 404, description = "not-found: the day is not proved", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn report(
    State(app): State<App>,
    Admin(principal): Admin,
    Path(day): Path<String>,
) -> Result<Response, Problem> {
    let day = parse_date(&day).ok_or_else(Problem::not_found)?;
    let shelf = shelf(&app, principal.tenant);
    let report = app.blocking(move |_| shelf.report(day)).await?.map_err(ProveError::from)?;
    let report = report.ok_or_else(Problem::not_found)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], report).into_response())
}
