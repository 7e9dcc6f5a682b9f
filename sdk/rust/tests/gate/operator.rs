//! An operator with the log's keys, the tenant's feed and no scruples: puts leaves on the log that no admission has seen. No reader
//! takes one of them for a grant of a customer who has enrolled a key: not a replica, whether it starts or runs, not a receipt,
//! and not the second verifier.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use grantbook_record::day::UnixSeconds;
use grantbook_record::encoding::{Base64Bytes, Bytes32, to_base64url};
use grantbook_record::entry::{self, Salt};
use grantbook_record::event::{
    Claims, Event, Evidence, GrantAmended, GrantGiven, GrantPaused, GrantResumed, KeyEnrolled, KeyRotated,
    MandateWithdrawn,
};
use grantbook_record::feed::{About, Frame};
use grantbook_record::receipt::{Content, EventContent, VerifiedContent};
use grantbook_record::terms::Validity;
use grantbook_record::{Envelope, Jti, Kind, Signer};
use grantbook_sdk::{BootTime, Decision, Question, Replica};
use serde_json::{Value, json};

use crate::book::{BOUND, Book, NOW, entry_of, facts, signer, sub, tenant};

const SENT: BootTime = BootTime(std::time::Duration::from_secs(100));

fn anna() -> Signer {
    signer(20)
}

fn bert() -> Signer {
    signer(21)
}

fn stranger() -> Signer {
    signer(66)
}

/// What the operator puts on the log after what is there.
struct Forgery {
    name: &'static str,
    leaves: fn(&mut Book),
    /// Whether the signature is anna's own, of an earlier grant: a receipt of it is genuine, and gives nothing.
    replayed: bool,
}

const fn forged(name: &'static str, leaves: fn(&mut Book)) -> Forgery {
    Forgery { name, leaves, replayed: false }
}

const FORGERIES: [Forgery; 9] = [
    forged("signed by a stranger", |book| {
        book.grant("anna", &stranger());
    }),
    forged("signed by another customer", |book| {
        book.grant("anna", &bert());
    }),
    forged("signed by the enterprise", |book| {
        let enterprise = book.enterprise.clone();
        book.grant("anna", &enterprise);
    }),
    forged("signed by the operator", |book| {
        let operator = book.operator.clone();
        book.grant("anna", &operator);
    }),
    forged("by a second first key, on the operator's word", |book| {
        let operator = book.operator.clone();
        second_first_key(book, Evidence::OperatorsWord, &operator);
    }),
    forged("by a second first key, on the enterprise's word", |book| {
        let enterprise = book.enterprise.clone();
        second_first_key(book, Evidence::Enterprise, &enterprise);
    }),
    forged("by a key that took the place of hers", |book| {
        let old = anna().thumbprint();
        let event = KeyRotated { sub: sub("anna"), old, new: *stranger().public_key(), recovery: None };
        let payload = Claims::new(tenant(), book.jti(), event).to_json();
        let operator = book.operator.clone();
        book.append_payload(
            Kind::KeyRotated,
            &payload,
            &[&operator, &stranger()],
            About::Customer(sub("anna")),
        );
        book.grant("anna", &stranger());
    }),
    forged("another customer's with her name written over it", |book| {
        book.grant("bert", &bert());
        let frame = book.frames.last().unwrap().clone();
        let envelope = String::from_utf8(envelope_of(&frame)[4..].to_vec()).unwrap();
        let mut parts: Vec<&str> = envelope.split('.').collect();
        let payload = grantbook_record::encoding::from_base64url(parts[1]).unwrap();
        let payload = String::from_utf8(payload).unwrap().replace("\"bert\"", "\"anna\"");
        let payload = to_base64url(payload.as_bytes());
        parts[1] = &payload;
        let jws = parts.join(".");
        let length = u32::try_from(jws.len()).unwrap().to_be_bytes();
        again(book, &frame, [&length, jws.as_bytes()].concat(), &bert());
    }),
    Forgery {
        name: "her own grant once more, after she has withdrawn it",
        leaves: |book| {
            let grant = book.grant("anna", &anna());
            let frame = book.frames.last().unwrap().clone();
            book.withdraw("anna", grant, &anna());
            let envelope = envelope_of(&frame);
            again(book, &frame, envelope, &anna());
        },
        replayed: true,
    },
];

fn second_first_key(book: &mut Book, evidence: Evidence, word: &Signer) {
    let key = *stranger().public_key();
    let event = KeyEnrolled { sub: sub("anna"), key, evidence, recovery: None };
    book.append(&Event::KeyEnrolled(event), &[&stranger(), word]);
    book.grant("anna", &stranger());
}

fn envelope_of(frame: &Frame) -> Vec<u8> {
    let Content::Event(content) = &frame.receipt.content else { panic!("an event") };
    content.envelope.0.clone()
}

fn id_of(frame: &Frame) -> Jti {
    let envelope = Envelope::parse(&envelope_of(frame)).unwrap();
    Event::parse(envelope.kind(), envelope.payload()).unwrap().jti
}

/// A leaf like another one's, with this envelope, about anna.
fn again(book: &mut Book, like: &Frame, envelope: Vec<u8>, key: &Signer) {
    once_more(book, like, (Kind::GrantGiven, envelope), key);
}

fn once_more(book: &mut Book, like: &Frame, (kind, envelope): (Kind, Vec<u8>), key: &Signer) {
    let salt = Salt(Bytes32([9; 32]));
    let digest = entry::digest(&salt, &Bytes32::sha256(&envelope), None);
    let values: Vec<u32> =
        like.receipt.openings.iter().map(|opening| u32::try_from(opening.value).unwrap()).collect();
    let (entry, openings) = entry_of(kind, digest, &values);
    let keys = vec![*key.public_key()];
    let content = Content::Event(EventContent { envelope: Base64Bytes(envelope), keys, attached: None });
    let about = serde_json::to_string(&like.about).unwrap().replace("\"bert\"", "\"anna\"");
    book.append_entry(entry, salt, content, openings, serde_json::from_str(&about).unwrap());
}

/// Appends an event of anna's, and gives its frame.
fn signed(book: &mut Book, event: &Event) -> Frame {
    book.append(event, &[&anna()]);
    book.frames.last().unwrap().clone()
}

/// What anna has signed comes again after she has changed her mind: what the operator takes, and puts on the log once more.
type Replay = (&'static str, Kind, fn(&mut Book) -> Frame);

const REPLAYS: [Replay; 3] = [
    ("a resumption, after she has paused it anew", Kind::GrantResumed, |book| {
        let grant = book.grant("anna", &anna());
        let paused = Event::GrantPaused(GrantPaused { sub: sub("anna"), grant });
        signed(book, &paused);
        let resumed = signed(book, &Event::GrantResumed(GrantResumed { sub: sub("anna"), grant }));
        assert!(permits(book, 0));
        signed(book, &paused);
        resumed
    }),
    ("an amendment, after she has narrowed it", Kind::GrantAmended, |book| {
        let grant = book.grant("anna", &anna());
        let terms = book.terms();
        let amended = |terms| GrantAmended { sub: sub("anna"), grant, terms, birth_day: None };
        let wider = signed(book, &Event::GrantAmended(amended(terms.clone())));
        assert!(permits(book, 0));
        let mut narrower = terms;
        narrower.validity = Validity::new(narrower.validity.start(), UnixSeconds(NOW)).unwrap();
        signed(book, &Event::GrantAmended(amended(narrower)));
        wider
    }),
    ("a mandate, after she has ended it", Kind::MandateGiven, |book| {
        let agent = bert();
        let given = serde_json::from_value(json!({
            "sub": "anna", "from": {"key": anna().thumbprint()}, "agent": agent.public_key(),
            "until": NOW + 86_400, "depth": 0, "rules": [{"accept": {}}],
        }));
        let given = signed(book, &Event::MandateGiven(given.unwrap()));
        let mandate = id_of(&given);
        let ended = MandateWithdrawn { sub: sub("anna"), mandate, channel: None };
        signed(book, &Event::MandateWithdrawn(ended));
        given
    }),
];

#[test]
fn what_was_signed_once_counts_once() {
    for (name, kind, of_before) in REPLAYS {
        let (mut book, _) = enrolled();
        let frame = of_before(&mut book);
        assert!(!permits(&book, 0), "{name}: as she wants it");
        let envelope = envelope_of(&frame);
        once_more(&mut book, &frame, (kind, envelope), &anna());
        if kind == Kind::MandateGiven {
            // the operator holds the agent's key too
            let (terms, mandate) = (book.terms(), Some(id_of(&frame)));
            let event = GrantGiven { sub: sub("anna"), terms, request: None, birth_day: None, mandate };
            book.append(&Event::GrantGiven(event), &[&bert()]);
        }
        assert!(!permits(&book, 0), "{name}");
    }
}

/// A log on which both have enrolled a key; the number of its frames.
fn enrolled() -> (Book, usize) {
    let mut book = Book::new();
    book.enrol("anna", &anna());
    book.enrol("bert", &bert());
    let honest = book.frames.len();
    (book, honest)
}

/// Whether a replica that takes in what it can, and hears a head after `head_after` frames and one at the end, permits a use.
fn permits(book: &Book, head_after: usize) -> bool {
    let mut replica = Replica::new(book.pins(), BOUND);
    for (at, frame) in book.frames.iter().enumerate() {
        if at == head_after {
            drop(replica.take_head(&book.head([4; 32]), Question::new([4; 32], SENT), SENT));
        }
        // a gate that is refused a frame goes no further with this feed
        let Ok(verified) = book.pins().verify_frame(frame) else { break };
        if replica.take_frame(verified).is_err() {
            break;
        }
    }
    drop(replica.take_head(&book.head([5; 32]), Question::new([5; 32], SENT), SENT));
    matches!(replica.decide(&facts("anna"), None, SENT), Decision::Permit(_))
}

#[test]
fn no_leaf_of_the_operators_is_a_grant_to_a_replica() {
    let (mut book, honest) = enrolled();
    assert!(!permits(&book, 0));
    book.grant("anna", &anna());
    for head_after in [0, honest] {
        assert!(permits(&book, head_after), "her own grant is one");
    }
    for Forgery { name, leaves, .. } in FORGERIES {
        let (mut book, honest) = enrolled();
        leaves(&mut book);
        for head_after in [0, honest, book.frames.len() - 1] {
            assert!(!permits(&book, head_after), "{name}");
        }
    }
}

/// Receipts of all leaves that the forgeries come with, whose they would be; the log's keys are the same for all books.
fn receipts() -> Vec<(&'static str, bool, Frame)> {
    let mut all = Vec::new();
    for Forgery { name, leaves, replayed } in FORGERIES {
        let (mut book, honest) = enrolled();
        leaves(&mut book);
        all.extend(book.frames.drain(honest..).map(|frame| (name, replayed, frame)));
    }
    all
}

#[test]
fn no_receipt_of_such_a_leaf_shows_her_signature() {
    let (book, _) = enrolled();
    let mut of_anna = 0;
    for (name, replayed, frame) in receipts() {
        let Ok(verified) = frame.receipt.verify(&book.log_keys()) else { continue };
        let VerifiedContent::Event { claims, keys } = verified.content else { panic!("{name}") };
        if let Event::GrantGiven(given) = &claims.event
            && given.sub == sub("anna")
        {
            of_anna += 1;
            assert_eq!(keys.contains(anna().public_key()), replayed, "{name}");
        }
    }
    assert_eq!(of_anna, 7 + 2, "those whose signatures are good, and hers twice");
}

/// What the second verifier says of each receipt: who signed it for whom, or `null`.
fn second_verifier(book: &Book, receipts: &[Value]) -> Option<Vec<Value>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = Command::new("node");
    command.arg(root.join("tests/browser/signers.mjs")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        println!("skipped: the second verifier of forged leaves: there is no node");
        return None;
    };
    let told = json!({"vkey": book.log_keys().to_string(), "receipts": receipts}).to_string();
    child.stdin.take().unwrap().write_all(told.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn the_second_verifier_sees_no_signature_of_hers_either() {
    let (book, _) = enrolled();
    let receipts = receipts();
    let texts: Vec<Value> = receipts
        .iter()
        .map(|(_, _, frame)| Value::String(String::from_utf8(frame.receipt.to_json()).unwrap()))
        .collect();
    let Some(said) = second_verifier(&book, &texts) else { return };
    let her_key = to_base64url(anna().public_key().as_bytes());
    let mut of_anna = 0;
    for ((name, replayed, _), said) in receipts.iter().zip(&said) {
        if said["kind"] == "grant.given" && said["sub"] == "anna" {
            of_anna += 1;
            assert_eq!(said["signer"] == her_key.as_str(), *replayed, "{name}: {said}");
        }
    }
    assert_eq!((of_anna, said.len()), (7 + 2, receipts.len()), "{said:?}");
}
