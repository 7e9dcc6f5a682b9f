//! Who looks at a page.

use axum::http::HeaderMap;
use grantbook_record::{SubjectId, TenantId};

use crate::account::Parting;
use crate::moment::Zone;

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
}

impl Viewer {
    /// Nobody who is known.
    pub fn visitor() -> Self {
        Self { role: Role::Visitor, zone: Zone::default(), form_token: String::new() }
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
    /// Who it is: a visitor where nothing valid says otherwise.
    fn viewer(&self, headers: &HeaderMap) -> impl Future<Output = Viewer> + Send;

    /// The erasures that they asked for and are still told of.
    fn partings(&self, _headers: &HeaderMap) -> impl Future<Output = Vec<Parting>> + Send {
        std::future::ready(Vec::new())
    }
}

/// Nobody is ever known: for a server without accounts.
#[derive(Debug, Clone, Copy)]
pub struct VisitorsOnly;

impl Viewers for VisitorsOnly {
    async fn viewer(&self, _headers: &HeaderMap) -> Viewer {
        Viewer::visitor()
    }
}
