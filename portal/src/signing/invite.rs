//! Invitations: an enterprise names a pseudonym, and whoever is handed the link becomes that customer, once. For somebody who is
//! that customer already, the link opens a request.
//!
//! | row | holds |
//! |---|---|
//! | `invitation/` SHA-256 of the token | an [`Invitation`] |
//! | `way-back/` account `/` request | a [`WayBack`] |

use axum::extract::{Path, State};
use axum::response::Response;
use grantbook_record::event::Evidence;
use grantbook_record::{DataDay, Jti, Kind, SubjectId, TenantId, UnixSeconds};
use qrcode::QrCode;
use qrcode::render::svg;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Inner, Portal, see_other};
use crate::account::{AccountId, put, row};
use crate::backend::write::Rows;
use crate::failure::Failure;
use crate::secret::Secret;

/// How long an invitation may be good, in seconds: 30 days.
pub const INVITATION_SECONDS_MAX: u64 = 30 * 86_400;
/// Days from 1900-01-01 to 1970-01-01.
const EPOCH_SINCE_1900: i32 = 25_567;
/// Bytes of a return address.
const URL_BYTES_MAX: usize = 1024;

/// What an enterprise asks for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewInvitation {
    /// The customer's pseudonym.
    pub data_subject: SubjectId,
    /// Where the customer is shown the way back to: `https://…`.
    #[serde(default)]
    pub return_url: Option<String>,
    /// A request that the customer is shown at once.
    #[serde(default)]
    pub request: Option<Jti>,
    /// Who will vouch for the customer's first key; the enterprise itself where this is not given.
    #[serde(default)]
    pub evidence: Option<Evidence>,
    /// How long the link is good, in seconds; a week where this is not given.
    #[serde(default)]
    pub seconds: Option<u64>,
    /// Given where the link is for a guardian of the customer.
    #[serde(default)]
    pub guardian: Option<NewGuardian>,
}

/// Of a minor to whom a guardian comes.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewGuardian {
    /// The day on which the minor was born.
    pub birth_day: DataDay,
}

/// What it gets: shown this once.
#[derive(Debug, Clone, Serialize)]
pub struct Invited {
    /// The link.
    pub url: String,
    /// The same as a QR code, an SVG picture.
    pub qr_svg: String,
    /// Until when it is good, Unix seconds.
    pub expires: UnixSeconds,
}

/// An invitation as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invitation {
    /// The enterprise.
    pub tenant: TenantId,
    /// The pseudonym.
    pub sub: SubjectId,
    /// Who will vouch for the first key.
    pub evidence: Evidence,
    /// Where the customer is shown the way back to.
    #[serde(default)]
    pub return_url: Option<String>,
    /// A request to be shown at once.
    #[serde(default)]
    pub request: Option<Jti>,
    /// Whether it is for somebody who is that customer already: then it makes nobody one.
    #[serde(default)]
    pub known: bool,
    /// Whom it brings.
    #[serde(default)]
    pub brings: Brings,
    /// Until when it is good.
    pub expires: UnixSeconds,
    /// Whose it has become.
    #[serde(default)]
    pub taken: Option<AccountId>,
}

/// Whom an invitation brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Brings {
    /// The customer.
    #[default]
    Customer,
    /// Somebody who signs beside those who do.
    Signatory,
    /// A guardian.
    Guardian {
        /// The minor's birth day, days since 1900-01-01.
        birth_day: u32,
        /// The day on which the minor comes of age.
        until: DataDay,
    },
}

impl Portal {
    /// Makes an invitation for an enterprise.
    pub async fn invite(&self, tenant: TenantId, asked: NewInvitation) -> Result<Invited, Failure> {
        let NewInvitation { data_subject, return_url, request, evidence, seconds, guardian } = asked;
        let seconds = seconds.unwrap_or(7 * 86_400);
        if !(60..=INVITATION_SECONDS_MAX).contains(&seconds) {
            return Err(Failure::Malformed("seconds from 60 to 2592000".to_owned()));
        }
        if return_url.as_deref().is_some_and(|url| !is_a_way_back(url)) {
            return Err(Failure::Malformed("a return_url of https without white space".to_owned()));
        }
        let evidence = evidence.unwrap_or(Evidence::Enterprise);
        if evidence == Evidence::EnrolledKey {
            return Err(Failure::Malformed("evidence enterprise or operators_word".to_owned()));
        }
        let birth_day = guardian.map(|guardian| since_1900(guardian.birth_day)).transpose()?;
        let client = self.client();
        self.blocking(move |inner| {
            // before anybody can sign on the page
            inner.backend.publish_client(&client)?;
            let now = inner.now();
            let known = inner.backend.customer(tenant, &data_subject)?;
            let brings = match birth_day {
                None => Brings::Customer,
                Some(birth_day) => {
                    let until = inner.backend.comes_of_age(tenant, &data_subject, birth_day)?;
                    Brings::Guardian { birth_day, until }
                }
            };
            let is_known = brings == Brings::Customer && known.has_own_key;
            if is_known {
                let open = match &request {
                    Some(request) => inner.backend.request(tenant, &data_subject, request)?,
                    None => None,
                };
                if open.is_none() {
                    return Err(Failure::Conflict("a pseudonym without a key, or one of its open requests"));
                }
            }
            let expires = UnixSeconds(now.0.saturating_add(seconds));
            let url = inner.keep_invitation(&Invitation {
                tenant,
                sub: data_subject.clone(),
                evidence,
                return_url: return_url.clone(),
                request,
                known: is_known,
                brings,
                expires,
                taken: None,
            })?;
            let code = QrCode::new(&url).map_err(|_| Failure::Unavailable)?;
            let qr_svg = code.render::<svg::Color<'_>>().min_dimensions(240, 240).quiet_zone(true).build();
            Ok(Invited { url, qr_svg, expires })
        })
        .await
    }
}

impl Inner {
    /// Keeps an invitation, and gives its link.
    pub(super) fn keep_invitation(&self, invitation: &Invitation) -> Result<String, Failure> {
        let token = Secret::random();
        self.change(|rows| {
            put(rows, &name(&token), invitation);
            Ok(())
        })?;
        Ok(format!("{}/i/{}", self.origin(), token.reveal()))
    }
}

/// A birth day as events state it.
fn since_1900(day: DataDay) -> Result<u32, Failure> {
    let days = day.0.checked_add(EPOCH_SINCE_1900).and_then(|days| u32::try_from(days).ok());
    days.ok_or_else(|| Failure::Malformed("a birth_day from 1900-01-01 on".to_owned()))
}

/// Where a customer came from to answer a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WayBack {
    url: String,
    /// Until when it is offered.
    expires: UnixSeconds,
}

impl WayBack {
    /// That of a request, if the account came to it by a link.
    pub(super) fn of(rows: &dyn Rows, account: &AccountId, request: &Jti, now: UnixSeconds) -> Option<Self> {
        let known: Option<Self> = row(rows, &way_back(account, request)).ok()?;
        known.filter(|known| now < known.expires)
    }

    /// For the signing page: the addresses once an event of this kind is signed, and if nothing is.
    pub(super) fn both(&self, kind: &str) -> Value {
        let outcome = if kind == Kind::RequestDeclined.name() { "declined" } else { "agreed" };
        json!({"signed": self.telling(outcome), "unsigned": self.telling("unanswered")})
    }

    /// The address with what came of it: a word, and nothing about anybody.
    pub(super) fn telling(&self, outcome: &str) -> String {
        let (address, fragment) = match self.url.split_once('#') {
            Some((address, fragment)) => (address, format!("#{fragment}")),
            None => (self.url.as_str(), String::new()),
        };
        let mark = if address.contains('?') { '&' } else { '?' };
        format!("{address}{mark}outcome={outcome}{fragment}")
    }
}

fn way_back(account: &AccountId, request: &Jti) -> String {
    format!("way-back/{}/{request}", account.as_str())
}

impl Invitation {
    /// Keeps the way back from its request, where it has both.
    pub(super) fn keep_way_back(&self, rows: &mut dyn Rows, account: &AccountId) {
        if let (Some(request), Some(url)) = (&self.request, &self.return_url) {
            put(rows, &way_back(account, request), &WayBack { url: url.clone(), expires: self.expires });
        }
    }

    /// The invitation that the link's token names, if it is good for this account.
    pub(super) fn find(
        rows: &dyn Rows,
        token: &Secret,
        account: Option<&AccountId>,
        now: UnixSeconds,
    ) -> Result<Self, Failure> {
        let gone = Failure::Gone("an invitation that nobody has used and that has not expired");
        let invitation: Self = row(rows, &name(token))?.ok_or(Failure::NotFound)?;
        let is_others = invitation.taken.as_ref().is_some_and(|taken| Some(taken) != account);
        if is_others || invitation.expires <= now { Err(gone) } else { Ok(invitation) }
    }

    /// It is this account's from here on.
    pub(super) fn take(&self, rows: &mut dyn Rows, token: &Secret, account: &AccountId) {
        put(rows, &name(token), &Self { taken: Some(account.clone()), ..self.clone() });
    }
}

/// `GET /i/{token}`: to the signing page, with the token where no server and no other page sees it. Looking at the link
/// uses nothing up.
pub(super) async fn open(State(_): State<Portal>, Path(token): Path<String>) -> Result<Response, Failure> {
    let token = Secret::parse(&token).ok_or(Failure::NotFound)?;
    Ok(see_other(&format!("/sign/#invitation={}", token.reveal())))
}

/// Removes invitations that have expired.
pub(super) fn sweep(rows: &mut dyn Rows, now: UnixSeconds) -> Result<(), Failure> {
    for name in rows.names("invitation/") {
        if row::<Invitation>(rows, &name)?.is_some_and(|invitation| invitation.expires <= now) {
            rows.remove(&name);
        }
    }
    for name in rows.names("way-back/") {
        if row::<WayBack>(rows, &name)?.is_some_and(|known| known.expires <= now) {
            rows.remove(&name);
        }
    }
    Ok(())
}

fn is_a_way_back(url: &str) -> bool {
    let rest = url.strip_prefix("https://").unwrap_or_default();
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    url.len() <= URL_BYTES_MAX
        && !host.is_empty()
        && !host.contains('@')
        && url.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'<' | b'>' | b'\\' | b'`'))
}

fn name(token: &Secret) -> String {
    format!("invitation/{}", token.name())
}

#[cfg(test)]
mod tests;
