//! What happens around every request: its id, its log line, its count; and for most of them a place and a deadline.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::App;
use super::caller;
use super::connections::Peer;
use super::problem::{self, Problem, ProblemKind};
use super::rate::network;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// The id of a request: the client's, or one that was made.
#[derive(Debug, Clone)]
pub(super) struct RequestId {
    pub(super) id: HeaderValue,
    /// Whether the client sent it; one that was made was never used before.
    pub(super) is_clients: bool,
}

/// Names the request, counts it, logs it, and gives errors their one form.
pub(super) async fn observe(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    // the pattern, never the path: paths hold grants' ids
    let route = request.extensions().get::<MatchedPath>().cloned();
    let sent = request.headers().get(&X_REQUEST_ID).cloned();
    let is_clients = sent.is_some();
    let id = sent.or_else(|| HeaderValue::from_str(&app.ledger.new_id().to_string()).ok());
    if let Some(id) = &id {
        request.extensions_mut().insert(RequestId { id: id.clone(), is_clients });
    }
    let mut response = problem::normalise(next.run(request).await);
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    let loggable = id.as_ref().and_then(loggable_id).unwrap_or("-").to_owned();
    if let Some(id) = id {
        headers.insert(X_REQUEST_ID, id);
    }
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    let status = response.status().as_u16();
    let took = started.elapsed();
    app.metrics.request(&method, route, status, took);
    tracing::info!(%method, route, status, micros = took.as_micros(), request_id = loggable, "request");
    response
}

/// A client may write anything into its ids; only what looks like one is logged.
fn loggable_id(id: &HeaderValue) -> Option<&str> {
    let text = id.to_str().ok()?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    ((1..=64).contains(&text.len()) && text.bytes().all(plain)).then_some(text)
}

/// Slows down whoever tries logins, codes, invitations or mailed secrets one after another.
pub(super) async fn by_address(State(app): State<App>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let guarded = ["/account/", "/i/", "/mail/"].iter().any(|prefix| path.starts_with(prefix));
    if (guarded || path == "/sign-in")
        && let Some(Peer(address)) = request.extensions().get::<Peer>().copied()
        && !app.accounts_rate.admits(network(address), Instant::now())
    {
        let detail = "too many requests from this address, try again later";
        return Problem::new(ProblemKind::TooManyRequests, detail).into_response();
    }
    next.run(request).await
}

/// Gives the request one of the places there are, and of those that its tenant has, and a deadline.
pub(super) async fn bound(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let Ok(_place) = app.requests.try_acquire() else {
        return Problem::new(ProblemKind::Busy, "too many requests are under way, try again later")
            .into_response();
    };
    // a token that is wrong is refused by the operations that need one
    let caller = caller::authenticate(request.headers(), &app).ok().flatten();
    let mut tenants_place = None;
    if let Some(principal) = caller {
        let Some(place) = app.tenants_requests.take(principal.tenant) else {
            let detail = "too many requests of this tenant are under way, try again later";
            return Problem::new(ProblemKind::TenantLimit, detail).into_response();
        };
        tenants_place = Some(place);
        request.extensions_mut().insert(principal);
    }
    let deadline = Duration::from_millis(app.config.limits.request_deadline_ms);
    let response = match tokio::time::timeout(deadline, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(
            ProblemKind::Deadline,
            "not finished in time; an append may still succeed, sending it again is safe",
        )
        .into_response(),
    };
    drop(tenants_place);
    response
}

/// The doors of a sandbox are for whoever sits at this machine: nobody comes to them over the network, or through a proxy.
pub(super) async fn doors_from_here(request: Request, next: Next) -> Response {
    let forwarded = ["forwarded", "x-forwarded-for", "x-real-ip"];
    let headers = request.headers();
    let is_forwarded = forwarded.iter().any(|name| headers.contains_key(*name));
    let peer = request.extensions().get::<Peer>();
    let from_here = !is_forwarded && peer.is_some_and(|Peer(address)| address.is_loopback());
    if request.uri().path().starts_with("/sandbox/") && !from_here {
        return Problem::not_found().into_response();
    }
    next.run(request).await
}

/// Whoever opens a sandbox under the number of this machine goes on under its name: browsers make no passkeys for numbers, and a
/// form of one would come from another site than the other's.
pub(super) async fn by_its_name(State(app): State<App>, request: Request, next: Next) -> Response {
    let port = opened_by_number(&request);
    let is_here = |origin: &&str| port.is_some_and(|port| origin.ends_with(&format!(":{port}")));
    match app.portal.sandbox_doors().filter(is_here) {
        Some(origin) => {
            let path = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
            Redirect::temporary(&format!("{origin}{path}")).into_response()
        }
        None => next.run(request).await,
    }
}

/// The port, where a browser goes to a page under a loopback address.
fn opened_by_number(request: &Request) -> Option<u16> {
    let text = |name: &HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    let host = text(&header::HOST)?.parse::<SocketAddr>().ok()?;
    let navigates = request.method() == Method::GET && text(&SEC_FETCH_MODE) == Some("navigate");
    (navigates && host.ip().is_loopback()).then_some(host.port())
}

/// Tokens that one address may show at the enterprises' sign-in, per second.
pub(super) const SIGN_INS_PER_SECOND: u32 = 5;

/// Nobody tries tokens faster than a person could paste them.
pub(super) async fn slow_sign_in(State(app): State<App>, request: Request, next: Next) -> Response {
    let signs_in = request.method() == Method::POST && request.uri().path() == "/company/sign-in";
    let peer = request.extensions().get::<Peer>().map(|Peer(address)| network(*address));
    if signs_in && peer.is_some_and(|peer| !app.sign_in_rate.admits(peer, Instant::now())) {
        let detail = "too many tokens shown from this address, try again later";
        return Problem::new(ProblemKind::TooManyRequests, detail).into_response();
    }
    next.run(request).await
}
