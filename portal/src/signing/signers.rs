//! Several people for one pseudonym: who they are, how another comes, and how many of them must sign.

use axum::body::Bytes;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use grantbook_record::event::{Evidence, SignatoriesAgreed};
use grantbook_record::list::List;
use grantbook_record::{Kind, TenantId, Thumbprint, UnixSeconds};
use serde::Deserialize;
use serde_json::json;

use super::devices::squares;
use super::invite::Brings;
use super::prepare::{Pairs, Payload};
use super::{Inner, Invitation, Portal, Reading, answer, json as read};
use crate::account::{self, Account, AccountId, DeviceName, Membership};
use crate::failure::Failure;

/// How long a signatory's link is good, in seconds: a week.
const LINK_SECONDS: u64 = 7 * 86_400;
/// Page of those who sign.
const PAGE: &str = "/my/account/signers";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Inviting {
    tenant: TenantId,
    /// What those who come call whoever invites them.
    name: DeviceName,
}

/// Whose key it is, as the portal knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The enterprise.
    pub tenant: TenantId,
    /// The key.
    pub key: Thumbprint,
    /// What the others call them.
    pub name: Option<String>,
    /// Whether it is the viewer.
    pub is_viewer: bool,
    /// The device that has it, of the viewer's own.
    pub device: Option<String>,
}

/// `POST /account/signers/invite`: a link by which somebody comes who signs beside those who do.
pub(super) async fn invite(
    State(portal): State<Portal>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    let Inviting { tenant, name } = read(&headers, &body)?;
    portal
        .blocking(move |inner| {
            let now = inner.now();
            let current = inner.current(&headers)?;
            current.session.expect_fresh(now)?;
            let id = &current.session.account;
            let Membership { sub, .. } = inner.account(id)?.membership(tenant)?.clone();
            let known = inner.backend.customer(tenant, &sub)?;
            if !known.has_own_key || (known.several && known.signatories.is_none()) {
                return Err(Failure::Conflict("a customer of age with a key"));
            }
            inner.change(|rows| {
                let mut account = Account::read(rows, id)?;
                let mine =
                    account.memberships.iter_mut().find(|known| known.tenant == tenant && known.sub == sub);
                mine.ok_or(Failure::NotFound)?.name = Some(name.clone());
                account.write(rows, id);
                Ok(())
            })?;
            let expires = UnixSeconds(now.0.saturating_add(LINK_SECONDS));
            let url = inner.keep_invitation(&Invitation {
                tenant,
                sub,
                evidence: Evidence::EnrolledKey,
                return_url: None,
                request: None,
                known: false,
                brings: Brings::Signatory,
                expires,
                taken: None,
            })?;
            let made = json!({ "url": url, "expires": expires, "qr": squares(&url)? });
            Ok(answer(StatusCode::CREATED, &made))
        })
        .await
}

/// `POST /my/account/signers/{tenant}`: prepares how many of which keys must sign from now on.
pub(super) async fn agree(
    State(portal): State<Portal>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    Form(pairs): Pairs,
) -> Result<Response, Failure> {
    portal
        .blocking(move |inner| {
            let (current, account) = inner.of_form(&headers, &pairs)?;
            current.session.expect_passkey()?;
            let tenant = TenantId::parse(&tenant).map_err(|_| Failure::NotFound)?;
            let membership = account.membership(tenant)?;
            let (keys, needed) = chosen(&pairs)?;
            let known = inner.backend.customer(tenant, &membership.sub)?.keys;
            if !keys.iter().all(|key| known.contains(key)) {
                return Err(Failure::Malformed("keys that may sign".to_owned()));
            }
            inner.expect_different_people(membership, &keys)?;
            let keys = List::new(keys).ok_or_else(|| Failure::Malformed("1 to 16 keys".to_owned()))?;
            let event = SignatoriesAgreed { sub: membership.sub.clone(), keys, needed };
            let claims = inner.claims(membership, event)?;
            let payload: Payload = (Kind::SignatoriesAgreed, claims.to_json(), PAGE.to_owned());
            inner.keep_prepared(&current.session.account, membership, payload, None)
        })
        .await
}

/// The keys that were ticked, and how many of them must sign.
fn chosen(pairs: &[(String, String)]) -> Result<(Vec<Thumbprint>, u8), Failure> {
    let values = |name: &'static str| {
        pairs.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    };
    let keys = values("key").map(Thumbprint::parse).collect::<Option<Vec<_>>>();
    let keys = keys.ok_or_else(|| Failure::Malformed("thumbprints of keys".to_owned()))?;
    let needed = values("needed").next().and_then(|text| text.parse().ok());
    let needed = needed.filter(|needed| (1..=3).contains(needed) && usize::from(*needed) <= keys.len());
    let expected = "1 to 3 signatures, and no more than there are keys";
    Ok((keys, needed.ok_or_else(|| Failure::Malformed(expected.to_owned()))?))
}

impl Inner {
    /// Whoever has two of the keys would sign for two.
    fn expect_different_people(&self, membership: &Membership, keys: &[Thumbprint]) -> Result<(), Failure> {
        for id in account::people(&Reading(self), membership.tenant, &membership.sub)? {
            let account = self.account(&id)?;
            let theirs = account.devices.iter().flat_map(|device| &device.keys);
            if theirs.filter(|known| keys.contains(&known.key)).count() > 1 {
                return Err(Failure::Malformed("one key of each person".to_owned()));
            }
        }
        Ok(())
    }

    /// Whose keys those are that sign for the viewer's pseudonyms.
    pub(super) fn people(&self, viewer: &AccountId) -> Result<Vec<Person>, Failure> {
        let mut people = Vec::new();
        for Membership { tenant, sub, .. } in &self.account(viewer)?.memberships {
            for id in account::people(&Reading(self), *tenant, sub)? {
                let account = self.account(&id)?;
                let name = account.of(*tenant, sub)?.name.as_ref().map(ToString::to_string);
                for device in &account.devices {
                    for known in device.keys.iter().filter(|known| known.tenant == *tenant) {
                        let is_viewer = id == *viewer;
                        people.push(Person {
                            tenant: *tenant,
                            key: known.key,
                            name: name.clone(),
                            is_viewer,
                            device: is_viewer.then(|| device.name.to_string()),
                        });
                    }
                }
            }
        }
        Ok(people)
    }
}
