//! The story's log: entries with real commitments under a checkpoint that both of the log's keys have signed.

use std::collections::HashMap;
use std::convert::Infallible;

use grantbook_compliance::{Blinding, Opening, commit};
use grantbook_record::archive::{ArchivedGate, ArchivedTenant, Header, Record, Writer};
use grantbook_record::audit::Request;
use grantbook_record::class::Class;
use grantbook_record::encoding::{Base64Bytes, Bytes32};
use grantbook_record::entry::{self, Entry, LinkTarget, TagKey};
use grantbook_record::event::{Claims, Event, Evidence, KeyEnrolled};
use grantbook_record::feed::{About, Chain, Frame};
use grantbook_record::head::{Head, SignedHead};
use grantbook_record::receipt::{Content, EventContent, LinkOpening, UseContent, WireOpening};
use grantbook_record::state_proof::{GrantStates, GrantStatus, StateProof};
use grantbook_record::uses::{BatchTree, UseBatch};
use grantbook_record::{
    Currency, Envelope, GateId, Kind, Receipt, Salt, Signer, TenantId, UnixMillis, UnixSeconds,
};
use grantbook_tlog::{
    Checkpoint, CompactRange, Hash, LeafIndex, LogKeys, NodeReader, Note, SignatureKind, SigningKey,
    TlogProof, cosignature, inclusion_proof, leaf_hash,
};

use crate::map;
use crate::story::{self, NOW, ORIGIN, Sample, salt, sample, tenant};

/// Seed of the clock's key.
const CLOCK_SEED: [u8; 32] = [0x22; 32];
/// Where the story's grant stands.
pub(crate) const GRANT_AT: u64 = 3;
/// The batch's uses stand from here on.
pub(crate) const USES_AT: u64 = 4;
/// Where the withdrawal stands.
pub(crate) const WITHDRAWN_AT: u64 = 7;

/// Roots of the map of grant states stand from here on.
pub(crate) const STATE_ROOTS_AT: u64 = 8;
/// Where a further key of the customer stands.
pub(crate) const SECOND_KEY_AT: u64 = 11;

/// Sizes of which there are roots, and what the customer's grants came to then.
pub(crate) fn state_roots() -> [(u64, Option<GrantStates>); 3] {
    [
        (3, None),
        (7, Some(map::states(GrantStatus::Active, 3))),
        (8, Some(map::states(GrantStatus::Withdrawn, WITHDRAWN_AT))),
    ]
}

/// What the log holds of one entry.
#[derive(Clone)]
pub(crate) struct Item {
    pub(crate) entry: Vec<u8>,
    salt: Salt,
    link: LinkOpening,
    content: Content,
    openings: Vec<WireOpening>,
}

#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) items: Vec<Item>,
    pub(crate) range: CompactRange,
    nodes: HashMap<(u8, u64), Hash>,
}

impl NodeReader for Ledger {
    type Error = Infallible;
    fn node(&self, level: u8, index: u64) -> Result<Hash, Infallible> {
        Ok(self.nodes[&(level, index)])
    }
}

pub(crate) fn log_key() -> SigningKey {
    SigningKey::from_seed(ORIGIN, SignatureKind::Ed25519, &[0x11; 32]).unwrap()
}

pub(crate) fn clock_key() -> SigningKey {
    SigningKey::from_seed(&format!("{ORIGIN}/clock"), SignatureKind::Cosignature, &CLOCK_SEED).unwrap()
}

/// The clock's key as it signs heads.
pub(crate) fn clock_signer() -> Signer {
    Signer::from_seed(&CLOCK_SEED).unwrap()
}

pub(crate) fn log_keys() -> LogKeys {
    LogKeys::new(log_key().verifier_key().clone(), clock_key().verifier_key().clone()).unwrap()
}

/// The log's key of type 0x06, which readers of the story may pin as well.
pub(crate) fn post_quantum_key() -> SigningKey {
    SigningKey::from_seed(ORIGIN, SignatureKind::MlDsa44, &[0x12; 32]).unwrap()
}

/// Somebody else, who has seen the log.
pub(crate) fn witness_key(number: u8) -> SigningKey {
    let name = format!("witness.example/w{number}");
    SigningKey::from_seed(&name, SignatureKind::Cosignature, &[0x50 + number; 32]).unwrap()
}

/// Both witnesses.
pub(crate) fn policy() -> String {
    let (one, two) = (witness_key(1), witness_key(2));
    format!(
        "witness one {}\nwitness two {}\ngroup both all one two\nquorum both\n",
        one.verifier_key(),
        two.verifier_key()
    )
}

pub(crate) fn tag_key() -> TagKey {
    TagKey::from_bytes([0x33; 32])
}

/// A blinding that follows from its place, below 2^252 and so below the group's order.
fn blinding(leaf_index: u64, at: usize) -> Blinding {
    let mut bytes = Bytes32::sha256(format!("blinding {leaf_index} {at}").as_bytes()).0;
    bytes[31] &= 0x0f;
    Blinding::from_bytes(bytes).unwrap()
}

impl Ledger {
    /// Key enrolled, template, notice, grant, two uses and a denial, withdrawal.
    pub(crate) fn story() -> Self {
        let mut log = Self::default();
        let china = Currency::parse("CNY").unwrap();
        let now = NOW.since_2020().0;
        for kind in [Kind::KeyEnrolled, Kind::TemplatePublished, Kind::NoticePublished] {
            log.event(kind, Currency::NONE, &[], None);
        }
        log.event(Kind::GrantGiven, china, &story::terms().committed(None).1, None);
        let grant = log.target(GRANT_AT);
        let batch = UseBatch::from_wire(story::batch()).unwrap();
        let digests: Vec<Bytes32> = batch.records.iter().map(|record| record.digest).collect();
        for (at, record) in batch.records.iter().enumerate() {
            let (class, currency, values) = match record.record.kind() {
                Kind::UseRecorded => (Class::Use, china, vec![now + 600, 80]),
                _ => (Class::Plain, Currency::NONE, vec![]),
            };
            let path = BatchTree::new(&digests).path(at).unwrap();
            let content = Content::Use(Box::new(UseContent {
                record: String::from_utf8(record.json.clone()).unwrap(),
                head: batch.head.clone(),
                path: path.into_iter().map(|hash| Bytes32(hash.0)).collect(),
                key: *story::gate().public_key(),
            }));
            let head = (record.record.kind(), class, currency);
            log.append(head, &values, record.digest, record.salt, Some(grant.clone()), content);
        }
        log.event(Kind::GrantWithdrawn, Currency::NONE, &[now + 700], Some(grant));
        log
    }

    /// The story, then roots of the map of grant states: as of before the grant, while it was active, after its end; and
    /// at last another key of the customer, enrolled on the first one's word.
    pub(crate) fn with_state_roots() -> Self {
        let mut log = Self::story();
        for (number, (size, states)) in (15..).zip(state_roots()) {
            log.state_root(number, size, states.as_ref());
        }
        let key = *story::second_key().public_key();
        let second =
            KeyEnrolled { sub: story::subject(), key, evidence: Evidence::EnrolledKey, recovery: None };
        let signers = vec![story::second_key(), story::customer()];
        log.signed(&Sample::new(Kind::KeyEnrolled, 19, second, signers), Currency::NONE, &[], None);
        log
    }

    /// A root of the map with these states of the customer, said to be of this size.
    pub(crate) fn state_root(&mut self, number: u8, size: u64, states: Option<&GrantStates>) {
        let sample = story::state_root(number, size, map::root(&map::leaves(states)));
        self.signed(&sample, Currency::NONE, &[], None);
    }

    /// The same in the name of a tenant.
    pub(crate) fn state_root_of_a_tenant(&mut self, number: u8, size: u64, states: Option<&GrantStates>) {
        let mut sample = story::state_root(number, size, map::root(&map::leaves(states)));
        let (log, tenant) = (TenantId::of_log(story::ORIGIN).to_string(), story::tenant().to_string());
        sample.payload = String::from_utf8(sample.payload).unwrap().replace(&log, &tenant).into_bytes();
        self.signed(&sample, Currency::NONE, &[], None);
    }

    /// The proof of the story's customer at the root that stands at `leaf_index`.
    pub(crate) fn state_proof(&self, leaf_index: u64) -> StateProof {
        let (_, states) = state_roots()[usize::try_from(leaf_index - STATE_ROOTS_AT).unwrap()].clone();
        let map = map::prove(&map::leaves(states.as_ref()), &map::customers_key());
        StateProof { v: 1, root: self.receipt(leaf_index), enrolment: self.receipt(0), states, map }
    }

    fn event(&mut self, kind: Kind, currency: Currency, values: &[u32], target: Option<LinkTarget>) {
        self.signed(&sample(kind), currency, values, target);
    }

    fn signed(&mut self, sample: &Sample, currency: Currency, values: &[u32], target: Option<LinkTarget>) {
        let kind = sample.kind;
        let bytes = sample.envelope();
        let salt = salt(&format!("entry {}", self.items.len()));
        let digest = entry::digest(&salt, &Bytes32::sha256(&bytes), None);
        let keys = sample.signers.iter().map(|signer| *signer.public_key()).collect();
        let content = Content::Event(EventContent { envelope: Base64Bytes(bytes), keys, attached: None });
        let class = Class::allowed(kind)[0];
        self.append((kind, class, currency), values, digest, salt, target, content);
    }

    fn append(
        &mut self,
        (kind, class, currency): (Kind, Class, Currency),
        values: &[u32],
        digest: Bytes32,
        salt_of_digest: Salt,
        target: Option<LinkTarget>,
        content: Content,
    ) {
        let leaf_index = self.items.len() as u64;
        let link = LinkOpening {
            salt: salt(&format!("link {leaf_index}")),
            group: u16::from(kind == Kind::GrantGiven || target.is_some()),
            target: target.unwrap_or(LinkTarget::NONE),
        };
        let openings: Vec<Opening> = (0..)
            .zip(values)
            .map(|(at, value)| Opening { value: u64::from(*value), blinding: blinding(leaf_index, at) })
            .collect();
        let entry = Entry {
            kind,
            class,
            currency,
            day: NOW.day(),
            tag: tag_key().day_key(NOW.day()).tag(ORIGIN, LeafIndex(leaf_index)),
            digest,
            link: entry::link(&link.salt, link.group, &link.target),
            commitments: openings.iter().map(commit).collect(),
        }
        .to_bytes();
        let openings = openings
            .iter()
            .map(|opening| WireOpening {
                value: opening.value,
                blinding: Bytes32(opening.blinding.to_bytes()),
            })
            .collect();
        self.put(Item { entry, salt: salt_of_digest, link, content, openings });
    }

    fn put(&mut self, item: Item) {
        let nodes = &mut self.nodes;
        self.range
            .append(leaf_hash(&item.entry), |level, index, hash| {
                nodes.insert((level, index), hash);
            })
            .unwrap();
        self.items.push(item);
    }

    /// An entry once more, at the end.
    pub(crate) fn again(&mut self, leaf_index: u64) -> u64 {
        let item = self.items[usize::try_from(leaf_index).unwrap()].clone();
        self.put(item);
        self.items.len() as u64 - 1
    }

    pub(crate) fn target(&self, leaf_index: u64) -> LinkTarget {
        let leaf = leaf_hash(&self.items[usize::try_from(leaf_index).unwrap()].entry);
        let origin_sha256 = Bytes32::sha256(ORIGIN.as_bytes());
        LinkTarget { origin_sha256, leaf_index, leaf_hash: Bytes32(leaf.0) }
    }

    /// The proof file of an entry that is the only one of a log.
    pub(crate) fn alone(entry: &[u8]) -> String {
        let mut log = Self::default();
        log.range.append(leaf_hash(entry), |_, _, _| ()).unwrap();
        TlogProof::new(None, LeafIndex(0), Vec::new(), &log.checkpoint()).unwrap().to_string()
    }

    /// The signed and cosigned checkpoint over all entries.
    pub(crate) fn checkpoint(&self) -> String {
        let checkpoint = Checkpoint::new(ORIGIN, self.range.size(), self.range.root()).unwrap();
        let mut note = checkpoint.sign(&log_key()).unwrap();
        let time = grantbook_tlog::UnixSeconds(NOW.0 + 700);
        note.add(cosignature::sign(&clock_key(), time, &checkpoint.to_string()).unwrap()).unwrap();
        note.to_string()
    }

    /// The checkpoint as it is published: signed by the ML-DSA-44 key too, and cosigned by both witnesses.
    pub(crate) fn witnessed_checkpoint(&self) -> String {
        let mut note = Note::parse(self.checkpoint().as_bytes()).unwrap();
        let text = note.text().to_owned();
        for (key, later) in [(post_quantum_key(), 0), (witness_key(1), 1), (witness_key(2), 2)] {
            let time = grantbook_tlog::UnixSeconds(NOW.0 + 700 + later);
            note.add(cosignature::sign(&key, time, &text).unwrap()).unwrap();
        }
        note.to_string()
    }

    /// A regulator's request for five entries.
    pub(crate) fn audit(&self) -> Request {
        Request::new(&self.checkpoint(), Bytes32([0x37; 32]), 5).unwrap()
    }

    pub(crate) fn receipt(&self, leaf_index: u64) -> Receipt {
        self.receipt_under(leaf_index, &self.checkpoint())
    }

    pub(crate) fn receipt_under(&self, leaf_index: u64, checkpoint: &str) -> Receipt {
        let item = &self.items[usize::try_from(leaf_index).unwrap()];
        let hashes = inclusion_proof(LeafIndex(leaf_index), self.range.size(), self).unwrap();
        let proof = TlogProof::new(None, LeafIndex(leaf_index), hashes, checkpoint).unwrap();
        Receipt {
            v: 1,
            proof: proof.to_string(),
            entry: Base64Bytes(item.entry.clone()),
            salt: item.salt,
            link: item.link.clone(),
            content: item.content.clone(),
            openings: item.openings.clone(),
        }
    }

    /// An archive of these entries, line by line.
    pub(crate) fn archive(&self, leaves: &[u64]) -> Vec<Vec<u8>> {
        self.archive_with(leaves, &|_| (), &|leaf| self.receipt(leaf))
    }

    /// The same with another header, and with receipts from elsewhere.
    pub(crate) fn archive_with(
        &self,
        leaves: &[u64],
        edit: &dyn Fn(&mut Header),
        receipt: &dyn Fn(u64) -> Receipt,
    ) -> Vec<Vec<u8>> {
        let mut header = Header {
            v: 1,
            vkey: log_keys().to_string(),
            tenant: ArchivedTenant {
                id: tenant(),
                name: "Harbour Insurance".to_owned(),
                enterprise_key: *story::enterprise().public_key(),
                operator_key: *story::signer(0x05).public_key(),
                gates: vec![ArchivedGate {
                    id: GateId::parse("underwriting-1").unwrap(),
                    key: *story::gate().public_key(),
                }],
            },
            subject: None,
            checkpoint: self.checkpoint(),
            earlier: None,
            complete_below: None,
            states: None,
            records: leaves.len() as u64,
        };
        edit(&mut header);
        let (mut writer, first) = Writer::begin(header);
        let mut lines = vec![first];
        for leaf in leaves {
            let entry = |at: u64| self.items.get(usize::try_from(at).unwrap()).map(|item| &item.entry);
            let is_withdrawal = *leaf == WITHDRAWN_AT || entry(*leaf) == entry(WITHDRAWN_AT);
            lines.push(writer.record(Record {
                before: Bytes32([0; 32]),
                admitted_at: UnixSeconds(NOW.0 + if is_withdrawal { 700 } else { 0 }),
                flag: None,
                in_window: *leaf == USES_AT,
                receipt: receipt(*leaf),
                first: None,
            }));
        }
        lines.push(writer.end(&clock_signer()));
        lines
    }

    /// Entries about the story's customer or nobody, after [`Self::with_state_roots`].
    pub(crate) const CUSTOMERS: [u64; 9] = [0, 1, 2, 3, 4, 5, 6, WITHDRAWN_AT, SECOND_KEY_AT];

    /// Makes an archive the story's customer's.
    pub(crate) fn customers(&self, header: &mut Header) {
        header.subject = Some(story::subject());
        header.tenant.operator_key = *story::operator().public_key();
        header.complete_below = Some(self.range.size().0);
        header.states = Some(self.state_proof(STATE_ROOTS_AT + 2));
    }

    /// Another customer's key, which the log has at its end.
    pub(crate) fn enrol_another(&mut self) -> u64 {
        let sub = grantbook_record::SubjectId::parse("cs-00005").unwrap();
        let key = *story::signer(0x0b).public_key();
        let other = KeyEnrolled { sub, key, evidence: Evidence::Enterprise, recovery: None };
        let signers = vec![story::signer(0x0b), story::enterprise()];
        self.signed(&Sample::new(Kind::KeyEnrolled, 20, other, signers), Currency::NONE, &[], None);
        self.items.len() as u64 - 1
    }

    /// The tenant's feed: every entry of a fed kind; and the chain before each and after the last.
    pub(crate) fn feed(&self) -> (Vec<Frame>, Vec<Chain>) {
        let (mut frames, mut chains) = (Vec::new(), vec![Chain::start(ORIGIN, tenant())]);
        for (leaf_index, item) in (0..).zip(&self.items) {
            let Content::Event(EventContent { envelope, .. }) = &item.content else { continue };
            let envelope = Envelope::parse(&envelope.0).unwrap();
            if !envelope.kind().is_fed() {
                continue;
            }
            let claims: Claims<Event> = envelope.event().unwrap();
            let before = *chains.last().unwrap();
            let after = before.next(leaf_index, &leaf_hash(&item.entry));
            let receipt = self.receipt(leaf_index);
            let about = About::of(&claims);
            frames.push(Frame { seq: before.position, chain: after.value, about, receipt });
            chains.push(after);
        }
        (frames, chains)
    }

    /// A head over the feed's end and these nonces.
    pub(crate) fn heads(&self, nonces: &[[u8; 32]]) -> Vec<SignedHead> {
        let head = Head {
            origin: ORIGIN.to_owned(),
            tenant: tenant(),
            size: self.range.size(),
            root: self.range.root(),
            feed: *self.feed().1.last().unwrap(),
            time: UnixMillis(NOW.0 * 1000 + 700_250),
            nonces: Hash([0; 32]),
        };
        SignedHead::sign(head, nonces, &clock_signer())
    }
}

/// The nonces under the story's head.
pub(crate) fn nonces() -> [[u8; 32]; 3] {
    [1, 2, 3].map(|n| Bytes32::sha256(&[n]).0)
}
