//! Who looks at a page.

use axum::http::HeaderMap;
use grantbook_record::{SubjectId, TenantId};

use crate::account::Parting;
use crate::moment::Zone;
use crate::page::Place;
use crate::signing::{Pending, Person};
use crate::view::customer::{Device, Passkey};
use crate::view::news::{MailSettings, News};

/// What somebody is to the portal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// Nobody who is known.
    Visitor,
    /// A customer, who has signed in.
    Customer(Vec<Membership>),
    /// Somebody who works for an enterprise.
    Company(TenantId),
}

/// A customer's place at one enterprise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The enterprise.
    pub tenant: TenantId,
    /// The customer's pseudonym there.
    pub subject: SubjectId,
    /// What its guardian calls the minor, where the viewer is that.
    pub ward: Option<String>,
}

/// Whoever asked for a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    /// What they are.
    pub role: Role,
    /// Their clock.
    pub zone: Zone,
    /// What forms carry, so that no other site can send them; empty for visitors.
    pub form_token: String,
    /// How much has happened that they have not seen.
    pub unseen: usize,
}

impl Viewer {
    /// Nobody who is known.
    pub fn visitor() -> Self {
        Self { role: Role::Visitor, zone: Zone::default(), form_token: String::new(), unseen: 0 }
    }

    /// The customer's places; `None` for anybody else.
    pub fn memberships(&self) -> Option<&[Membership]> {
        match &self.role {
            Role::Customer(memberships) => Some(memberships),
            Role::Visitor | Role::Company(_) => None,
        }
    }

    /// The enterprise; `None` for anybody else.
    pub fn company(&self) -> Option<TenantId> {
        match &self.role {
            Role::Company(tenant) => Some(*tenant),
            Role::Visitor | Role::Customer(_) => None,
        }
    }
}

/// Tells who sent a request. Whoever keeps sessions implements it; pages believe nothing else.
pub trait Viewers: Clone + Send + Sync + 'static {
    /// Who it is: a visitor where nothing valid says otherwise. Where a customer and an enterprise are signed in in one
    /// browser, enterprises' pages see the enterprise and all others the customer.
    fn viewer(&self, headers: &HeaderMap, place: Place) -> impl Future<Output = Viewer> + Send;

    /// The erasures that they asked for and are still told of.
    fn partings(&self, _headers: &HeaderMap) -> impl Future<Output = Vec<Parting>> + Send {
        std::future::ready(Vec::new())
    }

    /// Their devices and passkeys.
    fn devices(&self, _headers: &HeaderMap) -> impl Future<Output = (Vec<Device>, Vec<Passkey>)> + Send {
        std::future::ready((Vec::new(), Vec::new()))
    }

    /// What waits for further signatures.
    fn pending(&self, _headers: &HeaderMap) -> impl Future<Output = Vec<Pending>> + Send {
        std::future::ready(Vec::new())
    }

    /// Whose keys those are that sign for them.
    fn people(&self, _headers: &HeaderMap) -> impl Future<Output = Vec<Person>> + Send {
        std::future::ready(Vec::new())
    }

    /// What has happened to whoever it is; nothing for visitors.
    fn news(&self, headers: &HeaderMap) -> impl Future<Output = Option<News>> + Send;
    /// Where they want mail; nothing for visitors.
    fn mail(&self, headers: &HeaderMap) -> impl Future<Output = Option<MailSettings>> + Send;
}

/// Nobody is ever known: for a server without accounts.
#[derive(Debug, Clone, Copy)]
pub struct VisitorsOnly;

impl Viewers for VisitorsOnly {
    async fn viewer(&self, _headers: &HeaderMap, _place: Place) -> Viewer {
        Viewer::visitor()
    }

    async fn news(&self, _headers: &HeaderMap) -> Option<News> {
        None
    }

    async fn mail(&self, _headers: &HeaderMap) -> Option<MailSettings> {
        None
    }
}
