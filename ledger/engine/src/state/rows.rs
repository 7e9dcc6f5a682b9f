//! Rows and their keys: bytes of the state.

use std::collections::BTreeMap;
use std::sync::Arc;

use grantbook_plan::{CustomerState, Duties, TenantState, UseCount};
use grantbook_record::day::UnixSeconds;
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::Period;
use grantbook_record::feed::{Chain, FeedPosition};
use grantbook_record::state_proof::{StateKey, state_key};
use grantbook_record::uses::Outcome;
use grantbook_record::{Currency, DenialReason, GateId, Jti, Salt, SubjectId, TenantId, Thumbprint};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::earlier::EarlierTerms;
use crate::cosign::Passkeys;
use crate::keyring::EpochKeys;
use crate::settlement::purse::{Earned, Purse};
use crate::settlement::{Books, PastPeriod};
use crate::state_map::grant_states;
use crate::store::cursor::Cursor;

/// First bytes of the keys of rows that a new epoch seals or names anew.
pub(super) const CUSTOMER: &[u8] = b"c";
pub(super) const COUNTS: &[u8] = b"u";
pub(super) const TENANT: &[u8] = b"t";
pub(super) const USE_ID: &[u8] = b"i";
pub(super) const GRANT: &[u8] = b"g";
pub(super) const DATA_KEY: &[u8] = b"k";
pub(super) const CLOSED: &[u8] = b"s";
pub(super) const ENDING: &[u8] = b"e";
pub(super) const ASSET: &[u8] = b"d";
pub(super) const BOOKS: &[u8] = b"a";
pub(super) const PAST: &[u8] = b"p";

/// The name of a customer in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CustomerKey(pub(super) [u8; 16]);

impl CustomerKey {
    /// From the bytes that another name of the same key came with.
    pub(crate) fn of_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub(crate) fn bytes(self) -> [u8; 16] {
        self.0
    }

    pub(super) fn first(self) -> u8 {
        let [first, ..] = self.0;
        first
    }

    pub(super) fn state_row(self, epoch: &EpochKeys) -> Vec<u8> {
        [CUSTOMER, &epoch.name_on_disk(&self.0)].concat()
    }

    pub(super) fn counts_row(self, epoch: &EpochKeys) -> Vec<u8> {
        [COUNTS, &epoch.name_on_disk(&self.0)].concat()
    }
}

/// A customer as decoded. Cloning is cheap: the large part is shared until it changes.
#[derive(Debug, Clone)]
pub(crate) struct Customer {
    pub(crate) key_id: u64,
    pub(crate) sub: SubjectId,
    /// The entry of the first key and its salt, from which the key in the map of grant states is made.
    pub(crate) enrolment: Option<Enrolment>,
    /// Passkeys whose assertions grants are asked for.
    pub(crate) passkeys: Passkeys,
    pub(crate) state: Arc<CustomerState>,
    /// Terms that amendments have replaced, oldest first.
    pub(crate) earlier: BTreeMap<Jti, Vec<EarlierTerms>>,
    pub(crate) counts: BTreeMap<Jti, UseCount>,
    /// What is owed under grants, as far as anything is.
    pub(crate) duties: BTreeMap<Jti, Duties>,
    /// What grants have earned in periods that are not collected yet.
    pub(crate) earned: Vec<Earned>,
    /// What is owed of posted periods.
    pub(crate) purse: Purse,
}

/// Where a customer's first key was enrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Enrolment {
    pub(crate) leaf_index: u64,
    pub(crate) salt: Salt,
}

#[derive(Serialize, Deserialize)]
struct StoredCustomer<S, T> {
    key_id: u64,
    sub: S,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    enrolment: Option<Enrolment>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    passkeys: Vec<Thumbprint>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    guardians_passkeys: Vec<Thumbprint>,
    #[serde(default, skip_serializing_if = "Purse::is_empty")]
    purse: Purse,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    earlier: BTreeMap<Jti, Vec<EarlierTerms>>,
    state: T,
}

impl Customer {
    pub(super) fn encode_state(&self) -> Vec<u8> {
        let Self { key_id, sub, enrolment, passkeys, state, purse, earlier, .. } = self;
        let stored = StoredCustomer {
            key_id: *key_id,
            sub,
            enrolment: *enrolment,
            passkeys: passkeys.own.clone(),
            guardians_passkeys: passkeys.guardians.clone(),
            purse: purse.clone(),
            earlier: earlier.clone(),
            state: state.as_ref(),
        };
        serde_json::to_vec(&stored).unwrap_or_default()
    }

    /// How many grants were used, 16 + 8 + 8 + 4 bytes for each, how often something was earned, 41 bytes for each, and
    /// JSON of what is owed.
    pub(super) fn encode_counts(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(4 + 36 * self.counts.len());
        bytes.extend_from_slice(&u32::try_from(self.counts.len()).unwrap_or(u32::MAX).to_be_bytes());
        for (grant, count) in &self.counts {
            bytes.extend_from_slice(grant.as_bytes());
            bytes.extend_from_slice(&count.uses.to_be_bytes());
            bytes.extend_from_slice(&count.window_start.0.to_be_bytes());
            bytes.extend_from_slice(&count.window_uses.to_be_bytes());
        }
        put_earned(&mut bytes, &self.earned);
        if !self.duties.is_empty() {
            bytes.extend(serde_json::to_vec(&self.duties).unwrap_or_default());
        }
        bytes
    }

    pub(super) fn decode(state: &[u8], counts: Option<&[u8]>) -> Option<Self> {
        let stored: StoredCustomer<SubjectId, CustomerState> = serde_json::from_slice(state).ok()?;
        let mut cursor = Cursor(counts.unwrap_or(&[0; 6]));
        let mut counts = BTreeMap::new();
        for _ in 0..cursor.u32()? {
            let grant = Jti::from_bytes(cursor.array()?).ok()?;
            let uses = cursor.u64()?;
            let window_start = UnixSeconds(cursor.u64()?);
            counts.insert(grant, UseCount { uses, window_start, window_uses: cursor.u32()? });
        }
        let earned = read_earned(&mut cursor)?;
        let duties = match cursor.0 {
            [] => BTreeMap::new(),
            json => serde_json::from_slice(json).ok()?,
        };
        let StoredCustomer { key_id, sub, enrolment, passkeys, guardians_passkeys, purse, earlier, state } =
            stored;
        let passkeys = Passkeys { own: passkeys, guardians: guardians_passkeys };
        let state = Arc::new(state);
        Some(Self { key_id, sub, enrolment, passkeys, state, earlier, counts, duties, earned, purse })
    }

    /// The customer's key in the map of grant states; `None` before the first enrolment.
    pub(crate) fn map_key(&self) -> Option<StateKey> {
        let first = self.state.keys.first()?;
        Some(state_key(&self.enrolment?.salt, &first.key.thumbprint()))
    }

    /// What the key comes to in that map.
    pub(crate) fn map_value(&self) -> Option<Bytes32> {
        Some(grant_states(&self.state)?.value(&self.enrolment?.salt))
    }

    pub(crate) fn count(&self, grant: &Jti) -> UseCount {
        self.counts.get(grant).copied().unwrap_or_default()
    }

    pub(crate) fn duties(&self, grant: &Jti) -> Duties {
        self.duties.get(grant).cloned().unwrap_or_default()
    }
}

fn put_earned(bytes: &mut Vec<u8>, earned: &[Earned]) {
    bytes.extend_from_slice(&u16::try_from(earned.len()).unwrap_or(u16::MAX).to_be_bytes());
    for Earned { grant, period, group, currency, uses, committed, due, accrued } in earned {
        bytes.extend_from_slice(grant.as_bytes());
        bytes.extend_from_slice(&period.0.to_be_bytes());
        bytes.extend_from_slice(&group.to_be_bytes());
        bytes.extend_from_slice(&currency.numeric().to_be_bytes());
        bytes.extend_from_slice(&uses.to_be_bytes());
        bytes.extend_from_slice(&committed.to_be_bytes());
        bytes.extend_from_slice(&due.to_be_bytes());
        bytes.push(u8::from(accrued.is_some()));
        bytes.extend_from_slice(&accrued.unwrap_or(0).to_be_bytes());
    }
}

fn read_earned(cursor: &mut Cursor<'_>) -> Option<Vec<Earned>> {
    let mut earned = Vec::new();
    for _ in 0..cursor.u16()? {
        earned.push(Earned {
            grant: Jti::from_bytes(cursor.array()?).ok()?,
            period: Period(cursor.u32()?),
            group: cursor.u16()?,
            currency: Currency::from_numeric(cursor.u16()?)?,
            uses: cursor.u32()?,
            committed: cursor.u64()?,
            due: cursor.u32()?,
            accrued: match (cursor.u8()?, cursor.u32()?) {
                (0, 0) => None,
                (1, accrued) => Some(accrued),
                _ => return None,
            },
        });
    }
    Some(earned)
}

/// A tenant's row.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct TenantRow {
    /// Id of the tenant's own data key; 0 before the first record.
    pub(crate) key_id: u64,
    /// The feed so far; `None` before the first frame.
    pub(crate) feed: Option<(FeedPosition, Bytes32)>,
    pub(crate) state: TenantState,
}

impl TenantRow {
    pub(super) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// The feed's chain after the last frame.
    pub(crate) fn chain(&self, origin: &str, tenant: TenantId) -> Chain {
        self.feed.map_or_else(|| Chain::start(origin, tenant), |(position, value)| Chain { position, value })
    }
}

/// How far a gate has come.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GateProgress {
    /// Sequence number of the next record.
    pub next_seq: u64,
    /// Permitted uses recorded.
    pub permitted: u64,
    /// Of these, uses that broke a rule when they arrived.
    pub flagged: u64,
    /// Denials recorded, by reason.
    pub denied: BTreeMap<DenialReason, u64>,
    /// Permits that were given back unused.
    #[serde(default)]
    pub voided: u64,
    /// What the permitted uses pay, in minor units by currency code.
    pub payout_minor: BTreeMap<String, u64>,
}

impl GateProgress {
    /// Counts one record.
    pub(crate) fn count(
        &mut self,
        seq: u64,
        outcome: &Outcome,
        flagged: bool,
        currency: Currency,
        payout: u32,
    ) {
        // one customer's uses, imported, are not all of a gate's
        self.next_seq = self.next_seq.max(seq.saturating_add(1));
        match outcome {
            Outcome::Permitted(_) => {}
            Outcome::Denied(denied) => {
                *self.denied.entry(denied.reason).or_default() += 1;
                return;
            }
            Outcome::Voided(_) => {
                self.voided += 1;
                return;
            }
        }
        self.permitted += 1;
        self.flagged += u64::from(flagged);
        if currency != Currency::NONE {
            *self.payout_minor.entry(currency.code().to_owned()).or_default() += u64::from(payout);
        }
    }

    /// Counts one record of which nothing but its kind is left.
    pub(crate) fn count_erased(&mut self, permitted: bool) {
        self.next_seq += 1;
        self.permitted += u64::from(permitted);
    }
}

/// Where an envelope stands, and the first half of the digest of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct JtiRow {
    pub(crate) leaf_index: u64,
    pub(crate) envelope: [u8; 16],
}

/// Where a batch stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchRow {
    pub(crate) leaf_index: u64,
    pub(crate) count: u32,
    pub(crate) head: [u8; 16],
}

/// Where a use with a caller's id stands, and the digest of what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UseIdRow {
    pub(crate) leaf_index: u64,
    pub(crate) facts: [u8; 16],
}

/// A frame of the feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FeedRow {
    pub(crate) leaf_index: u64,
    pub(crate) chain: Bytes32,
}

impl JtiRow {
    pub(super) fn encode(self) -> Vec<u8> {
        [self.leaf_index.to_be_bytes().as_slice(), &self.envelope].concat()
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut cursor = Cursor(bytes);
        Some(Self { leaf_index: cursor.u64()?, envelope: cursor.array()? })
    }
}

impl BatchRow {
    pub(super) fn encode(self) -> Vec<u8> {
        [self.leaf_index.to_be_bytes().as_slice(), &self.count.to_be_bytes(), &self.head].concat()
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut cursor = Cursor(bytes);
        Some(Self { leaf_index: cursor.u64()?, count: cursor.u32()?, head: cursor.array()? })
    }
}

impl UseIdRow {
    pub(super) fn encode(self) -> Vec<u8> {
        [self.leaf_index.to_be_bytes().as_slice(), &self.facts].concat()
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut cursor = Cursor(bytes);
        Some(Self { leaf_index: cursor.u64()?, facts: cursor.array()? })
    }
}

impl FeedRow {
    pub(super) fn encode(self) -> Vec<u8> {
        [self.leaf_index.to_be_bytes().as_slice(), &self.chain.0].concat()
    }
}

/// The first half of SHA-256, enough to tell two contents apart.
pub(crate) fn half_digest(bytes: &[u8]) -> [u8; 16] {
    half(&Bytes32::sha256(bytes))
}

/// The first half of a digest.
pub(crate) fn half(digest: &Bytes32) -> [u8; 16] {
    digest.0.first_chunk::<16>().copied().unwrap_or_default()
}

pub(super) fn tenant_key(tenant: u32) -> Vec<u8> {
    [TENANT, &tenant.to_be_bytes()].concat()
}

pub(super) fn closed_key(tenant: u32) -> Vec<u8> {
    [CLOSED, &tenant.to_be_bytes()].concat()
}

pub(super) fn books_key(tenant: u32) -> Vec<u8> {
    [BOOKS, &tenant.to_be_bytes()].concat()
}

pub(super) fn past_prefix(tenant: u32) -> Vec<u8> {
    [PAST, &tenant.to_be_bytes()].concat()
}

pub(super) fn past_key(tenant: u32, period: Period) -> Vec<u8> {
    [past_prefix(tenant).as_slice(), &period.0.to_be_bytes()].concat()
}

pub(super) fn encode_books(books: &Books) -> Vec<u8> {
    serde_json::to_vec(books).unwrap_or_default()
}

pub(super) fn encode_past(past: &PastPeriod) -> Vec<u8> {
    serde_json::to_vec(past).unwrap_or_default()
}

pub(super) fn gate_key(tenant: u32, gate: &GateId) -> Vec<u8> {
    [b"w".as_slice(), &tenant.to_be_bytes(), gate.as_str().as_bytes()].concat()
}

pub(super) fn batch_prefix(tenant: u32, gate: &GateId) -> Vec<u8> {
    // the gate's name is hashed, so that no name runs into the number after it
    let gate = half_digest(gate.as_str().as_bytes());
    [b"b".as_slice(), &tenant.to_be_bytes(), &gate].concat()
}

/// Later batches come first, so that the one that has a record is the first that begins no later than it.
pub(super) fn batch_key(tenant: u32, gate: &GateId, first: u64) -> Vec<u8> {
    [batch_prefix(tenant, gate).as_slice(), &(!first).to_be_bytes()].concat()
}

/// Sequence number of a batch's first record.
pub(super) fn batch_first(key: &[u8]) -> Option<u64> {
    key.last_chunk().map(|first| !u64::from_be_bytes(*first))
}

pub(super) fn use_id_key(tenant: u32, id: &str) -> Vec<u8> {
    [USE_ID, &tenant.to_be_bytes(), &half_digest(id.as_bytes())].concat()
}

pub(super) fn jti_key(tenant: TenantId, jti: &Jti) -> Vec<u8> {
    let digest = Sha256::new().chain_update(tenant.as_bytes()).chain_update(jti.as_bytes()).finalize();
    [b"j".as_slice(), &half(&Bytes32(digest.into()))].concat()
}

pub(super) fn feed_prefix(tenant: u32) -> Vec<u8> {
    [b"f".as_slice(), &tenant.to_be_bytes()].concat()
}

pub(super) fn feed_key(tenant: u32, seq: u64) -> Vec<u8> {
    [feed_prefix(tenant).as_slice(), &seq.to_be_bytes()].concat()
}

pub(super) fn feed_row(key: &[u8], value: &[u8]) -> Option<(u64, FeedRow)> {
    let seq = u64::from_be_bytes(*key.last_chunk()?);
    let mut cursor = Cursor(value);
    Some((seq, FeedRow { leaf_index: cursor.u64()?, chain: Bytes32(cursor.array()?) }))
}

pub(super) fn grant_prefix(tenant: u32) -> Vec<u8> {
    [GRANT, &tenant.to_be_bytes()].concat()
}

pub(super) fn grant_key(tenant: u32, leaf: u64) -> Vec<u8> {
    [grant_prefix(tenant).as_slice(), &leaf.to_be_bytes()].concat()
}

/// Leaf index and data key id.
pub(super) fn grant_row(key: &[u8], value: &[u8]) -> Option<(u64, u64)> {
    Some((u64::from_be_bytes(*key.last_chunk()?), u64::from_be_bytes(value.try_into().ok()?)))
}

pub(super) fn asset_prefix(tenant: u32) -> Vec<u8> {
    [ASSET, &tenant.to_be_bytes()].concat()
}

pub(super) fn asset_key(tenant: u32, leaf: u64) -> Vec<u8> {
    [asset_prefix(tenant).as_slice(), &leaf.to_be_bytes()].concat()
}

pub(super) fn ending_prefix(tenant: u32) -> Vec<u8> {
    [ENDING, &tenant.to_be_bytes()].concat()
}

pub(super) fn ending_key(tenant: u32, leaf: u64) -> Vec<u8> {
    [ending_prefix(tenant).as_slice(), &leaf.to_be_bytes()].concat()
}

pub(super) fn data_key_key(id: u64) -> Vec<u8> {
    [DATA_KEY, &id.to_be_bytes()].concat()
}
