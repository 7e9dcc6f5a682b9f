//! A source behind HTTP: `GET <address>?fact=<name>&requester=<name>`, answered by one fact, or by 404 where there is
//! none.

use grantbook_record::Term;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use hyper::http::uri::{PathAndQuery, Scheme};
use hyper::{Request, Uri};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::document::{Statement, Trust};
use super::{FactKey, FactSource, FactsError, Fetch, SourceFault};
use crate::http::ClientError;
use crate::tls::{Tls, plain};

/// Bytes of an answer.
pub const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// Facts from a server.
pub struct HttpSource {
    name: Term,
    address: Uri,
    authorization: Option<HeaderValue>,
    trust: Trust,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl HttpSource {
    /// The source of this name at an `http://` or `https://` address without a query. Redirects are not followed.
    pub fn new(name: Term, address: &str, tls: &Tls, trust: Trust) -> Result<Self, FactsError> {
        let address: Uri = address.parse().map_err(|_| ClientError::Server)?;
        if address.authority().is_none() || address.query().is_some() {
            return Err(ClientError::Server.into());
        }
        let connector = match address.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => tls.connector()?,
            Some(scheme) if *scheme == Scheme::HTTP => plain()?,
            _ => return Err(ClientError::Server.into()),
        };
        let client = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
        Ok(Self { name, address, authorization: None, trust, client })
    }

    /// The same with a bearer token.
    pub fn with_token(self, token: &str) -> Result<Self, FactsError> {
        let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| ClientError::Token)?;
        value.set_sensitive(true);
        Ok(Self { authorization: Some(value), ..self })
    }

    async fn ask(&self, wanted: &FactKey) -> Result<Option<Bytes>, SourceFault> {
        // names are terms: nothing in them needs an escape
        let FactKey { fact, requester } = wanted;
        let path = format!("{}?fact={fact}&requester={requester}", self.address.path());
        let mut parts = self.address.clone().into_parts();
        parts.path_and_query = PathAndQuery::try_from(path).ok();
        let uri = Uri::from_parts(parts).map_err(|_| SourceFault::Unreachable)?;
        let mut request = Request::get(uri).header(ACCEPT, "application/json, application/jose");
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(Full::default()).map_err(|_| SourceFault::Unreachable)?;
        let response = self.client.request(request).await.map_err(|_| SourceFault::Unreachable)?;
        match response.status().as_u16() {
            200 => {}
            404 => return Ok(None),
            got => return Err(SourceFault::Status { got }),
        }
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await.map_err(|error| {
            if error.is::<http_body_util::LengthLimitError>() {
                SourceFault::TooLarge
            } else {
                SourceFault::Unreachable
            }
        })?;
        Ok(Some(body.to_bytes()))
    }
}

impl std::fmt::Debug for HttpSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpSource")
            .field("name", &self.name)
            .field("trust", &self.trust)
            .finish_non_exhaustive()
    }
}

impl FactSource for HttpSource {
    fn fetch<'a>(&'a self, wanted: &'a FactKey) -> Fetch<'a> {
        Box::pin(async move {
            let Some(answer) = self.ask(wanted).await? else { return Ok(None) };
            Statement::verify(&answer, &self.trust)?.of(wanted, &self.name).map(Some)
        })
    }
}
