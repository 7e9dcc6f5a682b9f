//! What a verifier keeps from day to day: grants, uses whose data is kept, sums that are not settled.

mod wire;

use std::collections::BTreeMap;

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::traits::Identity as _;
use grantbook_compliance::{Commitment, Head};
use grantbook_record::{Class, Currency, Day, Quantity};
use grantbook_tlog::Hash;
use serde::{Deserialize, Serialize};

use crate::bundle::{Group, Header};
use crate::calendar;
use crate::error::ProofError;

/// Version of the form in which a chain is kept.
const VERSION: u8 = 1;

/// The state after a tenant's last bundle that verified, or that the prover made. It grows with grants and with uses whose
/// data is kept, about 300 and 200 bytes each.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chain {
    v: u8,
    pub(crate) last: Option<Last>,
    pub(crate) groups: BTreeMap<u16, Group>,
    /// By leaf index of `grant.given`.
    pub(crate) grants: BTreeMap<u64, Grant>,
    pub(crate) sums: BTreeMap<SumKey, Sums>,
    /// The grant of each version, by leaf index.
    #[serde(skip)]
    pub(crate) versions: BTreeMap<u64, u64>,
    /// The grant of each end.
    #[serde(skip)]
    pub(crate) ends: BTreeMap<u64, u64>,
    /// The grant of each use whose data is kept.
    #[serde(skip)]
    pub(crate) kept: BTreeMap<u64, u64>,
}

/// A chain that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// Not the JSON of a chain.
    #[error("refused chain at line {line}, column {column}")]
    Schema {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// Another version.
    #[error("chain version {got}, expected {VERSION}")]
    Version {
        /// As came.
        got: u8,
    },
}

/// Where the chain stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Last {
    pub(crate) origin: String,
    #[serde(with = "wire::bytes")]
    pub(crate) digest: [u8; 32],
    pub(crate) day: Day,
    /// Root over the tenant's day keys.
    #[serde(with = "wire::hash")]
    pub(crate) day_keys: Hash,
    pub(crate) end: WireHead,
    /// Where its first bundle began.
    pub(crate) from: WireHead,
}

/// Size and root of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WireHead {
    pub(crate) size: u64,
    #[serde(with = "wire::bytes")]
    pub(crate) root: [u8; 32],
}

impl From<Head> for WireHead {
    fn from(head: Head) -> Self {
        Self { size: head.size, root: head.root }
    }
}

impl From<WireHead> for Head {
    fn from(head: WireHead) -> Self {
        Self { size: head.size, root: head.root }
    }
}

/// A grant with all its versions.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Grant {
    pub(crate) versions: Vec<Version>,
    pub(crate) pauses: Vec<Pause>,
    pub(crate) end: Option<End>,
    /// Uses so far that count.
    pub(crate) uses: u64,
    /// Uses whose data is kept, by leaf index.
    pub(crate) kept: BTreeMap<u64, KeptUse>,
}

impl Grant {
    /// Whether its version at this position is that of a leaf index.
    pub(crate) fn is_at(&self, position: usize, leaf: u64) -> bool {
        self.versions.get(position).is_some_and(|version| version.leaf == leaf)
    }
}

/// A `grant.given` or `grant.amended`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Version {
    pub(crate) leaf: u64,
    #[serde(with = "wire::hash")]
    pub(crate) hash: Hash,
    pub(crate) group: u16,
    /// Numeric code.
    pub(crate) currency: u16,
    /// Those of [`Class::Terms`].
    #[serde(with = "wire::commitments")]
    commitments: Vec<Commitment>,
}

impl Version {
    pub(crate) fn new(leaf: u64, hash: Hash, group: u16, currency: Currency, terms: &[Commitment]) -> Self {
        let kept = Class::Terms.quantities().len().min(terms.len());
        let commitments = terms.get(..kept).unwrap_or_default().to_vec();
        Self { leaf, hash, group, currency: currency.numeric(), commitments }
    }

    /// Those of [`Class::Terms`].
    pub(crate) fn commitments(&self) -> &[Commitment] {
        &self.commitments
    }

    /// What it commits to; every version has all of [`Class::Terms`].
    pub(crate) fn committed(&self, quantity: Quantity) -> Commitment {
        let at = Class::Terms.quantities().iter().position(|known| *known == quantity);
        at.and_then(|at| self.commitments.get(at)).copied().unwrap_or(Commitment([0; 32]))
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Pause {
    pub(crate) leaf: u64,
    #[serde(with = "wire::commitment")]
    pub(crate) time: Commitment,
    pub(crate) resumed: Option<Resumed>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Resumed {
    pub(crate) leaf: u64,
    pub(crate) day: Day,
    #[serde(with = "wire::commitment")]
    pub(crate) time: Commitment,
}

/// A withdrawal or revocation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct End {
    pub(crate) leaf: u64,
    #[serde(with = "wire::hash")]
    pub(crate) hash: Hash,
    #[serde(with = "wire::commitment")]
    pub(crate) time: Commitment,
    pub(crate) acknowledged: bool,
}

/// A use whose data no deletion has covered.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct KeptUse {
    #[serde(with = "wire::hash")]
    pub(crate) hash: Hash,
    #[serde(with = "wire::commitment")]
    pub(crate) time: Commitment,
    /// Which version of the grant it names, from 0.
    pub(crate) version: usize,
    /// Months since January 2020 until which nothing more is to be shown; 0 for none.
    pub(crate) month: u16,
}

impl KeptUse {
    /// Whether it is to be shown on this day that its data may be kept.
    pub(crate) fn is_due(&self, day: Day) -> bool {
        self.month == 0 || calendar::month_begins(self.month) <= calendar::ends(day)
    }
}

/// Group of terms and numeric code of a currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(crate) struct SumKey {
    pub(crate) group: u16,
    pub(crate) currency: u16,
}

impl From<SumKey> for String {
    fn from(key: SumKey) -> Self {
        format!("{}/{}", key.group, key.currency)
    }
}

impl TryFrom<String> for SumKey {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let numbers = text.split_once('/').and_then(|(group, currency)| {
            Some(Self { group: group.parse().ok()?, currency: currency.parse().ok()? })
        });
        numbers.ok_or("expected group/currency")
    }
}

/// What one group's uses and accruals come to in one currency, where no settlement has taken it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Sums {
    /// Payouts of uses of the period that is open.
    pub(crate) open: Sum,
    /// Payouts of uses of periods that are closed.
    pub(crate) closed: Sum,
    pub(crate) accrued: Sum,
}

/// A sum of commitments.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Sum {
    /// How many.
    pub(crate) count: u64,
    #[serde(with = "wire::point")]
    pub(crate) point: RistrettoPoint,
}

impl Default for Sum {
    fn default() -> Self {
        Self { count: 0, point: RistrettoPoint::identity() }
    }
}

impl Sum {
    pub(crate) fn add(&mut self, point: RistrettoPoint) {
        self.count = self.count.saturating_add(1);
        self.point += point;
    }

    /// Adds another sum, which is then empty.
    pub(crate) fn take(&mut self, other: &mut Self) {
        let Self { count, point } = std::mem::take(other);
        self.count = self.count.saturating_add(count);
        self.point += point;
    }

    /// The commitment to the sum; `None` of nothing.
    pub(crate) fn commitment(&self) -> Option<Commitment> {
        (self.count > 0).then(|| Commitment(self.point.compress().to_bytes()))
    }
}

impl Default for Chain {
    fn default() -> Self {
        Self {
            v: VERSION,
            last: None,
            groups: BTreeMap::new(),
            grants: BTreeMap::new(),
            sums: BTreeMap::new(),
            versions: BTreeMap::new(),
            ends: BTreeMap::new(),
            kept: BTreeMap::new(),
        }
    }
}

impl Chain {
    /// Before the tenant's first bundle.
    pub fn new() -> Self {
        Self::default()
    }

    /// The form in which it is kept: JSON. It holds no secret, but whoever can change it can change what a verifier takes as
    /// shown.
    pub fn to_json(&self) -> Vec<u8> {
        // maps with string keys, numbers and strings always serialise
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads what [`Chain::to_json`] wrote.
    pub fn parse(json: &[u8]) -> Result<Self, ChainError> {
        let mut chain: Self = serde_json::from_slice(json)
            .map_err(|error| ChainError::Schema { line: error.line(), column: error.column() })?;
        if chain.v != VERSION {
            return Err(ChainError::Version { got: chain.v });
        }
        for (given, grant) in &chain.grants {
            chain.versions.extend(grant.versions.iter().map(|version| (version.leaf, *given)));
            chain.ends.extend(grant.end.iter().map(|end| (end.leaf, *given)));
            chain.kept.extend(grant.kept.keys().map(|leaf| (*leaf, *given)));
        }
        Ok(chain)
    }

    /// The day of the last bundle.
    pub fn day(&self) -> Option<Day> {
        self.last.as_ref().map(|last| last.day)
    }

    /// Digest of the last bundle.
    pub fn digest(&self) -> Option<[u8; 32]> {
        self.last.as_ref().map(|last| last.digest)
    }

    /// Where the first bundle began: what came before is not covered.
    pub fn from(&self) -> Option<Head> {
        self.last.as_ref().map(|last| last.from.into())
    }

    /// Where the last bundle ended and the next begins.
    pub fn end(&self) -> Option<Head> {
        self.last.as_ref().map(|last| last.end.into())
    }

    /// Checks that a bundle goes on where the last one ended.
    pub(crate) fn check_next(&self, header: &Header) -> Result<(), ProofError> {
        let rules = match &self.last {
            None => {
                [(header.chain == [0; 32], "zero for the first bundle"), (true, ""), (true, ""), (true, "")]
            }
            Some(last) => [
                (header.chain == last.digest, "the digest of the bundle before"),
                (WireHead::from(header.start) == last.end, "the end of the bundle before"),
                (header.key_proof.root == last.day_keys, "the day keys of the bundle before"),
                (header.day > last.day && header.origin == last.origin, "a later day of the same log"),
            ],
        };
        match rules.into_iter().find(|(holds, _)| !holds) {
            Some((_, expected)) => Err(ProofError::Chain { expected }),
            None => Ok(()),
        }
    }

    /// Takes in where a bundle ended.
    pub(crate) fn end_bundle(&mut self, header: &Header, digest: [u8; 32]) {
        let from = self.last.as_ref().map_or(header.start.into(), |last| last.from);
        let (origin, day, end) = (header.origin.clone(), header.day, header.end.into());
        let day_keys = header.key_proof.root;
        self.last = Some(Last { origin, digest, day, day_keys, end, from });
    }

    /// Takes in until when nothing more is to be shown of a use whose data is kept.
    pub(crate) fn set_month(&mut self, leaf: u64, month: u16) {
        let grant = self.kept.get(&leaf).and_then(|given| self.grants.get_mut(given));
        if let Some(kept) = grant.and_then(|grant| grant.kept.get_mut(&leaf)) {
            kept.month = month;
        }
    }

    /// The leaf hash of an entry that later ones may name.
    pub(crate) fn hash_of(&self, leaf: u64) -> Option<Hash> {
        if let Some(grant) = self.versions.get(&leaf) {
            let versions = &self.grants.get(grant)?.versions;
            return versions.iter().find(|version| version.leaf == leaf).map(|version| version.hash);
        }
        if let Some(grant) = self.ends.get(&leaf) {
            return self.grants.get(grant)?.end.as_ref().map(|end| end.hash);
        }
        self.kept_use(leaf).map(|kept| kept.hash)
    }

    /// When a use whose data is kept, or an end, happened.
    pub(crate) fn time_of(&self, leaf: u64) -> Option<&Commitment> {
        match self.ends.get(&leaf) {
            Some(grant) => self.grants.get(grant)?.end.as_ref().map(|end| &end.time),
            None => self.kept_use(leaf).map(|kept| &kept.time),
        }
    }

    fn kept_use(&self, leaf: u64) -> Option<&KeptUse> {
        self.grants.get(self.kept.get(&leaf)?)?.kept.get(&leaf)
    }
}
