//! What a verified bundle says, for people and machines.

mod html;
mod text;
mod words;

use std::collections::BTreeMap;

use grantbook_compliance::Head;
use grantbook_record::UnixSeconds;
use grantbook_record::encoding::Bytes32;
use grantbook_tlog::VouchedCheckpoint;
use serde::{Deserialize, Serialize};

use crate::policy::StatementPolicy;
use crate::statement::{Statement, spec_hash};
use crate::terms::{Derivation, Extent};

/// What was proved, and about what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Origin line of the log.
    pub origin: String,
    /// The UTC day, `YYYY-MM-DD`.
    pub day: String,
    /// Name of the statement policy.
    pub policy: String,
    /// Its hash.
    pub policy_sha256: Bytes32,
    /// Hash of the statements.
    pub spec_sha256: Bytes32,
    /// Digest of the bundle.
    pub digest: Bytes32,
    /// Where the chain of the tenant's bundles begins: entries before that are not covered.
    pub from_size: u64,
    /// Where the day begins.
    pub start: Tree,
    /// Where it ends.
    pub end: Tree,
    /// Entries of the log on the day.
    pub entries: u64,
    /// Of these, the tenant's.
    pub own_entries: u64,
    /// Who vouches for the end.
    pub vouched: Vouched,
    /// Statement by statement, by rising number.
    pub statements: Vec<StatementReport>,
    /// Entries that were opened because they do not comply, or are claimed not to.
    pub exceptions: Vec<ExceptionReport>,
}

/// Size and root of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tree {
    /// Number of entries.
    pub size: u64,
    /// RFC 6962 root hash.
    pub root: Bytes32,
}

/// Who vouches for a checkpoint, and whose clock its time is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vouched {
    /// Witnesses of the verifier's policy that have cosigned; without their quorum the log alone has signed.
    pub witnesses: Vec<String>,
    /// Whether the quorum was reached.
    pub witnessed: bool,
    /// When the checkpoint was there: the median of the witnesses' clocks, or the operator's clock.
    pub time: UnixSeconds,
    /// Whether the log's post-quantum key has signed as well.
    pub post_quantum: bool,
}

/// One statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatementReport {
    /// Which.
    pub statement: Statement,
    /// Whether the policy asks for it.
    pub asked: bool,
    /// Terms that were proved.
    pub terms: u64,
    /// Entries that they are about.
    pub entries: u64,
    /// Entries whose commitments are in the sums that they are about; 0 of a statement without sums.
    pub summed: u64,
    /// Entries that are excepted.
    pub exceptions: u64,
}

/// An entry that is excepted from a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExceptionReport {
    /// Its leaf index.
    pub leaf: u64,
    /// From which.
    pub statement: Statement,
    /// What it was opened to.
    pub values: Vec<u64>,
}

impl Report {
    pub(crate) fn new(
        policy: &StatementPolicy,
        derivation: &Derivation<'_>,
        extents: &BTreeMap<Statement, Extent>,
        digest: [u8; 32],
        vouched: &VouchedCheckpoint,
        from: Option<Head>,
    ) -> Self {
        let day = derivation.day();
        let header = &day.header;
        let tree = |head: Head| Tree { size: head.size, root: Bytes32(head.root) };
        let median = vouched.cosigned.median_time();
        let statements = Statement::ALL.iter().map(|statement| {
            let extent = extents.get(statement).copied();
            let Extent { terms, entries, summed, exceptions } = extent.unwrap_or_default();
            let asked = extent.is_some();
            StatementReport { statement: *statement, asked, terms, entries, summed, exceptions }
        });
        let exceptions = day.exceptions.iter().map(|((leaf, statement), values)| ExceptionReport {
            leaf: *leaf,
            statement: *statement,
            values: values.clone(),
        });
        Self {
            origin: header.origin.clone(),
            day: crate::calendar::date(header.day),
            policy: policy.id.clone(),
            policy_sha256: Bytes32(policy.hash()),
            spec_sha256: Bytes32(spec_hash()),
            digest: Bytes32(digest),
            from_size: from.unwrap_or(header.start).size,
            start: tree(header.start),
            end: tree(header.end),
            entries: header.end.size.saturating_sub(header.start.size),
            own_entries: day.own.len() as u64,
            vouched: Vouched {
                witnesses: vouched.cosigned.by.iter().map(|(name, _)| name.clone()).collect(),
                witnessed: median.is_some(),
                time: UnixSeconds(median.unwrap_or(vouched.time).0),
                post_quantum: vouched.post_quantum,
            },
            statements: statements.collect(),
            exceptions: exceptions.collect(),
        }
    }

    /// Whether the tenant had no entry on the day: then nothing is proved, which is no success.
    pub fn is_nothing_proved(&self) -> bool {
        self.own_entries == 0
    }

    /// The report as JSON.
    pub fn to_json(&self) -> Vec<u8> {
        // numbers, strings and lists always serialise
        serde_json::to_vec_pretty(self).unwrap_or_default()
    }
}
