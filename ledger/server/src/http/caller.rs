//! Who calls: bearer tokens, each bound to one tenant and one role.

use std::time::Instant;

use axum::extract::FromRequestParts;
use axum::http::{HeaderMap, header, request::Parts};
use grantbook_engine::{Principal, Role};
use grantbook_record::TenantId;

use super::App;
use super::problem::{Problem, ProblemKind};

/// A caller with a valid token of any role.
pub(super) struct Caller(pub(super) Principal);

/// A caller with an administrator's token.
pub(super) struct Admin(pub(super) Principal);

/// A caller with an operator's token.
pub(super) struct Operator(pub(super) Principal);

/// A caller that may have a token.
pub(super) struct Anyone(pub(super) Option<Principal>);

impl Caller {
    /// The tenant whose data the caller may see.
    pub(super) fn tenant(&self) -> TenantId {
        self.0.tenant
    }
}

/// One more of what counts by the second, sent with a tenant's token.
pub(super) fn within_rate(app: &App, tenant: TenantId) -> Result<(), Problem> {
    if app.tenants_rate.admits(tenant, Instant::now()) {
        Ok(())
    } else {
        Err(Problem::new(ProblemKind::TenantLimit, "too much a second of this tenant, try again later"))
    }
}

/// Who calls, if the request has a token; a token that is wrong is refused.
pub(super) fn authenticate(headers: &HeaderMap, app: &App) -> Result<Option<Principal>, Problem> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let refused =
        || Problem::new(ProblemKind::Unauthorized, "expected Authorization: Bearer gbk_… with a valid token");
    let (scheme, token) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(refused)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(refused());
    }
    app.ledger.authenticate(token.trim()).map(Some).ok_or_else(refused)
}

/// Known already where the request has one of its tenant's places.
fn known_or_authenticated(parts: &Parts, app: &App) -> Result<Option<Principal>, Problem> {
    match parts.extensions.get::<Principal>() {
        Some(principal) => Ok(Some(principal.clone())),
        None => authenticate(&parts.headers, app),
    }
}

impl FromRequestParts<App> for Anyone {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        known_or_authenticated(parts, app).map(Self)
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        match known_or_authenticated(parts, app)? {
            Some(principal) => Ok(Self(principal)),
            None => Err(Problem::new(ProblemKind::Unauthorized, "expected Authorization: Bearer gbk_…")),
        }
    }
}

impl FromRequestParts<App> for Admin {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Caller(principal) = Caller::from_request_parts(parts, app).await?;
        if principal.role == Role::Admin {
            Ok(Self(principal))
        } else {
            Err(Problem::new(ProblemKind::Forbidden, "expected a token with the role admin"))
        }
    }
}

impl FromRequestParts<App> for Operator {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Caller(principal) = Caller::from_request_parts(parts, app).await?;
        if principal.role == Role::Operator {
            Ok(Self(principal))
        } else {
            Err(Problem::new(ProblemKind::Forbidden, "expected a token with the role operator"))
        }
    }
}
