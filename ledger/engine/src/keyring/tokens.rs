//! Bearer tokens: shown once, kept as hashes, compared in constant time.

use grantbook_record::TenantId;
use grantbook_record::encoding::{Bytes32, to_base64url};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::Keyring;
use crate::error::TenantError;

const PREFIX: &str = "gbk_";
/// Tokens of one tenant.
const TOKENS_MAX: usize = 256;

/// What the bearer of a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Check and record uses, follow the feed, read the tenant's records.
    Service,
    /// All that, and manage gates and tokens.
    Admin,
    /// Read the tenant's records, and open what a regulator has drawn, over all tenants. Such tokens are made where the
    /// keyring is, never over HTTP.
    Operator,
}

/// A token without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TokenInfo {
    /// Names the token, without giving it away.
    pub id: String,
    /// What its bearer may do.
    pub role: Role,
    /// What it is for, for people.
    pub label: String,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The tenant to which the token is bound.
    pub tenant: TenantId,
    /// What it may do.
    pub role: Role,
    /// Which token it is.
    pub token_id: String,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct StoredToken {
    id: String,
    role: Role,
    label: String,
    sha256: Bytes32,
}

impl StoredToken {
    fn info(&self) -> TokenInfo {
        TokenInfo { id: self.id.clone(), role: self.role, label: self.label.clone() }
    }
}

impl Keyring {
    pub(crate) fn create_token(
        &self,
        tenant: TenantId,
        role: Role,
        label: &str,
    ) -> Result<(TokenInfo, String), TenantError> {
        let refused = |what, expected| Err(TenantError::Refused { what, expected });
        let secret = format!("{PREFIX}{}", to_base64url(&crate::random::bytes::<32>()));
        let id = to_base64url(&crate::random::bytes::<9>());
        let token =
            StoredToken { id, role, label: label.to_owned(), sha256: Bytes32::sha256(secret.as_bytes()) };
        let info = token.info();
        self.with_tenant(tenant, |stored| {
            if label.is_empty() || label.len() > 128 || label.chars().any(char::is_control) {
                return refused("malformed label", "1 to 128 bytes without control characters");
            }
            if stored.tokens.len() >= TOKENS_MAX {
                return refused("too many tokens", "at most 256; revoke one first");
            }
            stored.tokens.push(token);
            Ok(())
        })?;
        Ok((info, secret))
    }

    pub(crate) fn tokens(&self, tenant: TenantId) -> Vec<TokenInfo> {
        self.read(|permanent| {
            let stored = permanent.tenants.iter().find(|stored| stored.id == tenant);
            stored.map_or_else(Vec::new, |stored| stored.tokens.iter().map(StoredToken::info).collect())
        })
    }

    pub(crate) fn revoke_token(&self, tenant: TenantId, id: &str) -> Result<(), TenantError> {
        self.with_tenant(tenant, |stored| {
            let before = stored.tokens.len();
            stored.tokens.retain(|token| token.id != id);
            if stored.tokens.len() < before { Ok(()) } else { Err(TenantError::UnknownToken) }
        })
    }

    /// Every stored hash is compared, in constant time, so that the time tells nothing.
    pub(crate) fn authenticate(&self, token: &str) -> Option<Principal> {
        token.strip_prefix(PREFIX)?;
        let presented = Bytes32::sha256(token.as_bytes());
        self.read(|permanent| {
            let mut found = None;
            for tenant in &permanent.tenants {
                for stored in &tenant.tokens {
                    if bool::from(stored.sha256.0.ct_eq(&presented.0)) {
                        found = Some(Principal {
                            tenant: tenant.id,
                            role: stored.role,
                            token_id: stored.id.clone(),
                        });
                    }
                }
            }
            found
        })
    }
}
