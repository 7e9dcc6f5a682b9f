//! Who calls: bearer tokens, each bound to one tenant and one role.

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

/// A caller that may have a token.
pub(super) struct Anyone(pub(super) Option<Principal>);

impl Caller {
    /// The tenant whose data the caller may see.
    pub(super) fn tenant(&self) -> TenantId {
        self.0.tenant
    }
}

fn authenticate(headers: &HeaderMap, app: &App) -> Result<Option<Principal>, Problem> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let refused =
        || Problem::new(ProblemKind::Unauthorized, "expected Authorization: Bearer gbk_… with a valid token");
    let (scheme, token) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(refused)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(refused());
    }
    app.ledger.authenticate(token.trim()).map(Some).ok_or_else(refused)
}

impl FromRequestParts<App> for Anyone {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        authenticate(&parts.headers, app).map(Self)
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        match authenticate(&parts.headers, app)? {
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
