//! The client: a few kinds of request over pooled HTTP/1.1 connections, with bounded answers.

use std::path::PathBuf;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::http::uri::{PathAndQuery, Scheme};
use hyper::{Method, Request, Response, Uri};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::denial::LinkFault;
use crate::tls::{Tls, plain};

/// Bytes of an answer: a receipt and what surrounds it.
const ANSWER_BYTES_MAX: usize = grantbook_record::receipt::RECEIPT_BYTES_MAX + 64 * 1024;

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error("malformed server address, expected http://host or https://host, with a port or without")]
    Server,
    #[error("malformed token, expected visible ASCII characters")]
    Token,
    #[error("no TLS, expected root certificates of the operating system")]
    Tls,
    #[error("{}: expected PEM with certificates, or with the key of the client's", file.display())]
    File { file: PathBuf },
}

pub(crate) struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    server: Uri,
    authorization: HeaderValue,
}

impl Http {
    pub(crate) fn new(server: &str, token: &str, tls: &Tls) -> Result<Self, ClientError> {
        let server: Uri = server.parse().map_err(|_| ClientError::Server)?;
        let is_bare = server.authority().is_some() && matches!(server.path(), "" | "/");
        if !is_bare || server.query().is_some() {
            return Err(ClientError::Server);
        }
        let connector = match server.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => tls.connector()?,
            Some(scheme) if *scheme == Scheme::HTTP => plain()?,
            _ => return Err(ClientError::Server),
        };
        let mut authorization =
            HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| ClientError::Token)?;
        authorization.set_sensitive(true);
        let client = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
        Ok(Self { client, server, authorization })
    }

    /// `POST`s JSON, gives the JSON of a 200.
    pub(crate) async fn ask<A: DeserializeOwned>(
        &self,
        path: &str,
        question: &impl Serialize,
    ) -> Result<A, LinkFault> {
        // string keys, no fallible serialisers
        let body = serde_json::to_vec(question).unwrap_or_default();
        self.post_json(path, body, ANSWER_BYTES_MAX).await
    }

    /// `POST`s bytes of JSON, gives the JSON of a success, of at most so many bytes.
    pub(crate) async fn post_json<A: DeserializeOwned>(
        &self,
        path: &str,
        body: Vec<u8>,
        bytes_max: usize,
    ) -> Result<A, LinkFault> {
        let request = self
            .request(Method::POST, path)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json")
            .body(Full::from(body));
        parse(&collect(self.send(request).await?, bytes_max).await?)
    }

    /// `GET`s JSON.
    pub(crate) async fn read<A: DeserializeOwned>(&self, path: &str) -> Result<A, LinkFault> {
        let request = self.request(Method::GET, path).header(ACCEPT, "application/json");
        parse(&collect(self.send(request.body(Full::default())).await?, ANSWER_BYTES_MAX).await?)
    }

    /// `POST`s JSON that is answered without content.
    pub(crate) async fn tell(&self, path: &str, word: &impl Serialize) -> Result<(), LinkFault> {
        let body = serde_json::to_vec(word).unwrap_or_default();
        let request = self.request(Method::POST, path).header(CONTENT_TYPE, "application/json");
        self.send(request.body(Full::from(body))).await.map(|_| ())
    }

    /// `GET`s a text.
    pub(crate) async fn text(&self, path: &str) -> Result<String, LinkFault> {
        let request = self.request(Method::GET, path).body(Full::default());
        let bytes = collect(self.send(request).await?, ANSWER_BYTES_MAX).await?;
        String::from_utf8(bytes.into()).map_err(|_| LinkFault::Answer { expected: "UTF-8 text" })
    }

    /// Opens a stream of server-sent events, after the event `last` where there was one.
    pub(crate) async fn events(&self, path: &str, last: Option<u64>) -> Result<Incoming, LinkFault> {
        let mut request = self.request(Method::GET, path).header(ACCEPT, "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        Ok(self.send(request.body(Full::default())).await?.into_body())
    }

    fn request(&self, method: Method, path: &str) -> hyper::http::request::Builder {
        let mut uri = self.server.clone().into_parts();
        uri.path_and_query = PathAndQuery::try_from(path).ok();
        let uri = Uri::from_parts(uri).unwrap_or_default();
        Request::builder().method(method).uri(uri).header(AUTHORIZATION, self.authorization.clone())
    }

    async fn send(
        &self,
        request: Result<Request<Full<Bytes>>, hyper::http::Error>,
    ) -> Result<Response<Incoming>, LinkFault> {
        let request = request.map_err(|_| LinkFault::Unreachable)?;
        let response = self.client.request(request).await.map_err(|_| LinkFault::Unreachable)?;
        match response.status().as_u16() {
            200 | 201 | 204 => Ok(response),
            got => Err(LinkFault::Status { got }),
        }
    }
}

fn parse<A: DeserializeOwned>(bytes: &[u8]) -> Result<A, LinkFault> {
    serde_json::from_slice(bytes).map_err(|_| LinkFault::Answer { expected: "JSON of the answer's schema" })
}

async fn collect(response: Response<Incoming>, bytes_max: usize) -> Result<Bytes, LinkFault> {
    let body = Limited::new(response.into_body(), bytes_max).collect().await;
    let too_large =
        |error: &(dyn std::error::Error + 'static)| error.is::<http_body_util::LengthLimitError>();
    body.map(http_body_util::Collected::to_bytes).map_err(|error| {
        if too_large(error.as_ref()) {
            LinkFault::Answer { expected: "an answer of bounded size" }
        } else {
            LinkFault::Unreachable
        }
    })
}
