//! The formats of consent.

use std::fmt::Debug;
use std::sync::LazyLock;

use grantbook_record::archive::Reader;
use grantbook_record::attachment::Attachments;
use grantbook_record::audit::{Answer, Request};
use grantbook_record::event::{self, Claims};
use grantbook_record::feed::Frame;
use grantbook_record::head::{Head, SignedHead};
use grantbook_record::lease::{LeasesReleased, WANTS_MAX, parse_release};
use grantbook_record::strict_json;
use grantbook_record::uses::{UseBatch, UseRecord};
use grantbook_record::webauthn::RelyingParty;
use grantbook_record::{
    Entry, Envelope, Event, Kind, PublicKey, Receipt, Scope, StateProof, TenantId, Terms,
};
use grantbook_tlog::LogKeys;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The keys of the story in `ledger/record/tests`, so that its receipts verify.
static LOG_KEYS: LazyLock<Option<LogKeys>> = LazyLock::new(|| {
    let [log, clock] = [
        ("grantbook.example/sandbox", grantbook_tlog::SignatureKind::Ed25519, [0x11; 32]),
        ("grantbook.example/sandbox/clock", grantbook_tlog::SignatureKind::Cosignature, [0x22; 32]),
    ]
    .map(|(name, kind, seed)| {
        let key = grantbook_tlog::SigningKey::from_seed(name, kind, &seed).ok()?;
        Some(key.verifier_key().clone())
    });
    LogKeys::new(log?, clock?).ok()
});

/// What `T` writes, it reads again as the same.
fn round_trip<T: Serialize + DeserializeOwned + PartialEq + Debug>(json: &[u8]) {
    if let Ok(value) = strict_json::parse::<T>(json) {
        let written = serde_json::to_vec(&value).unwrap_or_default();
        assert_eq!(strict_json::parse::<T>(&written).as_ref(), Ok(&value));
    }
}

/// Envelopes.
pub fn envelope(data: &[u8]) {
    if let Ok(envelope) = Envelope::parse(data) {
        assert_eq!(envelope.as_bytes(), data);
        assert!(envelope.verify_signatures(|_| None).is_err());
        let _ = envelope.event();
        payload(envelope.kind(), envelope.payload());
    }
}

/// Payloads; the first byte is the kind's number.
pub fn event(data: &[u8]) {
    let Some((number, json)) = data.split_first() else { return };
    if let Some(kind) = Kind::from_number(*number) {
        let _ = Event::parse(kind, json);
        payload(kind, json);
    }
}

fn payload(kind: Kind, json: &[u8]) {
    match kind {
        Kind::KeyEnrolled => round_trip::<Claims<event::KeyEnrolled>>(json),
        Kind::KeyRotated => round_trip::<Claims<event::KeyRotated>>(json),
        Kind::KeyRevoked => round_trip::<Claims<event::KeyRevoked>>(json),
        Kind::VocabularyPublished => round_trip::<Claims<event::VocabularyPublished>>(json),
        Kind::MandateGiven => round_trip::<Claims<event::MandateGiven>>(json),
        Kind::MandateWithdrawn => round_trip::<Claims<event::MandateWithdrawn>>(json),
        Kind::GuardianNamed => round_trip::<Claims<event::GuardianNamed>>(json),
        Kind::SignatoriesAgreed => round_trip::<Claims<event::SignatoriesAgreed>>(json),
        Kind::MilestoneConfirmed => round_trip::<Claims<event::MilestoneConfirmed>>(json),
        Kind::TierAgreed => round_trip::<Claims<event::TierAgreed>>(json),
        Kind::SourceOwned => round_trip::<Claims<event::SourceOwned>>(json),
        Kind::TemplatePublished => round_trip::<Claims<event::TemplatePublished>>(json),
        Kind::NoticePublished => round_trip::<Claims<event::NoticePublished>>(json),
        Kind::PolicyPublished => round_trip::<Claims<event::PolicyPublished>>(json),
        Kind::RequestMade => round_trip::<Claims<event::RequestMade>>(json),
        Kind::RequestDeclined => round_trip::<Claims<event::RequestDeclined>>(json),
        Kind::GrantGiven => round_trip::<Claims<event::GrantGiven>>(json),
        Kind::GrantAmended => round_trip::<Claims<event::GrantAmended>>(json),
        Kind::GrantPaused => round_trip::<Claims<event::GrantPaused>>(json),
        Kind::GrantResumed => round_trip::<Claims<event::GrantResumed>>(json),
        Kind::GrantWithdrawn => round_trip::<Claims<event::GrantWithdrawn>>(json),
        Kind::GrantRevoked => round_trip::<Claims<event::GrantRevoked>>(json),
        Kind::SubjectErased => round_trip::<Claims<event::SubjectErased>>(json),
        Kind::OperatorActed => round_trip::<Claims<event::OperatorActed>>(json),
        Kind::StateRoot => round_trip::<Claims<event::StateRoot>>(json),
        _ => {}
    }
}

/// Entries.
pub fn entry(data: &[u8]) {
    if let Ok(entry) = Entry::parse(data) {
        assert_eq!(entry.to_bytes(), data);
    }
}

/// Batches of uses.
pub fn use_batch(data: &[u8]) {
    if let Ok(batch) = UseBatch::parse(data) {
        assert!(!batch.records.is_empty());
        for record in &batch.records {
            use_record(&record.json);
        }
    }
}

/// Use records.
pub fn use_record(data: &[u8]) {
    if let Ok(record) = UseRecord::parse(data) {
        assert_eq!(UseRecord::parse(&record.to_json()), Ok(record));
    }
}

/// Releases of leases.
pub fn lease_release(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok((claims, _)) = parse_release(text) {
        assert!(claims.event.releases.len() <= WANTS_MAX);
        round_trip::<Claims<LeasesReleased>>(&claims.to_json());
    }
}

/// Requests for an audit; a draw is never longer than what was asked for.
pub fn audit_request(data: &[u8]) {
    if let Ok(request) = Request::parse(data) {
        assert_eq!(request.to_json(), data.strip_suffix(b"\n").unwrap_or(data));
        if request.count() < 100 {
            assert_eq!(request.draw().map(|drawn| drawn.len()), Ok(request.count() as usize));
        }
    }
}

/// What is opened in an audit.
pub fn audit_answer(data: &[u8]) {
    if let Ok(answer) = Answer::parse(data) {
        assert_eq!(answer.to_json(), data.strip_suffix(b"\n").unwrap_or(data));
    }
}

/// Receipts.
pub fn receipt(data: &[u8]) {
    if let Ok(receipt) = Receipt::parse(data) {
        assert_eq!(receipt.to_json(), data.strip_suffix(b"\n").unwrap_or(data));
        if let Some(keys) = LOG_KEYS.as_ref() {
            let _ = receipt.verify(keys);
        }
    }
}

/// Attachments, and the assertions in them.
pub fn attachments(data: &[u8]) {
    if let Ok(attachments) = Attachments::parse(data) {
        assert_eq!(Attachments::parse(&attachments.to_json()).as_ref(), Ok(&attachments));
        let relying_party =
            RelyingParty { id: "portal.example".into(), origin: "https://portal.example".into() };
        let _ = attachments.verify("", &relying_party);
    }
}

/// State proofs.
pub fn state_proof(data: &[u8]) {
    if let Ok(proof) = StateProof::parse(data) {
        assert_eq!(proof.to_json(), data.strip_suffix(b"\n").unwrap_or(data));
        if let Some(keys) = LOG_KEYS.as_ref() {
            let _ = proof.verify(keys);
        }
    }
}

/// Archives, line by line.
pub fn archive(data: &[u8]) {
    let mut lines = data.split_inclusive(|byte| *byte == b'\n');
    let Some(Ok(mut reader)) = lines.next().map(|line| Reader::begin(line, None)) else { return };
    let mut records = 0;
    for line in lines {
        match reader.line(line) {
            Ok(Some(record)) => {
                records += 1;
                assert_eq!(record.number, records);
            }
            Ok(None) => {}
            Err(_) => return,
        }
    }
    if let Ok(header) = reader.finish() {
        assert_eq!(header.records, records);
    }
}

/// Frames of the feed.
pub fn frame(data: &[u8]) {
    if let Ok(frame) = Frame::parse(data) {
        assert_eq!(frame.to_json(), data);
    }
}

/// The text of a head.
pub fn head(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(head) = Head::parse(text) {
        assert_eq!(head.to_text(), text);
    }
}

/// Signed heads.
pub fn signed_head(data: &[u8]) {
    if let (Ok(head), Some(keys)) = (SignedHead::parse(data), LOG_KEYS.as_ref()) {
        assert_eq!(SignedHead::parse(&head.to_json()), Ok(head.clone()));
        let _ = head.verify(keys, TenantId::from_bytes([7; 16]), &[0; 32]);
    }
}

/// Scopes.
pub fn scope(data: &[u8]) {
    round_trip::<Scope>(data);
}

/// A grant's terms.
pub fn terms(data: &[u8]) {
    if let Ok(terms) = strict_json::parse::<Terms>(data) {
        let (class, values) = terms.committed(None);
        assert_eq!(class.quantities().len(), values.len());
    }
    round_trip::<Terms>(data);
}

/// Public keys.
pub fn jwk(data: &[u8]) {
    if let Ok(key) = PublicKey::parse_jwk(data) {
        assert_eq!(PublicKey::from_bytes(key.as_bytes()), Ok(key));
    }
    round_trip::<PublicKey>(data);
}
