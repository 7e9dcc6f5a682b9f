//! Uses of data: the facts of a use, its record, and the signed batches in which records arrive.
//!
//! Specification: `docs/spec/use-batch.md`. A batch is signed once over the Merkle root of its records' digests; each
//! record is salted, stored and erased on its own.

use std::collections::BTreeMap;

use grantbook_tlog::{Hash, LeafIndex, TreeSize};
use serde::{Deserialize, Serialize};

use crate::day::{DataPeriod, UnixSeconds};
use crate::denial::DenialReason;
use crate::encoding::{Bytes32, from_base64url};
use crate::entry::{self, Salt};
use crate::event::{Claims, EventError, VERSION};
use crate::feed::FeedPosition;
use crate::id::{GateId, Jti, SubjectId, Term};
use crate::jwk::{PublicKey, Thumbprint};
use crate::jws::{self, Jws, JwsError};
use crate::kind::Kind;
use crate::list::List;
use crate::provenance::Provenance;
use crate::scope::AttributeValue;
use crate::signer::Signer;
use crate::strict_json::{self, JsonError};
use crate::terms::Level;

/// `typ` of a batch's signature.
pub const BATCH_TYP: &str = "grantbook-use.batch+jwt";
/// Records of one batch.
pub const BATCH_RECORDS_MAX: usize = 1024;
/// Bytes of a batch's signature with the head it covers; every receipt of the batch carries a copy.
pub const BATCH_HEAD_BYTES_MAX: usize = 2 * 1024;
/// Bytes of one record's JSON.
pub const RECORD_BYTES_MAX: usize = 8 * 1024;
/// Bytes of a whole batch as JSON.
pub const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Which data is used, by whom, for what: the question that the gate answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UseFacts {
    /// Whose data.
    pub data_subject: SubjectId,
    /// Which service or member of the enterprise asks.
    pub requester: Term,
    /// Who receives the data.
    pub recipient: Term,
    /// What for.
    pub purpose: Term,
    /// What is done with it.
    pub action: Term,
    /// Categories of the data.
    pub categories: List<Term, 1, 16>,
    /// Fields of the data.
    pub fields: List<Term, 1, 64>,
    /// When the data arose.
    pub data_period: DataPeriod,
    /// Row attributes to which the use is restricted; one that is left out may have any value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rows: BTreeMap<Term, AttributeValue>,
    /// Personalisation level; absent: not stated, and then any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// To whom the recipient passes the data on.
    #[serde(default, skip_serializing_if = "list_is_empty")]
    pub onward: List<Term, 0, 8>,
}

/// What the gate answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Permitted under one grant.
    Permitted(Permitted),
    /// Denied.
    Denied(Denied),
    /// Permitted, and given back before any data was used.
    Voided(Voided),
}

/// The grant under which a use was permitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Permitted {
    /// The `jti` of its `grant.given`.
    pub grant: Jti,
    /// Whether the gate heard that the data was used.
    #[serde(default, skip_serializing_if = "Completion::is_committed")]
    pub completion: Completion,
}

/// What became of a permit, as far as the gate knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Completion {
    /// The data was used.
    #[default]
    Committed,
    /// Nobody said: it counts as used.
    Unknown,
}

impl Completion {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_committed(&self) -> bool {
        *self == Self::Committed
    }
}

impl Permitted {
    /// Under this grant, and used.
    pub fn committed(grant: Jti) -> Self {
        Self { grant, completion: Completion::Committed }
    }
}

/// The grant under which a permit was given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Voided {
    /// The `jti` of its `grant.given`.
    pub grant: Jti,
}

/// Why a use was denied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Denied {
    /// The reason.
    pub reason: DenialReason,
    /// The grant that came closest, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<Jti>,
}

/// The record of one use, or of one denial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UseRecord {
    /// Schema version.
    pub v: u8,
    /// The gate that answered.
    pub gate: GateId,
    /// Its spool's sequence number, from 0 without gaps; with the gate it is the use's id.
    pub seq: u64,
    /// When, by the gate's clock.
    pub at: UnixSeconds,
    /// What was asked.
    pub facts: UseFacts,
    /// What was answered.
    pub outcome: Outcome,
    /// The caller's own id of the use: asking again with it is the same use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_id: Option<UseId>,
    /// Leases from which it drew.
    #[serde(default, skip_serializing_if = "list_is_empty")]
    pub leases: List<Jti, 0, 2>,
    /// How many frames of the feed the decision rested on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<FeedPosition>,
    /// Facts from outside on which the decision rested.
    #[serde(default, skip_serializing_if = "list_is_empty")]
    pub relied_on: List<ReliedFact, 0, 8>,
    /// The automatic decision for which the data was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Box<Provenance>>,
}

/// A fact from outside, as the decision saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReliedFact {
    /// Which fact.
    pub fact: Term,
    /// Its value: an amount in minor units, a level, or Unix seconds, as the fact demands.
    pub value: u64,
    /// Who said so.
    pub source: Term,
    /// As of when.
    pub at: UnixSeconds,
}

/// A caller's id of a use, at most 128 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct UseId(String);

impl UseId {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for UseId {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        if (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
            Ok(Self(text))
        } else {
            Err("malformed use id, expected 1 to 128 visible ASCII characters")
        }
    }
}

impl UseRecord {
    /// Parses a record's JSON; implies no trust.
    pub fn parse(json: &[u8]) -> Result<Self, UseError> {
        if json.len() > RECORD_BYTES_MAX {
            return Err(UseError::RecordTooLarge { got: json.len() });
        }
        let record: Self = strict_json::parse(json).map_err(UseError::Record)?;
        if record.v != VERSION {
            return Err(UseError::Version(EventError::Version { got: record.v }));
        }
        Ok(record)
    }

    /// The record's JSON, whose bytes the entry's digest covers.
    pub fn to_json(&self) -> Vec<u8> {
        // string keys, no fallible serialisers
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// A record with nothing but what every record has.
    pub fn new(gate: GateId, seq: u64, at: UnixSeconds, facts: UseFacts, outcome: Outcome) -> Self {
        Self {
            v: VERSION,
            gate,
            seq,
            at,
            facts,
            outcome,
            use_id: None,
            leases: List::default(),
            position: None,
            relied_on: List::default(),
            provenance: None,
        }
    }

    /// `use.recorded`, `use.denied` or `use.voided`.
    pub fn kind(&self) -> Kind {
        match self.outcome {
            Outcome::Permitted(_) => Kind::UseRecorded,
            Outcome::Denied(_) => Kind::UseDenied,
            Outcome::Voided(_) => Kind::UseVoided,
        }
    }

    /// The grant it names.
    pub fn grant(&self) -> Option<Jti> {
        match &self.outcome {
            Outcome::Permitted(permitted) => Some(permitted.grant),
            Outcome::Denied(denied) => denied.grant,
            Outcome::Voided(voided) => Some(voided.grant),
        }
    }
}

/// What the gate signs: which records, in which order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchHead {
    /// The gate.
    pub gate: GateId,
    /// Sequence number of the first record.
    pub first: u64,
    /// How many records.
    pub count: u32,
    /// RFC 6962 root over the records' digests, in order.
    pub root: Bytes32,
}

/// Why a batch was refused, whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UseError {
    /// Larger than [`BATCH_BYTES_MAX`].
    #[error("batch of {got} bytes, expected at most {BATCH_BYTES_MAX}")]
    BatchTooLarge {
        /// Its bytes.
        got: usize,
    },
    /// Signature and head larger than [`BATCH_HEAD_BYTES_MAX`].
    #[error("batch head of {got} bytes, expected at most {BATCH_HEAD_BYTES_MAX}")]
    HeadTooLarge {
        /// Its bytes.
        got: usize,
    },
    /// The batch's JSON departs from the schema.
    #[error("refused batch: {0}")]
    Batch(#[source] JsonError),
    /// Its signature is no JWS of our profile.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// `typ` is another one.
    #[error("wrong typ, expected {BATCH_TYP}")]
    Typ,
    /// The signed payload departs from the schema.
    #[error("refused batch head: {0}")]
    Head(#[source] JsonError),
    /// A schema version that this reader does not know.
    #[error(transparent)]
    Version(EventError),
    /// A record larger than [`RECORD_BYTES_MAX`].
    #[error("record of {got} bytes, expected at most {RECORD_BYTES_MAX}")]
    RecordTooLarge {
        /// Its bytes.
        got: usize,
    },
    /// A record's JSON departs from the schema.
    #[error("refused record: {0}")]
    Record(#[source] JsonError),
    /// The head counts other records than came.
    #[error("{got} records, expected {expected} as signed, from 1 to {BATCH_RECORDS_MAX}")]
    Count {
        /// As signed.
        expected: u32,
        /// As came.
        got: usize,
    },
    /// A record of another gate or out of sequence.
    #[error("record {at} is of another gate or out of sequence, expected gate and sequence as signed")]
    Sequence {
        /// Position in the batch, from 0.
        at: usize,
    },
    /// The records' digests do not lead to the signed root.
    #[error("records do not lead to the signed root")]
    Root,
    /// The signature does not verify.
    #[error("bad signature, expected one by the key that kid names")]
    BadSignature,
}

/// A batch as it travels.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WireBatch {
    /// Compact JWS over the [`BatchHead`].
    pub head: String,
    /// The records, each with its salt.
    pub records: Vec<WireRecord>,
}

/// A record as it travels.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WireRecord {
    /// Salt of the record's digest.
    pub salt: Salt,
    /// The record's JSON, as text.
    pub record: String,
}

/// A batch whose records are those that were signed; the signature itself is still to be verified.
#[derive(Debug, Clone)]
pub struct UseBatch {
    /// The signed statement.
    pub claims: Claims<BatchHead>,
    /// The key that claims to have signed.
    pub signer: Thumbprint,
    /// The compact JWS.
    pub head: String,
    /// Record, salt and digest, in order.
    pub records: Vec<BatchedRecord>,
}

/// One record of a batch.
#[derive(Debug, Clone)]
pub struct BatchedRecord {
    /// The record.
    pub record: UseRecord,
    /// Its JSON as it came.
    pub json: Vec<u8>,
    /// Its salt.
    pub salt: Salt,
    /// Digest of its entry.
    pub digest: Bytes32,
}

impl UseBatch {
    /// Parses a batch and checks its records against the signed root; implies no trust in the signer.
    pub fn parse(json: &[u8]) -> Result<Self, UseError> {
        if json.len() > BATCH_BYTES_MAX {
            return Err(UseError::BatchTooLarge { got: json.len() });
        }
        Self::from_wire(strict_json::parse(json).map_err(UseError::Batch)?)
    }

    /// The same for a batch that is already read.
    pub fn from_wire(wire: WireBatch) -> Result<Self, UseError> {
        let (claims, signer) = parse_head(&wire.head)?;
        let BatchHead { gate, first, count, root } = &claims.event;
        let got = wire.records.len();
        if got == 0 || got > BATCH_RECORDS_MAX || u32::try_from(got) != Ok(*count) {
            return Err(UseError::Count { expected: *count, got });
        }
        let mut records = Vec::with_capacity(got);
        for (at, WireRecord { salt, record: json }) in wire.records.into_iter().enumerate() {
            let json = json.into_bytes();
            let record = UseRecord::parse(&json)?;
            let expected = u64::try_from(at).ok().and_then(|offset| first.checked_add(offset));
            if record.gate != *gate || Some(record.seq) != expected {
                return Err(UseError::Sequence { at });
            }
            let digest = entry::digest(&salt, &Bytes32::sha256(&json), None);
            records.push(BatchedRecord { record, json, salt, digest });
        }
        if batch_root(records.iter().map(|record| &record.digest)) != *root {
            return Err(UseError::Root);
        }
        Ok(Self { claims, signer, head: wire.head, records })
    }

    /// Verifies the gate's signature.
    pub fn verify_signature(&self, key: &PublicKey) -> Result<(), UseError> {
        verify_head(&self.head, key).map(|_| ())
    }
}

/// Parses the signed head of a batch; implies no trust.
pub fn parse_head(head: &str) -> Result<(Claims<BatchHead>, Thumbprint), UseError> {
    if head.len() > BATCH_HEAD_BYTES_MAX {
        return Err(UseError::HeadTooLarge { got: head.len() });
    }
    let jws = Jws::parse(head)?;
    if jws.typ != BATCH_TYP {
        return Err(UseError::Typ);
    }
    let payload = from_base64url(jws.payload_segment).ok_or(UseError::Jws(JwsError::NotCompact))?;
    let claims: Claims<BatchHead> = strict_json::parse(&payload).map_err(UseError::Head)?;
    if claims.v != VERSION {
        return Err(UseError::Version(EventError::Version { got: claims.v }));
    }
    Ok((claims, jws.kid))
}

/// Parses the signed head of a batch and verifies its signature.
pub fn verify_head(head: &str, key: &PublicKey) -> Result<Claims<BatchHead>, UseError> {
    let (claims, _) = parse_head(head)?;
    if Jws::parse(head)?.verify(key) { Ok(claims) } else { Err(UseError::BadSignature) }
}

/// RFC 6962 root over digests.
pub fn batch_root<'a>(digests: impl Iterator<Item = &'a Bytes32>) -> Bytes32 {
    let mut range = grantbook_tlog::CompactRange::new();
    for digest in digests {
        // only a tree of 2^64 leaves refuses another
        let _ = range.append(grantbook_tlog::leaf_hash(&digest.0), |_, _, _| ());
    }
    Bytes32(range.root().0)
}

/// Builds and signs a batch. `records` must be of one gate and in sequence; the salts are the caller's random bytes.
pub fn sign_batch(claims: &Claims<()>, records: &[(UseRecord, Salt)], signer: &Signer) -> Option<WireBatch> {
    let (first, _) = records.first()?;
    let wire: Vec<WireRecord> = records
        .iter()
        .map(|(record, salt)| WireRecord {
            salt: *salt,
            record: String::from_utf8(record.to_json()).unwrap_or_default(),
        })
        .collect();
    let digests: Vec<Bytes32> =
        wire.iter().map(|w| entry::digest(&w.salt, &Bytes32::sha256(w.record.as_bytes()), None)).collect();
    let event = BatchHead {
        gate: first.gate.clone(),
        first: first.seq,
        count: u32::try_from(records.len()).ok()?,
        root: batch_root(digests.iter()),
    };
    let payload =
        Claims { v: claims.v, aud: claims.aud, jti: claims.jti, iat: claims.iat, exp: claims.exp, event }
            .to_json();
    Some(WireBatch { head: jws::sign(BATCH_TYP, &payload, signer), records: wire })
}

/// The Merkle tree over a batch's digests, with all its nodes at hand for paths.
#[derive(Debug, Clone)]
pub struct BatchTree {
    /// Roots of complete subtrees, by level from the leaves up.
    levels: Vec<Vec<Hash>>,
}

impl BatchTree {
    /// Hashes the tree over the digests, in order.
    pub fn new<'a>(digests: impl IntoIterator<Item = &'a Bytes32>) -> Self {
        let mut levels: Vec<Vec<Hash>> = vec![Vec::new()];
        let mut range = grantbook_tlog::CompactRange::new();
        for digest in digests {
            let visit = |level: u8, _, hash| {
                let level = usize::from(level);
                if levels.len() == level {
                    levels.push(Vec::new());
                }
                if let Some(nodes) = levels.get_mut(level) {
                    nodes.push(hash);
                }
            };
            // only a tree of 2^64 leaves refuses another
            let _ = range.append(grantbook_tlog::leaf_hash(&digest.0), visit);
        }
        Self { levels }
    }

    /// The audit path of the record at `at` (RFC 6962 section 2.1.1); `None` beyond the last one.
    pub fn path(&self, at: usize) -> Option<Vec<Hash>> {
        let index = LeafIndex(u64::try_from(at).ok()?);
        let size = TreeSize(u64::try_from(self.levels.first()?.len()).ok()?);
        grantbook_tlog::inclusion_proof(index, size, self).ok()
    }
}

/// A node that the tree does not have; never met by [`BatchTree::path`], which asks for complete subtrees only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such node in the batch's tree")]
pub struct NoSuchNode;

impl grantbook_tlog::NodeReader for BatchTree {
    type Error = NoSuchNode;

    fn node(&self, level: u8, index: u64) -> Result<Hash, NoSuchNode> {
        let index = usize::try_from(index).map_err(|_| NoSuchNode)?;
        self.levels.get(usize::from(level)).and_then(|nodes| nodes.get(index)).copied().ok_or(NoSuchNode)
    }
}

fn list_is_empty<T, const MAX: usize>(list: &List<T, 0, MAX>) -> bool {
    list.is_empty()
}
