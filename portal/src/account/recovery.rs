//! Logging in by a recovery code, which the server never learns: the browser derives from it a value to be looked up by and
//! one to be proved, apart from the signing keys that it also gives (`docs/spec/event.md`, section "Recovery").

use argon2::{Algorithm, Argon2, Params, Version};
use grantbook_record::encoding::{Bytes32, to_base64url};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::{AccountId, put, row};
use crate::backend::write::Rows;
use crate::failure::Failure;

/// What the browser derives from a code. Both are 32 bytes of HKDF-SHA-256.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeProof {
    /// By which the account is found.
    pub lookup: Bytes32,
    /// By which whoever has the code is told from who has read the store.
    pub proof: Bytes32,
}

/// What is kept of a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeLogin {
    /// SHA-256 of the lookup value.
    lookup: Bytes32,
    salt: Bytes32,
    /// Argon2id of the proof under the salt.
    hash: Bytes32,
}

impl CodeLogin {
    /// What is kept of a code with this proof. Slow on purpose: a tenth of a second or so.
    pub fn of(code: &CodeProof) -> Result<Self, Failure> {
        let salt = Bytes32(crate::secret::random());
        Ok(Self { lookup: Bytes32::sha256(&code.lookup.0), salt, hash: slow_hash(&code.proof, &salt)? })
    }

    /// Lets the code log in to an account.
    pub fn enter(&self, rows: &mut dyn Rows, id: &AccountId) -> Result<(), Failure> {
        if rows.get(&self.name()).is_some() {
            return Err(Failure::Conflict("a recovery code that is new"));
        }
        put(rows, &self.name(), id);
        Ok(())
    }

    /// The code logs in no more.
    pub fn forget(&self, rows: &mut dyn Rows) {
        rows.remove(&self.name());
    }

    /// Whose code has this lookup value.
    pub fn find(rows: &dyn Rows, code: &CodeProof) -> Result<Option<AccountId>, Failure> {
        row(rows, &format!("recovery/{}", to_base64url(&Bytes32::sha256(&code.lookup.0).0)))
    }

    /// Whether the code is the one. Slow on purpose.
    pub fn matches(&self, code: &CodeProof) -> Result<bool, Failure> {
        let looked_up = Bytes32::sha256(&code.lookup.0) == self.lookup;
        Ok(looked_up && bool::from(slow_hash(&code.proof, &self.salt)?.0.ct_eq(&self.hash.0)))
    }

    fn name(&self) -> String {
        format!("recovery/{}", to_base64url(&self.lookup.0))
    }
}

/// Argon2id with 19 MiB and 2 passes, what OWASP asks for passwords; a code has 152 random bits on top.
fn slow_hash(proof: &Bytes32, salt: &Bytes32) -> Result<Bytes32, Failure> {
    let params = Params::new(19 * 1024, 2, 1, Some(32)).map_err(|_| Failure::Unavailable)?;
    let mut hash = [0; 32];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into(&proof.0, &salt.0, &mut hash).map_err(|_| Failure::Unavailable)?;
    Ok(Bytes32(hash))
}
