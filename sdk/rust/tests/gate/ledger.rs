//! A ledger's HTTP interface as far as a gate sees it, over a [`Book`], with faults to be switched on.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::response::sse::{Event as SseEvent, Sse};
use axum::routing::{get, post};
use grantbook_record::encoding::Bytes32;
use grantbook_record::head::SignedHead;
use grantbook_record::uses::UseId;
use grantbook_record::{Jti, Receipt};
use grantbook_sdk::{GateConfig, LeafIndex, Token, UseFacts};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::book::{Book, tenant};

pub(crate) const TOKEN: &str = "gbk_test";

/// What goes wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Trouble {
    #[default]
    None,
    /// Evaluations give 503 this many times more.
    Busy(u32),
    /// Evaluations give 403.
    Forbidden,
    /// Evaluations hang.
    Hangs,
    /// Evaluations answer about another use.
    OtherUse,
    /// Evaluations come with an obligation that nobody knows.
    OddObligation,
    /// The ledger denies, for a reason that only it can know.
    Denies,
    /// Heads are refused.
    NoHeads,
    /// The feed leaves out this frame.
    Drops(usize),
}

#[derive(Clone)]
pub(crate) struct Ledger(Arc<Shared>);

struct Shared {
    inner: Mutex<Inner>,
    server: String,
}

struct Inner {
    book: Book,
    trouble: Trouble,
    grant: Option<Jti>,
    recorded: HashMap<String, (LeafIndex, Receipt)>,
    streams: u32,
}

impl Ledger {
    pub(crate) async fn serve(book: Book) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap());
        let inner = Inner { book, trouble: Trouble::None, grant: None, recorded: HashMap::new(), streams: 0 };
        let ledger = Self(Arc::new(Shared { inner: Mutex::new(inner), server }));
        let router = axum::Router::new()
            .route("/log/vkey", get(vkey))
            .route("/v1/heads", post(heads))
            .route("/v1/feed", get(feed))
            .route("/access/v1/evaluation", post(evaluation))
            .with_state(ledger.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        ledger
    }

    pub(crate) fn config(&self) -> GateConfig {
        let keys = self.lock().book.log_keys();
        GateConfig {
            bound: Duration::from_millis(1500),
            deadline: Duration::from_secs(1),
            connect_within: Duration::from_secs(5),
            ..GateConfig::new(&self.0.server, Token::new(TOKEN), tenant(), keys)
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.inner.lock().unwrap()
    }

    pub(crate) fn book<T>(&self, change: impl FnOnce(&mut Book) -> T) -> T {
        change(&mut self.lock().book)
    }

    pub(crate) fn trouble(&self, trouble: Trouble) {
        self.lock().trouble = trouble;
    }

    /// The grant under which evaluations permit.
    pub(crate) fn permit_under(&self, grant: Jti) {
        self.lock().grant = Some(grant);
    }

    pub(crate) fn recorded(&self) -> usize {
        self.lock().recorded.len()
    }

    pub(crate) fn streams(&self) -> u32 {
        self.lock().streams
    }
}

async fn vkey(State(ledger): State<Ledger>) -> String {
    ledger.lock().book.log_keys().to_string()
}

async fn heads(State(ledger): State<Ledger>, Json(ask): Json<Value>) -> Result<Json<SignedHead>, StatusCode> {
    let inner = ledger.lock();
    if inner.trouble == Trouble::NoHeads {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    let Bytes32(nonce) = serde_json::from_value(ask["nonce"].clone()).unwrap();
    Ok(Json(inner.book.head(nonce)))
}

async fn feed(State(ledger): State<Ledger>, headers: HeaderMap) -> impl IntoResponse {
    let last = headers.get("last-event-id").map(|id| id.to_str().unwrap().parse::<usize>().unwrap());
    ledger.lock().streams += 1;
    let (send, mut receive) = mpsc::channel::<SseEvent>(1);
    tokio::spawn(async move {
        let mut next = last.map_or(0, |last| last + 1);
        loop {
            let (frame, trouble) = {
                let inner = ledger.lock();
                (inner.book.frames.get(next).cloned(), inner.trouble)
            };
            let Some(frame) = frame else {
                tokio::time::sleep(Duration::from_millis(5)).await;
                if send.is_closed() {
                    return;
                }
                continue;
            };
            next += 1;
            if trouble == Trouble::Drops(next - 1) {
                continue;
            }
            let data = serde_json::to_string(&frame).unwrap();
            let event = SseEvent::default().id(frame.seq.0.to_string()).event("frame").data(data);
            if send.send(event).await.is_err() {
                return;
            }
        }
    });
    Sse::new(futures_util::stream::poll_fn(move |context| {
        receive.poll_recv(context).map(|event| event.map(Ok::<_, Infallible>))
    }))
}

async fn evaluation(
    State(ledger): State<Ledger>,
    headers: HeaderMap,
    Json(question): Json<Value>,
) -> Result<Json<Value>, StatusCode> {
    assert_eq!(headers["authorization"], format!("Bearer {TOKEN}"));
    let trouble = {
        let mut inner = ledger.lock();
        let trouble = inner.trouble;
        if let Trouble::Busy(left) = trouble {
            inner.trouble = left.checked_sub(1).map_or(Trouble::None, Trouble::Busy);
        }
        trouble
    };
    match trouble {
        Trouble::Busy(_) => return Err(StatusCode::SERVICE_UNAVAILABLE),
        Trouble::Forbidden => return Err(StatusCode::FORBIDDEN),
        Trouble::Hangs => std::future::pending().await,
        Trouble::Denies => {
            return Ok(Json(json!({
                "decision": false,
                "context": {"reason": "cap", "what": "…", "remedy": "…", "grant": ledger.lock().grant},
            })));
        }
        _ => {}
    }
    let mut inner = ledger.lock();
    let grant = inner.grant.unwrap();
    let id = question["context"]["use_id"].as_str().unwrap().to_owned();
    let mut facts = facts_of(&question);
    if trouble == Trouble::OtherUse {
        facts.action = crate::book::term("share");
    }
    let use_id = UseId::try_from(id.clone()).unwrap();
    let Inner { book, recorded, .. } = &mut *inner;
    let (leaf_index, receipt) =
        recorded.entry(id).or_insert_with(|| book.record(&facts, Some(use_id), grant)).clone();
    let obligations = match trouble {
        Trouble::OddObligation => json!([{"encrypt": {}}]),
        _ => serde_json::to_value(book.terms().obligations).unwrap(),
    };
    Ok(Json(json!({
        "decision": true,
        "context": {"grant": grant, "leaf_index": leaf_index.0, "obligations": obligations, "receipt": receipt},
    })))
}

/// The mapping, read backwards.
fn facts_of(question: &Value) -> UseFacts {
    let (resource, context) = (&question["resource"], &question["context"]);
    assert_eq!(question["subject"]["type"], "service");
    assert_eq!(resource["type"], "customer_data");
    serde_json::from_value(json!({
        "data_subject": resource["id"],
        "requester": question["subject"]["id"],
        "recipient": context["recipient"],
        "purpose": context["purpose"],
        "action": question["action"]["name"],
        "categories": resource["properties"]["categories"],
        "fields": resource["properties"]["fields"],
        "data_period": context["data_period"],
    }))
    .unwrap()
}
