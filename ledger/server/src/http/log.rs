//! The public log (C2SP tlog-tiles): `/log/...`. Specification: `docs/spec/checkpoint.md`.

use axum::extract::{Path, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use grantbook_engine::{Ledger, ReadError};
use grantbook_tlog::LeafIndex;
use grantbook_tlog::tile::{BundleCoord, TileCoord};

use super::App;
use super::page::parse_number;
use super::problem::{Problem, ProblemDetails, ProblemKind};

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const BYTES: &str = "application/octet-stream";
/// A checkpoint is fresh for about as long as a batch takes.
const BRIEF: &str = "public, max-age=1";
const MINUTES: &str = "public, max-age=300";
const FOREVER: &str = "public, max-age=31536000, immutable";

/// The log is for everybody, and for scripts of any page: answers, errors among them, are open to all origins.
pub(super) async fn open_to_all_origins(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

fn answer(content_type: &'static str, cache: &'static str, body: impl IntoResponse) -> Response {
    let headers: [(HeaderName, &'static str); 2] =
        [(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, cache)];
    (headers, body).into_response()
}

/// The latest published checkpoint
#[utoipa::path(get, path = "/log/checkpoint", operation_id = "get_checkpoint", tag = "log", responses(
    (status = 200, description = "C2SP signed note, see docs/spec/checkpoint.md; where witnesses are configured, with their quorum", content_type = "text/plain", body = String),
    (status = 503, description = "No checkpoint has its quorum of witnesses yet", content_type = "application/problem+json", body = ProblemDetails<'static>),
))]
pub(super) async fn checkpoint(State(app): State<App>) -> Result<Response, Problem> {
    let published = match &app.witnessing {
        Some(_) => {
            let shared = app.clone();
            let published = app
                .blocking(move |_| shared.witnessing.as_ref().and_then(|witnessing| witnessing.published()))
                .await?;
            published.ok_or_else(|| {
                Problem::new(ProblemKind::NotWitnessed, "expected the witnesses to cosign first; try again")
            })?
        }
        None => app.blocking(Ledger::publishable).await?.map_err(ReadError::Store)?.note,
    };
    Ok(answer(TEXT, BRIEF, published.to_string()))
}

/// The log's verifier keys, a line each
#[utoipa::path(get, path = "/log/vkey", operation_id = "get_verifier_keys", tag = "log", responses(
    (status = 200, description = "Three C2SP verifier keys: the log's, which signs checkpoints only, its clock's, and its ML-DSA-44 key", content_type = "text/plain", body = String),
))]
pub(super) async fn vkey(State(app): State<App>) -> Response {
    answer(TEXT, MINUTES, app.ledger.log_keys().to_string())
}

/// A tile of hashes or a bundle of entries
#[utoipa::path(get, path = "/log/tile/{*path}", operation_id = "get_tile", tag = "log",
    params(("path" = String, Path, description = "C2SP tlog-tiles: <L>/<N>[.p/<W>] for hashes, entries/<N>[.p/<W>] for entries")),
    responses(
        (status = 200, description = "The bytes; they never change", content_type = "application/octet-stream"),
        (status = 404, description = "No such tile in the latest published tree", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn tile(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    // the path as it came: percent-encoding would be a second spelling
    let path = request.uri().path().strip_prefix("/log/").unwrap_or_default().to_owned();
    let found = if path.starts_with("tile/entries/") {
        let coord: BundleCoord = path.parse().map_err(|_| Problem::not_found())?;
        app.blocking(move |ledger| ledger.bundle(&coord)).await??
    } else {
        let coord: TileCoord = path.parse().map_err(|_| Problem::not_found())?;
        app.blocking(move |ledger| ledger.tile(&coord)).await??
    };
    Ok(answer(BYTES, FOREVER, found.ok_or_else(Problem::not_found)?))
}

/// The receipt of a public event: envelope, salts, proof
#[utoipa::path(get, path = "/log/public/{leaf_index}", operation_id = "get_public_event", tag = "log",
    params(("leaf_index" = u64, Path, description = "Leaf index of the entry")),
    responses(
        (status = 200, description = "docs/spec/receipt.md", content_type = "application/json", body = Object),
        (status = 404, description = "No public event there", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn public(
    State(app): State<App>,
    Path(leaf_index): Path<String>,
) -> Result<Response, Problem> {
    let leaf = parse_number(&leaf_index).map(LeafIndex).ok_or_else(Problem::not_found)?;
    let receipt = app.blocking(move |ledger| ledger.public_receipt(leaf)).await??;
    Ok(answer(JSON, MINUTES, receipt.to_json()))
}
