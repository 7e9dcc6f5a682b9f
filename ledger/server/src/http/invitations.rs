//! How customers come to the portal: invitations that an enterprise hands out, and first keys for which it vouches.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use grantbook_engine::Cosignature;
use grantbook_portal::failure::Failure;
use grantbook_portal::signing::{NewInvitation, Portal};
use grantbook_record::envelope::ENVELOPE_BYTES_MAX;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::body;
use super::caller::{Admin, Caller};
use super::problem::{Problem, ProblemDetails, ProblemKind};

/// Whom to invite.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes what the portal reads")]
pub(super) struct InvitationRequest {
    /// The customer's pseudonym, which has no key yet unless `request` is one of its open requests.
    #[schema(pattern = "^[A-Za-z0-9._:-]{1,64}$")]
    data_subject: String,
    /// Where the customer is shown the way back to: `https://…`.
    #[schema(nullable = false, pattern = "^https://[a-z0-9.-]{1,200}/?$", example = "https://app.example/")]
    return_url: Option<String>,
    /// A request, by its jti, that the customer is shown at once; the way back from it says what came of it.
    #[schema(
        nullable = false,
        pattern = "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
    )]
    request: Option<String>,
    /// `enterprise` (the default) or `operators_word`: who vouches for the customer's first key.
    #[schema(nullable = false, pattern = "^(enterprise|operators_word)$")]
    evidence: Option<String>,
    /// How long the link is good, in seconds: 60 to 2592000, a week where it is not given.
    #[schema(nullable = false, minimum = 60, maximum = 2_592_000)]
    seconds: Option<u64>,
    /// Given where the link is for a guardian of the customer, who may have a key then.
    #[schema(nullable = false)]
    guardian: Option<GuardianInvited>,
}

/// Of whom a guardian is invited.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes what the portal reads")]
pub(super) struct GuardianInvited {
    /// The day on which the minor was born. The day of coming of age follows from it by the rules in force.
    #[schema(
        pattern = "^(19[0-9]{2}|20[0-9]{2})-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])$",
        example = "2015-03-01"
    )]
    birth_day: String,
}

/// A link that is shown this once.
#[derive(Serialize, ToSchema)]
pub(super) struct InvitationMade {
    /// For the customer alone: whoever opens it first becomes this customer.
    url: String,
    /// The same as a QR code, an SVG picture.
    qr_svg: String,
    /// Until when it is good, Unix seconds.
    expires: u64,
}

/// Keys for which the enterprise has yet to vouch.
#[derive(Serialize, ToSchema)]
pub(super) struct Enrolments {
    enrolments: Vec<Enrolment>,
}

/// A customer's first key or a guardian's, and what to sign for it.
#[derive(Serialize, ToSchema)]
pub(super) struct Enrolment {
    /// Its id.
    id: String,
    /// The customer's pseudonym.
    data_subject: String,
    /// `key.enrolled` for a customer's first key, `guardian.named` for a guardian's.
    kind: String,
    /// Its payload, base64url: to be signed as it is.
    payload: String,
    /// Until when it waits, Unix seconds.
    expires: u64,
}

/// What became of an enrolment.
#[derive(Serialize, ToSchema)]
pub(super) struct Enrolled {
    /// Where it stands in the log.
    leaf_index: u64,
}

/// Whether customers who have a passkey are asked for it.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CosignatureRule {
    /// `required` (the default) or `optional`.
    #[schema(value_type = String, pattern = "^(required|optional)$")]
    rule: Cosignature,
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let kind = match &failure {
            Failure::Malformed(_) => ProblemKind::MalformedRequest,
            Failure::CrossSite => ProblemKind::CrossSite,
            Failure::NotLoggedIn => ProblemKind::NotLoggedIn,
            Failure::NotFresh => ProblemKind::NotFresh,
            Failure::NotRecognised(_) => ProblemKind::BadSignature,
            Failure::NotFound => return Self::not_found(),
            Failure::Gone(_) => ProblemKind::Gone,
            Failure::Conflict(_) => ProblemKind::StateConflict,
            Failure::TooMany => ProblemKind::TooManyRequests,
            Failure::Unavailable => ProblemKind::Busy,
            Failure::Ledger { slug, .. } => {
                let known = ProblemKind::ALL.iter().find(|kind| kind.slug() == *slug);
                known.copied().unwrap_or(ProblemKind::Internal)
            }
        };
        Self::new(kind, failure.to_string())
    }
}

fn portal(app: &App) -> Portal {
    app.portal.clone()
}

/// Invite a customer
///
/// docs/spec/invitation.md. Gives a link to the portal, for the customer whose pseudonym it names.
#[utoipa::path(post, path = "/v1/invitations", operation_id = "invite", tag = "customers", security(("bearer" = [])), request_body = InvitationRequest,
    responses(
        (status = 201, body = InvitationMade),
        (status = 400, description = "malformed-request", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 409, description = "state-conflict: the pseudonym has a key already, and no such request is open", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn invite(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<InvitationMade>), Problem> {
    let asked: NewInvitation = body::read_json(&headers, body).await?;
    let made = portal(&app).invite(caller.tenant(), asked).await?;
    let made = InvitationMade { url: made.url, qr_svg: made.qr_svg, expires: made.expires.0 };
    Ok((StatusCode::CREATED, Json(made)))
}

/// List keys that wait for the enterprise's word
#[utoipa::path(get, path = "/v1/enrolments", operation_id = "list_enrolments", tag = "customers", security(("bearer" = [])), responses(
    (status = 200, body = Enrolments),
    (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
))]
pub(super) async fn waiting(State(app): State<App>, caller: Caller) -> Result<Json<Enrolments>, Problem> {
    let pending = portal(&app).pending_enrolments(caller.tenant()).await?;
    let shown = pending.enrolments.into_iter().map(|one| Enrolment {
        id: one.id,
        data_subject: one.data_subject.as_str().to_owned(),
        kind: one.kind.name().to_owned(),
        payload: grantbook_record::encoding::to_base64url(&one.payload.0),
        expires: one.expires.0,
    });
    Ok(Json(Enrolments { enrolments: shown.collect() }))
}

/// Vouch for a key
///
/// The body is one compact JWS by the enterprise's key over the payload that the list gives. It goes into one envelope with the
/// customer's, and on the log.
#[utoipa::path(post, path = "/v1/enrolments/{id}", operation_id = "vouch", tag = "customers", security(("bearer" = [])),
    params(("id" = String, Path, description = "Its id")),
    request_body(content = String, content_type = "application/jose"),
    responses(
        (status = 201, body = Enrolled),
        (status = 400, description = "malformed-envelope", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 403, description = "bad-signature", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 404, description = "not-found", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 409, description = "state-conflict", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 410, description = "gone: it waited too long", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 415, description = "unsupported-content-type", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn vouch(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Enrolled>), Problem> {
    if body::media_type(&headers) != "application/jose" {
        let expected = "expected Content-Type: application/jose";
        return Err(Problem::new(ProblemKind::UnsupportedContentType, expected));
    }
    let word = super::events::framed(&body::read(body, ENVELOPE_BYTES_MAX).await?)?;
    let leaf_index = portal(&app).vouch(caller.tenant(), id, word).await?;
    Ok((StatusCode::CREATED, Json(Enrolled { leaf_index })))
}

/// Say whether customers' passkeys are asked for
///
/// docs/spec/attachment.md. It is about customers who have a passkey; others are never asked.
#[utoipa::path(put, path = "/v1/cosignature", operation_id = "set_cosignature", tag = "customers", security(("bearer" = [])), request_body = CosignatureRule,
    responses(
        (status = 204, description = "From now on"),
        (status = 400, description = "malformed-request", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 403, description = "forbidden: the role is not admin", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn set_cosignature(
    State(app): State<App>,
    Admin(principal): Admin,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let CosignatureRule { rule } = body::read_json(&headers, body).await?;
    app.blocking(move |ledger| ledger.set_cosignature(principal.tenant, rule)).await??;
    Ok(StatusCode::NO_CONTENT)
}
