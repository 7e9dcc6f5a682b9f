//! Sessions of people who work for an enterprise: begun by one of its tokens, which is shown once and kept by no browser.
//!
//! | row | holds |
//! |---|---|
//! | `desk/` SHA-256 of the session's token | a [`DeskSession`] |
//!
//! A session is of one enterprise and ends with the token that began it: whoever revokes a token ends what came of it.

use axum::http::{HeaderMap, HeaderValue};
use grantbook_record::{TenantId, UnixSeconds};
use serde::{Deserialize, Serialize};

use super::{Lifetimes, NOTED_SECONDS, cookie_named, form_token, is_of_form, token_of};
use crate::account::{put, row};
use crate::backend::write::{Bearer, Rows};
use crate::failure::Failure;
use crate::secret::Secret;

/// The cookie, as strict as customers'. Another name: one browser can be signed in as both, and neither is the other.
pub const COOKIE: &str = "__Host-desk";
/// Half an hour of rest, a working day in all.
pub const LIFETIMES: Lifetimes = Lifetimes { idle_seconds: 30 * 60, absolute_seconds: 8 * 3600 };
const FORM: &[u8] = b"desk-form";

/// A session as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeskSession {
    /// The enterprise, and no other.
    pub tenant: TenantId,
    /// The id of the token that began it.
    pub token_id: String,
    /// When it began.
    pub since: UnixSeconds,
    /// When it was last used, to the minute.
    pub seen: UnixSeconds,
}

/// A session and the token that names it.
#[derive(Debug, Clone)]
pub struct Current {
    /// The session.
    pub session: DeskSession,
    token: Secret,
}

/// Begins a session, under a token that nobody has seen before.
pub fn begin(rows: &mut dyn Rows, bearer: &Bearer, now: UnixSeconds) -> Secret {
    let token = Secret::random();
    let Bearer { tenant, token_id } = bearer.clone();
    put(rows, &name(&token), &DeskSession { tenant, token_id, since: now, seen: now });
    token
}

/// The session that the request's cookie names. Whether its enterprise's token is still good, the caller asks.
pub fn current(rows: &dyn Rows, headers: &HeaderMap, now: UnixSeconds) -> Result<Current, Failure> {
    let token = token_of(headers, COOKIE).ok_or(Failure::NotLoggedIn)?;
    let session: DeskSession = row(rows, &name(&token))?.ok_or(Failure::NotLoggedIn)?;
    if session.has_ended(now) { Err(Failure::NotLoggedIn) } else { Ok(Current { session, token }) }
}

impl DeskSession {
    fn has_ended(&self, now: UnixSeconds) -> bool {
        LIFETIMES.are_over(self.since, self.seen, now)
    }

    /// Whose token began it.
    pub fn bearer(&self) -> Bearer {
        Bearer { tenant: self.tenant, token_id: self.token_id.clone() }
    }
}

impl Current {
    /// Whether its use should be noted.
    pub fn is_to_be_noted(&self, now: UnixSeconds) -> bool {
        now.0 >= self.session.seen.0.saturating_add(NOTED_SECONDS)
    }

    /// Notes that it is used, unless it has ended meanwhile.
    pub fn note(&self, rows: &mut dyn Rows, now: UnixSeconds) {
        if rows.get(&name(&self.token)).is_some() {
            put(rows, &name(&self.token), &DeskSession { seen: now, ..self.session.clone() });
        }
    }

    /// Ends it.
    pub fn end(&self, rows: &mut dyn Rows) {
        rows.remove(&name(&self.token));
    }

    /// What a form of one session brings along: that of another does not fit.
    pub fn form_token(&self, key: &[u8; 32]) -> String {
        form_token(key, FORM, &self.token)
    }

    /// Whether a form came from a page that was made for the same session.
    pub fn check_form(&self, key: &[u8; 32], sent: &str) -> Result<(), Failure> {
        is_of_form(&self.form_token(key), sent)
    }
}

/// Removes sessions that have ended.
pub fn sweep(rows: &mut dyn Rows, now: UnixSeconds) -> Result<(), Failure> {
    for name in rows.names("desk/") {
        if row::<DeskSession>(rows, &name)?.is_some_and(|session| session.has_ended(now)) {
            rows.remove(&name);
        }
    }
    Ok(())
}

/// The header that hands a token to the browser.
pub fn cookie(token: &Secret) -> Option<HeaderValue> {
    cookie_named(COOKIE, token)
}

/// The header that takes it away.
pub fn no_cookie() -> HeaderValue {
    HeaderValue::from_static("__Host-desk=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0")
}

fn name(token: &Secret) -> String {
    format!("desk/{}", token.name())
}

#[cfg(test)]
mod tests {
    use axum::http::header;

    use super::*;
    use crate::secret::tests::Memory;

    const BEGAN: u64 = 1_795_000_000;

    fn bearer(log: &str) -> Bearer {
        Bearer { tenant: TenantId::of_log(log), token_id: "token-1".to_owned() }
    }

    fn with(cookie: &str, token: &Secret) -> HeaderMap {
        let sent = format!("lang=en; {cookie}={}", token.reveal());
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::try_from(sent).unwrap())])
    }

    #[test]
    fn it_is_of_the_enterprise_whose_token_began_it() {
        let mut rows = Memory::default();
        let (ours, theirs) = (bearer("ours"), bearer("theirs"));
        let tokens =
            [&ours, &theirs].map(|bearer| (bearer.clone(), begin(&mut rows, bearer, UnixSeconds(BEGAN))));
        for (bearer, token) in &tokens {
            let found = current(&rows, &with(COOKIE, token), UnixSeconds(BEGAN)).unwrap();
            assert_eq!(found.session.bearer(), *bearer);
        }
        let [(_, token), (_, other)] = &tokens;
        let key = [7; 32];
        let of = |token| current(&rows, &with(COOKIE, token), UnixSeconds(BEGAN)).unwrap();
        assert_eq!(of(token).check_form(&key, &of(token).form_token(&key)), Ok(()));
        assert_eq!(of(token).check_form(&key, &of(other).form_token(&key)), Err(Failure::CrossSite));
        // a customer's cookie names no desk
        assert!(current(&rows, &with(crate::session::COOKIE, token), UnixSeconds(BEGAN)).is_err());
    }

    #[test]
    fn it_ends_by_rest_by_age_and_for_good() {
        let mut rows = Memory::default();
        let token = begin(&mut rows, &bearer("ours"), UnixSeconds(BEGAN));
        let at =
            |rows: &Memory, seconds: u64| current(rows, &with(COOKIE, &token), UnixSeconds(BEGAN + seconds));
        assert!(at(&rows, 1799).is_ok());
        assert_eq!(at(&rows, 1800).unwrap_err(), Failure::NotLoggedIn);
        for minutes in (0..480).step_by(20) {
            at(&rows, minutes * 60).unwrap().note(&mut rows, UnixSeconds(BEGAN + minutes * 60));
        }
        assert!(at(&rows, 28_799).is_ok());
        assert_eq!(at(&rows, 28_800).unwrap_err(), Failure::NotLoggedIn);
        let seen = at(&rows, 28_799).unwrap();
        seen.end(&mut rows);
        seen.note(&mut rows, UnixSeconds(BEGAN));
        assert!(at(&rows, 0).is_err(), "what has ended does not come back by being noted");
        begin(&mut rows, &bearer("ours"), UnixSeconds(BEGAN));
        sweep(&mut rows, UnixSeconds(BEGAN + 1799)).unwrap();
        assert_eq!(rows.names("desk/").len(), 1);
        sweep(&mut rows, UnixSeconds(BEGAN + 1800)).unwrap();
        assert!(rows.names("desk/").is_empty());
    }
}
