#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

#[allow(dead_code, clippy::panic, reason = "shared with the tests from outside")]
#[path = "../../tests/gate/book.rs"]
mod book;
#[path = "../../tests/gate/sealed.rs"]
mod sealed;

use std::convert::Infallible;
use std::path::PathBuf;

use axum::Json;
use axum::extract::State;
use axum::response::sse::{Event, Sse};
use axum::routing::{get, post};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::replica::StateFolder;
use crate::{Decision, DenialReason, Gate, GateConfig, Source, Tls, Token};
use book::{BOUND, Book, signer};
use sealed::{EPOCH, GATE, KEY, has, opened};

/// What a server sees of a gate that it tells to forget anna.
#[derive(Clone)]
struct Server {
    book: Arc<Mutex<Book>>,
    folder: PathBuf,
    purged: Arc<Notify>,
    /// What could be opened in the gate's folder when the gate said that it has forgotten her.
    at_answer: Arc<Mutex<Option<Vec<Vec<u8>>>>>,
    purge: Arc<Notify>,
}

async fn feed(
    State(server): State<Server>,
    headers: axum::http::HeaderMap,
) -> impl axum::response::IntoResponse {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse::<usize>().ok());
    let frames: Vec<_> = server.book.lock().unwrap().frames.clone();
    let frames: Vec<_> = frames
        .into_iter()
        .skip(last.map_or(0, |last| last + 1))
        .map(|frame| {
            Event::default().id(frame.seq.0.to_string()).data(String::from_utf8(frame.to_json()).unwrap())
        })
        .collect();
    let purge = futures_util::stream::once(async move {
        server.purge.notified().await;
        Event::default().event("purge").data(json!({"erasure": 1, "sub": "anna"}).to_string())
    });
    let events = futures_util::stream::iter(frames).chain(purge).chain(futures_util::stream::pending());
    Sse::new(events.map(Ok::<_, Infallible>))
}

async fn heads(State(server): State<Server>, Json(ask): Json<Value>) -> Json<SignedHead> {
    let nonce: Bytes32 = serde_json::from_value(ask["nonce"].clone()).unwrap();
    Json(server.book.lock().unwrap().head(nonce.0))
}

async fn purged(State(server): State<Server>) {
    *server.at_answer.lock().unwrap() = Some(opened(&server.folder, &KEY, EPOCH));
    server.purged.notify_one();
}

async fn serve(dir: &TempDir) -> (Server, String) {
    let mut book = Book::new();
    for (name, key) in [("anna", 20), ("bert", 21)] {
        book.enrol(name, &signer(key));
        book.grant(name, &signer(key));
    }
    let server = Server {
        book: Arc::new(Mutex::new(book)),
        folder: dir.path().to_owned(),
        purged: Arc::default(),
        at_answer: Arc::default(),
        purge: Arc::default(),
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let router = axum::Router::new()
        .route(
            "/log/vkey",
            get(async |State(server): State<Server>| server.book.lock().unwrap().log_keys().to_string()),
        )
        .route(FEED, get(feed))
        .route(HEADS, post(heads))
        .route("/v1/erasures/{erasure}/purged", post(purged))
        .with_state(server.clone());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (server, address)
}

/// A gate that has a folder, and what refused its snapshot.
fn start(dir: &TempDir, server: &Server, address: &str) -> (Link, Option<SnapshotError>) {
    let pins = server.book.lock().unwrap().pins();
    let gate = GateId::parse(GATE).unwrap();
    let folder = Arc::new(StateFolder::open(dir.path(), &pins, &gate, &KEY, EPOCH).unwrap());
    let (replica, refused) = Replica::open(pins, BOUND, folder).unwrap();
    let http = Arc::new(Http::new(address, "gbk_test", &Tls::default()).unwrap());
    let every = SaveEvery { frames: u64::MAX, time: Duration::from_secs(3600) };
    (Link::start(http, replica, Some(gate), BOUND, None, Some(every)), refused)
}

/// Waits until the folder's lock is free: the tasks of a link end a moment after it.
async fn released(dir: &TempDir, server: &Server) {
    let pins = server.book.lock().unwrap().pins();
    let gate = GateId::parse(GATE).unwrap();
    while StateFolder::open(dir.path(), &pins, &gate, &KEY, EPOCH).is_err() {
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_is_acknowledged_when_nothing_is_left_on_disk() {
    let dir = TempDir::new().unwrap();
    let (server, address) = serve(&dir).await;
    let (link, _) = start(&dir, &server, &address);
    link.ready().await;
    link.save().await.unwrap();
    let (anna, bert) = (signer(20), signer(21));
    assert!(has(&opened(dir.path(), &KEY, EPOCH), anna.public_key().as_bytes()));
    let grant = {
        let book = server.book.lock().unwrap();
        let grantbook_record::feed::About::Grant(about) = &book.frames[3].about else { unreachable!() };
        about.grant
    };

    server.purge.notify_one();
    timeout(Duration::from_secs(20), server.purged.notified()).await.unwrap();
    let at_answer = server.at_answer.lock().unwrap().take().unwrap();
    assert!(!has(&at_answer, anna.public_key().as_bytes()) && !has(&at_answer, grant.as_bytes()));
    // a snapshot is there all the same, with the others
    assert!(has(&at_answer, bert.public_key().as_bytes()) && dir.path().join("snapshot").exists());
    assert_eq!(link.read(Replica::customers), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gate_goes_on_from_what_it_saved_and_reseals_it() {
    const NEXT: [u8; 32] = [44; 32];
    let dir = TempDir::new().unwrap();
    let (server, address) = serve(&dir).await;
    let (link, _) = start(&dir, &server, &address);
    link.ready().await;
    link.save().await.unwrap();
    drop(link);
    released(&dir, &server).await;

    let (link, refused) = start(&dir, &server, &address);
    assert!(refused.is_none(), "{refused:?}");
    assert_eq!((link.read(Replica::customers), link.shared.position()), (Some(2), 6));
    link.ready().await;
    let folder = link.read(Replica::folder).flatten().unwrap();
    let pins = server.book.lock().unwrap().pins();
    let next = folder.of_epoch(&pins, &GateId::parse(GATE).unwrap(), &NEXT, EPOCH + 1);
    link.reseal(Arc::new(next)).await.unwrap();
    assert!(opened(dir.path(), &KEY, EPOCH).is_empty());
    assert!(has(&opened(dir.path(), &NEXT, EPOCH + 1), signer(20).public_key().as_bytes()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_a_panic_left_half_done_is_not_evaluated() {
    let (server, address) = serve(&TempDir::new().unwrap()).await;
    let (keys, parties) = {
        let book = server.book.lock().unwrap();
        (book.log_keys(), book.pins().parties)
    };
    let config = GateConfig::new(address, Token::new("gbk_test"), book::tenant(), keys).embedded(parties);
    let gate = Gate::connect(GateConfig { bound: BOUND, ..config }).await.unwrap();
    let facts = book::facts("anna");
    assert!(matches!(gate.decide(&facts), Decision::Permit(_)));
    let shared = Arc::clone(&gate.link().unwrap().shared);
    let panics = move || shared.write(|_| std::panic::resume_unwind(Box::new("a fault of ours")));
    std::thread::spawn(move || drop(panics())).join().unwrap_err();
    let denial = gate.check(&facts).await.unwrap_err();
    let source = Source::Replica { head_age: None };
    assert_eq!((denial.reason, denial.source), (DenialReason::EvaluationError, source));
    let decision = gate.decide(&facts);
    assert!(
        matches!(&decision, Decision::Denial(denial) if denial.reason == DenialReason::EvaluationError),
        "{decision:?}"
    );
}
