//! `witness`: cosigns other people's logs (C2SP tlog-witness). Specification: `docs/spec/witness.md`.

mod state;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use clap::Args;
use grantbook_tlog::VerifierKey;
use grantbook_tlog::witness::{MAX_REQUEST_BYTES, SIZE_TYPE};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::failure::Failure;
use super::output::{Output, Verdict};
use super::serve::stopped;
use state::{Outcome, Witness};

const TEXT: &str = "text/plain; charset=utf-8";

/// Arguments of `witness`.
#[derive(Debug, Args)]
pub(crate) struct WitnessArgs {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7380")]
    listen: SocketAddr,
    /// Folder of its keys and of the last checkpoint of each log; lost, it must never cosign again under this name
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Its name, a URL without scheme, fixed when its keys are made
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Verifier key of a log to cosign, its first line of /log/vkey; several for several logs, or keys of one
    #[arg(long = "log", value_name = "VKEY", required = true)]
    logs: Vec<VerifierKey>,
}

pub(crate) fn run(args: &WitnessArgs, output: Output) -> Result<Verdict, Failure> {
    let witness = Arc::new(Witness::open(&args.state, args.name.as_deref(), &args.logs)?);
    let runtime = Runtime::new().map_err(Failure::fault)?;
    runtime.block_on(async {
        let listener = TcpListener::bind(args.listen)
            .await
            .map_err(|error| Failure::Fault(format!("cannot listen on {}: {error}", args.listen)))?;
        let url = format!("http://{}", listener.local_addr().map_err(Failure::fault)?);
        let [classic, post_quantum] = witness.keys();
        let short = classic.name().rsplit('/').next().unwrap_or_default();
        output.say(format!(
            "The witness {} is at {url}; Ctrl-C stops it. For a log's policy, one of these lines:\n\
             witness {} {classic} {url}\nwitness {} {post_quantum} {url}",
            classic.name(),
            short,
            short,
        ));
        output.result(&json!({
            "url": url,
            "vkeys": [classic.to_string(), post_quantum.to_string()],
            "logs": witness.origins(),
        }));
        let router = Router::new()
            .route("/add-checkpoint", post(add))
            .route("/vkey", get(vkey))
            .layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES))
            .with_state(witness);
        axum::serve(listener, router).with_graceful_shutdown(stopped()).await.map_err(Failure::fault)
    })?;
    Ok(Verdict::Yes)
}

async fn add(State(witness): State<Arc<Witness>>, body: Bytes) -> Response {
    let outcome = tokio::task::spawn_blocking(move || witness.add(&body)).await;
    let plain = |status: u16, kind: &'static str, body: String| {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, [(header::CONTENT_TYPE, kind)], body).into_response()
    };
    match outcome {
        Ok(Outcome::Cosigned(lines)) => plain(200, TEXT, lines),
        Ok(Outcome::Knows(size)) => plain(409, SIZE_TYPE, format!("{size}\n")),
        Ok(Outcome::Refused(status, why)) => plain(status, TEXT, format!("{why}\n")),
        Err(error) => plain(500, TEXT, format!("{error}\n")),
    }
}

async fn vkey(State(witness): State<Arc<Witness>>) -> Response {
    let [classic, post_quantum] = witness.keys();
    ([(header::CONTENT_TYPE, TEXT)], format!("{classic}\n{post_quantum}\n")).into_response()
}
