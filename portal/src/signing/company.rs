//! An enterprise's people come in: a token of the interface is shown once, and exchanged for a session of this browser.

use axum::extract::{Form, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;

use super::{Inner, Portal, Reading, see_other};
use crate::backend::write::Bearer;
use crate::failure::Failure;
use crate::secret::Secret;
use crate::session::company::{self, Current};

/// Bytes of a token that is looked at.
const TOKEN_BYTES_MAX: usize = 128;

pub(super) type Pairs = Vec<(String, String)>;

/// `POST /company/sign-in`. Whatever session the browser had ends, and the new one has a token that nobody has seen.
pub(super) async fn sign_in(
    State(portal): State<Portal>,
    headers: HeaderMap,
    Form(pairs): Form<Pairs>,
) -> Result<Response, Failure> {
    portal
        .blocking(move |inner| {
            let token = value(&pairs, "token").trim();
            let bearer = if token.len() <= TOKEN_BYTES_MAX { inner.backend.bearer(token) } else { None };
            match bearer {
                Some(bearer) => inner.begin_desk(&headers, &bearer, "/company"),
                None => Ok(see_other("/company/sign-in?refused")),
            }
        })
        .await
}

/// `POST /company/sign-out`
pub(super) async fn sign_out(
    State(portal): State<Portal>,
    headers: HeaderMap,
    Form(pairs): Form<Pairs>,
) -> Result<Response, Failure> {
    portal
        .blocking(move |inner| {
            if let Ok(current) = inner.current_desk(&headers) {
                current.check_form(&inner.key, value(&pairs, "form_token"))?;
                inner.change(|rows| {
                    current.end(rows);
                    Ok(())
                })?;
            }
            let mut response = see_other("/");
            response.headers_mut().insert(header::SET_COOKIE, company::no_cookie());
            Ok(response)
        })
        .await
}

impl Inner {
    /// The session of an enterprise. It is none any more where its token was revoked.
    pub(super) fn current_desk(&self, headers: &HeaderMap) -> Result<Current, Failure> {
        let now = self.now();
        let current = company::current(&Reading(self), headers, now)?;
        if !self.backend.still_bears(&current.session.bearer()) {
            return Err(Failure::NotLoggedIn);
        }
        if current.is_to_be_noted(now) {
            self.change(|rows| {
                current.note(rows, now);
                Ok(())
            })?;
        }
        self.sweep(now)?;
        Ok(current)
    }

    /// Begins an enterprise's session in this browser, in place of the one that it had.
    pub(super) fn begin_desk(
        &self,
        headers: &HeaderMap,
        bearer: &Bearer,
        next: &str,
    ) -> Result<Response, Failure> {
        let now = self.now();
        let before = company::current(&Reading(self), headers, now).ok();
        let token: Secret = self.change(|rows| {
            if let Some(before) = &before {
                before.end(rows);
            }
            Ok(company::begin(rows, bearer, now))
        })?;
        let cookie = company::cookie(&token).ok_or(Failure::Unavailable)?;
        let mut response = see_other(next);
        response.headers_mut().insert(header::SET_COOKIE, cookie);
        Ok(response)
    }
}

/// A field of a form, empty where it is not there.
pub(super) fn value<'p>(pairs: &'p [(String, String)], name: &str) -> &'p str {
    pairs.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}
