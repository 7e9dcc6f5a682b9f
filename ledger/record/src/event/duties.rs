//! What a grant's uses and its end oblige recipients to: to take the end in, and to delete.

use serde::{Deserialize, Serialize};

use crate::day::{UnixMillis, UnixSeconds};
use crate::id::{GateId, Jti, SubjectId, Term};

/// A recipient has taken in that a grant was withdrawn or revoked. Signed by the operator for the recipient whose gates
/// have, by the enterprise for those to whom the data was passed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecipientAcknowledged {
    /// The customer.
    pub sub: SubjectId,
    /// The grant.
    pub grant: Jti,
    /// The `jti` of the event that ended it.
    pub ended: Jti,
    /// The recipient.
    pub recipient: Term,
    /// Whose word it is.
    pub by: Acknowledger,
    /// Since when it is so.
    pub at: UnixMillis,
}

/// Whose word it is that a recipient has taken an end in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Acknowledger {
    /// The ledger's, to which this many live gates have said so; with none, its own gate alone decided.
    Gates(u32),
    /// The recipient's own, which the enterprise passes on.
    Recipient,
}

/// The data of uses was deleted as the terms ask: of one use and of all earlier ones of the grant. Signed by the
/// enterprise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataDeleted {
    /// The customer.
    pub sub: SubjectId,
    /// The grant.
    pub grant: Jti,
    /// The last use that is covered.
    pub through: RecordedUse,
    /// When the data was gone.
    pub at: UnixSeconds,
}

/// A use, by the id that it has in every log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedUse {
    /// The gate that recorded it.
    pub gate: GateId,
    /// Its number in the gate's spool.
    pub seq: u64,
}
