//! What signs and what guards it: logging in, invitations, enrolment, events prepared for the signing page.
//!
//! A session shows who is there; it signs nothing. What it may cause on the log without the customer's key is a withdrawal,
//! which the operator signs and which says so. Everything else goes through the page at `/sign/`, which signs in the browser
//! with keys that never leave it, and sends what it signed to `POST /v1/events`, as anybody does.

mod company;
mod complaints;
pub mod cosign;
mod devices;
mod enrol;
mod erase;
mod invite;
mod log_in;
mod page;
mod prepare;
mod request;
mod rules;
mod sandbox;
mod signers;
mod space;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use grantbook_record::UnixSeconds;
use grantbook_record::event::ClientPublished;
use grantbook_record::webauthn::RelyingParty;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

pub use cosign::Pending;
pub use enrol::{PendingEnrolment, PendingEnrolments};
pub use invite::{INVITATION_SECONDS_MAX, Invitation, Invited, NewInvitation};
pub use signers::Person;

use crate::account::{self, Account, AccountId, Parting};
use crate::backend::write::{Rows, WriteSide};
use crate::failure::Failure;
use crate::moment::Zone;
use crate::news;
use crate::page::Place;
use crate::secret::random;
use crate::session::{self, Current, Lifetimes};
use crate::view::customer::{Device, Passkey};
use crate::view::news::{MailSettings, News};
use crate::viewer::{Membership, Role, Viewer, Viewers};

/// Bytes of a request's body.
const BODY_BYTES_MAX: usize = 192 * 1024;
/// Recovery codes that are checked at a time: each takes memory and a tenth of a second.
const CODES_AT_A_TIME: usize = 2;
/// Rows that have ended are swept out after so many seconds.
const SWEPT_SECONDS: u64 = 600;
const KEY_ROW: &str = "secret";

/// What the portal is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Its origin, and the id for which its passkeys are made.
    pub relying_party: RelyingParty,
    /// When sessions end.
    pub lifetimes: Lifetimes,
    /// Whether the front page lets its visitors in as a customer and as the enterprise of the sandbox.
    pub sandbox_doors: bool,
    /// The vocabulary with its words, JSON: what terms are called on the signing page.
    pub vocabulary: String,
    /// Whether the server sends mail.
    pub mails: bool,
}

/// The portal's signing side. A clone is the same one.
#[derive(Clone)]
pub struct Portal(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    backend: Box<dyn WriteSide>,
    settings: Settings,
    /// Keys form tokens and challenges.
    key: [u8; 32],
    page: page::SigningPage,
    codes: Semaphore,
    swept: AtomicU64,
}

impl Portal {
    /// Takes the store's key, or makes one.
    pub fn new(backend: impl WriteSide, settings: Settings) -> Result<Self, Failure> {
        let mut key = None;
        backend.change(&mut |rows| {
            let kept = rows.get(KEY_ROW).and_then(|row| row.try_into().ok());
            let fresh = kept.unwrap_or_else(random);
            if kept.is_none() {
                rows.put(KEY_ROW, fresh.to_vec());
            }
            key = Some(fresh);
            Ok(())
        })?;
        Ok(Self(Arc::new(Inner {
            backend: Box::new(backend),
            page: page::SigningPage::new(&settings.vocabulary),
            key: key.ok_or(Failure::Unavailable)?,
            settings,
            codes: Semaphore::new(CODES_AT_A_TIME),
            swept: AtomicU64::new(0),
        })))
    }

    /// What the log must say of the signing page before anybody signs on it.
    pub fn client(&self) -> ClientPublished {
        ClientPublished {
            files_sha256: self.0.page.files_sha256(),
            relying_party: self.0.settings.relying_party.clone(),
        }
    }

    /// Where its doors to the sandbox are open: the portal's own origin. `None` where they are closed.
    pub fn sandbox_doors(&self) -> Option<&str> {
        let settings = &self.0.settings;
        settings.sandbox_doors.then_some(settings.relying_party.origin.as_str())
    }

    /// Its routes.
    pub fn router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        Router::new()
            .route("/account/challenge", post(log_in::challenge))
            .route("/account/register", post(log_in::register))
            .route("/account/log-in", post(log_in::log_in))
            .route("/account/step-up", post(log_in::step_up))
            .route("/account/log-out", post(log_in::log_out))
            .route("/company/sign-in", post(company::sign_in))
            .route("/company/sign-out", post(company::sign_out))
            .route("/company/requests", post(request::make))
            .route("/company/requests/prepared/{id}", post(request::signed))
            .route("/company/requests/prepared/{id}/payload", get(request::payload))
            .route("/account/recover", post(log_in::recover))
            .route("/account/recovered", post(log_in::recovered))
            .route("/account/erase", post(log_in::erase))
            .route("/account/me", get(log_in::me))
            .route("/account/invitation", post(enrol::look))
            .route("/account/join", post(enrol::join))
            .route("/account/enrol", post(enrol::enrol))
            .route("/account/prepared/{id}", get(prepare::show))
            .route("/account/cosign", post(cosign::begin))
            .route("/account/cosign/{id}", get(cosign::show))
            .route("/account/cosign/{id}/sign", post(cosign::add))
            .route("/my/signatures/{id}/drop", post(cosign::discard))
            .route("/account/signers/invite", post(signers::invite))
            .route("/my/account/signers/{tenant}", post(signers::agree))
            .route("/account/devices/offer", post(devices::offer))
            .route("/account/devices/look", post(devices::look))
            .route("/account/devices/join", post(devices::join))
            .route("/account/devices/step", post(devices::step))
            .route("/account/devices/finish", post(devices::finish))
            .route("/account/devices/end", post(devices::end))
            .route("/my/account/devices/{id}/name", post(devices::rename))
            .route("/my/requests/{id}/agree", post(prepare::agree))
            .route("/my/requests/{id}/decline", post(prepare::decline))
            .route("/my/grants/{id}/change", post(prepare::change))
            .route("/my/grants/{id}/pause", post(prepare::pause))
            .route("/my/grants/{id}/resume", post(prepare::resume))
            .route("/my/grants/{id}/stop", post(prepare::stop))
            .route("/my/account/complaints", post(complaints::make))
            .route("/company/complaints/{id}", post(complaints::answer))
            .route("/my/rules/{tenant}", post(rules::make))
            .route("/my/rules/{tenant}/{mandate}/end", post(rules::end))
            .route("/account/answers", get(rules::answers))
            .route("/my/account/data/{id}/erase", post(erase::erase))
            .route("/sandbox/customer", post(sandbox::customer))
            .route("/sandbox/company", post(sandbox::company))
            .route("/sandbox/own-key", post(sandbox::own_key))
            .route("/my/space/{tenant}/{id}/wish", post(space::wish))
            .route("/my/space/{tenant}/{id}/confirm", post(space::confirm))
            .route("/i/{token}", get(invite::open))
            .route("/sign-in", get(log_in::sign_in))
            .merge(news::routes())
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
            .layer(from_fn_with_state(self.clone(), guard))
            .merge(page::routes())
            .merge(news::routes_of_mail())
            .with_state(self.clone())
    }

    /// Runs a call that may block.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Inner) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let inner = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || call(&inner)).await.unwrap_or(Err(Failure::Unavailable))
    }
}

impl Viewers for Portal {
    async fn viewer(&self, headers: &HeaderMap, place: Place) -> Viewer {
        let zone = Zone::of_cookie(headers);
        let headers = headers.clone();
        let found = self.blocking(move |inner| {
            let ((role, form_token), unseen) = if place.is_company() {
                (inner.as_company(&headers).or_else(|_| inner.as_customer(&headers))?, 0)
            } else {
                let viewer = inner.as_customer(&headers).or_else(|_| inner.as_company(&headers))?;
                (viewer, inner.unseen(&headers))
            };
            Ok(Viewer { role, zone, form_token, unseen })
        });
        found.await.unwrap_or(Viewer { zone, ..Viewer::visitor() })
    }

    async fn partings(&self, headers: &HeaderMap) -> Vec<Parting> {
        let headers = headers.clone();
        let found = self.blocking(move |inner| {
            let now = inner.now();
            let account = inner.account(&inner.current(&headers)?.session.account)?;
            Ok(account.partings.into_iter().filter(|parting| parting.is_told(now)).collect())
        });
        found.await.unwrap_or_default()
    }

    async fn devices(&self, headers: &HeaderMap) -> (Vec<Device>, Vec<Passkey>) {
        let headers = headers.clone();
        let found = self.blocking(move |inner| inner.account(&inner.current(&headers)?.session.account));
        found.await.map_or_else(|_| (Vec::new(), Vec::new()), |account| devices::shown(&account))
    }

    async fn pending(&self, headers: &HeaderMap) -> Vec<Pending> {
        let headers = headers.clone();
        let found = self.blocking(move |inner| {
            let account = inner.account(&inner.current(&headers)?.session.account)?;
            inner.pending(&account)
        });
        found.await.unwrap_or_default()
    }

    async fn people(&self, headers: &HeaderMap) -> Vec<Person> {
        let headers = headers.clone();
        let found = self.blocking(move |inner| inner.people(&inner.current(&headers)?.session.account));
        found.await.unwrap_or_default()
    }

    async fn news(&self, headers: &HeaderMap) -> Option<News> {
        let headers = headers.clone();
        self.blocking(move |inner| inner.news(&headers)).await.ok()
    }

    async fn mail(&self, headers: &HeaderMap) -> Option<MailSettings> {
        let headers = headers.clone();
        self.blocking(move |inner| inner.mail(&headers)).await.ok()
    }
}

impl Inner {
    pub(crate) fn now(&self) -> UnixSeconds {
        self.backend.now()
    }

    /// Changes rows, all or none, and gives what the change comes to.
    pub(crate) fn change<T>(
        &self,
        mut change: impl FnMut(&mut dyn Rows) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut value = None;
        self.backend.change(&mut |rows| {
            value = Some(change(rows)?);
            Ok(())
        })?;
        value.ok_or(Failure::Unavailable)
    }

    /// The session of a request. Its use is noted, now and then.
    pub(crate) fn current(&self, headers: &HeaderMap) -> Result<Current, Failure> {
        let now = self.now();
        let current = session::current(&Reading(self), headers, &self.settings.lifetimes, now)?;
        if current.is_to_be_noted(now) {
            self.change(|rows| {
                current.note(rows, now);
                Ok(())
            })?;
        }
        self.sweep(now)?;
        Ok(current)
    }

    /// The customer whose session it is, and what their forms carry.
    fn as_customer(&self, headers: &HeaderMap) -> Result<(Role, String), Failure> {
        let current = self.current(headers)?;
        let account = self.account(&current.session.account)?;
        let place = |known: &account::Membership| Membership {
            tenant: known.tenant,
            subject: known.sub.clone(),
            ward: known.ward().map(ToString::to_string),
        };
        let role = Role::Customer(account.memberships.iter().map(place).collect());
        Ok((role, current.form_token(&self.key)))
    }

    /// The enterprise whose session it is, and what its forms carry.
    fn as_company(&self, headers: &HeaderMap) -> Result<(Role, String), Failure> {
        let current = self.current_desk(headers)?;
        Ok((Role::Company(current.session.tenant), current.form_token(&self.key)))
    }

    /// What has happened to the customer whose session it is, and was not looked at.
    fn unseen(&self, headers: &HeaderMap) -> usize {
        let inbox = self
            .current(headers)
            .and_then(|current| news::Inbox::read(&Reading(self), &current.session.account));
        inbox.map_or(0, |inbox| inbox.unseen())
    }

    pub(crate) fn account(&self, id: &AccountId) -> Result<Account, Failure> {
        Account::read(&Reading(self), id)
    }

    pub(crate) fn backend(&self) -> &dyn WriteSide {
        &*self.backend
    }

    pub(crate) fn key(&self) -> &[u8; 32] {
        &self.key
    }

    pub(crate) fn origin(&self) -> &str {
        &self.settings.relying_party.origin
    }

    pub(crate) fn mails(&self) -> bool {
        self.settings.mails
    }

    /// Removes what has ended, now and then.
    fn sweep(&self, now: UnixSeconds) -> Result<(), Failure> {
        let last = self.swept.load(Ordering::Relaxed);
        if now.0 < last.saturating_add(SWEPT_SECONDS)
            || self.swept.compare_exchange(last, now.0, Ordering::Relaxed, Ordering::Relaxed).is_err()
        {
            return Ok(());
        }
        self.change(|rows| {
            session::sweep(rows, &self.settings.lifetimes, now)?;
            session::company::sweep(rows, now)?;
            crate::passkey::sweep(rows, now)?;
            invite::sweep(rows, now)?;
            news::Contact::sweep(rows, now)?;
            prepare::sweep(rows, now)?;
            cosign::sweep(rows, now)?;
            request::sweep(rows, now)?;
            devices::sweep(rows, now)?;
            enrol::sweep(rows, now)
        })
    }
}

/// Rows that are only read.
pub(crate) struct Reading<'a>(pub(crate) &'a Inner);

impl Rows for Reading<'_> {
    fn get(&self, name: &str) -> Option<Vec<u8>> {
        self.0.backend.row(name)
    }

    fn names(&self, _: &str) -> Vec<String> {
        Vec::new()
    }

    fn put(&mut self, _: &str, _: Vec<u8>) {}

    fn remove(&mut self, _: &str) {}
}

/// Lets nothing change by a request of another site, and nothing of the answers be kept.
async fn guard(State(portal): State<Portal>, request: Request, next: Next) -> Response {
    let safe = [Method::GET, Method::HEAD].contains(request.method());
    if !safe && !is_same_origin(request.headers(), &portal.0.settings.relying_party.origin) {
        return Failure::CrossSite.into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'"));
    response
}

/// Browsers say from where a request comes, and no page can make them say otherwise. `Origin` decides where it is there;
/// it is `null` or missing where a page withholds it, and then `Sec-Fetch-Site` does. A request that says neither is
/// refused.
fn is_same_origin(headers: &HeaderMap, origin: &str) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    match text("origin") {
        Some("null") | None => text("sec-fetch-site") == Some("same-origin"),
        Some(from) => from == origin && text("sec-fetch-site").is_none_or(|site| site == "same-origin"),
    }
}

/// Reads a JSON body strictly. Forms of other sites cannot send its type without asking first.
fn json<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Failure> {
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if media.split(';').next().unwrap_or_default().trim() != "application/json" {
        return Err(Failure::Malformed("Content-Type: application/json".to_owned()));
    }
    Ok(grantbook_record::strict_json::parse(body)?)
}

/// An answer in JSON.
fn answer(status: StatusCode, value: &impl Serialize) -> Response {
    // string keys, no fallible serialisers
    let body = serde_json::to_string(value).unwrap_or_default();
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// Where the browser goes on.
pub(crate) fn see_other(location: &str) -> Response {
    let location = HeaderValue::try_from(location).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
}
