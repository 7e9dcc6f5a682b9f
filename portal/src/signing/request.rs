//! Requests that an enterprise makes on its pages: from a form to an event that the enterprise's key signs.
//!
//! The ledger has the key of a sandbox's enterprise alone. Any other enterprise keeps its own: it takes the payload along,
//! signs it where the key is, and sends the envelope to `POST /v1/events`, or brings it back to the page.
//!
//! | row | holds |
//! |---|---|
//! | `asked/` id | a [`Prepared`] |

use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use grantbook_record::encoding::{Base64Bytes, to_base64url};
use grantbook_record::event::Claims;
use grantbook_record::{Kind, SubjectId, TenantId, UnixSeconds};
use serde::{Deserialize, Serialize};

use super::company::{Pairs, value};
use super::{Inner, Portal, Reading, see_other};
use crate::account::{put, row};
use crate::backend::write::Rows;
use crate::failure::Failure;
use crate::view::draft::{Draft, PreparedRequest};

/// How long the enterprise may take to sign, in seconds: what it signs is of now.
const GOOD_SECONDS: u64 = 20 * 3600;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Prepared {
    tenant: TenantId,
    sub: SubjectId,
    payload: Base64Bytes,
    expires: UnixSeconds,
}

/// `POST /company/requests`: the form of the preview.
pub(super) async fn make(
    State(portal): State<Portal>,
    headers: HeaderMap,
    Form(pairs): Form<Pairs>,
) -> Result<Response, Failure> {
    portal
        .blocking(move |inner| {
            let tenant = inner.desk_of_form(&headers, &pairs)?;
            let draft = Draft::of_pairs(&pairs);
            let Some(made) = inner.backend.drafted(tenant, &draft)? else {
                return Ok(see_other(&preview_of(&draft)));
            };
            let sub = made.sub.clone();
            let payload = Claims::new(tenant, inner.backend.new_id(), made).to_json();
            if let Some(envelope) = inner.backend.sign(tenant, Kind::RequestMade, &payload)? {
                let leaf = inner.backend.append(tenant, &envelope, None)?;
                return Ok(see_other(&format!("/company/requests?made={leaf}")));
            }
            let id = to_base64url(&crate::secret::random::<16>());
            let expires = UnixSeconds(inner.now().0.saturating_add(GOOD_SECONDS));
            let prepared = Prepared { tenant, sub, payload: Base64Bytes(payload), expires };
            inner.change(|rows| {
                put(rows, &name(&id), &prepared);
                Ok(())
            })?;
            Ok(see_other(&format!("/company/requests/prepared/{id}")))
        })
        .await
}

/// `GET /company/requests/prepared/{id}/payload`: what is to be signed, byte by byte.
pub(super) async fn payload(
    State(portal): State<Portal>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    portal
        .blocking(move |inner| {
            let tenant = inner.current_desk(&headers)?.session.tenant;
            let prepared = inner.prepared_request(tenant, &id)?;
            let mut response = (StatusCode::OK, prepared.payload.0).into_response();
            let of = response.headers_mut();
            of.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            let file = HeaderValue::from_static("attachment; filename=\"request.json\"");
            of.insert(header::CONTENT_DISPOSITION, file);
            Ok(response)
        })
        .await
}

/// `POST /company/requests/prepared/{id}`: the signature is brought back, as the one compact JWS over the payload. It goes to the
/// log as by `POST /v1/events`, which judges it.
pub(super) async fn signed(
    State(portal): State<Portal>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Form(pairs): Form<Pairs>,
) -> Result<Response, Failure> {
    portal
        .blocking(move |inner| {
            let tenant = inner.desk_of_form(&headers, &pairs)?;
            let prepared = inner.prepared_request(tenant, &id)?;
            let jws = value(&pairs, "jws").trim();
            let again = format!("/company/requests/prepared/{id}?refused");
            // of this very request: a page that says what was asked must not have another event signed
            let of_payload = jws.split('.').nth(1) == Some(to_base64url(&prepared.payload.0).as_str());
            if !of_payload {
                return Ok(see_other(&again));
            }
            match inner.backend.append_jws(tenant, jws) {
                Ok(leaf) => {
                    inner.change(|rows| {
                        rows.remove(&name(&id));
                        Ok(())
                    })?;
                    Ok(see_other(&format!("/company/requests?made={leaf}")))
                }
                Err(Failure::Ledger { slug: "bad-signature" | "malformed-envelope", .. }) => {
                    Ok(see_other(&again))
                }
                Err(failure) => Err(failure),
            }
        })
        .await
}

impl Portal {
    /// A request of the enterprise's that waits for its signature.
    pub async fn prepared_request(&self, tenant: TenantId, id: &str) -> Result<PreparedRequest, Failure> {
        let id = id.to_owned();
        self.blocking(move |inner| {
            let Prepared { sub, payload, .. } = inner.prepared_request(tenant, &id)?;
            let payload = String::from_utf8(payload.0).map_err(|_| Failure::Unavailable)?;
            Ok(PreparedRequest { id, customer: sub.as_str().to_owned(), payload, refused: false })
        })
        .await
    }
}

impl Inner {
    /// The enterprise whose form it is: the session, whose token the form must carry.
    fn desk_of_form(&self, headers: &HeaderMap, pairs: &Pairs) -> Result<TenantId, Failure> {
        let current = self.current_desk(headers)?;
        current.check_form(&self.key, value(pairs, "form_token"))?;
        Ok(current.session.tenant)
    }

    fn prepared_request(&self, tenant: TenantId, id: &str) -> Result<Prepared, Failure> {
        let found: Option<Prepared> = row(&Reading(self), &name(id))?;
        let ours = found.filter(|prepared| prepared.tenant == tenant && prepared.expires > self.now());
        ours.ok_or(Failure::NotFound)
    }
}

/// The preview of a form, which says what is wrong with it.
fn preview_of(draft: &Draft) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(draft.pairs());
    format!("/company/requests/preview?{}", query.finish())
}

/// Removes what nobody has signed in time.
pub(super) fn sweep(rows: &mut dyn Rows, now: UnixSeconds) -> Result<(), Failure> {
    for name in rows.names("asked/") {
        if row::<Prepared>(rows, &name)?.is_some_and(|prepared| prepared.expires <= now) {
            rows.remove(&name);
        }
    }
    Ok(())
}

fn name(id: &str) -> String {
    format!("asked/{id}")
}
