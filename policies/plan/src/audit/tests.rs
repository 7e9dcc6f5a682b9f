//! A small log of two enterprises, kept honestly or not, and audits over all of it.

mod mandates;

use std::collections::HashMap;
use std::convert::Infallible;

use grantbook_compliance::{Blinding, Opening, commit};
use grantbook_record::audit::{Answer, Request};
use grantbook_record::class::Class;
use grantbook_record::encoding::{Base64Bytes, Bytes32};
use grantbook_record::entry::{self, Entry, LinkTarget, Salt, TagKey};
use grantbook_record::event::{
    Acknowledger, Act, Claims, DataDeleted, Event, GrantAmended, GrantWithdrawn, OperatorActed,
    RecipientAcknowledged, RecordedUse,
};
use grantbook_record::receipt::{Content, EventContent, LinkOpening, UseContent, WireOpening};
use grantbook_record::uses::{Outcome, Permitted, UseBatch, UseFacts, UseRecord, sign_batch};
use grantbook_record::{
    Currency, DenialReason, Envelope, GateId, Jti, Kind, Receipt, Signer, TenantId, UnixMillis, UnixSeconds,
};
use grantbook_tlog::{
    Checkpoint, CompactRange, Demands, Hash, LeafIndex, LogKeys, NodeReader, SignatureKind, SigningKey,
    TlogProof, cosignature, inclusion_proof, leaf_hash,
};
use serde_json::{Value, json};

use super::{Auditor, Check, Report};
use crate::samples::{START, facts, given, jti, signer, subject, terms};

const ORIGIN: &str = "log.example/audited";
/// When everything happens.
const AT: u64 = START.0 + 600;

/// What an entry is made of; a ledger that cheats changes it before it is appended.
struct Draft {
    kind: Kind,
    class: Class,
    currency: Currency,
    /// What is committed.
    values: Vec<u32>,
    /// What the openings say is committed.
    said: Vec<u32>,
    group: u16,
    target: Option<u64>,
    tenant: u8,
    digest: Bytes32,
    content: Content,
}

#[derive(Default)]
struct Log {
    receipts: Vec<Receipt>,
    tenants: Vec<u8>,
    flags: HashMap<u64, DenialReason>,
    range: CompactRange,
    nodes: HashMap<(u8, u64), Hash>,
}

impl NodeReader for Log {
    type Error = Infallible;
    fn node(&self, level: u8, index: u64) -> Result<Hash, Infallible> {
        Ok(self.nodes[&(level, index)])
    }
}

fn log_key() -> SigningKey {
    SigningKey::from_seed(ORIGIN, SignatureKind::Ed25519, &[0x11; 32]).unwrap()
}

fn clock_key() -> SigningKey {
    SigningKey::from_seed(&format!("{ORIGIN}/clock"), SignatureKind::Cosignature, &[0x22; 32]).unwrap()
}

fn log_keys() -> LogKeys {
    LogKeys::new(log_key().verifier_key().clone(), clock_key().verifier_key().clone()).unwrap()
}

fn salt(name: &str) -> Salt {
    Salt(Bytes32::sha256(name.as_bytes()))
}

/// An enterprise by its number; 0 is the log itself.
fn tenant(number: u8) -> TenantId {
    if number == 0 { TenantId::of_log(ORIGIN) } else { TenantId::from_bytes([number; 16]) }
}

fn tag_key(number: u8) -> TagKey {
    if number == 0 { TagKey::of_log(ORIGIN) } else { TagKey::from_bytes([number; 32]) }
}

fn china() -> Currency {
    Currency::parse("CNY").unwrap()
}

fn since_2020(at: u64) -> u32 {
    UnixSeconds(at).since_2020().0
}

/// The `n`th event of an enterprise, signed by the key of this number.
fn event<T: serde::Serialize>(number: u8, kind: Kind, n: u8, event: T, by: &Signer) -> Draft {
    let claims = Claims::new(tenant(number), jti(n), event).to_json();
    let envelope = Envelope::sign(kind, &claims, &[by]);
    let read: Event = Envelope::parse(&envelope).unwrap().event().unwrap().event;
    let granted = read.granted_terms();
    let (class, mut values) = match granted {
        Some(terms) => terms.committed(None),
        None if read.changed_grant().is_some() => (Class::Timed, vec![since_2020(AT)]),
        None => (Class::Plain, vec![]),
    };
    if matches!(read, Event::GrantAmended(_)) {
        values[0] = since_2020(AT);
    }
    let digest = entry::digest(&salt("digest"), &Bytes32::sha256(&envelope), None);
    let keys = vec![*by.public_key()];
    Draft {
        kind,
        class,
        currency: granted.map_or(Currency::NONE, |terms| terms.compensation.currency()),
        said: values.clone(),
        values,
        group: u16::from(granted.is_some()),
        target: None,
        tenant: number,
        digest,
        content: Content::Event(EventContent { envelope: Base64Bytes(envelope), keys, attached: None }),
    }
}

/// A recorded use under the grant whose terms stand at `target`.
fn used(number: u8, seq: u64, facts: UseFacts, grant: Jti, target: u64) -> Draft {
    let gate = GateId::parse("gate-1").unwrap();
    let outcome = Outcome::Permitted(Permitted::committed(grant));
    let record = UseRecord::new(gate, seq, UnixSeconds(AT), facts, outcome);
    let claims = Claims::new(tenant(number), jti(200), ());
    let batch = sign_batch(&claims, &[(record, salt("digest"))], &signer(4)).unwrap();
    let batch = UseBatch::from_wire(batch).unwrap();
    let record = &batch.records[0];
    let values = vec![since_2020(AT), 80];
    Draft {
        kind: Kind::UseRecorded,
        class: Class::Use,
        currency: china(),
        said: values.clone(),
        values,
        group: 1,
        target: Some(target),
        tenant: number,
        digest: record.digest,
        content: Content::Use(Box::new(UseContent {
            record: String::from_utf8(record.json.clone()).unwrap(),
            head: batch.head.clone(),
            path: vec![],
            key: *signer(4).public_key(),
        })),
    }
}

/// What each entry of the log is, in order.
const GRANT: u64 = 0;
const USE: u64 = 1;
const OTHER_GRANT: u64 = 2;
const OTHER_USE: u64 = 3;
const AMENDED: u64 = 4;
const LATER_USE: u64 = 5;
const WITHDRAWN: u64 = 6;
const ACKNOWLEDGED: u64 = 7;
const DELETED: u64 = 8;
const ACT: u64 = 9;
const FLAGGED: u64 = 10;

fn draft(at: u64) -> Option<Draft> {
    let customer = signer(1);
    let about = |draft: Draft, target| Draft { target: Some(target), group: 1, ..draft };
    let sub = subject();
    let (one, other) = (jti(1), jti(2));
    Some(match at {
        GRANT => {
            let Event::GrantGiven(given) = given(terms(json!({}))) else { return None };
            event(1, Kind::GrantGiven, 1, given, &customer)
        }
        USE => used(1, 0, facts(json!({})), one, GRANT),
        OTHER_GRANT => {
            let Event::GrantGiven(given) = given(terms(json!({}))) else { return None };
            event(2, Kind::GrantGiven, 2, given, &customer)
        }
        OTHER_USE => used(2, 0, facts(json!({})), other, OTHER_GRANT),
        AMENDED => {
            let terms = terms(json!({"limits": {"uses": 20}}));
            let amended = GrantAmended { sub, grant: one, terms, birth_day: None };
            about(event(1, Kind::GrantAmended, 3, amended, &customer), GRANT)
        }
        LATER_USE => used(1, 1, facts(json!({})), one, AMENDED),
        WITHDRAWN => {
            let withdrawn = GrantWithdrawn { sub, grant: one, channel: None };
            about(event(1, Kind::GrantWithdrawn, 4, withdrawn, &customer), AMENDED)
        }
        ACKNOWLEDGED => {
            let acknowledged = RecipientAcknowledged {
                sub,
                grant: one,
                ended: jti(4),
                recipient: terms(json!({})).recipient,
                by: Acknowledger::Gates(1),
                at: UnixMillis(AT * 1000),
            };
            about(event(1, Kind::RecipientAcknowledged, 5, acknowledged, &signer(9)), WITHDRAWN)
        }
        DELETED => {
            let through = RecordedUse { gate: GateId::parse("gate-1").unwrap(), seq: 1 };
            let deleted = DataDeleted { sub, grant: one, through, at: UnixSeconds(AT) };
            about(event(1, Kind::DataDeleted, 6, deleted, &signer(3)), LATER_USE)
        }
        ACT => {
            let acted = OperatorActed { act: Act::GateRegistered, about: None };
            event(0, Kind::OperatorActed, 7, acted, &signer(9))
        }
        FLAGGED => used(1, 2, facts(json!({"fields": ["work_order"]})), one, AMENDED),
        _ => return None,
    })
}

impl Log {
    fn honest() -> Self {
        Self::with(|_, _| {})
    }

    /// The log of a ledger that `cheats` with what it appends.
    fn with(cheats: impl Fn(u64, &mut Draft)) -> Self {
        let drafts = (0..).map_while(draft).enumerate().map(|(at, mut draft)| {
            cheats(at as u64, &mut draft);
            draft
        });
        Self::of(drafts)
    }

    fn of(drafts: impl Iterator<Item = Draft>) -> Self {
        let mut log = Self::default();
        drafts.for_each(|draft| log.append(draft));
        log.flags.insert(FLAGGED, DenialReason::Field);
        let checkpoint = log.checkpoint();
        for at in 0..log.receipts.len() {
            let index = LeafIndex(at as u64);
            let hashes = inclusion_proof(index, log.range.size(), &log).unwrap();
            log.receipts[at].proof = TlogProof::new(None, index, hashes, &checkpoint).unwrap().to_string();
        }
        log
    }

    fn append(&mut self, draft: Draft) {
        let at = self.receipts.len() as u64;
        let target = draft.target.map_or(LinkTarget::NONE, |leaf_index| LinkTarget {
            origin_sha256: Bytes32::sha256(ORIGIN.as_bytes()),
            leaf_index,
            leaf_hash: Bytes32(leaf_hash(&self.receipts[usize::try_from(leaf_index).unwrap()].entry.0).0),
        });
        let link = LinkOpening { salt: salt(&format!("link {at}")), group: draft.group, target };
        let blinding = Blinding::from_bytes([1; 32]).unwrap();
        let day = UnixSeconds(AT).day();
        let opening = |value: &u32| Opening { value: u64::from(*value), blinding: blinding.clone() };
        let entry = Entry {
            kind: draft.kind,
            class: draft.class,
            currency: draft.currency,
            day,
            tag: tag_key(draft.tenant).day_key(day).tag(ORIGIN, LeafIndex(at)),
            digest: draft.digest,
            link: entry::link(&link.salt, link.group, &link.target),
            commitments: draft.values.iter().map(|value| commit(&opening(value))).collect(),
        }
        .to_bytes();
        let nodes = &mut self.nodes;
        let keep = |level, index, hash| {
            nodes.insert((level, index), hash);
        };
        self.range.append(leaf_hash(&entry), keep).unwrap();
        let openings = draft
            .said
            .iter()
            .map(|value| WireOpening { value: u64::from(*value), blinding: Bytes32(blinding.to_bytes()) });
        self.receipts.push(Receipt {
            v: 1,
            proof: String::new(),
            entry: Base64Bytes(entry),
            salt: salt("digest"),
            link,
            content: draft.content,
            openings: openings.collect(),
        });
        self.tenants.push(draft.tenant);
    }

    fn checkpoint(&self) -> String {
        let checkpoint = Checkpoint::new(ORIGIN, self.range.size(), self.range.root()).unwrap();
        let mut note = checkpoint.sign(&log_key()).unwrap();
        let time = grantbook_tlog::UnixSeconds(AT + 1);
        note.add(cosignature::sign(&clock_key(), time, &checkpoint.to_string()).unwrap()).unwrap();
        note.to_string()
    }

    /// Asks for all entries.
    fn request(&self) -> Request {
        let count = u32::try_from(self.receipts.len()).unwrap();
        Request::new(&self.checkpoint(), Bytes32([9; 32]), count).unwrap()
    }

    fn receipt(&self, at: u64) -> &Receipt {
        &self.receipts[usize::try_from(at).unwrap()]
    }

    fn text(&self, at: u64) -> String {
        String::from_utf8(self.receipt(at).to_json()).unwrap()
    }

    fn answer(&self, at: u64) -> Answer {
        let target = &self.receipt(at).link.target;
        let number = self.tenants[usize::try_from(at).unwrap()];
        let day = UnixSeconds(AT).day();
        Answer {
            index: at,
            day_key: Bytes32(tag_key(number).day_key(day).to_bytes()),
            receipt: self.text(at),
            under: (*target != LinkTarget::NONE).then(|| self.text(target.leaf_index)),
            flag: self.flags.get(&at).copied(),
        }
    }

    fn answers(&self) -> Vec<Answer> {
        self.request().draw().unwrap().into_iter().map(|LeafIndex(at)| self.answer(at)).collect()
    }

    fn audit(&self, answers: &[Answer]) -> Report {
        let mut auditor = Auditor::new(&self.request(), &log_keys(), &Demands::default()).unwrap();
        for answer in answers {
            auditor.take(&answer.to_json());
        }
        auditor.finish()
    }
}

/// What is left of an entry that nobody can open.
fn erased(text: &str) -> String {
    let mut receipt = Receipt::parse(text.as_bytes()).unwrap();
    let nothing = Salt(Bytes32([0; 32]));
    receipt.content = Content::Erased;
    receipt.salt = nothing;
    receipt.link = LinkOpening { salt: nothing, group: 0, target: LinkTarget::NONE };
    receipt.openings = vec![];
    String::from_utf8(receipt.to_json()).unwrap()
}

fn checks(report: &Report) -> Vec<(Option<u64>, Check)> {
    report.findings.iter().map(|finding| (finding.leaf_index, finding.check)).collect()
}

#[test]
fn an_honest_log_has_no_findings() {
    let log = Log::honest();
    let report = log.audit(&log.answers());
    assert_eq!(report.findings, [], "{report}");
    assert_eq!((report.drawn, report.opened, report.flagged), (11, 11, 1));
    assert_eq!(report.kinds["use.recorded"], 4);
    assert!(report.is_clean());
    // 1 − 0.05^(1/11)
    assert_eq!(report.false_per_million_below, Some(238_405));
    assert!(report.to_string().contains("fewer than 23.8405 %"), "{report}");
}

/// A log whose ledger cheats with the entry `at`, and the check that finds it.
#[track_caller]
fn cheat(at: u64, check: Check, cheats: impl Fn(&mut Draft)) {
    let log = Log::with(|entry, draft| {
        if entry == at {
            cheats(draft);
        }
    });
    let report = log.audit(&log.answers());
    assert!(checks(&report).contains(&(Some(at), check)), "expected {check:?} at {at}: {report}");
    assert_eq!(report.false_per_million_below, None);
}

fn reuse(draft: &mut Draft, other: Draft) {
    let Draft { class, currency, digest, content, .. } = other;
    (draft.class, draft.currency, draft.digest, draft.content) = (class, currency, digest, content);
}

#[test]
fn entries_filed_falsely_are_found() {
    // under another kind of the same class, so that no statement about withdrawals counts it
    cheat(WITHDRAWN, Check::Receipt, |draft| draft.kind = Kind::GrantPaused);
    // a value that is not what the openings say, and one that is not what was agreed
    cheat(USE, Check::Receipt, |draft| draft.values[1] = 81);
    cheat(USE, Check::Payout, |draft| (draft.values[1], draft.said[1]) = (79, 79));
    cheat(GRANT, Check::Receipt, |draft| (draft.values[3], draft.said[3]) = (79, 79));
    cheat(USE, Check::Payout, |draft| draft.currency = Currency::parse("EUR").unwrap());
    // another time than the gate's, and one long before the customer signed
    cheat(USE, Check::Time, |draft| (draft.values[0], draft.said[0]) = (1, 1));
    cheat(WITHDRAWN, Check::Time, |draft| (draft.values[0], draft.said[0]) = (1, 1));
    let next_week = since_2020(AT + 7 * 86_400);
    cheat(WITHDRAWN, Check::Time, |draft| (draft.values[0], draft.said[0]) = (next_week, next_week));
}

#[test]
fn uses_outside_their_terms_are_found_unless_flagged() {
    for patch in [
        json!({"fields": ["work_order"]}),
        json!({"recipient": "other-insurance"}),
        json!({"purpose": "marketing"}),
        json!({"data_period": {"from": "2025-06-30", "to": "2025-07-01"}}),
        json!({"categories": ["driving"], "fields": ["speed"]}),
    ] {
        let outside = |patch: &Value| used(1, 1, facts(patch.clone()), jti(1), AMENDED);
        cheat(LATER_USE, Check::Use, |draft| reuse(draft, outside(&patch)));
        let mut log = Log::with(|at, draft| {
            if at == LATER_USE {
                reuse(draft, outside(&patch));
            }
        });
        log.flags.insert(LATER_USE, DenialReason::Field);
        assert_eq!(checks(&log.audit(&log.answers())), [], "{patch}");
    }
    // recorded before the terms began: an amendment starts at its admission
    cheat(AMENDED, Check::Time, |draft| (draft.values[0], draft.said[0]) = (1, 1));
    let late = |draft: &mut Draft| {
        let starts = since_2020(AT + 60);
        (draft.values[0], draft.said[0]) = (starts, starts);
    };
    let log = Log::with(|at, draft| {
        if at == AMENDED {
            late(draft);
        }
    });
    let found = checks(&log.audit(&log.answers()));
    assert!(found.contains(&(Some(LATER_USE), Check::Use)), "{found:?}");
}

#[test]
fn a_flag_without_a_use_is_found() {
    let mut log = Log::honest();
    log.flags.insert(WITHDRAWN, DenialReason::Late);
    assert_eq!(checks(&log.audit(&log.answers())), [(Some(WITHDRAWN), Check::Form)]);
    log.flags = HashMap::new();
    assert_eq!(checks(&log.audit(&log.answers())), [(Some(FLAGGED), Check::Use)]);
}

#[test]
fn links_that_name_something_else_are_found() {
    // another enterprise's grant, an event that puts no terms in force, nothing at all, another grant's use
    cheat(USE, Check::Payout, |draft| draft.target = None);
    cheat(LATER_USE, Check::Link, |draft| draft.target = Some(OTHER_GRANT));
    cheat(WITHDRAWN, Check::Link, |draft| draft.target = Some(USE));
    cheat(WITHDRAWN, Check::Receipt, |draft| draft.target = None);
    cheat(ACKNOWLEDGED, Check::Link, |draft| draft.target = Some(AMENDED));
    cheat(DELETED, Check::Link, |draft| draft.target = Some(USE));
    cheat(LATER_USE, Check::Link, |draft| reuse(draft, used(1, 1, facts(json!({})), jti(2), AMENDED)));
    let stranger = || facts(json!({"data_subject": "cs-00005"}));
    cheat(LATER_USE, Check::Link, |draft| reuse(draft, used(1, 1, stranger(), jti(1), AMENDED)));
    // a use that names nothing pays nothing and is flagged
    cheat(USE, Check::Use, |draft| {
        (draft.target, draft.currency) = (None, Currency::NONE);
        (draft.values[1], draft.said[1], draft.group) = (0, 0, 0);
    });
}

#[test]
fn tags_of_others_are_found() {
    cheat(USE, Check::DayKey, |draft| draft.tenant = 2);
    cheat(ACT, Check::DayKey, |draft| draft.tenant = 2);
    let log = Log::honest();
    let mut answers = log.answers();
    let at = answers.iter().position(|answer| answer.index == USE).unwrap();
    answers[at].day_key = Bytes32([0; 32]);
    assert_eq!(checks(&log.audit(&answers)), [(Some(USE), Check::Tag)]);
}

#[test]
fn groups_that_stand_for_several_terms_are_found() {
    cheat(USE, Check::Group, |draft| draft.group = 2);
    cheat(ACT, Check::Group, |draft| draft.group = 1);
    cheat(GRANT, Check::Group, |draft| draft.group = 0);
    // the same terms under two groups: who is paid how would be hidden in the smaller one
    let log = Log::with(|at, draft| {
        if at >= AMENDED && at != ACT {
            draft.group = 2;
        }
    });
    let found = checks(&log.audit(&log.answers()));
    assert!(found.iter().any(|(_, check)| *check == Check::Group), "{found:?}");
}

#[test]
fn an_amendment_beyond_its_grant_is_found() {
    let terms = terms(json!({"purpose": "research", "limits": {"uses": 20}}));
    let amended = GrantAmended { sub: subject(), grant: jti(1), terms, birth_day: None };
    cheat(AMENDED, Check::Terms, |draft| {
        reuse(draft, event(1, Kind::GrantAmended, 3, amended.clone(), &signer(1)));
    });
}

#[test]
fn answers_that_lack_are_doubled_or_swapped_are_found() {
    let log = Log::honest();
    let honest = log.answers();

    let mut answers = honest.clone();
    let removed = answers.remove(5);
    assert_eq!(checks(&log.audit(&answers)), [(Some(removed.index), Check::Missing)]);

    let mut answers = honest.clone();
    answers.swap(2, 3);
    assert_eq!(checks(&log.audit(&answers)), [(Some(honest[2].index), Check::Order)]);

    let mut answers = honest.clone();
    answers.push(honest[0].clone());
    assert_eq!(checks(&log.audit(&answers)), [(Some(honest[0].index), Check::Order)]);

    // one entry's receipt in the place of another's
    let mut answers = honest.clone();
    answers[0].receipt = log.text(honest[1].index);
    assert_eq!(checks(&log.audit(&answers)), [(Some(honest[0].index), Check::Receipt)]);

    // a line that is no answer, and one of an entry that was not drawn
    let mut auditor = Auditor::new(&log.request(), &log_keys(), &Demands::default()).unwrap();
    auditor.take(b"{}");
    auditor.take(&Answer { index: 99, ..honest[0].clone() }.to_json());
    let found = checks(&auditor.finish());
    assert_eq!(found[..3], [(None, Check::Form), (Some(99), Check::Order), (Some(99), Check::Receipt)]);
    assert_eq!(found.len(), 3 + 11, "all of them are missing");
}

#[test]
fn answers_under_another_tree_are_found() {
    // the same first entries, and a later checkpoint: of which history it is, the regulator cannot tell
    let (log, mut longer) = (Log::honest(), Log::honest());
    longer.append(draft(ACT).unwrap());
    let (checkpoint, index) = (longer.checkpoint(), LeafIndex(USE));
    let hashes = inclusion_proof(index, longer.range.size(), &longer).unwrap();
    let mut answers = log.answers();
    let at = answers.iter().position(|answer| answer.index == USE).unwrap();
    let mut receipt = log.receipt(USE).clone();
    receipt.proof = TlogProof::new(None, index, hashes, &checkpoint).unwrap().to_string();
    answers[at].receipt = String::from_utf8(receipt.to_json()).unwrap();
    assert_eq!(checks(&log.audit(&answers)), [(Some(USE), Check::Receipt)]);
}

#[test]
fn what_is_erased_is_counted_apart() {
    let log = Log::honest();
    let mut answers = log.answers();
    for answer in &mut answers {
        match answer.index {
            OTHER_USE => {
                (answer.receipt, answer.under) = (erased(&answer.receipt), None);
            }
            // the terms of both are shredded
            USE | LATER_USE => answer.under = answer.under.as_deref().map(erased),
            _ => {}
        }
    }
    let report = log.audit(&answers);
    assert_eq!(checks(&report), [], "{report}");
    assert_eq!((report.opened, report.erased, report.without_terms), (8, 1, 2));
    // what is nobody's cannot be erased
    let at = answers.iter().position(|answer| answer.index == ACT).unwrap();
    answers[at].receipt = erased(&answers[at].receipt);
    assert_eq!(checks(&log.audit(&answers)), [(Some(ACT), Check::Erased)]);
    // an audit of which nothing could be opened says nothing
    for answer in &mut answers {
        (answer.receipt, answer.under) = (erased(&answer.receipt), None);
    }
    answers.retain(|answer| answer.index != ACT);
    assert!(!log.audit(&answers).is_clean());
}
