//! The states of one customer's grants at one enterprise, and the key and value under which the map holds them.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::encoding::Bytes32;
use crate::entry::Salt;
use crate::jwk::Thumbprint;

/// Grants of one customer, as many as the ledger admits.
pub const GRANTS_MAX: usize = 1024;

/// First byte of what a key of the map is the hash of.
const KEY_DOMAIN: u8 = 0x4D;
/// First byte of what a value of the map is the hash of.
const VALUE_DOMAIN: u8 = 0x53;

/// Whether uses of a grant may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantStatus {
    /// They may.
    Active = 1,
    /// Not until the customer resumes it.
    Paused = 2,
    /// Never again: a later grant took its place.
    Superseded = 3,
    /// Never again: the customer ended it.
    Withdrawn = 4,
    /// Never again: somebody else ended it.
    Revoked = 5,
}

impl GrantStatus {
    /// Its name in JSON, such as `withdrawn`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Superseded => "superseded",
            Self::Withdrawn => "withdrawn",
            Self::Revoked => "revoked",
        }
    }
}

/// The state of one grant, told by leaf indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateOfGrant {
    /// Leaf index of its `grant.given`.
    pub given: u64,
    /// Leaf index of the entry of the terms in force.
    pub terms: u64,
    /// Whether uses may go on.
    pub status: GrantStatus,
    /// Leaf index of the entry that brought this status.
    pub since: u64,
}

/// The states of all grants of one customer: at least one, by rising `given`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<StateOfGrant>", into = "Vec<StateOfGrant>")]
pub struct GrantStates(Vec<StateOfGrant>);

impl GrantStates {
    /// `None` where there are none or too many, where they are not in order, or where a grant has terms or a status
    /// from before it was given.
    pub fn new(grants: Vec<StateOfGrant>) -> Option<Self> {
        let in_order = grants.iter().zip(grants.iter().skip(1)).all(|(one, next)| one.given < next.given);
        let possible = grants.iter().all(|grant| {
            let changed = grant.status != GrantStatus::Active;
            grant.given <= grant.terms && grant.given.saturating_add(u64::from(changed)) <= grant.since
        });
        (in_order && possible && (1..=GRANTS_MAX).contains(&grants.len())).then_some(Self(grants))
    }

    /// The grants, by rising `given`.
    pub fn grants(&self) -> &[StateOfGrant] {
        &self.0
    }

    /// The highest leaf index that is named.
    pub(super) fn last_entry(&self) -> u64 {
        self.0.iter().map(|grant| grant.terms.max(grant.since)).max().unwrap_or_default()
    }

    /// The value in the map: SHA-256(0x53 ‖ enrolment salt ‖ for each grant: `given` ‖ `terms` ‖ status u8 ‖ `since`),
    /// leaf indexes as 64-bit big-endian integers. The salt keeps those from guessing it who are shown it beside an absent key.
    pub fn value(&self, enrolment_salt: &Salt) -> Bytes32 {
        let mut hash = Sha256::new().chain_update([VALUE_DOMAIN]).chain_update(enrolment_salt.0.0);
        for grant in &self.0 {
            hash.update(grant.given.to_be_bytes());
            hash.update(grant.terms.to_be_bytes());
            hash.update([grant.status as u8]);
            hash.update(grant.since.to_be_bytes());
        }
        Bytes32(hash.finalize().into())
    }
}

impl TryFrom<Vec<StateOfGrant>> for GrantStates {
    type Error = &'static str;
    fn try_from(grants: Vec<StateOfGrant>) -> Result<Self, Self::Error> {
        Self::new(grants).ok_or("impossible states, expected 1 to 1024 possible ones by rising given")
    }
}

impl From<GrantStates> for Vec<StateOfGrant> {
    fn from(states: GrantStates) -> Self {
        states.0
    }
}

/// A customer's key in the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateKey(pub Bytes32);

/// The key of a customer: SHA-256(0x4D ‖ enrolment salt ‖ thumbprint of the customer's first key at the enterprise).
/// The enrolment salt is that of the digest of the entry in which this key was enrolled.
pub fn state_key(enrolment_salt: &Salt, first_key: &Thumbprint) -> StateKey {
    let hash = Sha256::new()
        .chain_update([KEY_DOMAIN])
        .chain_update(enrolment_salt.0.0)
        .chain_update(first_key.0.0)
        .finalize();
    StateKey(Bytes32(hash.into()))
}
