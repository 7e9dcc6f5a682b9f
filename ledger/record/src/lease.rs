//! Leases: slices of a limit that one gate may use up without asking again. Specification: `docs/spec/lease.md`.
//!
//! The ledger charges a slice when it leases it, so that slices never sum to more than the limit. What a gate gives back
//! it gives back by signature; what it does not stays charged.

use serde::{Deserialize, Serialize};

use crate::day::UnixMillis;
use crate::denial::DenialReason;
use crate::encoding::from_base64url;
use crate::event::{Claims, EventError, VERSION};
use crate::id::{GateId, Jti, SubjectId, Term};
use crate::jwk::{PublicKey, Thumbprint};
use crate::jws::{self, Jws, JwsError};
use crate::list::List;
use crate::money::Currency;
use crate::signer::Signer;
use crate::strict_json::{self, JsonError};

/// `typ` of a release.
pub const RELEASE_TYP: &str = "grantbook-lease.release+jwt";
/// Slices of one request, and leases of one release.
pub const WANTS_MAX: usize = 256;
/// Bytes of a release's signature with what it covers.
pub const RELEASE_BYTES_MAX: usize = 64 * 1024;

/// Something that may be used up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Uses under a grant that has a cap, a rate or both; a unit is one use.
    Grant(GrantLimit),
    /// What a project may spend on payouts; a unit is a minor unit of the budget's currency.
    Budget(ProjectBudget),
}

/// A grant's cap and rate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantLimit {
    /// The customer.
    pub sub: SubjectId,
    /// The `jti` of its `grant.given`.
    pub grant: Jti,
}

/// A project's budget: the project is the requester of its uses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectBudget {
    /// The requester.
    pub project: Term,
}

/// A gate asks for slices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaseRequest {
    /// The gate.
    pub gate: GateId,
    /// Of what, and how much.
    pub wants: List<Want, 1, WANTS_MAX>,
}

/// A slice that is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Want {
    /// Of what.
    pub of: Limit,
    /// Units that are needed now; fewer are refused.
    pub least: u64,
    /// Units that would be welcome; the ledger gives what it sees fit.
    pub most: u64,
}

/// The answer to one [`Want`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leased {
    /// A slice.
    Lease(Lease),
    /// None: the reason that a permit would be denied for.
    Refused(DenialReason),
    /// None is needed for now: the project has no budget.
    Unlimited(Unlimited),
}

/// Until when a gate need not ask about a project again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unlimited {
    /// First moment at which it must, by the ledger's clock.
    pub expires: UnixMillis,
}

/// A slice that one gate may use up until it expires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lease {
    /// Its id; use records name it.
    pub id: Jti,
    /// Units.
    pub units: u64,
    /// First moment at which it may be drawn on no more, by the ledger's clock.
    pub expires: UnixMillis,
    /// Of a budget, its currency: what is paid in another one is denied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
}

/// The answers, one for each want and in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaseResponse {
    /// Slices and refusals.
    pub leases: List<Leased, 1, WANTS_MAX>,
}

/// A lease that its gate has not given back and that is not written off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenLease {
    /// Its id.
    pub id: Jti,
    /// Units.
    pub units: u64,
    /// Units of records that named it and have arrived.
    pub arrived: u64,
    /// First moment at which it may be drawn on no more, by the ledger's clock.
    pub expires: UnixMillis,
}

/// Leases of one gate that are open, in the order of their ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenLeases {
    /// A page of them.
    pub leases: List<OpenLease, 0, WANTS_MAX>,
    /// After which the next page begins; `None` at the end.
    pub next: Option<Jti>,
}

/// A gate says of leases that it draws on them no more. Signed by the gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeasesReleased {
    /// The gate.
    pub gate: GateId,
    /// The leases.
    pub releases: List<Release, 1, WANTS_MAX>,
}

/// What was drawn from one lease, records that are still to arrive among it. The rest is free again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The lease.
    pub lease: Jti,
    /// Units drawn in all.
    pub spent: u64,
}

/// Why a release was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseError {
    /// Larger than [`RELEASE_BYTES_MAX`].
    #[error("release of {got} bytes, expected at most {RELEASE_BYTES_MAX}")]
    TooLarge {
        /// Its bytes.
        got: usize,
    },
    /// Its signature is no JWS of our profile.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// `typ` is another one.
    #[error("wrong typ, expected {RELEASE_TYP}")]
    Typ,
    /// The signed payload departs from the schema.
    #[error("refused release: {0}")]
    Payload(#[source] JsonError),
    /// A schema version that this reader does not know.
    #[error(transparent)]
    Version(EventError),
    /// The signature does not verify.
    #[error("bad signature, expected one by the key that kid names")]
    BadSignature,
}

/// Signs a release.
pub fn sign_release(claims: &Claims<LeasesReleased>, signer: &Signer) -> String {
    jws::sign(RELEASE_TYP, &claims.to_json(), signer)
}

/// Parses a release; implies no trust.
pub fn parse_release(compact: &str) -> Result<(Claims<LeasesReleased>, Thumbprint), ReleaseError> {
    if compact.len() > RELEASE_BYTES_MAX {
        return Err(ReleaseError::TooLarge { got: compact.len() });
    }
    let jws = Jws::parse(compact)?;
    if jws.typ != RELEASE_TYP {
        return Err(ReleaseError::Typ);
    }
    let payload = from_base64url(jws.payload_segment).ok_or(ReleaseError::Jws(JwsError::NotCompact))?;
    let claims: Claims<LeasesReleased> = strict_json::parse(&payload).map_err(ReleaseError::Payload)?;
    if claims.v != VERSION {
        return Err(ReleaseError::Version(EventError::Version { got: claims.v }));
    }
    Ok((claims, jws.kid))
}

/// Parses a release and verifies its signature.
pub fn verify_release(compact: &str, key: &PublicKey) -> Result<Claims<LeasesReleased>, ReleaseError> {
    let (claims, _) = parse_release(compact)?;
    if Jws::parse(compact)?.verify(key) { Ok(claims) } else { Err(ReleaseError::BadSignature) }
}
