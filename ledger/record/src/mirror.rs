//! What an enterprise's system says of a customer, copied to the customer's data space, and what the customer wishes to have
//! changed there. Specification: `docs/reference/connector.md`.
//!
//! None of it is on the log: it is personal data, and a copy. The one thing that is, is a milestone that the customer has
//! confirmed ([`crate::event::MilestoneConfirmed`]).

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::day::{DataDay, UnixMillis, UnixSeconds};
use crate::encoding::from_base64url;
use crate::event::{Claims, EventError, VERSION};
use crate::id::{Jti, RecordId, SourceId, SubjectId, Term};
use crate::jwk::PublicKey;
use crate::jws::{self, Jws, JwsError};
use crate::list::List;
use crate::plain_text::PlainText;
use crate::signer::Signer;
use crate::strict_json::{self, JsonError};

/// Records of one push.
pub const RECORDS_MAX: usize = 256;
/// Fields of one record.
pub const FIELDS_MAX: usize = 32;
/// Milestones of one record.
pub const MILESTONES_MAX: usize = 16;
/// Wishes of one answer, and outcomes of one statement.
pub const WISHES_MAX: usize = 100;
/// Bytes of a statement's signature with what it covers.
pub const STATEMENT_BYTES_MAX: usize = 1024 * 1024;

/// A line that says what something is.
pub type Title = PlainText<1, 400>;
/// What a field holds.
pub type Value = PlainText<0, 2000>;
/// Where a source goes on; the ledger keeps it and does not read it.
pub type Mark = PlainText<0, 4096>;
/// Why a wish is not fulfilled.
pub type Why = PlainText<1, 400>;

/// What kind of record it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// A contact between customer and enterprise: a call, a visit, a letter.
    Interaction,
    /// Terms of a contract.
    ContractTerm,
    /// Something that the customer has asked to be dealt with.
    Ticket,
}

/// Records of an enterprise's system, in the order in which they changed. Signed by the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MirrorPushed {
    /// The system.
    pub source: SourceId,
    /// One more than that of the push before, from 1.
    pub sequence: u64,
    /// With this push everything is here that the system had by then, by the system's own clock; absent while more is to come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<UnixMillis>,
    /// Where the source goes on after this push.
    pub mark: Mark,
    /// What has changed.
    pub records: List<MirroredChange, 0, RECORDS_MAX>,
}

/// A record of a customer as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MirroredChange {
    /// The customer.
    pub sub: SubjectId,
    /// The record.
    pub id: RecordId,
    /// What it is now.
    pub now: RecordNow,
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordNow {
    /// It says this.
    Says(RecordContent),
    /// It is gone.
    Removed,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordContent {
    /// Its kind.
    pub kind: RecordKind,
    /// A line that says what it is.
    pub title: Title,
    /// When it happened or began to hold.
    pub at: UnixSeconds,
    /// What it says, in the order in which it is to be shown.
    pub fields: List<MirroredField, 0, FIELDS_MAX>,
    /// Milestones that wait for the customer's signature, or have it.
    #[serde(default, skip_serializing_if = "List::is_empty_list")]
    pub milestones: List<Milestone, 0, MILESTONES_MAX>,
}

/// A field of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MirroredField {
    /// Its name, a word of the vocabulary where that has one.
    pub name: Term,
    /// What it holds.
    pub value: Value,
    /// Whether the customer may wish for another value.
    #[serde(default, skip_serializing_if = "is_false")]
    pub editable: bool,
}

/// A step that was agreed on, to be confirmed by the customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Milestone {
    /// Names it within its record.
    pub id: RecordId,
    /// What was reached.
    pub title: Title,
    /// The day on which it was, as the enterprise says.
    pub reached_on: DataDay,
}

/// What a push came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MirrorPushAnswer {
    /// Its sequence number.
    pub sequence: u64,
    /// Records that are not mirrored.
    pub skipped: List<Skipped, 0, RECORDS_MAX>,
}

/// A record that is not mirrored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skipped {
    /// Its place in the push, from 0.
    pub record: u32,
    /// Why it is not.
    pub why: SkipReason,
}

/// Why a record is not mirrored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// The ledger does not know the customer, or not yet: nothing is kept of people who have no part in it.
    UnknownCustomer,
    /// Another source has a record of that name.
    OtherSource,
    /// The customer or the tenant has as many as there may be.
    Full,
}

/// How far a source is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceState {
    /// Sequence number of the last push; 0 before the first.
    pub sequence: u64,
    /// As of when the mirror is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<UnixMillis>,
    /// The last push's mark.
    pub mark: Mark,
}

/// A customer would like a field to hold something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MirrorWish {
    /// Names it.
    pub id: Jti,
    /// The customer.
    pub sub: SubjectId,
    /// The record.
    pub record: RecordId,
    /// The field.
    pub field: Term,
    /// What the field held when the customer saw it.
    pub was: Value,
    /// What it shall hold.
    pub value: Value,
}

/// Wishes that wait for a source, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaitingWishes {
    /// The wishes.
    pub wishes: List<MirrorWish, 0, WISHES_MAX>,
}

/// What became of wishes. Signed by the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MirrorDecided {
    /// The source.
    pub source: SourceId,
    /// The outcomes.
    pub outcomes: List<WishOutcome, 1, WISHES_MAX>,
}

/// What became of a wish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WishOutcome {
    /// The wish.
    pub wish: Jti,
    /// What became of it.
    pub outcome: Outcome,
}

/// What becomes of a wish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The enterprise's system has the new value.
    Done,
    /// It keeps the old one, and why.
    Refused(Why),
}

/// Why a statement was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// Larger than [`STATEMENT_BYTES_MAX`].
    #[error("statement of {got} bytes, expected at most {STATEMENT_BYTES_MAX}")]
    TooLarge {
        /// Its bytes.
        got: usize,
    },
    /// Its signature is no JWS of our profile.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// `typ` is another one.
    #[error("wrong typ, expected {expected}")]
    Typ {
        /// As it must be.
        expected: &'static str,
    },
    /// The signed payload departs from the schema.
    #[error("refused statement: {0}")]
    Payload(#[source] JsonError),
    /// A schema version that this reader does not know.
    #[error(transparent)]
    Version(EventError),
    /// The signature does not verify.
    #[error("bad signature, expected one by the source's key")]
    BadSignature,
}

/// What a source signs.
pub trait Statement: Serialize + DeserializeOwned {
    /// `typ` of its signature.
    const TYP: &'static str;
    /// The source.
    fn source(&self) -> &SourceId;
}

impl Statement for MirrorPushed {
    const TYP: &'static str = "grantbook-mirror.pushed+jwt";
    fn source(&self) -> &SourceId {
        &self.source
    }
}

impl Statement for MirrorDecided {
    const TYP: &'static str = "grantbook-mirror.decided+jwt";
    fn source(&self) -> &SourceId {
        &self.source
    }
}

/// Signs a statement.
pub fn sign<T: Statement>(claims: &Claims<T>, signer: &Signer) -> String {
    jws::sign(T::TYP, &claims.to_json(), signer)
}

/// Parses a statement; implies no trust.
pub fn parse<T: Statement>(compact: &str) -> Result<Claims<T>, StatementError> {
    if compact.len() > STATEMENT_BYTES_MAX {
        return Err(StatementError::TooLarge { got: compact.len() });
    }
    let jws = Jws::parse(compact)?;
    if jws.typ != T::TYP {
        return Err(StatementError::Typ { expected: T::TYP });
    }
    let payload = from_base64url(jws.payload_segment).ok_or(JwsError::NotCompact)?;
    let claims: Claims<T> = strict_json::parse(&payload).map_err(StatementError::Payload)?;
    if claims.v != VERSION {
        return Err(StatementError::Version(EventError::Version { got: claims.v }));
    }
    Ok(claims)
}

/// Parses a statement and verifies its signature by the key that `key_of` knows as its source's.
pub fn verify<T: Statement>(
    compact: &str,
    key_of: impl FnOnce(&SourceId) -> Option<PublicKey>,
) -> Result<Claims<T>, StatementError> {
    let claims = parse::<T>(compact)?;
    let key = key_of(claims.event.source()).ok_or(StatementError::BadSignature)?;
    if Jws::parse(compact)?.verify(&key) { Ok(claims) } else { Err(StatementError::BadSignature) }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

#[cfg(test)]
mod tests;
