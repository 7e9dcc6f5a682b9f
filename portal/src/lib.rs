//! Pages for people. Today one: what this server is, the state of its log, and what to try.
//!
//! Pages work without JavaScript, in English and Simplified Chinese, in light and dark. What is *not* here: any access
//! to the ledger. The server hands in an [`Overview`], so a page can show nothing that an API client could not see.

pub mod account;
pub mod backend;
pub mod failure;
mod language;
pub mod passkey;
mod secret;
pub mod session;
pub mod signing;

use askama::Template;
use axum::Router;
use axum::extract::RawQuery;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

pub use language::Language;
use language::Text;

/// Nothing but our own style sheet: no scripts, frames, forms or foreign bytes.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const STYLE: &str = include_str!("portal.css");

/// What the front page shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// Origin of the log.
    pub origin: String,
    /// Entries in the log.
    pub tree_size: u64,
    /// Root hash, base64.
    pub root: String,
    /// Whether there is a sandbox tenant.
    pub sandbox: bool,
    /// The server's address, without a final slash.
    pub base_url: String,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage<'a> {
    overview: &'a Overview,
    language: Language,
    text: &'static Text,
}

/// The portal's routes; `overview` is asked at each request.
pub fn router<S: Clone + Send + Sync + 'static>(
    overview: impl Fn() -> Overview + Clone + Send + Sync + 'static,
) -> Router<S> {
    Router::new()
        .route(
            "/",
            get(move |RawQuery(query): RawQuery, headers: HeaderMap| {
                let overview = overview();
                async move { front_page(&overview, Language::choose(query.as_deref(), &headers)) }
            }),
        )
        .route("/portal.css", get(style))
}

async fn style() -> Response {
    let headers =
        [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "public, max-age=300")];
    (headers, STYLE).into_response()
}

fn front_page(overview: &Overview, language: Language) -> Response {
    let page = OverviewPage { overview, language, text: language.text() };
    let Ok(html) = page.render() else {
        // only a writer that fails can make it fail, and a string never does
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = Html(html).into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::VARY, "accept-language"),
        (header::CONTENT_LANGUAGE, language.tag()),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests;
