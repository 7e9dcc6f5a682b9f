//! Logging in: by passkey, or once by a recovery code.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use grantbook_record::UnixSeconds;
use grantbook_record::encoding::{Base64Bytes, Bytes32, array_from_base64url};
use grantbook_record::webauthn::{Assertion, PasskeyKey, Registered, Registration};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Inner, Portal, Reading, answer, json as read, see_other};
use crate::account::device::Introduced;
use crate::account::{self, Account, AccountId, CodeLogin, CodeProof, Device, Passkey};
use crate::backend::write::{CustomerFacts, Rows};
use crate::failure::Failure;
use crate::news::{self, Happened, Topic};
use crate::passkey::{self, Purpose};
use crate::secret::Secret;
use crate::session;

/// Of whatever is wrong with a passkey that is shown, the same is said.
const UNKNOWN: &str = "a passkey of an account here, shown for this challenge";

/// Asks for a challenge.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChallengeAsked {
    purpose: Purpose,
}

/// Makes an account.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewAccount {
    passkey: Registration,
    code: CodeProof,
    /// An account is made for an invitation alone: nobody fills the store without one.
    invitation: String,
}

/// A passkey that is shown.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shown {
    credential: Base64Bytes,
    authenticator_data: Base64Bytes,
    client_data: Base64Bytes,
    signature: Base64Bytes,
}

/// The beginning of a recovery: a code that was typed, and the one that takes its place.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recover {
    code: CodeProof,
    next: CodeProof,
}

/// Whoever is logged in.
#[derive(Serialize)]
struct Me {
    rp_id: String,
    form_token: String,
    recovering: bool,
    passkeys: Vec<PasskeyOfMine>,
    devices: Vec<Device>,
    memberships: Vec<MembershipOfMine>,
}

#[derive(Serialize)]
struct PasskeyOfMine {
    credential: Base64Bytes,
    key: PasskeyKey,
    since: UnixSeconds,
}

#[derive(Serialize)]
struct MembershipOfMine {
    tenant: grantbook_record::TenantId,
    enterprise: String,
    sub: grantbook_record::SubjectId,
    /// Whether it is somebody's whose guardian the person is.
    ward: bool,
    /// What the others who act for it call the person.
    name: Option<account::DeviceName>,
    keys: Vec<grantbook_record::Thumbprint>,
    recovery: Option<grantbook_record::Thumbprint>,
    /// Those of the person's passkeys that the log asks for.
    passkeys: Vec<grantbook_record::Thumbprint>,
}

/// `POST /account/challenge`
pub(super) async fn challenge(
    State(portal): State<Portal>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    let ChallengeAsked { purpose } = read(&headers, &body)?;
    portal
        .blocking(move |inner| {
            let binding = inner.binding(purpose, &headers)?;
            let challenge = passkey::challenge(&inner.key, purpose, &binding, inner.now());
            let id = &inner.settings.relying_party.id;
            Ok(answer(StatusCode::OK, &json!({ "challenge": challenge, "rp_id": id })))
        })
        .await
}

/// `POST /account/register`: a new account; or, in a recovery, a new passkey in the place of all others.
pub(super) async fn register(
    State(portal): State<Portal>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    let NewAccount { passkey: made, code, invitation } = read(&headers, &body)?;
    let invitation = Secret::parse(&invitation).ok_or(Failure::NotFound)?;
    let looked = invitation.clone();
    // nobody without an invitation makes the server hash
    portal
        .blocking(move |inner| super::Invitation::find(&Reading(inner), &looked, None, inner.now()))
        .await?;
    let recovery = portal.slowly(move || CodeLogin::of(&code)).await?;
    portal
        .blocking(move |inner| {
            let now = inner.now();
            let passkey = inner.registered(&made, now)?;
            let challenge = challenge_of(&made.client_data)?;
            let id = AccountId::random();
            let token = inner.change(|rows| {
                let invited = super::Invitation::find(rows, &invitation, None, now)?;
                // one account of each invitation, used or not
                invited.take(rows, &invitation, &id);
                passkey::take(rows, &inner.key, Purpose::Register, "", &challenge, now)?;
                let mut account = Account::without_passkey(now, recovery.clone());
                recovery.enter(rows, &id)?;
                account.add_passkey(rows, &id, passkey.clone())?;
                account.write(rows, &id);
                Ok(session::begin(rows, &id, Some(&passkey.credential), now))
            })?;
            with_cookie(&token, answer(StatusCode::CREATED, &json!({})))
        })
        .await
}

/// `GET /sign-in`: to the page that holds the keys.
pub(super) async fn sign_in() -> Response {
    see_other("/sign/#log-in=/my")
}

/// `POST /account/log-in`
pub(super) async fn log_in(
    State(portal): State<Portal>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    let shown: Shown = read(&headers, &body)?;
    portal
        .blocking(move |inner| {
            let now = inner.now();
            let recognised = inner.recognise(&shown)?;
            let before = inner.current(&headers).ok();
            let challenge = challenge_of(&shown.client_data)?;
            let token = inner.change(|rows| {
                passkey::take(rows, &inner.key, Purpose::LogIn, "", &challenge, now)?;
                recognised.note(rows, now)?;
                if let Some(before) = &before {
                    before.end(rows);
                }
                Ok(session::begin(rows, &recognised.account, Some(&recognised.credential), now))
            })?;
            with_cookie(&token, answer(StatusCode::OK, &json!({})))
        })
        .await
}

/// `POST /account/step-up`: the passkey is shown once more. The session gets a new token.
pub(super) async fn step_up(
    State(portal): State<Portal>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    let shown: Shown = read(&headers, &body)?;
    portal
        .blocking(move |inner| {
            let now = inner.now();
            let current = inner.current(&headers)?;
            let recognised = inner.recognise(&shown)?;
            if recognised.account != current.session.account {
                return Err(Failure::NotRecognised("a passkey of the account that is logged in"));
            }
            let challenge = challenge_of(&shown.client_data)?;
            let token = inner.change(|rows| {
                let binding = current.binding();
                passkey::take(rows, &inner.key, Purpose::StepUp, &binding, &challenge, now)?;
                recognised.note(rows, now)?;
                current.end(rows);
                Ok(session::begin(rows, &recognised.account, Some(&recognised.credential), now))
            })?;
            with_cookie(&token, answer(StatusCode::OK, &json!({})))
        })
        .await
}

/// `POST /account/log-out`, by a form or a script.
pub(super) async fn log_out(State(portal): State<Portal>, headers: HeaderMap) -> Result<Response, Failure> {
    portal
        .blocking(move |inner| {
            if let Ok(current) = inner.current(&headers) {
                inner.change(|rows| {
                    current.end(rows);
                    Ok(())
                })?;
            }
            let mut response = see_other("/");
            response.headers_mut().insert(header::SET_COOKIE, session::no_cookie());
            Ok(response)
        })
        .await
}

/// `GET /account/me`
pub(super) async fn me(State(portal): State<Portal>, headers: HeaderMap) -> Result<Response, Failure> {
    portal
        .blocking(move |inner| {
            let current = inner.current(&headers)?;
            let account = inner.account(&current.session.account)?;
            let mut memberships = Vec::with_capacity(account.memberships.len());
            for membership in account.memberships {
                let ward = membership.ward().is_some();
                let account::Membership { tenant, sub, name, .. } = membership;
                let known = inner.backend.customer(tenant, &sub)?;
                let enterprise = inner.backend.enterprise(tenant).unwrap_or_default();
                let CustomerFacts { keys, passkeys, recovery, .. } = known;
                memberships.push(MembershipOfMine {
                    tenant,
                    enterprise,
                    sub,
                    ward,
                    name,
                    keys,
                    recovery,
                    passkeys,
                });
            }
            let passkeys = account.passkeys.into_iter();
            let passkeys = passkeys.map(|Passkey { credential, key, since, .. }| PasskeyOfMine {
                credential,
                key,
                since,
            });
            let me = Me {
                rp_id: inner.settings.relying_party.id.clone(),
                form_token: current.form_token(&inner.key),
                recovering: current.session.recovering,
                passkeys: passkeys.collect(),
                devices: account.devices,
                memberships,
            };
            Ok(answer(StatusCode::OK, &me))
        })
        .await
}

/// `POST /account/recover`: a code logs in, to a session that can recover, look and withdraw. The code that takes its place
/// logs in too from here on, so that nobody is locked out by what breaks off in between.
pub(super) async fn recover(
    State(portal): State<Portal>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    let Recover { code, next } = read(&headers, &body)?;
    let unknown = Failure::NotRecognised("the recovery code that was written down");
    let looked = code.clone();
    // nobody guesses a lookup value, so what is none is refused without hashing: it takes no place of a code's
    let found = portal.blocking(move |inner| CodeLogin::find(&Reading(inner), &looked)).await?;
    let id = found.ok_or(unknown.clone())?;
    let inner = std::sync::Arc::clone(&portal.0);
    let (id, next) = portal
        .slowly(move || {
            let account = inner.account(&id)?;
            let logins = [Some(&account.recovery), account.next_recovery.as_ref()];
            for login in logins.into_iter().flatten() {
                if login.matches(&code)? {
                    return match &account.next_recovery {
                        None => Ok((id, Some(CodeLogin::of(&next)?))),
                        // what broke off goes on with the codes with which it began
                        Some(begun) if begun.matches(&next)? => Ok((id, None)),
                        Some(_) => Err(Failure::Conflict("the new code of the recovery that is under way")),
                    };
                }
            }
            Err(unknown)
        })
        .await?;
    portal
        .blocking(move |inner| {
            let now = inner.now();
            let before = inner.current(&headers).ok();
            let token = inner.change(|rows| {
                if let Some(next) = &next {
                    let mut account = Account::read(rows, &id)?;
                    next.enter(rows, &id)?;
                    account.next_recovery = Some(next.clone());
                    account.write(rows, &id);
                }
                if let Some(before) = &before {
                    before.end(rows);
                }
                let (topic, at) = (Topic::Keys, now);
                news::deliver(
                    rows,
                    &id,
                    Happened { topic, at, tenant: None, about: None, amount: None },
                    now,
                )?;
                Ok(session::begin(rows, &id, None, now))
            })?;
            with_cookie(&token, answer(StatusCode::OK, &json!({})))
        })
        .await
}

/// A new passkey at the end of a recovery.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LastStep {
    passkey: Registration,
    /// The browser with its new keys: from here on, the one device.
    #[serde(default)]
    device: Option<Introduced>,
}

/// `POST /account/recovered`: the last step. The new passkey takes the place of all others, the new code that of the old
/// one, and every other session ends.
pub(super) async fn recovered(
    State(portal): State<Portal>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    let LastStep { passkey: made, device } = read(&headers, &body)?;
    portal
        .blocking(move |inner| {
            let now = inner.now();
            let current = inner.current(&headers)?;
            if !current.session.recovering {
                return Err(Failure::Conflict("a recovery that is under way"));
            }
            let passkey = inner.registered(&made, now)?;
            let challenge = challenge_of(&made.client_data)?;
            let id = current.session.account.clone();
            let of = device.iter().flat_map(|device| device.keys.iter().copied()).collect::<Vec<_>>();
            let keys = inner.enrolled(&inner.account(&id)?, &of)?;
            let token = inner.change(|rows| {
                passkey::take(rows, &inner.key, Purpose::Register, "", &challenge, now)?;
                let mut account = Account::read(rows, &id)?;
                let next = account.next_recovery.take().ok_or(Failure::Conflict("a new recovery code"))?;
                account.recovery.forget(rows);
                account.recovery = next;
                account.keep_passkeys(rows, |_| false);
                account.devices.clear();
                if let Some(Introduced { name, .. }) = &device {
                    let credential = Some(passkey.credential.clone());
                    account.add_device(name.clone(), keys.clone(), credential, now)?;
                }
                account.add_passkey(rows, &id, passkey.clone())?;
                account.write(rows, &id);
                session::end_others(rows, &id, None)?;
                Ok(session::begin(rows, &id, Some(&passkey.credential), now))
            })?;
            with_cookie(&token, answer(StatusCode::OK, &json!({})))
        })
        .await
}

/// `POST /account/erase`: the account goes, with all its sessions. What the log holds of its pseudonyms is erased for each
/// enterprise by itself.
pub(super) async fn erase(State(portal): State<Portal>, headers: HeaderMap) -> Result<Response, Failure> {
    portal
        .blocking(move |inner| {
            let current = inner.current(&headers)?;
            current.session.expect_fresh(inner.now())?;
            let id = current.session.account.clone();
            inner.change(|rows| {
                Account::read(rows, &id)?.erase(rows, &id)?;
                super::devices::forget(rows, &id)?;
                session::end_others(rows, &id, None)
            })?;
            inner.backend.forget_removed()?;
            let mut response = answer(StatusCode::OK, &json!({}));
            response.headers_mut().insert(header::SET_COOKIE, session::no_cookie());
            Ok(response)
        })
        .await
}

impl Portal {
    /// Runs what hashes slowly: few at a time, and who comes when these are taken is told to come again.
    async fn slowly<T: Send + 'static>(
        &self,
        call: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let _one = self.0.codes.try_acquire().map_err(|_| Failure::TooMany)?;
        tokio::task::spawn_blocking(call).await.unwrap_or(Err(Failure::Unavailable))
    }
}

impl Inner {
    /// What a challenge is tied to: a step-up to the session that it is for.
    fn binding(&self, purpose: Purpose, headers: &HeaderMap) -> Result<String, Failure> {
        match purpose {
            Purpose::StepUp => Ok(self.current(headers)?.binding()),
            Purpose::Register | Purpose::LogIn => Ok(String::new()),
        }
    }

    /// Whose passkey was shown. The challenge is still to be taken.
    fn recognise(&self, shown: &Shown) -> Result<Recognised, Failure> {
        let unknown = Failure::NotRecognised(UNKNOWN);
        let rows = Reading(self);
        let id = account::of_credential(&rows, &shown.credential.0)?.ok_or(unknown.clone())?;
        let account = self.account(&id)?;
        let passkey = account.passkey(&shown.credential.0).ok_or(unknown.clone())?;
        let assertion = Assertion {
            key: passkey.key,
            authenticator_data: shown.authenticator_data.clone(),
            client_data: shown.client_data.clone(),
            signature: shown.signature.clone(),
        };
        let challenge = challenge_of(&shown.client_data)?;
        let verified = assertion.verify_challenge(&challenge, &self.settings.relying_party);
        let counter = verified.map_err(|_| unknown)?.counter;
        Ok(Recognised { account: id, credential: shown.credential.clone(), counter })
    }

    /// A passkey that was just made. The challenge is still to be taken.
    pub(super) fn registered(&self, made: &Registration, now: UnixSeconds) -> Result<Passkey, Failure> {
        let challenge = challenge_of(&made.client_data)?;
        let verified = made.verify(&challenge, &self.settings.relying_party);
        let Registered { credential, key, counter } =
            verified.map_err(|error| Failure::Malformed(format!("a passkey made here: {error}")))?;
        Ok(Passkey { credential: Base64Bytes(credential), key, since: now, counter, seen: Some(now) })
    }
}

/// A passkey that was shown, and verifies.
struct Recognised {
    account: AccountId,
    credential: Base64Bytes,
    counter: u32,
}

impl Recognised {
    /// Notes its counter, within the change that begins the session: what somebody removed meanwhile begins none.
    fn note(&self, rows: &mut dyn Rows, now: UnixSeconds) -> Result<(), Failure> {
        let mut account = Account::read(rows, &self.account)?;
        let mut known = account.passkeys.iter_mut().filter(|known| known.credential == self.credential);
        let passkey = known.next().ok_or(Failure::NotRecognised(UNKNOWN))?;
        if !passkey.takes_counter(self.counter) {
            // docs/decisions/048-counters-that-do-not-rise.md
            return Err(Failure::NotRecognised("a passkey whose counter has risen: this one may be a copy"));
        }
        passkey.counter = self.counter;
        passkey.seen = Some(now);
        account.write(rows, &self.account);
        Ok(())
    }
}

/// The challenge that client data names. Whether it is one of ours is seen when it is taken.
pub(super) fn challenge_of(client_data: &Base64Bytes) -> Result<Bytes32, Failure> {
    #[derive(Deserialize)]
    struct Named {
        challenge: String,
    }
    let named: Named = grantbook_record::strict_json::parse(&client_data.0)?;
    let challenge = array_from_base64url(&named.challenge).map(Bytes32);
    challenge.ok_or_else(|| Failure::Malformed("a challenge of 32 bytes".to_owned()))
}

fn with_cookie(token: &Secret, mut response: Response) -> Result<Response, Failure> {
    let cookie = session::cookie(token).ok_or(Failure::Unavailable)?;
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response.into_response())
}
