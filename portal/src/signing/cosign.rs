//! What several people sign for one pseudonym: signatories of an organisation, a guardian and the minor, whoever vouches for
//! another's key. Each signs the same payload in their own browser; it waits here until no signature lacks, and goes to the log
//! through the door that is open to everybody. Which signatures an event needs, the ledger says, before and again at the door.
//!
//! | row | holds |
//! |---|---|
//! | `cosign/` tenant `/` SHA-256 of the pseudonym | what waits for it, a list of `Waiting` |

use axum::body::Bytes;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use grantbook_plan::cosigners::Lacking;
use grantbook_record::attachment::{Attachments, VERSION};
use grantbook_record::encoding::{Base64Bytes, Bytes32, to_base64url};
use grantbook_record::event::{Claims, Event, Evidence};
use grantbook_record::list::List;
use grantbook_record::webauthn::Assertion;
use grantbook_record::{Envelope, SubjectId, TenantId, Thumbprint, UnixSeconds};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::invite::Brings;
use super::prepare::{self, Pairs};
use super::{Inner, Invitation, Portal, Reading, answer, json as read, see_other};
use crate::account::device::Introduced;
use crate::account::{self, Account, AccountId, Acts, DeviceKey, DeviceName, Membership, put, row};
use crate::backend::write::Rows;
use crate::failure::Failure;
use crate::news::{Happened, Topic, deliver};
use crate::secret::Secret;

/// How long the others may take to sign, in seconds: a week.
pub(super) const WAIT_SECONDS: u64 = 7 * 86_400;
/// What waits for one pseudonym at a time.
const WAITING_MAX: usize = 16;
const PREFIX: &str = "cosign/";

/// Signed by some, not yet by all.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Waiting {
    id: String,
    envelope: Base64Bytes,
    /// Passkeys' assertions over the first signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attachment: Option<Base64Bytes>,
    /// Who is let in once it is whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    joins: Option<Joins>,
    expires: UnixSeconds,
}

/// Somebody who will act for the pseudonym.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Joins {
    account: AccountId,
    membership: Membership,
    key: Thumbprint,
    device: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    credential: Option<Base64Bytes>,
}

/// The first signature.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct First {
    envelope: Base64Bytes,
    #[serde(default)]
    attachment: Option<Base64Bytes>,
    /// Of somebody who was invited to act for the pseudonym.
    #[serde(default)]
    invited: Option<Box<Invited>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Invited {
    invitation: String,
    device: Introduced,
    /// What the others call whoever comes.
    name: DeviceName,
    /// What a guardian calls the minor.
    #[serde(default)]
    ward: Option<DeviceName>,
}

/// A further one, over the same payload.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Further {
    /// An envelope of that signature alone.
    envelope: Base64Bytes,
    #[serde(default)]
    assertion: Option<Assertion>,
}

/// Something that waits, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Its id.
    pub id: String,
    /// The enterprise.
    pub tenant: TenantId,
    /// Whose it is, where that is somebody's whose guardian the viewer is.
    pub ward: Option<String>,
    /// What happens with it.
    pub claims: Claims<Event>,
    /// How many have signed.
    pub signed: usize,
    /// Whether the viewer has.
    pub by_viewer: bool,
    /// Until when it waits.
    pub expires: UnixSeconds,
}

/// `POST /account/cosign`: the first signature over an event that may need others. What needs none goes to the log at once.
pub(super) async fn begin(
    State(portal): State<Portal>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    let First { envelope, attachment, invited } = read(&headers, &body)?;
    portal
        .blocking(move |inner| {
            let current = inner.current(&headers)?;
            current.session.expect_passkey()?;
            let id = &current.session.account;
            let claims = claims_in(&envelope.0)?;
            let sub = subject(&claims)?;
            let joins = match &invited {
                None => {
                    // whoever acts for the pseudonym already brings no key here
                    inner.account(id)?.of(claims.aud, sub)?;
                    if matches!(claims.event, Event::KeyEnrolled(_) | Event::GuardianNamed(_)) {
                        return Err(Failure::Malformed("an invitation beside a new key".to_owned()));
                    }
                    None
                }
                Some(invited) => {
                    let credential = current.session.credential.clone();
                    Some(inner.invited(invited, id, &envelope.0, &claims, credential)?)
                }
            };
            let id = to_base64url(&crate::secret::random::<16>());
            let expires = UnixSeconds(inner.now().0.saturating_add(WAIT_SECONDS));
            let waiting = Waiting { id, envelope, attachment, joins, expires };
            inner.go_on(&waiting, &current.session.account, true)
        })
        .await
}

/// `GET /account/cosign/{id}`: for the signing page, which shows the payload's own words.
pub(super) async fn show(
    State(portal): State<Portal>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    portal
        .blocking(move |inner| {
            let current = inner.current(&headers)?;
            let account = inner.account(&current.session.account)?;
            let waiting = inner.waiting(&account, &id)?;
            let envelope = parsed(&waiting.envelope.0)?;
            let claims = claims_in(&waiting.envelope.0)?;
            let known = inner.backend.customer(claims.aud, subject(&claims)?)?;
            let (kind, payload) = (envelope.kind(), envelope.payload());
            let (consents, vocabulary) = prepare::explained(inner, claims.aud, kind, payload)?;
            let answered = json!({
                "now": inner.now(),
                "tenant": claims.aud,
                "enterprise": inner.backend.enterprise(claims.aud),
                "ward": account.of(claims.aud, subject(&claims)?)?.ward(),
                "kind": kind.name(),
                "payload": Base64Bytes(payload.to_vec()),
                "first": envelope.first_jws(),
                "signers": envelope.signers(),
                "assertions": assertions(waiting.attachment.as_ref())?.len(),
                "name": waiting.joins.as_ref().and_then(|joins| joins.membership.name.clone()),
                "consents": consents,
                "vocabulary": vocabulary,
                "keys": known.keys,
                "passkeys": known.passkeys,
                "people": inner.names_of_keys(claims.aud, subject(&claims)?)?,
            });
            Ok(answer(StatusCode::OK, &answered))
        })
        .await
}

/// `POST /account/cosign/{id}/sign`: a further signature.
pub(super) async fn add(
    State(portal): State<Portal>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    let Further { envelope, assertion } = read(&headers, &body)?;
    portal
        .blocking(move |inner| {
            let current = inner.current(&headers)?;
            current.session.expect_passkey()?;
            let account = inner.account(&current.session.account)?;
            let mut waiting = inner.waiting(&account, &id)?;
            // one envelope of several signatures has one payload, or it is none
            waiting.envelope.0.extend_from_slice(&envelope.0);
            parsed(&waiting.envelope.0)?;
            if let Some(assertion) = assertion {
                let mut all = assertions(waiting.attachment.as_ref())?;
                all.push(assertion);
                let two = || Failure::Malformed("at most two assertions".to_owned());
                let assertions = List::new(all).ok_or_else(two)?;
                waiting.attachment = Some(Base64Bytes(Attachments { v: VERSION, assertions }.to_json()));
            }
            inner.go_on(&waiting, &current.session.account, false)
        })
        .await
}

/// `POST /my/signatures/{id}/drop`: whoever acts for the pseudonym may say that it comes to nothing.
pub(super) async fn discard(
    State(portal): State<Portal>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Form(pairs): Pairs,
) -> Result<Response, Failure> {
    portal
        .blocking(move |inner| {
            let (current, account) = inner.of_form(&headers, &pairs)?;
            current.session.expect_passkey()?;
            let waiting = inner.waiting(&account, &id)?;
            let claims = claims_in(&waiting.envelope.0)?;
            inner.change(|rows| without(rows, claims.aud, subject(&claims)?, &id))?;
            Ok(see_other("/my"))
        })
        .await
}

impl Inner {
    /// Appends what lacks no signature; keeps the rest, and tells the others that it waits for them.
    fn go_on(&self, waiting: &Waiting, by: &AccountId, is_first: bool) -> Result<Response, Failure> {
        let now = self.now();
        let claims = claims_in(&waiting.envelope.0)?;
        let (tenant, sub) = (claims.aud, subject(&claims)?);
        let attachment = waiting.attachment.as_ref().map(|attachment| attachment.0.as_slice());
        let Some(lacking) = self.backend.lacking(tenant, &waiting.envelope.0, attachment)? else {
            let leaf_index = self.whole(waiting, &claims)?;
            self.change(|rows| without(rows, tenant, sub, &waiting.id))?;
            let state = if leaf_index.is_some() { "signed" } else { "vouching" };
            return Ok(answer(StatusCode::CREATED, &json!({ "state": state, "leaf_index": leaf_index })));
        };
        self.change(|rows| {
            let mut all = of_pseudonym(rows, tenant, sub, now)?;
            let before = all.iter().find(|known| known.id == waiting.id);
            // dropped or signed by somebody else in the meantime
            if !is_first && before.is_none_or(|known| !waiting.envelope.0.starts_with(&known.envelope.0)) {
                return Err(Failure::Conflict("what waits as it was shown"));
            }
            all.retain(|known| known.id != waiting.id);
            if all.len() >= WAITING_MAX {
                return Err(Failure::TooMany);
            }
            all.push(waiting.clone());
            put(rows, &name(tenant, sub), &all);
            if is_first {
                let people = account::people(rows, tenant, sub)?;
                for id in people.into_iter().filter(|id| id != by) {
                    let (topic, tenant) = (Topic::Signature, Some(tenant));
                    deliver(rows, &id, Happened { topic, at: now, tenant, about: None, amount: None }, now)?;
                }
            }
            Ok(())
        })?;
        let (who, more) = match lacking {
            Lacking::Signatories(more) => ("signatories", more),
            Lacking::Guardian => ("guardian", 1),
            Lacking::OwnKey => ("own_key", 1),
        };
        let state = json!({ "state": "waiting", "id": waiting.id, "lacking": who, "more": more });
        Ok(answer(StatusCode::ACCEPTED, &state))
    }

    /// To the log, or to the enterprise that has yet to vouch for a guardian; lets in who was invited.
    fn whole(&self, waiting: &Waiting, claims: &Claims<Event>) -> Result<Option<u64>, Failure> {
        let (tenant, sub) = (claims.aud, subject(claims)?);
        let attachment = waiting.attachment.as_ref().map(|attachment| attachment.0.as_slice());
        let envelope = parsed(&waiting.envelope.0)?;
        let leaf_index = match &claims.event {
            Event::GuardianNamed(named) => {
                let word = self.backend.vouch(tenant, envelope.kind(), named.evidence, envelope.payload())?;
                if let Some(word) = word {
                    let whole = [waiting.envelope.0.as_slice(), &word].concat();
                    Some(self.backend.append(tenant, &whole, attachment)?)
                } else {
                    self.wait(tenant, sub, &waiting.envelope, attachment.map(<[u8]>::to_vec))?;
                    None
                }
            }
            _ => Some(self.backend.append(tenant, &waiting.envelope.0, attachment)?),
        };
        if let Some(Joins { account: id, membership, key, device, credential }) = &waiting.joins {
            let name = DeviceName::new(device).ok_or(Failure::Unavailable)?;
            let device = Introduced { name, keys: Vec::new() };
            self.change(|rows| {
                let mut account = Account::read(rows, id)?;
                account.join_others(rows, id, membership.clone())?;
                let key = DeviceKey { tenant, key: *key };
                account.keep_key(&device, key, credential.clone(), self.now())?;
                account.write(rows, id);
                Ok(())
            })?;
        }
        Ok(leaf_index)
    }

    /// Who comes by an invitation, if the event brings just the key that it is for.
    fn invited(
        &self,
        invited: &Invited,
        account: &AccountId,
        envelope: &[u8],
        claims: &Claims<Event>,
        credential: Option<Base64Bytes>,
    ) -> Result<Joins, Failure> {
        let token = Secret::parse(&invited.invitation).ok_or(Failure::NotFound)?;
        let found = Invitation::find(&Reading(self), &token, Some(account), self.now())?;
        let (key, evidence, acts) = match (&found.brings, &claims.event) {
            (Brings::Signatory, Event::KeyEnrolled(new)) if new.recovery.is_none() => {
                (new.key, new.evidence, Acts::Customer)
            }
            (Brings::Guardian { birth_day, until }, Event::GuardianNamed(named))
                if (named.birth_day, named.until) == (*birth_day, *until) =>
            {
                let called = invited.ward.clone().ok_or_else(|| malformed("a name for the minor"))?;
                (named.key, named.evidence, Acts::Guardian(called))
            }
            _ => return Err(malformed("the new key that the invitation is for")),
        };
        let expected = match found.brings {
            Brings::Signatory => Evidence::EnrolledKey,
            _ => found.evidence,
        };
        let key = key.thumbprint();
        let fits = claims.aud == found.tenant && *subject(claims)? == found.sub && evidence == expected;
        if !fits || parsed(envelope)?.signers() != [key] {
            return Err(malformed("the new key that the invitation is for, signed by it alone"));
        }
        let membership = Membership {
            tenant: found.tenant,
            sub: found.sub,
            since: self.now(),
            evidence,
            acts,
            name: Some(invited.name.clone()),
        };
        // what a browser says of itself matters to its owner alone
        let device = invited.device.name.to_string();
        Ok(Joins { account: account.clone(), membership, key, device, credential })
    }

    /// What waits under this id for one of the account's pseudonyms.
    fn waiting(&self, account: &Account, id: &str) -> Result<Waiting, Failure> {
        let now = self.now();
        for Membership { tenant, sub, .. } in &account.memberships {
            let all = of_pseudonym(&Reading(self), *tenant, sub, now)?;
            if let Some(found) = all.into_iter().find(|known| known.id == id) {
                return Ok(found);
            }
        }
        Err(Failure::NotFound)
    }

    /// All that waits for somebody's pseudonyms.
    pub(super) fn pending(&self, account: &Account) -> Result<Vec<Pending>, Failure> {
        let now = self.now();
        let mut pending = Vec::new();
        for membership in &account.memberships {
            for waiting in of_pseudonym(&Reading(self), membership.tenant, &membership.sub, now)? {
                let signers = parsed(&waiting.envelope.0)?.signers().to_vec();
                let mut keys = account.devices.iter().flat_map(|device| &device.keys);
                pending.push(Pending {
                    id: waiting.id,
                    tenant: membership.tenant,
                    ward: membership.ward().map(ToString::to_string),
                    claims: claims_in(&waiting.envelope.0)?,
                    signed: signers.len(),
                    by_viewer: keys.any(|known| signers.contains(&known.key)),
                    expires: waiting.expires,
                });
            }
        }
        Ok(pending)
    }

    /// What those who act for a pseudonym call each other, by key.
    pub(super) fn names_of_keys(
        &self,
        tenant: TenantId,
        sub: &SubjectId,
    ) -> Result<Vec<(Thumbprint, DeviceName)>, Failure> {
        let mut names = Vec::new();
        for id in account::people(&Reading(self), tenant, sub)? {
            let account = self.account(&id)?;
            let Some(name) = account.of(tenant, sub)?.name.clone() else { continue };
            let keys = account.devices.iter().flat_map(|device| &device.keys);
            names.extend(keys.filter(|known| known.tenant == tenant).map(|known| (known.key, name.clone())));
        }
        Ok(names)
    }
}

fn malformed(expected: &str) -> Failure {
    Failure::Malformed(expected.to_owned())
}

fn parsed(envelope: &[u8]) -> Result<Envelope, Failure> {
    Envelope::parse(envelope).map_err(|error| Failure::Malformed(error.to_string()))
}

fn claims_in(envelope: &[u8]) -> Result<Claims<Event>, Failure> {
    parsed(envelope)?.event().map_err(|error| Failure::Malformed(error.to_string()))
}

fn subject(claims: &Claims<Event>) -> Result<&SubjectId, Failure> {
    claims.event.subject().ok_or_else(|| malformed("an event about a customer"))
}

fn assertions(attachment: Option<&Base64Bytes>) -> Result<Vec<Assertion>, Failure> {
    let Some(attachment) = attachment else { return Ok(Vec::new()) };
    let parsed = Attachments::parse(&attachment.0).map_err(|error| malformed(&error.to_string()))?;
    Ok(parsed.assertions.to_vec())
}

fn name(tenant: TenantId, sub: &SubjectId) -> String {
    format!("{PREFIX}{tenant}/{}", to_base64url(&Bytes32::sha256(sub.as_str().as_bytes()).0))
}

/// What waits for a pseudonym and is still good.
fn of_pseudonym(
    rows: &dyn Rows,
    tenant: TenantId,
    sub: &SubjectId,
    now: UnixSeconds,
) -> Result<Vec<Waiting>, Failure> {
    let mut all: Vec<Waiting> = row(rows, &name(tenant, sub))?.unwrap_or_default();
    all.retain(|waiting| now < waiting.expires);
    Ok(all)
}

fn without(rows: &mut dyn Rows, tenant: TenantId, sub: &SubjectId, id: &str) -> Result<(), Failure> {
    let name = name(tenant, sub);
    let mut all: Vec<Waiting> = row(rows, &name)?.unwrap_or_default();
    all.retain(|waiting| waiting.id != id);
    if all.is_empty() {
        rows.remove(&name);
    } else {
        put(rows, &name, &all);
    }
    Ok(())
}

/// Removes what waits for a pseudonym that is erased.
pub(super) fn forget(rows: &mut dyn Rows, tenant: TenantId, sub: &SubjectId) {
    rows.remove(&name(tenant, sub));
}

/// Removes what the others have not signed in time.
pub(super) fn sweep(rows: &mut dyn Rows, now: UnixSeconds) -> Result<(), Failure> {
    for name in rows.names(PREFIX) {
        let all: Vec<Waiting> = row(rows, &name)?.unwrap_or_default();
        let kept: Vec<Waiting> = all.iter().filter(|waiting| now < waiting.expires).cloned().collect();
        if kept.is_empty() {
            rows.remove(&name);
        } else if kept.len() < all.len() {
            put(rows, &name, &kept);
        }
    }
    Ok(())
}
