//! Policies, requests to witnesses, ML-DSA-44 lines, and what a reader makes of them.

use std::fmt::Write as _;

use grantbook_tlog::note::UnixSeconds;
use grantbook_tlog::policy::MAX_OF_EACH;
use grantbook_tlog::witness::{MAX_PROOF_LINES, RequestError, parse_lines};
use grantbook_tlog::{
    AddCheckpoint, Answer, Checkpoint, CheckpointError, Cosigned, Demands, LogKeys, Note, NoteError,
    NoteSignature, Policy, PolicyError, Refusal, SignatureKind, SigningKey, TreeSize, VerifierKey,
    consistency_proof, cosignature,
};
use proptest::prelude::*;

use crate::tree::MemoryTree;

const ORIGIN: &str = "log.example/a";
/// Whether it is the error that was expected.
type Wrong = fn(&RequestError) -> bool;

const TIME: UnixSeconds = UnixSeconds(1_800_000_000);

fn key(name: &str, kind: SignatureKind, seed: u8) -> SigningKey {
    SigningKey::from_seed(name, kind, &[seed; 32]).unwrap()
}

fn log_key() -> SigningKey {
    key(ORIGIN, SignatureKind::Ed25519, 1)
}

fn clock_key() -> SigningKey {
    key("log.example/a/clock", SignatureKind::Cosignature, 2)
}

fn post_quantum_key() -> SigningKey {
    key(ORIGIN, SignatureKind::MlDsa44, 3)
}

/// Witnesses of both kinds: even ones sign with Ed25519, odd ones with ML-DSA-44.
fn witness(number: u8) -> SigningKey {
    let kind = if number.is_multiple_of(2) { SignatureKind::Cosignature } else { SignatureKind::MlDsa44 };
    key(&format!("witness.example/w{number}"), kind, 0x40 + number)
}

fn keys() -> LogKeys {
    let keys = LogKeys::new(log_key().verifier_key().clone(), clock_key().verifier_key().clone()).unwrap();
    keys.with_post_quantum(post_quantum_key().verifier_key().clone()).unwrap()
}

fn signed(tree: &MemoryTree, size: u64, cosigners: &[SigningKey]) -> Note {
    let checkpoint = Checkpoint::new(ORIGIN, TreeSize(size), tree.root(size)).unwrap();
    let mut note = checkpoint.sign(&log_key()).unwrap();
    for cosigner in cosigners {
        note.add(cosignature::sign(cosigner, TIME, note.text()).unwrap()).unwrap();
    }
    note
}

fn policy_of(count: u8, rest: &str) -> Policy {
    let mut text = String::new();
    for number in 0..count {
        writeln!(text, "witness w{number} {}", witness(number).verifier_key()).unwrap();
    }
    Policy::parse(format!("{text}{rest}").as_bytes()).unwrap()
}

#[test]
fn an_ml_dsa_line_binds_name_time_origin_size_and_root() {
    let signer = post_quantum_key();
    let tree = MemoryTree::new(9);
    let note = signed(&tree, 9, std::slice::from_ref(&signer));
    assert_eq!(cosignature::verify(signer.verifier_key(), &note), Ok(TIME));
    assert_eq!(signer.verifier_key().public_key().len(), 1312);
    assert_eq!(VerifierKey::parse(&signer.verifier_key().to_string()).unwrap(), *signer.verifier_key());
    let line = note.signatures().last().unwrap();
    assert_eq!(line.bytes().len(), 8 + 2420);
    let verify = |key: &VerifierKey, text: &str, bytes: Vec<u8>| {
        key.verify(text, &NoteSignature::new(key.name(), key.key_id(), bytes).unwrap())
    };
    let good = line.bytes().to_vec();
    assert_eq!(verify(signer.verifier_key(), note.text(), good.clone()), Ok(Some(TIME)));
    for bit in (0..64).chain((64..good.len() * 8).step_by(97)) {
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(verify(signer.verifier_key(), note.text(), bytes).is_err(), "bit {bit}");
    }
    for text in [
        Checkpoint::new(ORIGIN, TreeSize(8), tree.root(9)).unwrap().to_string(),
        Checkpoint::new(ORIGIN, TreeSize(9), tree.root(8)).unwrap().to_string(),
        Checkpoint::new("log.example/b", TreeSize(9), tree.root(9)).unwrap().to_string(),
    ] {
        assert!(matches!(
            verify(signer.verifier_key(), &text, good.clone()),
            Err(NoteError::Signature { .. })
        ));
    }
    assert_eq!(verify(signer.verifier_key(), "no checkpoint\n", good.clone()), Err(NoteError::NotCheckpoint));
    // the same key under another name signs other messages, unlike Ed25519
    let renamed =
        VerifierKey::new("log.example/b", SignatureKind::MlDsa44, signer.verifier_key().public_key());
    assert!(verify(&renamed.unwrap(), note.text(), good).is_err());
    assert!(matches!(
        VerifierKey::new(ORIGIN, SignatureKind::MlDsa44, &[7; 32]),
        Err(NoteError::PublicKeyLength { expected: 1312, got: 32 })
    ));
}

#[test]
fn a_reader_may_demand_both_signatures() {
    let tree = MemoryTree::new(5);
    let (old, pinned) = (keys(), keys().to_string());
    assert_eq!(LogKeys::parse(&pinned).unwrap(), old);
    assert_eq!(pinned.lines().count(), 3);
    let two_lines = pinned.split_inclusive('\n').take(2).collect::<String>();
    let without = LogKeys::parse(&two_lines).unwrap();
    assert!(old.are_those_pinned(&old) && old.are_those_pinned(&without));
    assert!(!without.are_those_pinned(&old), "a pinned key may not vanish");

    let both = signed(&tree, 5, &[clock_key(), post_quantum_key()]).to_string();
    let classic = signed(&tree, 5, &[clock_key()]).to_string();
    let demands = |post_quantum| Demands { policy: None, post_quantum };
    assert!(demands(true).verify(&old, both.as_bytes()).unwrap().post_quantum);
    assert!(!demands(false).verify(&old, classic.as_bytes()).unwrap().post_quantum);
    let missing = Err(CheckpointError::PostQuantum);
    assert_eq!(demands(true).verify(&old, classic.as_bytes()), missing);
    // who pinned two keys only can go on, but cannot demand what they cannot check
    assert_eq!(demands(false).verify(&without, both.as_bytes()).unwrap().others.len(), 1);
    assert_eq!(demands(true).verify(&without, both.as_bytes()), missing);
    // a line by the known key must hold, demanded or not
    let mut forged = signed(&tree, 5, &[clock_key()]);
    let other = signed(&tree, 4, &[post_quantum_key()]);
    forged.add(other.signatures().last().unwrap().clone()).unwrap();
    assert!(demands(false).verify(&old, forged.to_string().as_bytes()).is_err());
}

#[test]
fn policies_parse_strictly() {
    let (w0, w1) = (witness(0).verifier_key().to_string(), witness(1).verifier_key().to_string());
    let log = log_key().verifier_key().to_string();
    let two = format!("witness a {w0}\nwitness b {w1} https://w.example/\n");
    for good in [
        "quorum none\n".to_owned(),
        format!("# a comment\n\n \t\nlog {log} https://log.example\nquorum none\n"),
        format!("  witness\ta   {w0}  \nquorum a\n"),
        format!("{two}group g 1 a b\nquorum g\n"),
        format!("{two}group g all a b\ngroup h any g\nquorum h\n"),
        format!("{two}quorum b\ngroup späte any a\n"),
    ] {
        Policy::parse(good.as_bytes()).unwrap_or_else(|error| panic!("{good}: {error}"));
    }
    for (bad, line) in [
        (format!("{two}group g 0 a b\nquorum g\n"), Some(3)),
        (format!("{two}group g 3 a b\nquorum g\n"), Some(3)),
        (format!("{two}group g 01 a b\nquorum g\n"), Some(3)),
        (format!("{two}group g some a b\nquorum g\n"), Some(3)),
        (format!("{two}group g all\nquorum none\n"), Some(3)),
        (format!("{two}group g all a a\nquorum g\n"), Some(3)),
        (format!("{two}group g any a\ngroup h any a\nquorum h\n"), Some(4)),
        (format!("{two}group g any g\nquorum none\n"), Some(3)),
        (format!("{two}group a any b\nquorum none\n"), Some(3)),
        (format!("{two}group none any b\nquorum none\n"), Some(3)),
        (format!("{two}quorum c\n"), Some(3)),
        (format!("quorum a\nwitness a {w0}\n"), Some(1)),
        (format!("witness a {w0}\nwitness b {w0}\nquorum a\n"), Some(2)),
        (format!("witness a {log}\nquorum a\n"), Some(1)),
        (format!("log {w0}\nquorum none\n"), Some(1)),
        (format!("log {log}\nlog {log}\nquorum none\n"), Some(2)),
        (format!("log {log} a b\nquorum none\n"), Some(1)),
        ("witness a key\nquorum a\n".to_owned(), Some(1)),
        ("Quorum none\n".to_owned(), Some(1)),
        (String::new(), None),
        ("quorum none\nquorum none\n".to_owned(), None),
        ("quorum none".to_owned(), None),
        ("quorum\u{0b}none\n".to_owned(), None),
        ("quorum none\r\n".to_owned(), None),
    ] {
        let got = match Policy::parse(bad.as_bytes()) {
            Err(PolicyError::Line { line, .. } | PolicyError::Key { line, .. }) => Some(line),
            Err(_) => None,
            Ok(_) => panic!("accepted: {bad}"),
        };
        assert_eq!(got, line, "{bad}");
    }
    assert_eq!(Policy::parse(b"quorum none\xff\n"), Err(PolicyError::Text));
    let many = |count: usize| {
        let mut text: String = format!("witness w {w0}\ngroup g0 any w\n");
        for number in 1..count {
            writeln!(text, "group g{number} any g{}", number - 1).unwrap();
        }
        Policy::parse(format!("{text}quorum none\n").as_bytes())
    };
    assert!(many(MAX_OF_EACH).is_ok());
    assert!(many(MAX_OF_EACH + 1).is_err());
}

#[test]
fn a_quorum_is_reached_by_those_whom_the_policy_asks_for() {
    let policy = policy_of(5, "group x 2 w0 w1 w2\ngroup y any w3 w4\ngroup both all x y\nquorum both\n");
    for set in 0..32_u8 {
        let has = |at: u8| set >> at & 1 == 1;
        let x = [0, 1, 2].into_iter().filter(|at| has(*at)).count();
        let expected = x >= 2 && (has(3) || has(4));
        assert_eq!(policy.is_quorum(|at| has(u8::try_from(at).unwrap())), expected, "{set:05b}");
    }
    let tree = MemoryTree::new(7);
    let cosigned = |by: &[u8]| {
        let cosigners: Vec<_> = by.iter().map(|number| witness(*number)).collect();
        policy.verify(&signed(&tree, 7, &cosigners))
    };
    let enough = cosigned(&[4, 1, 0]).unwrap();
    assert!(enough.quorum);
    let names: Vec<_> = enough.by.iter().map(|(name, time)| (name.as_str(), *time)).collect();
    assert_eq!(names, [("w0", TIME), ("w1", TIME), ("w4", TIME)]);
    assert!(!cosigned(&[0, 3, 4]).unwrap().quorum);
    assert!(!cosigned(&[]).unwrap().quorum);
    // a stranger counts for nothing, and twice the same witness spoils the note
    assert_eq!(cosigned(&[9]).unwrap().by, []);
    assert!(matches!(cosigned(&[0, 0, 3]), Err(NoteError::Repeated { .. })));
    assert!(policy_of(1, "quorum none\n").verify(&signed(&tree, 7, &[])).unwrap().quorum);
}

#[test]
fn the_time_of_a_witnessed_checkpoint_is_the_median() {
    let cosigned = |times: &[u64], quorum| Cosigned {
        by: times.iter().map(|time| (format!("w{time}"), UnixSeconds(*time))).collect(),
        quorum,
    };
    for (times, quorum, expected) in [
        (&[][..], true, None),
        (&[7], true, Some(7)),
        (&[9, 7], true, Some(7)),
        // one clock may be wrong either way
        (&[9, u64::MAX, 7], true, Some(9)),
        (&[9, 0, 7], true, Some(7)),
        (&[1, 2, 3, 4], true, Some(2)),
        (&[1, 2, 3], false, None),
    ] {
        assert_eq!(cosigned(times, quorum).median_time(), expected.map(UnixSeconds), "{times:?}");
    }
}

#[test]
fn a_policy_that_names_logs_accepts_no_other() {
    let tree = MemoryTree::new(3);
    let note = signed(&tree, 3, &[clock_key(), witness(0)]).to_string();
    let named = |key: &SigningKey| {
        let text = format!("log {}\nwitness w {}\nquorum w\n", key.verifier_key(), witness(0).verifier_key());
        let demands = Demands { policy: Some(Policy::parse(text.as_bytes()).unwrap()), post_quantum: false };
        demands.verify(&keys(), note.as_bytes())
    };
    assert!(named(&log_key()).unwrap().cosigned.quorum);
    assert!(named(&post_quantum_key()).unwrap().cosigned.quorum);
    let other = Err(CheckpointError::OtherLog { origin: ORIGIN.to_owned() });
    assert_eq!(named(&key(ORIGIN, SignatureKind::Ed25519, 9)), other);
}

fn request(tree: &MemoryTree, old: u64, new: u64) -> AddCheckpoint {
    let proof =
        if old <= new { consistency_proof(TreeSize(old), TreeSize(new), tree).unwrap() } else { Vec::new() };
    AddCheckpoint::new(TreeSize(old), proof, signed(tree, new, &[clock_key()])).unwrap()
}

#[test]
fn a_witness_judges_in_the_order_of_the_specification() {
    let tree = MemoryTree::new(20);
    let keys = [log_key().verifier_key().clone()];
    let at = |size: u64| Checkpoint::new(ORIGIN, TreeSize(size), tree.root(size)).unwrap();
    let forked = Checkpoint::new(ORIGIN, TreeSize(8), tree.root(7)).unwrap();
    let judge = |request: &AddCheckpoint, latest: Option<&Checkpoint>| request.judge(&keys, latest);
    assert_eq!(judge(&request(&tree, 0, 8), None), Ok(()));
    assert_eq!(judge(&request(&tree, 8, 8), Some(&at(8))), Ok(()));
    assert_eq!(judge(&request(&tree, 8, 20), Some(&at(8))), Ok(()));
    let known = |size| Err(Refusal::Conflict { known: TreeSize(size) });
    assert_eq!(judge(&request(&tree, 0, 20), Some(&at(8))), known(8));
    assert_eq!(judge(&request(&tree, 8, 20), None), known(0));
    assert_eq!(judge(&request(&tree, 5, 7), Some(&at(8))), known(8));
    assert_eq!(judge(&request(&tree, 8, 8), Some(&forked)), known(8));
    assert_eq!(judge(&request(&tree, 9, 8), Some(&at(9))), Err(Refusal::OldSize));
    let inconsistent = judge(&request(&tree, 8, 20), Some(&forked));
    assert!(matches!(inconsistent, Err(Refusal::Inconsistent(_))), "{inconsistent:?}");
    let stranger = [key(ORIGIN, SignatureKind::Ed25519, 9).verifier_key().clone()];
    assert_eq!(request(&tree, 9, 8).judge(&stranger, None), Err(Refusal::Unsigned));
    assert_eq!(request(&tree, 0, 8).judge(&[], None), Err(Refusal::UnknownLog));
    let elsewhere = [key("log.example/b", SignatureKind::Ed25519, 1).verifier_key().clone()];
    assert_eq!(request(&tree, 0, 8).judge(&elsewhere, None), Err(Refusal::UnknownLog));
}

#[test]
fn requests_and_answers_have_one_spelling() {
    let tree = MemoryTree::new(20);
    let good = request(&tree, 7, 20).to_string();
    assert_eq!(AddCheckpoint::parse(good.as_bytes()).unwrap().to_string(), good);
    let line = good.lines().nth(1).unwrap();
    let wrong: [(String, Wrong); 7] = [
        (good.replacen("old 7", "old 07", 1), |error| *error == RequestError::Old),
        (good.replacen("old 7\n", "", 1), |error| *error == RequestError::Old),
        (good.replacen("old 7", "old 7 ", 1), |error| *error == RequestError::Old),
        (good.replacen(line, &line[1..], 1), |error| *error == RequestError::HashLine { line: 1 }),
        (good.replacen("\n\n", "\n", 2), |error| *error == RequestError::Layout),
        (
            good.replacen("old 7\n", &format!("old 7\n{}", format!("{line}\n").repeat(MAX_PROOF_LINES)), 1),
            |error| *error == RequestError::TooManyHashes,
        ),
        (good.trim_end().to_owned(), |error| matches!(error, RequestError::Checkpoint(_))),
    ];
    for (text, expected) in wrong {
        let error = AddCheckpoint::parse(text.as_bytes()).unwrap_err();
        assert!(expected(&error), "{error}: {text}");
    }
    let cosigned = signed(&tree, 20, &[witness(0), witness(1)]);
    let lines = cosigned.signatures().to_vec();
    let text = cosigned.to_string();
    let body = text.split_once("\n\n").unwrap().1;
    assert_eq!(Answer::read(200, body.as_bytes()), Answer::Cosigned(lines));
    assert_eq!(Answer::read(200, body.trim_end().as_bytes()), Answer::Refused(200));
    assert_eq!(Answer::read(200, b""), Answer::Refused(200));
    assert_eq!(Answer::read(409, b"17\n"), Answer::Knows(TreeSize(17)));
    assert_eq!(Answer::read(409, b"017\n"), Answer::Refused(409));
    assert_eq!(Answer::read(409, b"17"), Answer::Refused(409));
    assert_eq!(Answer::read(409, b""), Answer::Inconsistent);
    assert_eq!(Answer::read(422, b"whatever"), Answer::Inconsistent);
    assert_eq!(Answer::read(404, b"17\n"), Answer::Refused(404));
    assert!(parse_lines("\n".repeat(101).as_bytes()).is_err());
}

/// The examples of the specification page hold together.
#[test]
fn the_specification_shows_a_request_that_is_cosigned() {
    let page = include_str!("../../../../docs/spec/witness.md");
    let example =
        |kind: &str| page.split_once(&format!("```{kind}\n")).unwrap().1.split_once("```").unwrap().0;
    let request = AddCheckpoint::parse(example("request").as_bytes()).unwrap();
    assert_eq!(request.to_string(), example("request"));
    assert_eq!(request.checkpoint().size(), TreeSize(8));
    let Answer::Cosigned(lines) = Answer::read(200, example("answer").as_bytes()) else { panic!("lines") };
    let mut note = request.note().clone();
    for line in lines {
        note.add(line).unwrap();
    }
    let policy = Policy::parse(example("policy").as_bytes()).unwrap();
    let cosigned = policy.verify(&note).unwrap();
    assert!(cosigned.quorum && cosigned.by.len() == 1);
    assert!(!policy.verify(request.note()).unwrap().quorum);
}

proptest! {
    /// Invariant: a witness that starts at any size follows one history and no other.
    #[test]
    fn a_witness_follows_one_history(sizes in proptest::collection::vec(0_u64..60, 1..12), fork in 0_usize..12) {
        let (tree, other) = (MemoryTree::new(60), MemoryTree::other(60));
        let keys = [log_key().verifier_key().clone()];
        let mut latest: Option<Checkpoint> = None;
        for (step, size) in sizes.into_iter().enumerate() {
            let known = latest.as_ref().map_or(0, |latest| latest.size().0);
            let tree = if step == fork { &other } else { &tree };
            let request = request(tree, known, size.max(known));
            let judged = request.judge(&keys, latest.as_ref());
            if step == fork && known > 0 {
                prop_assert!(judged.is_err());
            } else if step == fork {
                break; // the first history that it sees is the one
            } else {
                prop_assert_eq!(judged, Ok(()));
                latest = Some(request.checkpoint().clone());
            }
        }
    }

    /// Invariant: more cosigners never lose a quorum.
    #[test]
    fn quorums_are_monotone(k in 1_usize..5, set in 0_u8..16, more in 0_u8..16) {
        let policy = policy_of(4, &format!("group g {k} w0 w1 w2 w3\nquorum g\n"));
        let holds = |set: u8| policy.is_quorum(|at| set >> at & 1 == 1);
        prop_assert_eq!(holds(set), usize::try_from(set.count_ones()).unwrap() >= k);
        prop_assert!(!holds(set) || holds(set | more));
    }

    /// Invariant: nothing panics.
    #[test]
    fn noise_is_refused(noise in proptest::collection::vec(any::<u8>(), 0..300), status in 0_u16..600) {
        let _ = (AddCheckpoint::parse(&noise), Policy::parse(&noise), Answer::read(status, &noise));
    }
}
