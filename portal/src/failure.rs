//! Why the portal does not do what was asked, in the form of every error of the server (RFC 9457).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use grantbook_record::strict_json::JsonError;
use serde_json::json;

/// What every problem's `type` begins with: the server's.
const TYPE_PREFIX: &str = "https://grantbook.example/problems/";

/// Why something was not done. Nothing in it repeats what was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The request departs from its form.
    #[error("malformed request, expected {0}")]
    Malformed(String),
    /// The request came from another site, or does not say from where.
    #[error("from another site, expected a request of the portal's own pages")]
    CrossSite,
    /// No session, or one that has ended.
    #[error("not logged in, expected a session")]
    NotLoggedIn,
    /// The session is too old for this.
    #[error("not fresh, expected the passkey to be shown once more")]
    NotFresh,
    /// A passkey or a recovery code that is none of ours, or does not verify.
    #[error("not recognised, expected {0}")]
    NotRecognised(&'static str),
    /// Not there, or not the caller's to see.
    #[error("not found, expected something that is there and yours to see")]
    NotFound,
    /// Used, ended or expired.
    #[error("gone, expected {0}")]
    Gone(&'static str),
    /// Something is in the way.
    #[error("in conflict, expected {0}")]
    Conflict(&'static str),
    /// Too many attempts.
    #[error("too many attempts, try again later")]
    TooMany,
    /// The ledger said no, in its own words.
    #[error("{detail}")]
    Ledger {
        /// HTTP status.
        status: u16,
        /// The last part of the problem's type.
        slug: &'static str,
        /// The words.
        detail: String,
    },
    /// A fault. The log of the server says more.
    #[error("try again later")]
    Unavailable,
}

impl From<JsonError> for Failure {
    fn from(error: JsonError) -> Self {
        Self::Malformed(error.to_string())
    }
}

impl Failure {
    fn kind(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Malformed(_) => (StatusCode::BAD_REQUEST, "malformed-request", "The request is malformed"),
            Self::CrossSite => {
                (StatusCode::FORBIDDEN, "cross-site", "The request did not come from the portal's own pages")
            }
            Self::NotLoggedIn => {
                (StatusCode::UNAUTHORIZED, "not-logged-in", "A session of the portal is needed")
            }
            Self::NotFresh => {
                (StatusCode::FORBIDDEN, "not-fresh", "The passkey must be shown once more for this")
            }
            Self::NotRecognised(_) => {
                (StatusCode::FORBIDDEN, "bad-signature", "Not signed by the keys that must sign it")
            }
            Self::NotFound => (StatusCode::NOT_FOUND, "not-found", "There is no such thing"),
            Self::Gone(_) => (StatusCode::GONE, "gone", "It is used, ended or expired"),
            Self::Conflict(_) => {
                (StatusCode::CONFLICT, "state-conflict", "The state of the ledger does not allow it")
            }
            Self::TooMany => (StatusCode::TOO_MANY_REQUESTS, "too-many-requests", "Too many requests"),
            Self::Ledger { status, slug, .. } => (
                StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
                slug,
                "The ledger refused it",
            ),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "busy", "The server is busy"),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, slug, title) = self.kind();
        let body = json!({
            "type": format!("{TYPE_PREFIX}{slug}"),
            "title": title,
            "status": status.as_u16(),
            "detail": self.to_string(),
        });
        let mut response = (status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}
