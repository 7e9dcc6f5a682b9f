//! Devices: a second one comes, started and confirmed on the first; one ends, signed for by another.
//!
//! Nothing here enrols or ends a key. Both browsers sign, and send what they signed to `POST /v1/events`; the account is
//! changed once the log says so.

use axum::body::Bytes;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use grantbook_record::encoding::{Base64Bytes, Bytes32};
use grantbook_record::webauthn::Registration;
use grantbook_record::{Thumbprint, UnixSeconds};
use qrcode::{Color, QrCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::log_in::challenge_of;
use super::prepare::Pairs;
use super::{Inner, Portal, Reading, answer, json as read, see_other};
use crate::account::pairing::{
    ENTERPRISES_MAX, Joined, JoiningPasskey, PAIRING_SECONDS, Pairing, Side, Stage, Step,
};
use crate::account::{Account, AccountId, Device, DeviceKey, DeviceName, Membership, put, row};
use crate::backend::write::Rows;
use crate::failure::Failure;
use crate::passkey::{self, Purpose};
use crate::secret::Secret;
use crate::session::{self, Current};
use crate::view::customer as view;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Link {
    token: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Join {
    token: String,
    name: DeviceName,
    commitment: Bytes32,
    /// A new passkey; without it, the session's is the device's.
    #[serde(default)]
    passkey: Option<Registration>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Going {
    token: String,
    /// Of the device that comes; the first shows its session.
    #[serde(default)]
    claim: Option<String>,
    /// Nothing: to hear how far it is.
    #[serde(default)]
    step: Option<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ending {
    device: String,
    /// Whether the person knows that no passkey is left then.
    #[serde(default)]
    last: bool,
}

/// Where a key is to be made.
#[derive(Serialize)]
struct Place {
    tenant: grantbook_record::TenantId,
    enterprise: String,
    sub: grantbook_record::SubjectId,
}

/// `POST /account/devices/offer`: a link by which another device comes. It takes the place of the one before.
pub(super) async fn offer(State(portal): State<Portal>, headers: HeaderMap) -> Result<Response, Failure> {
    portal
        .blocking(move |inner| {
            let now = inner.now();
            let current = inner.current(&headers)?;
            current.session.expect_fresh(now)?;
            let id = current.session.account.clone();
            let token = Secret::random();
            let expires = UnixSeconds(now.0.saturating_add(PAIRING_SECONDS));
            inner.change(|rows| {
                forget(rows, &id)?;
                let pairing = Pairing { account: id.clone(), expires, stage: Stage::Offered };
                put(rows, &name(&token), &pairing);
                Ok(())
            })?;
            let url = format!("{}/sign/#device={}", inner.origin(), token.reveal());
            let offered =
                json!({ "token": token.reveal(), "url": url, "expires": expires, "qr": squares(&url)? });
            Ok(answer(StatusCode::CREATED, &offered))
        })
        .await
}

/// `POST /account/devices/look`: whether the link is still good, and how many keys are to be made. Uses nothing up.
pub(super) async fn look(
    State(portal): State<Portal>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    let Link { token } = read(&headers, &body)?;
    let token = Secret::parse(&token).ok_or(Failure::NotFound)?;
    portal
        .blocking(move |inner| {
            let pairing = find(&Reading(inner), &token, inner.now())?;
            let Stage::Offered = pairing.stage else { return Err(USED) };
            let current = inner.current(&headers).ok().filter(|known| known.session.expect_passkey().is_ok());
            let known = current.is_some_and(|current| current.session.account == pairing.account);
            let keys = inner.places(&inner.account(&pairing.account)?)?.len();
            Ok(answer(StatusCode::OK, &json!({ "keys": keys, "known": known })))
        })
        .await
}

/// `POST /account/devices/join`: whoever opens the link first. The account is not changed.
pub(super) async fn join(
    State(portal): State<Portal>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    let Join { token, name: called, commitment, passkey: made } = read(&headers, &body)?;
    let token = Secret::parse(&token).ok_or(Failure::NotFound)?;
    portal
        .blocking(move |inner| {
            let now = inner.now();
            let made = match &made {
                Some(made) => Some((inner.registered(made, now)?, challenge_of(&made.client_data)?)),
                None => None,
            };
            let current = if made.is_none() { Some(inner.current(&headers)?) } else { None };
            let claim = Secret::random();
            inner.change(|rows| {
                let mut pairing = find(rows, &token, now)?;
                let Stage::Offered = pairing.stage else { return Err(USED) };
                let passkey = match (&made, &current) {
                    (Some((passkey, challenge)), _) => {
                        passkey::take(rows, &inner.key, Purpose::Register, "", challenge, now)?;
                        JoiningPasskey::Made(passkey.clone())
                    }
                    (None, Some(Current { session, .. })) if session.account == pairing.account => {
                        session.expect_passkey()?;
                        JoiningPasskey::Known(session.credential.clone())
                    }
                    (None, _) => return Err(Failure::NotRecognised("a passkey of the same account")),
                };
                let joined = Joined { claim: claim.name(), name: called.clone(), commitment, passkey };
                pairing.stage = Stage::Joined(joined);
                put(rows, &name(&token), &pairing);
                Ok(())
            })?;
            Ok(answer(StatusCode::CREATED, &json!({ "claim": claim.reveal() })))
        })
        .await
}

/// `POST /account/devices/step`: the next step of either device, or none; how far it is then.
pub(super) async fn step(
    State(portal): State<Portal>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    let Going { token, claim, step } = read(&headers, &body)?;
    let token = Secret::parse(&token).ok_or(Failure::NotFound)?;
    portal
        .blocking(move |inner| {
            let now = inner.now();
            let mut pairing = find(&Reading(inner), &token, now)?;
            let side = inner.side(&pairing, claim.as_deref(), &headers)?;
            if let Some(step) = &step {
                inner.change(|rows| {
                    pairing = find(rows, &token, now)?;
                    pairing.stage = pairing.stage.clone().after(side, step.clone())?;
                    put(rows, &name(&token), &pairing);
                    Ok(())
                })?;
            }
            Ok(answer(StatusCode::OK, &inner.as_seen(side, &pairing)?))
        })
        .await
}

/// `POST /account/devices/finish`: the first device has sent the enrolments. The new one is the account's as far as the log
/// has its keys, and its passkey with it.
pub(super) async fn finish(
    State(portal): State<Portal>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    let Link { token } = read(&headers, &body)?;
    let token = Secret::parse(&token).ok_or(Failure::NotFound)?;
    portal
        .blocking(move |inner| {
            let now = inner.now();
            let current = inner.current(&headers)?;
            current.session.expect_passkey()?;
            let id = current.session.account.clone();
            let pairing = find(&Reading(inner), &token, now)?;
            let Stage::Signed(joined, opening, _) = pairing.stage else {
                return Err(Failure::Conflict("the step that is next"));
            };
            if pairing.account != id {
                return Err(Failure::NotFound);
            }
            let account = inner.account(&id)?;
            let enrolled = inner.enrolled(&account, &opening.keys)?;
            if enrolled.is_empty() && !inner.places(&account)?.is_empty() {
                return Err(Failure::Conflict("a key of the device that the log has"));
            }
            inner.change(|rows| {
                let mut account = Account::read(rows, &id)?;
                let credential = match &joined.passkey {
                    JoiningPasskey::Known(credential) => credential.clone(),
                    JoiningPasskey::Made(made) => {
                        account.add_passkey(rows, &id, made.clone())?;
                        Some(made.credential.clone())
                    }
                };
                account.add_device(joined.name.clone(), enrolled.clone(), credential, now)?;
                account.write(rows, &id);
                let expires = pairing.expires;
                let finished = Pairing { account: id.clone(), expires, stage: Stage::Finished };
                put(rows, &name(&token), &finished);
                Ok(())
            })?;
            Ok(answer(StatusCode::OK, &json!({})))
        })
        .await
}

/// `POST /account/devices/end`: the passkey of a device goes, unless another has it, and all other sessions end. Keys that may
/// still sign are said, and stay with it: who ends them signs `key.revoked`.
pub(super) async fn end(
    State(portal): State<Portal>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    let Ending { device, last } = read(&headers, &body)?;
    portal
        .blocking(move |inner| {
            let current = inner.current(&headers)?;
            current.session.expect_fresh(inner.now())?;
            let id = current.session.account.clone();
            let mut account = inner.account(&id)?;
            let keys: Vec<Thumbprint> = account.device(&device)?.keys.iter().map(|known| known.key).collect();
            let left = inner.enrolled(&account, &keys)?;
            let out = inner.change(|rows| {
                let mut account = Account::read(rows, &id)?;
                let gone = account.end_device(&device, left.clone())?;
                account.keep_passkeys(rows, |known| Some(&known.credential) != gone.as_ref());
                if account.passkeys.is_empty() && !last {
                    return Err(Failure::Conflict("another passkey, or the word that this is the last one"));
                }
                account.write(rows, &id);
                let ends_itself = gone.is_some() && gone == current.session.credential;
                session::end_others(rows, &id, (!ends_itself).then_some(&current))?;
                Ok(ends_itself)
            })?;
            let mut response = answer(StatusCode::OK, &json!({ "left": left, "logged_out": out }));
            if out {
                response.headers_mut().insert(axum::http::header::SET_COOKIE, session::no_cookie());
            }
            Ok(response)
        })
        .await
}

/// `POST /my/account/devices/{id}/name`
pub(super) async fn rename(
    State(portal): State<Portal>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Form(pairs): Pairs,
) -> Result<Response, Failure> {
    portal
        .blocking(move |inner| {
            let (current, _) = inner.of_form(&headers, &pairs)?;
            current.session.expect_passkey()?;
            let typed = pairs.iter().find(|(name, _)| name == "name").map_or("", |(_, typed)| typed.trim());
            let expected = "a name of 1 to 120 bytes on one line";
            let called = DeviceName::new(typed).filter(|name| !name.as_str().contains('\n'));
            let called = called.ok_or_else(|| Failure::Malformed(expected.to_owned()))?;
            let account_id = &current.session.account;
            inner.change(|rows| {
                let mut account = Account::read(rows, account_id)?;
                account.device(&id)?.name = called.clone();
                account.write(rows, account_id);
                Ok(())
            })?;
            Ok(see_other("/my/account"))
        })
        .await
}

impl Inner {
    /// Where the account has keys, and a device that comes gets one.
    fn places(&self, account: &Account) -> Result<Vec<Place>, Failure> {
        let mut places = Vec::new();
        // a guardian's key vouches for none
        let own = account.memberships.iter().filter(|known| known.ward().is_none());
        for Membership { tenant, sub, .. } in own {
            if places.len() < ENTERPRISES_MAX && self.backend.customer(*tenant, sub)?.has_own_key {
                let enterprise = self.backend.enterprise(*tenant).unwrap_or_default();
                places.push(Place { tenant: *tenant, enterprise, sub: sub.clone() });
            }
        }
        Ok(places)
    }

    /// Of these keys, those that may sign for the account.
    pub(super) fn enrolled(&self, account: &Account, keys: &[Thumbprint]) -> Result<Vec<DeviceKey>, Failure> {
        let mut enrolled = Vec::new();
        for Membership { tenant, sub, .. } in &account.memberships {
            let live = self.backend.customer(*tenant, sub)?.keys;
            let of = live.into_iter().filter(|key| keys.contains(key));
            enrolled.extend(of.map(|key| DeviceKey { tenant: *tenant, key }));
        }
        Ok(enrolled)
    }

    /// Which device asks: the one that joined shows its claim, the first one a session of the account.
    fn side(&self, pairing: &Pairing, claim: Option<&str>, headers: &HeaderMap) -> Result<Side, Failure> {
        if let Some(claim) = claim {
            let claim = Secret::parse(claim).ok_or(Failure::NotFound)?;
            let joined = pairing.stage.joined();
            // once all is done there is nothing to be known or changed any more
            let knows = joined
                .map_or(matches!(pairing.stage, Stage::Finished), |joined| joined.claim == claim.name());
            return if knows { Ok(Side::Second) } else { Err(Failure::NotFound) };
        }
        let current = self.current(headers)?;
        current.session.expect_passkey()?;
        if current.session.account == pairing.account { Ok(Side::First) } else { Err(Failure::NotFound) }
    }

    /// What a device is told. The one that comes learns where the person is a customer once it is confirmed, not before.
    fn as_seen(&self, side: Side, pairing: &Pairing) -> Result<Value, Failure> {
        let stage = pairing.stage.name();
        Ok(match (side, &pairing.stage) {
            (Side::First, Stage::Joined(joined)) => {
                json!({ "stage": stage, "name": joined.name, "commitment": joined.commitment })
            }
            (Side::First, Stage::Opened(_, _, opening)) => json!({ "stage": stage, "opening": opening }),
            (Side::First, Stage::Signed(_, _, enrolments)) => {
                json!({ "stage": stage, "enrolments": enrolments })
            }
            (Side::Second, Stage::Challenged(_, nonce)) => json!({ "stage": stage, "nonce": nonce }),
            (Side::Second, Stage::Confirmed(..)) => {
                let places = self.places(&self.account(&pairing.account)?)?;
                json!({ "stage": stage, "places": places })
            }
            _ => json!({ "stage": stage }),
        })
    }
}

/// A link as a QR code, for the signing page to draw.
pub(super) fn squares(url: &str) -> Result<Value, Failure> {
    let code = QrCode::new(url).map_err(|_| Failure::Unavailable)?;
    let dark: String =
        code.to_colors().iter().map(|color| if *color == Color::Dark { '1' } else { '0' }).collect();
    Ok(json!({ "width": code.width(), "modules": dark }))
}

/// The account's devices and passkeys, for its page.
pub(super) fn shown(account: &Account) -> (Vec<view::Device>, Vec<view::Passkey>) {
    let of = |credential: &Base64Bytes| {
        let same = |device: &&Device| device.passkey.as_ref() == Some(credential);
        account.devices.iter().filter(same).map(|device| device.name.to_string()).collect::<Vec<_>>()
    };
    let devices = account.devices.iter().map(|device| view::Device {
        id: device.id.clone(),
        name: device.name.to_string(),
        since: device.since,
        seen: device.passkey.as_ref().and_then(|known| account.passkey(&known.0)?.seen),
        shared: device.passkey.as_ref().is_some_and(|credential| of(credential).len() > 1),
        keys: device.keys.iter().map(|DeviceKey { tenant, key }| format!("{tenant}/{key}")).collect(),
    });
    let passkeys = account.passkeys.iter().map(|passkey| view::Passkey {
        since: passkey.since,
        seen: passkey.seen,
        devices: of(&passkey.credential).join("; "),
    });
    (devices.collect(), passkeys.collect())
}

/// Removes pairings that came to nothing in time.
pub(super) fn sweep(rows: &mut dyn Rows, now: UnixSeconds) -> Result<(), Failure> {
    for name in rows.names(PREFIX) {
        if row::<Pairing>(rows, &name)?.is_some_and(|pairing| pairing.expires <= now) {
            rows.remove(&name);
        }
    }
    Ok(())
}

/// Removes those of an account that is erased.
pub(super) fn forget(rows: &mut dyn Rows, account: &AccountId) -> Result<(), Failure> {
    for name in rows.names(PREFIX) {
        if row::<Pairing>(rows, &name)?.is_some_and(|pairing| pairing.account == *account) {
            rows.remove(&name);
        }
    }
    Ok(())
}

const PREFIX: &str = "pairing/";
const USED: Failure = Failure::Gone("a link that no device has opened yet");

fn find(rows: &dyn Rows, token: &Secret, now: UnixSeconds) -> Result<Pairing, Failure> {
    let pairing: Pairing = row(rows, &name(token))?.ok_or(Failure::NotFound)?;
    let gone = Failure::Gone("a link that has not expired");
    if pairing.expires <= now { Err(gone) } else { Ok(pairing) }
}

fn name(token: &Secret) -> String {
    format!("{PREFIX}{}", token.name())
}
