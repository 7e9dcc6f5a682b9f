//! A small log: real keys and signatures, entries with commitments of zeros, which the feed does not open.

use std::time::Duration;

use grantbook_compliance::{Blinding, Opening, commit_batch};
use grantbook_record::day::UnixSeconds;
use grantbook_record::encoding::{Base64Bytes, Bytes32};
use grantbook_record::entry::{self, LinkTarget, Salt};
use grantbook_record::event::{
    Bounds, Claims, Event, Evidence, GrantGiven, GrantWithdrawn, KeyEnrolled, LocalText, NoticePublished,
    TemplatePublished,
};
use grantbook_record::feed::{About, Chain, Frame};
use grantbook_record::head::{Head, SignedHead};
use grantbook_record::list::List;
use grantbook_record::receipt::{Content, EventContent, LinkOpening, Receipt, UseContent, WireOpening};
use grantbook_record::scope::Clause;
use grantbook_record::terms::{
    Compensation, DeleteBy, Language, Limits, NoticeShown, Obligation, RetentionDays, TemplateRef, Validity,
};
use grantbook_record::uses::{Outcome, Permitted, UseFacts, UseId, UseRecord, sign_batch};
use grantbook_record::{
    Class, Currency, DataDay, DataPeriod, Entry, Envelope, GateId, Jti, Kind, PublicKey, Scope, Signer,
    SubjectId, TenantId, Term, Terms, UnixMillis,
};
use grantbook_sdk::{BootTime, Parties, Pins, Question, Replica};
use grantbook_tlog::{
    Checkpoint, CompactRange, Hash, LeafIndex, LogKeys, NodeReader, SignatureKind, SigningKey, TlogProof,
    TreeSize, cosignature, inclusion_proof, leaf_hash,
};
use serde::Serialize;

pub(crate) const ORIGIN: &str = "grantbook.test/log";
/// 2026-07-01T00:00:00Z
pub(crate) const NOW: u64 = 1_782_864_000;
pub(crate) const BOUND: Duration = Duration::from_secs(5);
const CLOCK_SEED: [u8; 32] = [2; 32];

pub(crate) fn signer(seed: u8) -> Signer {
    Signer::from_seed(&[seed; 32]).unwrap()
}

pub(crate) fn term(text: &str) -> Term {
    Term::parse(text).unwrap()
}

pub(crate) fn sub(text: &str) -> SubjectId {
    SubjectId::parse(text).unwrap()
}

pub(crate) fn tenant() -> TenantId {
    TenantId::parse("0191f3a0-5e1c-7b3a-9a55-3f4d2a6d9b11").unwrap()
}

fn one<T, const MAX: usize>(item: T) -> List<T, 1, MAX> {
    List::new(vec![item]).unwrap()
}

fn period() -> DataPeriod {
    DataPeriod::new(DataDay::parse("2026-04-01").unwrap(), DataDay::parse("2026-06-30").unwrap()).unwrap()
}

/// The whole second quarter's purchase dates of one customer, for research.
pub(crate) fn facts(customer: &str) -> UseFacts {
    UseFacts {
        data_subject: sub(customer),
        requester: term("analytics"),
        recipient: term("lab"),
        purpose: term("research"),
        action: term("read"),
        categories: one(term("purchases")),
        fields: one(term("date")),
        data_period: period(),
        rows: std::collections::BTreeMap::new(),
        level: None,
        onward: grantbook_record::list::List::default(),
    }
}

/// A log with its keys, its leaves and one tenant's feed.
pub(crate) struct Book {
    log: SigningKey,
    clock: SigningKey,
    leaves: Vec<Hash>,
    pub(crate) chain: Chain,
    pub(crate) frames: Vec<Frame>,
    pub(crate) enterprise: Signer,
    pub(crate) operator: Signer,
    template: Bytes32,
    ids: u8,
    uses: u64,
}

struct Leaves<'a>(&'a [Hash]);

impl NodeReader for Leaves<'_> {
    type Error = std::convert::Infallible;
    fn node(&self, level: u8, index: u64) -> Result<Hash, Self::Error> {
        let width = 1_usize << level;
        let start = usize::try_from(index).unwrap() * width;
        Ok(root(&self.0[start..start + width]))
    }
}

fn root(leaves: &[Hash]) -> Hash {
    let mut range = CompactRange::new();
    for leaf in leaves {
        range.append(*leaf, |_, _, _| ()).unwrap();
    }
    range.root()
}

impl Book {
    /// With a template and a notice published, and no customer.
    pub(crate) fn new() -> Self {
        let log = SigningKey::from_seed(ORIGIN, SignatureKind::Ed25519, &[1; 32]).unwrap();
        let clock =
            SigningKey::from_seed(&format!("{ORIGIN}/clock"), SignatureKind::Cosignature, &CLOCK_SEED)
                .unwrap();
        let mut book = Self {
            log,
            clock,
            leaves: Vec::new(),
            chain: Chain::start(ORIGIN, tenant()),
            frames: Vec::new(),
            enterprise: signer(3),
            operator: signer(4),
            template: Bytes32([0; 32]),
            ids: 0,
            uses: 0,
        };
        let bounds = Bounds::new(
            one(term("maker")),
            one(term("lab")),
            one(term("research")),
            one(term("purchases")),
            366,
        );
        let text =
            LocalText { language: Language::English, title: "Research".into(), body: "We ask.".into() };
        let template = TemplatePublished::new(term("research"), 1, one(text), bounds);
        let enterprise = book.enterprise.clone();
        book.append(&Event::TemplatePublished(template), &[&enterprise]);
        let Content::Event(content) = &book.frames[0].receipt.content else { unreachable!() };
        book.template = Bytes32::sha256(&content.envelope.0);
        let notice = NoticePublished {
            id: term("notice"),
            version: 1,
            language: Language::English,
            text: "notice".into(),
            contents: None,
        };
        book.append(&Event::NoticePublished(notice), &[&enterprise]);
        book
    }

    pub(crate) fn log_keys(&self) -> LogKeys {
        LogKeys::new(self.log.verifier_key().clone(), self.clock.verifier_key().clone()).unwrap()
    }

    pub(crate) fn pins(&self) -> Pins {
        let parties =
            Parties { enterprise: self.enterprise.thumbprint(), operator: self.operator.thumbprint() };
        Pins { tenant: tenant(), log_keys: self.log_keys(), parties }
    }

    pub(crate) fn size(&self) -> u64 {
        self.leaves.len() as u64
    }

    pub(crate) fn jti(&mut self) -> Jti {
        self.ids += 1;
        Jti::new(UnixMillis(NOW * 1000 + u64::from(self.ids)), [self.ids; 10])
    }

    /// Enrols a customer's key, with the enterprise's word.
    pub(crate) fn enrol(&mut self, customer: &str, key: &Signer) {
        let event = KeyEnrolled {
            sub: sub(customer),
            key: *key.public_key(),
            evidence: Evidence::Enterprise,
            recovery: None,
        };
        let enterprise = self.enterprise.clone();
        self.append(&Event::KeyEnrolled(event), &[key, &enterprise]);
    }

    /// The terms of a grant that permits [`facts`].
    pub(crate) fn terms(&self) -> Terms {
        let clause = Clause {
            category: term("purchases"),
            period: Some(period()),
            fields: None,
            filter: List::default(),
        };
        Terms {
            controller: term("maker"),
            recipient: term("lab"),
            purpose: term("research"),
            scope: Scope { include: one(clause), exclude: List::default() },
            validity: Validity::new(UnixSeconds(NOW - 86_400), UnixSeconds(NOW + 30 * 86_400)).unwrap(),
            limits: Limits::default(),
            compensation: Compensation::None,
            obligations: List::new(vec![Obligation::DeleteBy(DeleteBy {
                days: RetentionDays::new(30).unwrap(),
            })])
            .unwrap(),
            notice: NoticeShown {
                hash: Bytes32::sha256(b"notice"),
                language: Language::English,
                shown_at: UnixSeconds(NOW),
            },
            template: TemplateRef { id: term("research"), version: 1, hash: self.template },
            consents: List::default(),
            supersedes: None,
            licence: None,
            vocabulary: grantbook_record::VocabularyVersion::FIRST,
        }
    }

    /// A grant that permits [`facts`], signed by `key`.
    pub(crate) fn grant(&mut self, customer: &str, key: &Signer) -> Jti {
        let terms = self.terms();
        // that it answers a request must not matter to a reader who is never sent requests
        let request = Some(self.jti());
        let event = GrantGiven { sub: sub(customer), terms, request, birth_day: None, mandate: None };
        self.append(&Event::GrantGiven(event), &[key])
    }

    pub(crate) fn withdraw(&mut self, customer: &str, grant: Jti, key: &Signer) {
        let event = GrantWithdrawn { sub: sub(customer), grant, channel: None };
        self.append(&Event::GrantWithdrawn(event), &[key]);
    }

    /// Signs an event and appends it.
    pub(crate) fn append(&mut self, event: &Event, signers: &[&Signer]) -> Jti {
        self.append_for(tenant(), event, signers)
    }

    pub(crate) fn append_for(&mut self, aud: TenantId, event: &Event, signers: &[&Signer]) -> Jti {
        let jti = self.jti();
        let about = About::of(&Claims::new(aud, jti, event.clone()));
        let payload = match event {
            Event::KeyEnrolled(event) => claims(aud, jti, event),
            Event::TemplatePublished(event) => claims(aud, jti, event),
            Event::NoticePublished(event) => claims(aud, jti, event),
            Event::VocabularyPublished(event) => claims(aud, jti, event),
            Event::SourceOwned(event) => claims(aud, jti, event),
            Event::PolicyPublished(event) => claims(aud, jti, event),
            Event::GrantGiven(event) => claims(aud, jti, event),
            Event::GrantAmended(event) => claims(aud, jti, event),
            Event::GrantPaused(event) => claims(aud, jti, event),
            Event::GrantResumed(event) => claims(aud, jti, event),
            Event::GrantWithdrawn(event) => claims(aud, jti, event),
            Event::MandateGiven(event) => claims(aud, jti, event),
            Event::MandateWithdrawn(event) => claims(aud, jti, event),
            Event::SubjectErased(event) => claims(aud, jti, event),
            _ => unreachable!("not made in these tests"),
        };
        self.append_payload(event.kind(), &payload, signers, about);
        jti
    }

    /// Appends whatever the payload says.
    pub(crate) fn append_payload(&mut self, kind: Kind, payload: &[u8], signers: &[&Signer], about: About) {
        let envelope = Envelope::sign(kind, payload, signers);
        let keys: Vec<PublicKey> = signers.iter().map(|signer| *signer.public_key()).collect();
        let salt = Salt(Bytes32([9; 32]));
        let digest = entry::digest(&salt, &Bytes32::sha256(&envelope), None);
        let (entry, openings) = entry_of(kind, digest, &committed(kind, payload));
        let content = Content::Event(EventContent { envelope: Base64Bytes(envelope), keys, attached: None });
        self.append_entry(entry, salt, content, openings, about);
    }

    /// Appends bytes as an entry and feeds it.
    pub(crate) fn append_entry(
        &mut self,
        entry: Vec<u8>,
        salt: Salt,
        content: Content,
        openings: Vec<WireOpening>,
        about: About,
    ) {
        let index = self.size();
        let seq = self.chain.position;
        let leaf = leaf_hash(&entry);
        self.chain = self.chain.next(index, &leaf);
        let receipt = self.receipt(entry, salt, content, openings);
        self.frames.push(Frame { seq, chain: self.chain.value, about, receipt });
    }

    fn receipt(
        &mut self,
        entry: Vec<u8>,
        salt: Salt,
        content: Content,
        openings: Vec<WireOpening>,
    ) -> Receipt {
        let index = LeafIndex(self.size());
        self.leaves.push(leaf_hash(&entry));
        let size = TreeSize(self.size());
        let checkpoint = Checkpoint::new(ORIGIN, size, root(&self.leaves)).unwrap();
        let mut note = checkpoint.sign(&self.log).unwrap();
        let time = grantbook_tlog::UnixSeconds(NOW);
        note.add(cosignature::sign(&self.clock, time, &checkpoint.to_string()).unwrap()).unwrap();
        let path = inclusion_proof(index, size, &Leaves(&self.leaves)).unwrap();
        let proof = TlogProof::new(None, index, path, &note.to_string()).unwrap().to_string();
        let kind = Kind::from_number(entry[1]);
        let link = link_of(kind.unwrap_or(Kind::OperatorActed));
        Receipt { v: 1, proof, entry: Base64Bytes(entry), salt, link, content, openings }
    }

    /// Records a permitted use, as the ledger's own gate does; not fed.
    pub(crate) fn record(
        &mut self,
        facts: &UseFacts,
        use_id: Option<UseId>,
        grant: Jti,
    ) -> (LeafIndex, Receipt) {
        let record = UseRecord {
            use_id,
            ..UseRecord::new(
                GateId::parse("remote").unwrap(),
                self.uses,
                UnixSeconds(NOW),
                facts.clone(),
                Outcome::Permitted(Permitted::committed(grant)),
            )
        };
        self.uses += 1;
        let salt = Salt(Bytes32([8; 32]));
        let claims = Claims::new(tenant(), self.jti(), ());
        let mut wire = sign_batch(&claims, &[(record, salt)], &self.operator).unwrap();
        let json = wire.records.remove(0).record;
        let digest = entry::digest(&salt, &Bytes32::sha256(json.as_bytes()), None);
        let (entry, openings) = entry_of(Kind::UseRecorded, digest, &[UnixSeconds(NOW).since_2020().0, 0]);
        let key = *self.operator.public_key();
        let content = UseContent { record: json, head: wire.head, path: Vec::new(), key };
        let index = LeafIndex(self.size());
        (index, self.receipt(entry, salt, Content::Use(Box::new(content)), openings))
    }

    /// A head over one nonce, as far as the book has come.
    pub(crate) fn head(&self, nonce: [u8; 32]) -> SignedHead {
        self.head_at(self.chain, nonce)
    }

    /// A head that says that the feed reaches elsewhere.
    pub(crate) fn head_at(&self, feed: Chain, nonce: [u8; 32]) -> SignedHead {
        let head = Head {
            origin: ORIGIN.to_owned(),
            tenant: tenant(),
            size: TreeSize(self.size()),
            root: root(&self.leaves),
            feed,
            time: UnixMillis(NOW * 1000),
            nonces: Hash([0; 32]),
        };
        let clock = Signer::from_seed(&CLOCK_SEED).unwrap();
        SignedHead::sign(head, &[[7; 32], nonce, [6; 32]], &clock).remove(1)
    }

    /// A replica that has taken in all frames and a head, whose nonce was sent at `sent`.
    pub(crate) fn replica(&self, sent: BootTime) -> Replica {
        let mut replica = Replica::new(self.pins(), BOUND);
        for frame in &self.frames {
            replica.take_frame(self.pins().verify_frame(frame).unwrap()).unwrap();
        }
        replica.take_head(&self.head([5; 32]), Question::new([5; 32], sent), sent).unwrap();
        replica
    }
}

fn claims(aud: TenantId, jti: Jti, event: &impl Serialize) -> Vec<u8> {
    Claims::new(aud, jti, event).to_json()
}

/// An entry of the kind's first class that commits to `values`, and the openings.
pub(crate) fn entry_of(kind: Kind, digest: Bytes32, values: &[u32]) -> (Vec<u8>, Vec<WireOpening>) {
    let class: Class = Class::allowed(kind)[0];
    assert_eq!(class.quantities().len(), values.len(), "{kind}");
    let blinding = Bytes32(std::array::from_fn(|at| u8::from(at == 0)));
    let openings: Vec<Opening> = values
        .iter()
        .map(|value| Opening {
            value: u64::from(*value),
            blinding: Blinding::from_bytes(blinding.0).unwrap(),
        })
        .collect();
    let LinkOpening { salt, group, target } = link_of(kind);
    let entry = Entry {
        kind,
        class,
        currency: Currency::NONE,
        day: UnixSeconds(NOW).day(),
        tag: [0; 16],
        digest,
        link: entry::link(&salt, group, &target),
        commitments: commit_batch(&openings),
    };
    let wire = openings.iter().map(|opening| WireOpening { value: opening.value, blinding });
    (entry.to_bytes(), wire.collect())
}

/// What the ledger commits to for an event of this payload.
fn committed(kind: Kind, payload: &[u8]) -> Vec<u32> {
    let event = Event::parse(kind, payload).map(|claims| claims.event);
    match event.as_ref().ok().and_then(Event::granted_terms) {
        Some(terms) => terms.committed(None).1,
        None if kind.is_grant_state() && Class::allowed(kind) == [Class::Timed] => {
            vec![UnixSeconds(NOW).since_2020().0]
        }
        // a payload that this reader does not know
        None => vec![0; Class::allowed(kind)[0].quantities().len()],
    }
}

/// Kinds that must name an entry name one that gates do not look at.
fn link_of(kind: Kind) -> LinkOpening {
    let named = LinkTarget {
        origin_sha256: Bytes32::sha256(ORIGIN.as_bytes()),
        leaf_index: 3,
        leaf_hash: Bytes32([3; 32]),
    };
    let target = if kind.needs_link() { named } else { LinkTarget::NONE };
    LinkOpening { salt: Salt(Bytes32([7; 32])), group: 1, target }
}
