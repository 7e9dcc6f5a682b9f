//! One entry with all that is sealed about it: does each part open, and does each fit the others?

use std::collections::BTreeMap;

use grantbook_compliance::commit_batch;
use grantbook_record::archive::First;
use grantbook_record::encoding::Bytes32;
use grantbook_record::entry;
use grantbook_record::receipt::Content;
use grantbook_record::uses::{UseRecord, batch_root, verify_head};
use grantbook_record::{Entry, Envelope, LinkTarget, PublicKey, strict_json};
use grantbook_tlog::LeafIndex;

use super::log::Checker;
use crate::body::{Body, BodyContent, NO_BATCH, SharedHead, body_place, shared_place};
use crate::keyring::Keyring;
use crate::published::Owner;
use crate::seal::SealKey;
use crate::state::State;
use crate::store::MemoryStore;

/// Where an entry stands: the files of its public bytes and of its body.
pub(super) struct Place<'a> {
    pub(super) entry: &'a str,
    pub(super) body: &'a str,
    pub(super) leaf: u64,
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, entry {}", self.entry, self.leaf)
    }
}

/// Unwrapped data keys.
#[derive(Default)]
pub(super) struct DataKeys {
    keys: BTreeMap<u64, SealKey>,
    /// The keys of each tenant itself, under which batch heads are sealed.
    of_tenants: BTreeMap<u32, Vec<SealKey>>,
    unwrapping: Option<State>,
}

impl DataKeys {
    /// Whether it opens.
    pub(super) fn add(&mut self, keyring: &Keyring, id: u64, wrapped: &[u8]) -> bool {
        let state = self
            .unwrapping
            .get_or_insert_with(|| State::new(std::sync::Arc::new(MemoryStore::default()), keyring));
        let Some(key) = state.unwrap(id, wrapped) else { return false };
        if key.sub.is_none() {
            self.of_tenants.entry(key.tenant).or_default().push(key.key.clone());
        }
        self.keys.insert(id, key.key);
        true
    }

    pub(super) fn len(&self) -> u64 {
        self.keys.len() as u64
    }
}

/// A batch of uses of which not all entries came yet.
pub(super) struct PendingBatch {
    first: u64,
    gate: grantbook_record::GateId,
    first_seq: u64,
    count: u32,
    root: Bytes32,
    digests: Vec<Bytes32>,
}

impl Checker<'_> {
    /// Checks an entry's bytes and, where its keys are there, its body.
    pub(super) fn check_item(
        &mut self,
        place: &Place<'_>,
        bytes: &[u8],
        sealed: Option<(&[u8], &[u8])>,
        owner: Option<Owner>,
    ) {
        let entry = match Entry::parse(bytes) {
            Ok(entry) => entry,
            Err(error) => {
                self.report.finding(place, error);
                self.batch = None;
                return;
            }
        };
        if entry.day < self.last_day {
            self.report.finding(place, "its day is before that of the entry before it");
        }
        self.last_day = self.last_day.max(entry.day);
        if let (Some(keyring), Some(owner)) = (self.keyring, owner) {
            self.check_tag(keyring, place, &entry, owner);
            if let Some((_, shared)) = sealed.filter(|(_, shared)| !shared.is_empty()) {
                self.begin_batch(place, owner, shared);
            }
            if let Some((body, _)) = sealed {
                self.check_body(place, &entry, owner, body);
            }
        }
        self.continue_batch(place, entry.digest);
    }

    fn check_tag(&mut self, keyring: &Keyring, place: &Place<'_>, entry: &Entry, owner: Owner) {
        if self.day_keys.get(&owner.tenant).is_none_or(|(day, _)| *day != entry.day) {
            let Some(tag_key) = keyring.tag_key(owner.tenant) else {
                self.report.finding(place, "its tenant is not in the keyring");
                return;
            };
            self.day_keys.insert(owner.tenant, (entry.day, tag_key.day_key(entry.day)));
        }
        let Some((_, day_key)) = self.day_keys.get(&owner.tenant) else { return };
        if day_key.tag(keyring.log_keys.origin(), LeafIndex(place.leaf)) != entry.tag {
            self.report.finding(place, "its tag is not of its tenant and day under the keyring's tag key");
        }
    }

    fn check_body(&mut self, place: &Place<'_>, entry: &Entry, owner: Owner, sealed: &[u8]) {
        let here = format!("{}, body of entry {}", place.body, place.leaf);
        let Some(key) = self.keys.keys.get(&owner.key_id) else {
            self.report.erased += 1;
            return;
        };
        let opened = key.open(sealed, &body_place(place.leaf)).ok();
        let Some(body) = opened.and_then(|plain| Body::parse(&plain)) else {
            self.report.finding(here, "it does not open");
            return;
        };
        self.report.bodies += 1;
        if body.digest() != entry.digest {
            self.report.finding(place, "its digest does not cover its body");
        }
        if commit_batch(&body.openings) != entry.commitments {
            self.report.finding(place, "its commitments do not open to what its body holds");
        }
        self.check_link(place, entry, &body);
        let kind = match &body.content {
            BodyContent::Event { envelope, keys, .. } => self.check_envelope(&here, envelope, keys),
            BodyContent::Use { record, batch_first: NO_BATCH, .. } => {
                self.check_imported(&here, record, body.first.as_deref())
            }
            BodyContent::Use { record, batch_first, .. } => {
                self.check_record(&here, record, *batch_first, place.leaf)
            }
        };
        if kind.is_some_and(|kind| kind != entry.kind) {
            self.report.finding(place, "its kind is not that of its body");
        }
    }

    fn check_link(&mut self, place: &Place<'_>, entry: &Entry, body: &Body) {
        let target = &body.link.target;
        if entry::link(&body.link.salt, body.link.group, target) != entry.link {
            self.report.finding(place, "its link does not open to what its body holds");
        }
        if *target == LinkTarget::NONE || target.origin_sha256 != self.origin_sha256 {
            return;
        }
        let linked = usize::try_from(target.leaf_index).ok().and_then(|at| self.hashes.get(at));
        if linked.is_none_or(|hash| hash.0 != target.leaf_hash.0) {
            let what = format!("links to entry {}, which is another one", target.leaf_index);
            self.report.finding(place, what);
        }
    }

    fn check_envelope(
        &mut self,
        here: &str,
        envelope: &[u8],
        keys: &[PublicKey],
    ) -> Option<grantbook_record::Kind> {
        let parsed = Envelope::parse(envelope).and_then(|envelope| Ok((envelope.event()?, envelope)));
        let (_, envelope) = parsed.map_err(|error| self.report.finding(here, error)).ok()?;
        if !envelope.signers().iter().copied().eq(keys.iter().map(PublicKey::thumbprint)) {
            self.report.finding(here, "its signers' keys are not those that its envelope names");
        }
        Some(envelope.kind())
    }

    fn check_record(
        &mut self,
        here: &str,
        record: &[u8],
        batch_first: u64,
        leaf: u64,
    ) -> Option<grantbook_record::Kind> {
        let record = UseRecord::parse(record).map_err(|error| self.report.finding(here, error)).ok()?;
        let of_batch = self.batch.as_ref().is_some_and(|batch| {
            batch.first == batch_first
                && batch.gate == record.gate
                && leaf.checked_sub(batch_first).map(|within| batch.first_seq + within) == Some(record.seq)
        });
        if !of_batch {
            self.report.finding(here, format!("no signed head at entry {batch_first} covers its record"));
        }
        Some(record.kind())
    }

    /// A use that another log admitted first stands in that log's receipt.
    fn check_imported(
        &mut self,
        here: &str,
        record: &[u8],
        first: Option<&[u8]>,
    ) -> Option<grantbook_record::Kind> {
        let first = first.and_then(|json| strict_json::parse::<First>(json).ok());
        let in_receipt = first.is_some_and(|first| match &first.receipt.content {
            Content::Use(used) => used.record.as_bytes() == record,
            Content::Event(_) | Content::Erased => false,
        });
        if !in_receipt {
            self.report.finding(here, "it is not in the receipt of its first admission");
        }
        let record = UseRecord::parse(record).map_err(|error| self.report.finding(here, error)).ok()?;
        Some(record.kind())
    }

    fn begin_batch(&mut self, place: &Place<'_>, owner: Owner, shared: &[u8]) {
        let here = format!("{}, batch head at entry {}", place.body, place.leaf);
        let mut keys = self.keys.of_tenants.get(&owner.tenant).into_iter().flatten();
        let plain = keys.find_map(|key| key.open(shared, &shared_place(place.leaf)).ok());
        let Some(SharedHead { head, key }) = plain.and_then(|plain| SharedHead::parse(&plain)) else {
            self.batch = None;
            return self.report.finding(here, "it does not open");
        };
        match verify_head(&head, &key) {
            Ok(claims) => {
                let head = claims.event;
                self.batch = Some(PendingBatch {
                    first: place.leaf,
                    gate: head.gate,
                    first_seq: head.first,
                    count: head.count,
                    root: head.root,
                    digests: Vec::new(),
                });
            }
            Err(error) => self.report.finding(here, error),
        }
    }

    fn continue_batch(&mut self, place: &Place<'_>, digest: Bytes32) {
        let Some(batch) = &mut self.batch else { return };
        batch.digests.push(digest);
        if batch.digests.len() as u64 == u64::from(batch.count) {
            if batch_root(batch.digests.iter()) != batch.root {
                let here = format!("{}, batch head at entry {}", place.body, batch.first);
                self.report.finding(here, "the entries of its batch do not lead to its root");
            }
            self.batch = None;
        }
    }
}
