//! Sessions: a random token in a cookie that no script reads, kept as a hash, with an end that use puts off and one that
//! nothing does.
//!
//! | row | holds |
//! |---|---|
//! | `session/` SHA-256 of the token | a [`Session`] |

pub mod company;

use axum::http::{HeaderMap, HeaderValue, header};
use grantbook_record::UnixSeconds;
use grantbook_record::encoding::{Base64Bytes, to_base64url};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use crate::account::{AccountId, put, row};
use crate::backend::write::Rows;
use crate::failure::Failure;
use crate::secret::{Secret, mac};

/// The cookie: `__Host-` makes browsers refuse it unless it is Secure, of this very host and of every path.
pub const COOKIE: &str = "__Host-session";
/// How long the passkey that was shown counts as just shown, in seconds.
pub const FRESH_SECONDS: u64 = 300;
/// A session's use is noted at most so often, in seconds: not each look writes to the disk.
const NOTED_SECONDS: u64 = 60;

/// When sessions end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// After so long without a request, in seconds.
    pub idle_seconds: u64,
    /// After so long whatever happens, in seconds.
    pub absolute_seconds: u64,
}

impl Lifetimes {
    /// Whether a session has ended that began and was last used then.
    fn are_over(&self, since: UnixSeconds, seen: UnixSeconds, now: UnixSeconds) -> bool {
        now.0 >= seen.0.saturating_add(self.idle_seconds)
            || now.0 >= since.0.saturating_add(self.absolute_seconds)
    }
}

/// A session as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// Whose.
    pub account: AccountId,
    /// When it began.
    pub since: UnixSeconds,
    /// When it was last used, to the minute.
    pub seen: UnixSeconds,
    /// Until when the passkey counts as just shown.
    pub fresh_until: UnixSeconds,
    /// Begun by a recovery code: it may recover, look and withdraw, nothing else.
    pub recovering: bool,
    /// The credential that began it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<Base64Bytes>,
}

/// A session and the token that names it.
#[derive(Debug, Clone)]
pub struct Current {
    /// The session.
    pub session: Session,
    token: Secret,
}

/// Begins a session, by a passkey's credential, or without one by a recovery code. Whatever token the browser had before is not it: nobody can fix one in advance.
pub fn begin(rows: &mut dyn Rows, account: &AccountId, by: Option<&Base64Bytes>, now: UnixSeconds) -> Secret {
    let token = Secret::random();
    let recovering = by.is_none();
    let fresh_until = UnixSeconds(if recovering { 0 } else { now.0.saturating_add(FRESH_SECONDS) });
    let session = Session {
        account: account.clone(),
        since: now,
        seen: now,
        fresh_until,
        recovering,
        credential: by.cloned(),
    };
    put(rows, &name(&token), &session);
    token
}

/// The session that the request's cookie names.
pub fn current(
    rows: &dyn Rows,
    headers: &HeaderMap,
    lifetimes: &Lifetimes,
    now: UnixSeconds,
) -> Result<Current, Failure> {
    let token = token_of(headers, COOKIE).ok_or(Failure::NotLoggedIn)?;
    let session: Session = row(rows, &name(&token))?.ok_or(Failure::NotLoggedIn)?;
    if session.has_ended(lifetimes, now) { Err(Failure::NotLoggedIn) } else { Ok(Current { session, token }) }
}

impl Session {
    fn has_ended(&self, lifetimes: &Lifetimes, now: UnixSeconds) -> bool {
        lifetimes.are_over(self.since, self.seen, now)
    }

    /// Whether the passkey was just shown; [`Failure::NotFresh`] otherwise.
    pub fn expect_fresh(&self, now: UnixSeconds) -> Result<(), Failure> {
        if now < self.fresh_until { Ok(()) } else { Err(Failure::NotFresh) }
    }

    /// Whether a passkey began it; [`Failure::NotFresh`] for one that a recovery code did.
    pub fn expect_passkey(&self) -> Result<(), Failure> {
        if self.recovering { Err(Failure::NotFresh) } else { Ok(()) }
    }
}

impl Current {
    /// Whether its use should be noted.
    pub fn is_to_be_noted(&self, now: UnixSeconds) -> bool {
        now.0 >= self.session.seen.0.saturating_add(NOTED_SECONDS)
    }

    /// Notes that it is used.
    pub fn note(&self, rows: &mut dyn Rows, now: UnixSeconds) {
        // ended meanwhile by another request
        if rows.get(&name(&self.token)).is_some() {
            put(rows, &name(&self.token), &Session { seen: now, ..self.session.clone() });
        }
    }

    /// Ends it.
    pub fn end(&self, rows: &mut dyn Rows) {
        rows.remove(&name(&self.token));
    }

    /// What a form of one session brings along: that of another does not fit.
    pub fn form_token(&self, key: &[u8; 32]) -> String {
        form_token(key, b"form", &self.token)
    }

    /// Whether a form came from a page that was made for the same session.
    pub fn check_form(&self, key: &[u8; 32], sent: &str) -> Result<(), Failure> {
        is_of_form(&self.form_token(key), sent)
    }

    /// Ties a challenge to the session.
    pub fn binding(&self) -> String {
        self.token.name()
    }
}

/// Ends every session of an account but one.
pub fn end_others(rows: &mut dyn Rows, account: &AccountId, but: Option<&Current>) -> Result<(), Failure> {
    let kept = but.map(|current| name(&current.token));
    for other in rows.names("session/") {
        let session: Option<Session> = row(rows, &other)?;
        if session.is_some_and(|session| session.account == *account) && kept.as_ref() != Some(&other) {
            rows.remove(&other);
        }
    }
    Ok(())
}

/// Removes sessions that have ended.
pub fn sweep(rows: &mut dyn Rows, lifetimes: &Lifetimes, now: UnixSeconds) -> Result<(), Failure> {
    for name in rows.names("session/") {
        if row::<Session>(rows, &name)?.is_some_and(|session| session.has_ended(lifetimes, now)) {
            rows.remove(&name);
        }
    }
    Ok(())
}

/// The header that hands a token to the browser.
pub fn cookie(token: &Secret) -> Option<HeaderValue> {
    cookie_named(COOKIE, token)
}

fn cookie_named(cookie: &str, token: &Secret) -> Option<HeaderValue> {
    HeaderValue::try_from(format!("{cookie}={}; Path=/; Secure; HttpOnly; SameSite=Strict", token.reveal()))
        .ok()
}

fn form_token(key: &[u8; 32], purpose: &[u8], token: &Secret) -> String {
    to_base64url(&mac(key, &[purpose, token.name().as_bytes()]))
}

fn is_of_form(expected: &str, sent: &str) -> Result<(), Failure> {
    if bool::from(expected.as_bytes().ct_eq(sent.as_bytes())) { Ok(()) } else { Err(Failure::CrossSite) }
}

/// The header that takes it away.
pub fn no_cookie() -> HeaderValue {
    HeaderValue::from_static("__Host-session=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0")
}

/// The one token of the request; none where there are two, since one of them was planted.
fn token_of(headers: &HeaderMap, cookie: &str) -> Option<Secret> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut tokens = cookies
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == cookie);
    match (tokens.next(), tokens.next()) {
        (Some((_, token)), None) => Secret::parse(token),
        _ => None,
    }
}

fn name(token: &Secret) -> String {
    format!("session/{}", token.name())
}

#[cfg(test)]
mod tests;
