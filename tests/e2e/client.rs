//! A plain HTTP/1.1 client: one connection for each request, nothing hidden.

use std::net::SocketAddr;

use grantbook_sdk::sse::SseParser;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

pub(crate) const OCTETS: &str = "application/octet-stream";
pub(crate) const JSON: &str = "application/json";

/// A request to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    method: Method,
    path: String,
    token: Option<String>,
    body: Option<(&'static str, Bytes)>,
}

impl Call {
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), token: None, body: None }
    }

    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn post(path: impl Into<String>, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self::new(Method::POST, path).body(content_type, body)
    }

    pub(crate) fn body(self, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self { body: Some((content_type, body.into())), ..self }
    }

    pub(crate) fn token(self, token: Option<&str>) -> Self {
        Self { token: token.map(str::to_owned), ..self }
    }

    /// Sends it; the body is still to be read.
    pub(crate) async fn open(self, address: SocketAddr) -> Response<Incoming> {
        let stream = TcpStream::connect(address).await.expect("a connection");
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("HTTP/1.1");
        tokio::spawn(connection);
        let mut request = Request::builder().method(self.method).uri(self.path).header("host", "ledger.test");
        if let Some(token) = self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let (content_type, body) = self.body.unzip();
        if let Some(content_type) = content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        let request = request.body(Full::new(body.unwrap_or_default())).expect("a request");
        sender.send_request(request).await.expect("an answer")
    }

    /// Sends it and reads the whole answer.
    pub(crate) async fn send(self, address: SocketAddr) -> Answer {
        let (parts, body) = self.open(address).await.into_parts();
        Answer { status: parts.status.as_u16(), body: body.collect().await.expect("a body").to_bytes() }
    }
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self
    }
}

/// The first `count` frames of a feed from its start, each as it came.
pub(crate) async fn frames(address: SocketAddr, token: &str, count: u64) -> Vec<Vec<u8>> {
    let mut body = Call::get("/v1/feed").token(Some(token)).open(address).await.into_body();
    let mut parser = SseParser::default();
    let mut frames = Vec::new();
    while (frames.len() as u64) < count {
        let chunk = body.frame().await.expect("a feed without end").expect("a feed");
        let events = parser.push(&chunk.into_data().expect("data")).expect("frames of bounded size");
        frames.extend(events.into_iter().map(|event| event.data));
    }
    frames
}
