//! `POST /v1/events`: the one door for signed envelopes.

use std::time::Instant;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::{Extension, Json};
use grantbook_record::attachment::ATTACHMENT_BYTES_MAX;
use grantbook_record::encoding::Base64Bytes;
use grantbook_record::envelope::{ENVELOPE_BYTES_MAX, Envelope};
use grantbook_record::{EnvelopeError, Receipt};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::body;
use super::caller::{Anyone, within_rate};
use super::connections::Peer;
use super::problem::{Problem, ProblemDetails, ProblemKind};
use super::rate::network;

/// What became of an envelope.
#[derive(Serialize, ToSchema)]
pub(super) struct EventAppended {
    /// Where its entry stands in the log.
    leaf_index: u64,
    /// Whether it had been appended before: the receipt is the same one.
    duplicate: bool,
    /// docs/spec/receipt.md
    #[schema(value_type = Object)]
    receipt: Receipt,
}

/// An envelope with attachments.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EventSent {
    /// The envelope, base64url without padding.
    #[schema(value_type = String)]
    envelope: Base64Bytes,
    /// docs/spec/attachment.md, base64url without padding.
    #[serde(default)]
    #[schema(value_type = Option<String>, nullable = false)]
    attachment: Option<Base64Bytes>,
}

/// Both in base64url, and their names.
const SENT_BYTES_MAX: usize = (ENVELOPE_BYTES_MAX + ATTACHMENT_BYTES_MAX) / 3 * 4 + 256;

/// Append a signed event
///
/// The body is an envelope (docs/spec/envelope.md), or one compact JWS as `application/jose`, or as JSON an envelope and
/// what is attached to it (docs/spec/attachment.md). It authenticates itself by its signatures: a token is not needed, but lifts the limit on events per address. Sending the same envelope again
/// gives the same receipt.
#[utoipa::path(post, path = "/v1/events", operation_id = "append_event", tag = "events", security((), ("bearer" = [])),
    request_body(content(
        (Vec<u8> = "application/octet-stream"),
        (String = "application/jose"),
        (EventSent = "application/json"),
    )),
    responses(
        (status = 201, description = "Appended: durable and under a signed checkpoint", body = EventAppended),
        (status = 200, description = "Had been appended before", body = EventAppended),
        (status = 400, description = "malformed-envelope", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 403, description = "bad-signature, passkey-required", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 404, description = "unknown-tenant", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 409, description = "jti-conflict, state-conflict", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 410, description = "erased: it was appended before, and there is no receipt of it any more", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 413, description = "too-large", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 415, description = "unsupported-content-type", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 422, description = "wrong-time, wrong-audience, refused", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 429, description = "too-many-requests, tenant-limit", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 503, description = "busy, deadline, stopped", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn append(
    State(app): State<App>,
    Anyone(principal): Anyone,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<EventAppended>), Problem> {
    match (&principal, peer) {
        (Some(principal), _) => within_rate(&app, principal.tenant)?,
        // what a tenant's services send never counts here: it keeps no customer from withdrawing
        (None, Some(Extension(Peer(address))))
            if !app.events_rate.admits(network(address), Instant::now()) =>
        {
            return Err(Problem::new(
                ProblemKind::TooManyRequests,
                "too many events from this address, try again later",
            ));
        }
        (None, _) => {}
    }
    let (bytes, attachment) = match body::media_type(&headers).as_str() {
        "application/octet-stream" => (body::read(body, ENVELOPE_BYTES_MAX).await?.to_vec(), None),
        "application/jose" => (framed(&body::read(body, ENVELOPE_BYTES_MAX).await?)?, None),
        "application/json" => {
            let json = body::read(body, SENT_BYTES_MAX).await?;
            let sent: EventSent = grantbook_record::strict_json::parse(&json)?;
            (sent.envelope.0, sent.attachment.map(|attachment| attachment.0))
        }
        _ => {
            let expected =
                "expected Content-Type: application/octet-stream, application/jose or application/json";
            return Err(Problem::new(ProblemKind::UnsupportedContentType, expected));
        }
    };
    let appended = app
        .blocking(move |ledger| {
            let tenant = match principal {
                Some(principal) => principal.tenant,
                // without a token the envelope says whose it is; admission checks that claim like every other
                None => Envelope::parse(&bytes)?.event()?.aud,
            };
            ledger.append_with(tenant, &bytes, attachment.as_deref()).map_err(Problem::from)
        })
        .await??;
    app.metrics.appended(appended.duplicate);
    let status = if appended.duplicate { StatusCode::OK } else { StatusCode::CREATED };
    let leaf_index = appended.leaf_index.0;
    Ok((status, Json(EventAppended { leaf_index, duplicate: appended.duplicate, receipt: appended.receipt })))
}

/// An envelope of one JWS.
pub(crate) fn framed(jws: &[u8]) -> Result<Vec<u8>, Problem> {
    let length = u32::try_from(jws.len()).map_err(|_| EnvelopeError::TooLarge { got: jws.len() })?;
    let mut envelope = Vec::with_capacity(jws.len().saturating_add(4));
    envelope.extend_from_slice(&length.to_be_bytes());
    envelope.extend_from_slice(jws);
    Ok(envelope)
}
