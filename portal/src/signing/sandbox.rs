//! The doors of a sandbox: whoever opens its front page on the same machine can be a customer or the enterprise at once.
//!
//! There are none outside a sandbox ([`super::Settings::sandbox_doors`]), and the server lets nobody from another machine at
//! them. What a door leads to is a session like any other; none of them signs for a customer. To sign, a visitor makes a key of
//! their own.

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use grantbook_record::encoding::Bytes32;

use super::{Inner, NewInvitation, Portal, Reading, see_other};
use crate::account::{self, Account, AccountId, CodeLogin, CodeProof, Membership};
use crate::failure::Failure;
use crate::session;

/// `POST /sandbox/company`
pub(super) async fn company(State(portal): State<Portal>, headers: HeaderMap) -> Result<Response, Failure> {
    portal
        .blocking(move |inner| {
            let bearer = inner.open_sandbox()?.company;
            inner.begin_desk(&headers, &bearer, "/company?tour=company-1")
        })
        .await
}

/// `POST /sandbox/customer`: a session of the story's customer. It may look and stop, as after a recovery, and sign nothing.
pub(super) async fn customer(State(portal): State<Portal>, headers: HeaderMap) -> Result<Response, Failure> {
    portal
        .blocking(move |inner| {
            let sub = inner.open_sandbox()?.customer;
            let tenant = inner.open_sandbox()?.company.tenant;
            let now = inner.now();
            let known = account::people(&Reading(inner), tenant, &sub)?.into_iter().next();
            let secret = || Bytes32(crate::secret::random());
            // a code that nobody has been told
            let recovery = match known {
                Some(_) => None,
                None => Some(CodeLogin::of(&CodeProof { lookup: secret(), proof: secret() })?),
            };
            let before = inner.current(&headers).ok();
            let token = inner.change(|rows| {
                let id = match (&known, &recovery) {
                    (Some(id), _) => id.clone(),
                    (None, Some(recovery)) => {
                        let id = AccountId::random();
                        let evidence = grantbook_record::event::Evidence::Enterprise;
                        let mut account = Account::without_passkey(now, recovery.clone());
                        recovery.enter(rows, &id)?;
                        let membership = Membership::own(tenant, sub.clone(), now, evidence);
                        account.join(rows, &id, membership)?;
                        account.write(rows, &id);
                        id
                    }
                    (None, None) => return Err(Failure::Unavailable),
                };
                if let Some(before) = &before {
                    before.end(rows);
                }
                Ok(session::begin(rows, &id, None, now))
            })?;
            let cookie = session::cookie(&token).ok_or(Failure::Unavailable)?;
            let mut response = see_other("/my?tour=customer-1");
            response.headers_mut().insert(header::SET_COOKIE, cookie);
            Ok(response)
        })
        .await
}

/// `POST /sandbox/own-key`: an invitation, to a pseudonym that nobody has, for whoever wants to sign with a key of their own.
pub(super) async fn own_key(State(portal): State<Portal>) -> Result<Response, Failure> {
    let opened = portal.blocking(Inner::open_sandbox).await?;
    let name = format!("visitor-{}", &crate::secret::Secret::random().name().replace(['-', '_'], "0"));
    let name: String = name.chars().take(20).collect();
    let data_subject = grantbook_record::SubjectId::parse(&name).map_err(|_| Failure::Unavailable)?;
    let asked = NewInvitation {
        data_subject,
        return_url: None,
        request: None,
        evidence: None,
        seconds: Some(3600),
        guardian: None,
    };
    let invited = portal.invite(opened.company.tenant, asked).await?;
    // the address of this very portal, so that the browser stays where it is
    let path = invited.url.strip_prefix(&portal.0.settings.relying_party.origin).unwrap_or("/");
    Ok(see_other(path))
}

impl Inner {
    /// The sandbox, where there is one whose doors are open; otherwise nothing is there.
    fn open_sandbox(&self) -> Result<crate::backend::write::Sandbox, Failure> {
        if !self.settings.sandbox_doors {
            return Err(Failure::NotFound);
        }
        self.backend.sandbox().ok_or(Failure::NotFound)
    }
}
