//! From an invitation to an enrolled key: the account joins, the page makes a key and signs, somebody vouches.
//!
//! | row | holds |
//! |---|---|
//! | `enrolment/` tenant `/` id | a first enrolment that waits for the enterprise's signature |

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use grantbook_record::encoding::{Base64Bytes, to_base64url};
use grantbook_record::event::{Event, KeyEnrolled};
use grantbook_record::{Envelope, Kind, SubjectId, TenantId, UnixSeconds};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::invite::Brings;
use super::{Inner, Invitation, Portal, Reading, answer, json as read};
use crate::account::device::Introduced;
use crate::account::{Account, DeviceKey, Membership, put, row};
use crate::backend::write::Rows;
use crate::failure::Failure;
use crate::secret::Secret;

/// How long an enterprise may take to vouch, in seconds: a week.
const WAIT_SECONDS: u64 = 7 * 86_400;
/// First enrolments of one enterprise that wait.
const WAITING_MAX: usize = 10_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    invitation: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Enrol {
    tenant: TenantId,
    /// An envelope of the new key's signature alone.
    envelope: Base64Bytes,
    #[serde(default)]
    attachment: Option<Base64Bytes>,
    /// The browser that has made the key.
    #[serde(default)]
    device: Option<Introduced>,
}

/// A first enrolment that waits.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Waiting {
    sub: SubjectId,
    envelope: Base64Bytes,
    attachment: Option<Base64Bytes>,
    expires: UnixSeconds,
}

/// What an enterprise is asked to vouch for.
#[derive(Debug, Clone)]
pub struct PendingEnrolment {
    /// Its id.
    pub id: String,
    /// The customer's pseudonym.
    pub data_subject: SubjectId,
    /// `key.enrolled`, or `guardian.named`.
    pub kind: Kind,
    /// Its payload, base64url: to be signed as it is.
    pub payload: Base64Bytes,
    /// Until when it waits, Unix seconds.
    pub expires: UnixSeconds,
}

/// All that an enterprise is asked to vouch for.
#[derive(Debug, Clone)]
pub struct PendingEnrolments {
    /// In no order that means anything.
    pub enrolments: Vec<PendingEnrolment>,
}

/// `POST /account/invitation`: what the link is about, for whoever holds it.
pub(super) async fn look(
    State(portal): State<Portal>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    let token = token_in(&headers, &body)?;
    portal
        .blocking(move |inner| {
            let current = inner.current(&headers).ok();
            let account = current.as_ref().map(|current| &current.session.account);
            let invitation = Invitation::find(&Reading(inner), &token, account, inner.now())?;
            let answered = json!({
                "enterprise": inner.backend.enterprise(invitation.tenant),
                "tenant": invitation.tenant,
                "expires": invitation.expires,
                "known": invitation.known,
                "brings": invitation.brings,
                "logged_in": current.is_some(),
            });
            Ok(answer(StatusCode::OK, &answered))
        })
        .await
}

/// `POST /account/join`: the person who is logged in becomes the enterprise's customer.
pub(super) async fn join(
    State(portal): State<Portal>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    let token = token_in(&headers, &body)?;
    portal
        .blocking(move |inner| {
            let now = inner.now();
            let current = inner.current(&headers)?;
            current.session.expect_passkey()?;
            let id = current.session.account.clone();
            let invitation = inner.change(|rows| {
                let invitation = Invitation::find(rows, &token, Some(&id), now)?;
                let Invitation { tenant, ref sub, evidence, .. } = invitation;
                let mut account = Account::read(rows, &id)?;
                if invitation.brings != Brings::Customer {
                    // nobody acts for a pseudonym before those who do have signed for it
                    if account.of(tenant, sub).is_ok() {
                        return Err(Failure::Conflict("somebody who does not act for this customer yet"));
                    }
                } else if invitation.known {
                    // the link shows a customer the way, and makes nobody one
                    account.of(tenant, sub)?;
                } else {
                    let membership = Membership::own(tenant, sub.clone(), now, evidence);
                    account.join(rows, &id, membership)?;
                    account.write(rows, &id);
                }
                invitation.take(rows, &token, &id);
                invitation.keep_way_back(rows, &id);
                Ok(invitation)
            })?;
            let Invitation { tenant, sub, evidence, return_url, request, brings, .. } = invitation;
            let known = inner.backend.customer(tenant, &sub)?;
            let answered = json!({
                "tenant": tenant,
                "enterprise": inner.backend.enterprise(tenant),
                "sub": sub,
                "evidence": evidence,
                "enrolled": known.has_own_key,
                "return_url": return_url,
                "request": request,
                "brings": brings,
            });
            Ok(answer(StatusCode::OK, &answered))
        })
        .await
}

/// `POST /account/enrol`: the customer's first key at an enterprise. Whoever vouches signs the same payload; where that is
/// an enterprise that keeps its own key, the enrolment waits for it.
pub(super) async fn enrol(
    State(portal): State<Portal>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    let Enrol { tenant, envelope, attachment, device } = read(&headers, &body)?;
    portal
        .blocking(move |inner| {
            let current = inner.current(&headers)?;
            current.session.expect_passkey()?;
            let account = inner.account(&current.session.account)?;
            let membership = account.membership(tenant)?;
            let parsed = checked(&envelope.0, membership)?;
            if let (Some(device), [key]) = (&device, parsed.signers()) {
                inner.change(|rows| {
                    let mut account = Account::read(rows, &current.session.account)?;
                    let credential = current.session.credential.clone();
                    account.keep_key(device, DeviceKey { tenant, key: *key }, credential, inner.now())?;
                    account.write(rows, &current.session.account);
                    Ok(())
                })?;
            }
            let attachment = attachment.map(|attachment| attachment.0);
            let kind = parsed.kind();
            let Some(word) = inner.backend.vouch(tenant, kind, membership.evidence, parsed.payload())? else {
                if inner.backend.customer(tenant, &membership.sub)?.has_own_key {
                    return Err(Failure::Conflict("a customer without a key"));
                }
                let id = inner.wait(tenant, &membership.sub, &envelope, attachment)?;
                return Ok(answer(StatusCode::ACCEPTED, &json!({ "state": "waiting", "id": id })));
            };
            let whole = [envelope.0.as_slice(), &word].concat();
            let leaf_index = inner.backend.append(tenant, &whole, attachment.as_deref())?;
            inner.backend.enrolled(tenant, &membership.sub);
            Ok(answer(StatusCode::CREATED, &json!({ "state": "enrolled", "leaf_index": leaf_index })))
        })
        .await
}

/// The envelope, if it enrols a first key for the membership with the evidence that the enterprise chose.
fn checked(envelope: &[u8], membership: &Membership) -> Result<Envelope, Failure> {
    let malformed = || Failure::Malformed("a key.enrolled of this membership signed by its key".to_owned());
    let parsed = Envelope::parse(envelope).map_err(|error| Failure::Malformed(error.to_string()))?;
    let claims = parsed.event().map_err(|error| Failure::Malformed(error.to_string()))?;
    let Event::KeyEnrolled(KeyEnrolled { sub, key, evidence, .. }) = &claims.event else {
        return Err(malformed());
    };
    let fits = parsed.kind() == Kind::KeyEnrolled
        && claims.aud == membership.tenant
        && *sub == membership.sub
        && *evidence == membership.evidence
        && parsed.signers() == [key.thumbprint()];
    let signed = parsed.verify_signatures(|kid| (key.thumbprint() == *kid).then_some(*key)).is_ok();
    if fits && signed { Ok(parsed) } else { Err(malformed()) }
}

impl Inner {
    /// Keeps the envelope of a new key until the enterprise vouches for it.
    pub(super) fn wait(
        &self,
        tenant: TenantId,
        sub: &SubjectId,
        envelope: &Base64Bytes,
        attachment: Option<Vec<u8>>,
    ) -> Result<String, Failure> {
        let kind = kind_of(&envelope.0)?;
        let id = to_base64url(&crate::secret::random::<16>());
        let waiting = Waiting {
            sub: sub.clone(),
            envelope: envelope.clone(),
            attachment: attachment.map(Base64Bytes),
            expires: UnixSeconds(self.now().0.saturating_add(WAIT_SECONDS)),
        };
        self.change(|rows| {
            let others = rows.names(&prefix(tenant));
            // one first key of a customer: what is sent again takes the place of what was sent before; guardians may be several
            let same = |other: &Waiting| {
                kind == Kind::KeyEnrolled && other.sub == *sub && kind_of(&other.envelope.0) == Ok(kind)
            };
            for other in &others {
                if row::<Waiting>(rows, other)?.is_some_and(|other| same(&other)) {
                    rows.remove(other);
                }
            }
            if others.len() >= WAITING_MAX {
                return Err(Failure::TooMany);
            }
            put(rows, &format!("{}{id}", prefix(tenant)), &waiting);
            Ok(())
        })?;
        Ok(id)
    }
}

impl Portal {
    /// First enrolments for which an enterprise has yet to vouch.
    pub async fn pending_enrolments(&self, tenant: TenantId) -> Result<PendingEnrolments, Failure> {
        self.blocking(move |inner| {
            let now = inner.now();
            let enrolments = inner.change(|rows| {
                let mut enrolments = Vec::new();
                for name in rows.names(&prefix(tenant)) {
                    let Some(waiting) = row::<Waiting>(rows, &name)?.filter(|one| one.expires > now) else {
                        continue;
                    };
                    let payload = Envelope::parse(&waiting.envelope.0).map_err(|_| Failure::Unavailable)?;
                    enrolments.push(PendingEnrolment {
                        id: name.strip_prefix(&prefix(tenant)).unwrap_or_default().to_owned(),
                        data_subject: waiting.sub,
                        kind: payload.kind(),
                        payload: Base64Bytes(payload.payload().to_vec()),
                        expires: waiting.expires,
                    });
                }
                Ok(enrolments)
            })?;
            Ok(PendingEnrolments { enrolments })
        })
        .await
    }

    /// The enterprise vouches: an envelope of its signature alone over the payload. Gives the leaf index.
    pub async fn vouch(&self, tenant: TenantId, id: String, word: Vec<u8>) -> Result<u64, Failure> {
        self.blocking(move |inner| {
            let name = format!("{}{id}", prefix(tenant));
            let waiting: Waiting = row(&Reading(inner), &name)?.ok_or(Failure::NotFound)?;
            if waiting.expires <= inner.now() {
                return Err(Failure::Gone("an enrolment that still waits"));
            }
            let whole = [waiting.envelope.0.as_slice(), &word].concat();
            let attachment = waiting.attachment.as_ref().map(|attachment| attachment.0.as_slice());
            let leaf_index = inner.backend.append(tenant, &whole, attachment)?;
            inner.change(|rows| {
                rows.remove(&name);
                Ok(())
            })?;
            Ok(leaf_index)
        })
        .await
    }
}

/// Removes enrolments for which nobody has vouched in time.
pub(super) fn sweep(rows: &mut dyn Rows, now: UnixSeconds) -> Result<(), Failure> {
    for name in rows.names("enrolment/") {
        if row::<Waiting>(rows, &name)?.is_some_and(|waiting| waiting.expires <= now) {
            rows.remove(&name);
        }
    }
    Ok(())
}

fn kind_of(envelope: &[u8]) -> Result<Kind, Failure> {
    Envelope::parse(envelope).map(|parsed| parsed.kind()).map_err(|_| Failure::Unavailable)
}

fn token_in(headers: &HeaderMap, body: &[u8]) -> Result<Secret, Failure> {
    let Named { invitation } = read(headers, body)?;
    Secret::parse(&invitation).ok_or(Failure::NotFound)
}

fn prefix(tenant: TenantId) -> String {
    format!("enrolment/{tenant}/")
}
