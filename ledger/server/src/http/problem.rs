//! Every error that a client can get, and the one mapping of errors to HTTP (RFC 9457).
//!
//! Details say what was expected; they never repeat what somebody sent, so they hold no personal data.

use std::borrow::Cow;

use axum::Json;
use axum::body::HttpBody as _;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use grantbook_engine::{
    AppendError, ComplaintError, CosignatureError, DrawnError, MirrorError, ReadError, TenantError,
    WitnessedError,
};
use grantbook_plan::Refusal;
use grantbook_record::EnvelopeError;
use grantbook_record::attachment::AttachmentError;
use grantbook_record::audit::AuditError;
use grantbook_record::lease::ReleaseError;
use grantbook_record::mirror::StatementError;
use grantbook_record::strict_json::JsonError;
use grantbook_record::uses::UseError;
use serde::Serialize;
use utoipa::ToSchema;

/// What every problem's `type` begins with.
pub const TYPE_PREFIX: &str = "https://grantbook.example/problems/";

macro_rules! problems {
    ($($variant:ident = $slug:literal, $status:ident, $title:literal;)*) => {
        /// The kinds of problems. Slugs are stable.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ProblemKind {
            $(#[doc = $title] $variant,)*
        }

        impl ProblemKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The last part of `type`.
            pub fn slug(self) -> &'static str {
                match self { $(Self::$variant => $slug,)* }
            }

            /// The HTTP status.
            pub fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)* }
            }

            /// The title, the same for all problems of the kind.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }
        }
    };
}

problems! {
    MalformedRequest = "malformed-request", BAD_REQUEST, "The request is malformed";
    MalformedEnvelope = "malformed-envelope", BAD_REQUEST, "The envelope is malformed";
    MalformedBatch = "malformed-batch", BAD_REQUEST, "The batch of uses is malformed";
    Unauthorized = "unauthorized", UNAUTHORIZED, "A valid bearer token is needed";
    Forbidden = "forbidden", FORBIDDEN, "The token's role does not allow this";
    BadSignature = "bad-signature", FORBIDDEN, "Not signed by the keys that must sign it";
    PasskeyRequired = "passkey-required", FORBIDDEN, "The customer's passkey must sign it too";
    NotLoggedIn = "not-logged-in", UNAUTHORIZED, "A session of the portal is needed";
    NotFresh = "not-fresh", FORBIDDEN, "The passkey must be shown once more for this";
    CrossSite = "cross-site", FORBIDDEN, "The request did not come from the portal's own pages";
    Gone = "gone", GONE, "It is used, ended or expired";
    NotFound = "not-found", NOT_FOUND, "There is nothing here";
    UnknownTenant = "unknown-tenant", NOT_FOUND, "There is no such tenant";
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED, "The method is not allowed here";
    JtiConflict = "jti-conflict", CONFLICT, "The jti was used before with other content";
    UseConflict = "use-conflict", CONFLICT, "The use id was used before for another use";
    SequenceConflict = "sequence-conflict", CONFLICT, "The batch is out of the gate's sequence";
    StateConflict = "state-conflict", CONFLICT, "The event contradicts the state it would change";
    FeedAhead = "feed-ahead", CONFLICT, "The reader is ahead of the feed";
    NotYet = "not-yet", CONFLICT, "Only the next root of the grant states proves it";
    Held = "held", CONFLICT, "A legal hold is, or is not, on the customer";
    Erased = "erased", GONE, "The content was erased";
    TooLarge = "too-large", PAYLOAD_TOO_LARGE, "The body is too large";
    UnsupportedContentType = "unsupported-content-type", UNSUPPORTED_MEDIA_TYPE, "The content type is not supported";
    WrongTime = "wrong-time", UNPROCESSABLE_ENTITY, "The envelope was signed too long ago, ahead of time, or has expired";
    WrongAudience = "wrong-audience", UNPROCESSABLE_ENTITY, "The envelope is for another tenant";
    Refused = "refused", UNPROCESSABLE_ENTITY, "The rules of admission refuse it";
    TooManyRequests = "too-many-requests", TOO_MANY_REQUESTS, "Too many requests from this address";
    TenantLimit = "tenant-limit", TOO_MANY_REQUESTS, "The tenant takes more than its share";
    Internal = "internal", INTERNAL_SERVER_ERROR, "The server has a fault";
    Busy = "busy", SERVICE_UNAVAILABLE, "The server is busy";
    NotWitnessed = "not-witnessed", SERVICE_UNAVAILABLE, "No checkpoint has its quorum of witnesses yet";
    Deadline = "deadline", SERVICE_UNAVAILABLE, "The request took too long";
    NotReady = "not-ready", SERVICE_UNAVAILABLE, "The server is not ready";
    Stopped = "stopped", SERVICE_UNAVAILABLE, "The ledger takes no entries now";
}

/// A problem, to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Its kind.
    pub kind: ProblemKind,
    /// What was expected here.
    pub detail: Cow<'static, str>,
    /// Seconds after which to try again.
    pub retry_after: Option<u32>,
}

/// A problem as it travels: `application/problem+json`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProblemDetails<'a> {
    /// `https://grantbook.example/problems/<slug>`; slugs are stable.
    r#type: String,
    /// The same for all problems of this type.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// What was expected. Never repeats what was sent.
    detail: &'a str,
}

impl Problem {
    /// A problem with its detail.
    pub fn new(kind: ProblemKind, detail: impl Into<Cow<'static, str>>) -> Self {
        let passing = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS];
        let retry_after = passing.contains(&kind.status()).then_some(1);
        Self { kind, detail: detail.into(), retry_after }
    }

    pub(crate) fn malformed(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ProblemKind::MalformedRequest, detail)
    }

    pub(crate) fn not_found() -> Self {
        Self::new(ProblemKind::NotFound, "expected the address of something that is there and yours to see")
    }

    pub(crate) fn too_large(limit: usize) -> Self {
        Self::new(ProblemKind::TooLarge, format!("expected a body of at most {limit} bytes"))
    }

    pub(crate) fn internal() -> Self {
        Self::new(
            ProblemKind::Internal,
            "try again later; the operator finds the cause in the log by X-Request-ID",
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let details = ProblemDetails {
            r#type: format!("{TYPE_PREFIX}{}", self.kind.slug()),
            title: self.kind.title(),
            status: self.kind.status().as_u16(),
            detail: &self.detail,
        };
        let mut response = (self.kind.status(), Json(details)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.kind == ProblemKind::Unauthorized {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(r#"Bearer realm="grantbook""#));
        }
        response
    }
}

/// Gives an error that was made elsewhere, such as a wrong method, the form of all others.
pub(crate) fn normalise(response: Response) -> Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let has_form =
        |kind: &HeaderValue| kind == "application/problem+json" || kind == "text/html; charset=utf-8";
    // pages say what is wrong to people, in their language
    if !is_error || response.headers().get(header::CONTENT_TYPE).is_some_and(has_form) {
        return response;
    }
    let problem = match status {
        StatusCode::NOT_FOUND => Problem::not_found(),
        StatusCode::METHOD_NOT_ALLOWED => {
            Problem::new(ProblemKind::MethodNotAllowed, "expected one of the methods that Allow names")
        }
        _ if status.is_client_error() => Problem::malformed("expected a request as the reference describes"),
        _ => {
            tracing::error!(%status, size = ?response.body().size_hint().exact(), "unmapped error");
            Problem::internal()
        }
    };
    let allow = response.headers().get(header::ALLOW).cloned();
    let mut response = problem.into_response();
    if let Some(allow) = allow {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

impl From<JsonError> for Problem {
    fn from(error: JsonError) -> Self {
        Self::malformed(error.to_string())
    }
}

impl From<EnvelopeError> for Problem {
    fn from(error: EnvelopeError) -> Self {
        let kind = match error {
            EnvelopeError::TooLarge { .. } | EnvelopeError::PayloadTooLarge { .. } => ProblemKind::TooLarge,
            EnvelopeError::UnknownSigner | EnvelopeError::BadSignature => ProblemKind::BadSignature,
            EnvelopeError::WrongAudience => ProblemKind::WrongAudience,
            EnvelopeError::StaleIat { .. } | EnvelopeError::Expired { .. } => ProblemKind::WrongTime,
            EnvelopeError::Framing
            | EnvelopeError::SignatureCount { .. }
            | EnvelopeError::Jws(_)
            | EnvelopeError::DifferentPayloads
            | EnvelopeError::SameSigner
            | EnvelopeError::UnknownKind
            | EnvelopeError::PayloadEncoding
            | EnvelopeError::Event(_)
            | EnvelopeError::JtiTime => ProblemKind::MalformedEnvelope,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<UseError> for Problem {
    fn from(error: UseError) -> Self {
        let kind = match error {
            UseError::BatchTooLarge { .. } => ProblemKind::TooLarge,
            UseError::BadSignature => ProblemKind::BadSignature,
            _ => ProblemKind::MalformedBatch,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<ReleaseError> for Problem {
    fn from(error: ReleaseError) -> Self {
        let kind = match error {
            ReleaseError::TooLarge { .. } => ProblemKind::TooLarge,
            ReleaseError::BadSignature => ProblemKind::BadSignature,
            ReleaseError::Jws(_)
            | ReleaseError::Typ
            | ReleaseError::Payload(_)
            | ReleaseError::Version(_) => ProblemKind::MalformedRequest,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let kind = match refusal {
            Refusal::Signers { .. } => ProblemKind::BadSignature,
            Refusal::AlreadyEnrolled
            | Refusal::KeyKnown
            | Refusal::GrantEnded
            | Refusal::GrantStatus { .. }
            | Refusal::Again
            | Refusal::AlreadyAcknowledged
            | Refusal::DeletedAlready
            | Refusal::NoCandidate
            | Refusal::OtherCandidate { .. }
            | Refusal::StillInShadow { .. }
            | Refusal::Version { .. } => ProblemKind::StateConflict,
            _ => ProblemKind::Refused,
        };
        Self::new(kind, refusal.to_string())
    }
}

impl From<AppendError> for Problem {
    fn from(error: AppendError) -> Self {
        let kind = match error {
            AppendError::Envelope(error) => return error.into(),
            AppendError::Use(error) => return error.into(),
            AppendError::Refused(refusal) => return refusal.into(),
            AppendError::Attachment(AttachmentError::TooLarge { .. }) => ProblemKind::TooLarge,
            AppendError::Attachment(AttachmentError::Assertion(_)) | AppendError::UnknownGate => {
                ProblemKind::BadSignature
            }
            AppendError::Attachment(_) => ProblemKind::MalformedEnvelope,
            AppendError::Cosignature(CosignatureError::Missing) => ProblemKind::PasskeyRequired,
            AppendError::UnknownTenant => ProblemKind::UnknownTenant,
            AppendError::NotErasable { .. } | AppendError::NotDue { .. } => ProblemKind::StateConflict,
            AppendError::JtiConflict => ProblemKind::JtiConflict,
            AppendError::UseIdConflict => ProblemKind::UseConflict,
            AppendError::Sequence { .. } => ProblemKind::SequenceConflict,
            AppendError::Want => ProblemKind::MalformedRequest,
            AppendError::Budget(_) | AppendError::Cosignature(_) | AppendError::NoPortal => {
                ProblemKind::Refused
            }
            AppendError::Release(error) => return error.into(),
            AppendError::Busy => ProblemKind::Busy,
            AppendError::Stopped => ProblemKind::Stopped,
            AppendError::Store(ref fault) => {
                tracing::error!(%fault, "the store has a fault");
                return Self::internal();
            }
        };
        Self::new(kind, error.to_string())
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::NotFound => Self::not_found(),
            ReadError::Erased => Self::new(
                ProblemKind::Erased,
                "its key was destroyed; the entry itself stays in the public log",
            ),
            ReadError::NotYet => Self::new(ProblemKind::NotYet, error.to_string()),
            ReadError::Stopped => Self::new(ProblemKind::Stopped, error.to_string()),
            ReadError::Store(_) | ReadError::Damaged(_) => {
                tracing::error!(%error, "read failed");
                Self::internal()
            }
        }
    }
}

impl From<MirrorError> for Problem {
    fn from(error: MirrorError) -> Self {
        let kind = match error {
            MirrorError::UnknownTenant => ProblemKind::UnknownTenant,
            MirrorError::TooManySources => ProblemKind::Refused,
            MirrorError::Statement(StatementError::TooLarge { .. }) => ProblemKind::TooLarge,
            MirrorError::Statement(StatementError::BadSignature) => ProblemKind::BadSignature,
            MirrorError::Statement(_) => ProblemKind::MalformedRequest,
            MirrorError::Claims(error) => return error.into(),
            MirrorError::Sequence { .. } => ProblemKind::SequenceConflict,
            MirrorError::Ahead => ProblemKind::WrongTime,
            MirrorError::Read(error) => return error.into(),
            MirrorError::Store(fault) => return ReadError::Store(fault).into(),
        };
        Self::new(kind, error.to_string())
    }
}

impl From<ComplaintError> for Problem {
    fn from(error: ComplaintError) -> Self {
        let kind = match error {
            ComplaintError::NotFound => ProblemKind::NotFound,
            ComplaintError::Answered => ProblemKind::StateConflict,
            ComplaintError::TooMany => ProblemKind::Refused,
            ComplaintError::Read(error) => return error.into(),
            ComplaintError::Store(fault) => return ReadError::Store(fault).into(),
        };
        Self::new(kind, error.to_string())
    }
}

impl From<AuditError> for Problem {
    fn from(error: AuditError) -> Self {
        Self::malformed(error.to_string())
    }
}

impl From<DrawnError> for Problem {
    fn from(error: DrawnError) -> Self {
        match error {
            DrawnError::Request(error) => error.into(),
            DrawnError::Append(error) => error.into(),
            DrawnError::Checkpoint(WitnessedError::Store(fault)) => ReadError::Store(fault).into(),
            DrawnError::Checkpoint(error) => Self::new(ProblemKind::Refused, error.to_string()),
        }
    }
}

impl From<TenantError> for Problem {
    fn from(error: TenantError) -> Self {
        match error {
            TenantError::UnknownTenant | TenantError::UnknownGate | TenantError::UnknownToken => {
                Self::not_found()
            }
            TenantError::Refused { .. } => Self::new(ProblemKind::Refused, error.to_string()),
            TenantError::Keyring(fault) => {
                tracing::error!(%fault, "the keyring cannot be written");
                Self::internal()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_lists_exactly_the_problems_there_are() {
        let page = include_str!("../../../../docs/reference/http.md");
        let (_, listed) = page.split_once("| type | status | when |").unwrap();
        let listed: Vec<String> = listed
            .lines()
            .filter_map(|line| line.strip_prefix("| `"))
            .map(|line| {
                line.split('|')
                    .take(2)
                    .map(|cell| cell.trim_matches([' ', '`']))
                    .collect::<Vec<_>>()
                    .join(" ")
            })
            .collect();
        let there: Vec<String> = ProblemKind::ALL
            .iter()
            .map(|kind| format!("{} {}", kind.slug(), kind.status().as_u16()))
            .collect();
        assert_eq!(listed, there);
    }

    #[test]
    fn details_never_repeat_what_was_sent() {
        let error = grantbook_record::strict_json::parse::<u8>(b"\"Zhang San\"").unwrap_err();
        assert!(!Problem::from(error).detail.contains("Zhang"));
    }
}
