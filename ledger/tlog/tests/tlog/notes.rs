//! Signed notes by example: a foreign note, limits, and what verification reports.

use grantbook_tlog::note::{MAX_NOTE_BYTES, MAX_SIGNATURES, UnixSeconds};
use grantbook_tlog::{
    Checkpoint, CheckpointError, Hash, KeyId, LeafIndex, LogKeys, Note, NoteError, NoteSignature,
    ProofFileError, SignatureKind, SigningKey, TlogProof, TreeSize, VerifierKey, cosignature,
    verify_checkpoint,
};

fn key(name: &str, kind: SignatureKind, seed: u8) -> SigningKey {
    SigningKey::from_seed(name, kind, &[seed; 32]).unwrap()
}

fn stranger(name: &str) -> NoteSignature {
    NoteSignature::new(name, KeyId(1), vec![9; 64]).unwrap()
}

/// The example of Go's package `golang.org/x/mod/sumdb/note`.
#[test]
fn a_note_signed_by_go_verifies() {
    let key =
        VerifierKey::parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW").unwrap();
    let text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
    let line = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    let note = Note::parse(format!("{text}\n{line}").as_bytes()).unwrap();
    let verified = note.verify(std::slice::from_ref(&key)).unwrap();
    assert_eq!(verified.text, text);
    assert_eq!(verified.by(&key).unwrap().time, None);
}

#[test]
fn unknown_signatures_are_reported_and_known_ones_must_hold() {
    let (log, clock) = (key("a", SignatureKind::Ed25519, 1), key("a/clock", SignatureKind::Cosignature, 2));
    let mut note = Note::new("text\n", stranger("w1")).unwrap();
    note.add(log.sign("text\n").unwrap()).unwrap();
    // the name of a known key, another id: a stranger
    note.add(stranger("a")).unwrap();
    note.add(cosignature::sign(&clock, UnixSeconds(77), "text\n").unwrap()).unwrap();

    let keys = [clock.verifier_key().clone(), log.verifier_key().clone()];
    let verified = note.verify(&keys).unwrap();
    let seen = verified.verified.iter().map(|s| (s.key.name(), s.time)).collect::<Vec<_>>();
    assert_eq!(seen, [("a", None), ("a/clock", Some(UnixSeconds(77)))]);
    assert_eq!(verified.unverified.iter().map(|s| s.name()).collect::<Vec<_>>(), ["w1", "a"]);
    assert_eq!(cosignature::verify(clock.verifier_key(), &note), Ok(UnixSeconds(77)));
    assert!(matches!(cosignature::verify(log.verifier_key(), &note), Err(NoteError::WrongKind { .. })));

    let absent = key("b", SignatureKind::Ed25519, 1);
    assert!(matches!(note.verify(&[absent.verifier_key().clone()]), Err(NoteError::Missing { .. })));
    assert!(matches!(note.verify(&[]), Err(NoteError::Missing { .. })));

    let mut twice = note.clone();
    twice.add(log.sign("text\n").unwrap()).unwrap();
    assert!(matches!(twice.verify(&keys), Err(NoteError::Repeated { .. })));

    let mut wrong = Note::new("text\n", log.sign("other\n").unwrap()).unwrap();
    wrong.add(cosignature::sign(&clock, UnixSeconds(77), "text\n").unwrap()).unwrap();
    assert!(matches!(wrong.verify(&keys), Err(NoteError::Signature { .. })));
}

#[test]
fn a_cosignature_binds_its_time() {
    let clock = key("c", SignatureKind::Cosignature, 2);
    let signed = cosignature::sign(&clock, UnixSeconds(77), "text\n").unwrap();
    for bit in 0..signed.bytes().len() * 8 {
        let mut bytes = signed.bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let line = NoteSignature::new("c", clock.verifier_key().key_id(), bytes).unwrap();
        let note = Note::new("text\n", line).unwrap();
        assert!(cosignature::verify(clock.verifier_key(), &note).is_err(), "bit {bit}");
    }
    let latest = UnixSeconds::MAX;
    assert!(cosignature::sign(&clock, latest, "text\n").is_ok());
    let got = UnixSeconds(latest.0 + 1);
    assert_eq!(cosignature::sign(&clock, got, "text\n"), Err(NoteError::Time { got }));
    let log = key("c", SignatureKind::Ed25519, 2);
    assert!(matches!(cosignature::sign(&log, latest, "text\n"), Err(NoteError::WrongKind { .. })));
    assert!(matches!(clock.sign("text\n"), Err(NoteError::WrongKind { .. })));
}

#[test]
fn keys_of_small_order_are_refused() {
    let neutral = {
        let mut bytes = [0; 32];
        bytes[0] = 1;
        bytes
    };
    // no point has this y coordinate
    let no_point = {
        let mut bytes = [0; 32];
        bytes[0] = 2;
        bytes
    };
    for bytes in [neutral, [0; 32], no_point] {
        let key = VerifierKey::new("a", SignatureKind::Ed25519, &bytes);
        assert!(matches!(key, Err(NoteError::WeakKey { .. })), "{key:?}");
    }
}

#[test]
fn second_spellings_of_keys_are_refused() {
    for y in [3, 4, 5, 6, 9, 10, 14, 15, 16, 18] {
        // a point, of which RFC 8032 has one encoding: y; y + 2^255 - 19 is another that libraries take for it
        let (mut reduced, mut second) = ([0; 32], [0xff; 32]);
        reduced[0] = y;
        second[0] = 0xed + y;
        second[31] = 0x7f;
        assert!(VerifierKey::new("log", SignatureKind::Ed25519, &reduced).is_ok(), "{y}");
        let key = VerifierKey::new("log", SignatureKind::Ed25519, &second);
        assert!(matches!(key, Err(NoteError::WeakKey { .. })), "{key:?}");
    }
}

#[test]
fn key_names_have_limits() {
    let longest = "a".repeat(255);
    let named = |name: &str| SigningKey::from_seed(name, SignatureKind::Ed25519, &[1; 32]);
    for name in ["a", "log.example/a", "é", &longest] {
        let key = named(name).unwrap();
        assert_eq!(&VerifierKey::parse(&key.verifier_key().to_string()).unwrap(), key.verifier_key());
    }
    for name in ["", "a b", "a\u{a0}b", "a\nb", "a\u{7f}", "a+b", &format!("{longest}a")] {
        assert_eq!(named(name).err(), Some(NoteError::KeyName), "{name:?}");
        assert!(NoteSignature::new(name, KeyId(1), vec![1]).is_err(), "{name:?}");
    }
}

#[test]
fn checkpoints_ask_for_the_right_keys() {
    let origin = "log.example/a";
    let log = key(origin, SignatureKind::Ed25519, 1);
    let stranger = key("log.example/b", SignatureKind::Ed25519, 1);
    let clock = key("log.example/a/clock", SignatureKind::Cosignature, 2);
    let checkpoint = Checkpoint::new(origin, TreeSize(7), Hash([1; 32])).unwrap();
    let text = checkpoint.to_string();
    assert!(matches!(checkpoint.sign(&stranger), Err(CheckpointError::KeyName { .. })));
    let mut note = checkpoint.sign(&log).unwrap();
    note.add(stranger.sign(&text).unwrap()).unwrap();
    // a cosigner of the log's name
    let cosigner = key(origin, SignatureKind::Cosignature, 3);
    note.add(cosignature::sign(&cosigner, UnixSeconds(7), &text).unwrap()).unwrap();
    let note = note.to_string();

    let verify = |key: &SigningKey| verify_checkpoint(note.as_bytes(), origin, key.verifier_key());
    assert_eq!(verify(&log), Ok(checkpoint));
    assert!(matches!(verify(&stranger), Err(CheckpointError::KeyName { .. })));
    assert!(matches!(verify(&cosigner), Err(CheckpointError::Note(NoteError::WrongKind { .. }))));

    let keys = |log: &SigningKey, clock: &SigningKey| {
        LogKeys::new(log.verifier_key().clone(), clock.verifier_key().clone())
    };
    assert!(keys(&log, &clock).is_ok());
    let plain = key("log.example/a/clock", SignatureKind::Ed25519, 2);
    assert!(matches!(keys(&log, &plain), Err(CheckpointError::Note(NoteError::WrongKind { .. }))));
    assert!(matches!(keys(&cosigner, &clock), Err(CheckpointError::Note(NoteError::WrongKind { .. }))));
    assert!(matches!(keys(&log, &cosigner), Err(CheckpointError::KeyName { .. })));

    let hashes = vec![Hash([0; 32]); 65];
    let proof = TlogProof::new(None, LeafIndex(0), hashes, &note);
    assert_eq!(proof.err(), Some(ProofFileError::TooManyHashes));
}

#[test]
fn signing_keys_do_not_show_their_seed() {
    let key = key("a", SignatureKind::Ed25519, 0x41);
    assert_eq!(format!("{key:?}"), format!("SigningKey({})", key.verifier_key()));
}

#[test]
fn notes_have_limits() {
    let mut note = Note::new("text\n", stranger("w")).unwrap();
    for _ in 1..MAX_SIGNATURES {
        note.add(stranger("w")).unwrap();
    }
    assert_eq!(note.signatures().len(), MAX_SIGNATURES);
    let full = note.to_string();
    assert_eq!(Note::parse(full.as_bytes()).unwrap(), note);
    assert_eq!(note.add(stranger("w")), Err(NoteError::TooManySignatures));
    let over = format!("{full}{}\n", stranger("w"));
    assert_eq!(Note::parse(over.as_bytes()), Err(NoteError::TooManySignatures));

    let around = Note::new("\n", stranger("w")).unwrap().to_string().len() - 1;
    let text = format!("{}\n", "x".repeat(MAX_NOTE_BYTES - around - 1));
    let largest = Note::new(&text, stranger("w")).unwrap().to_string();
    assert_eq!(largest.len(), MAX_NOTE_BYTES);
    assert!(Note::parse(largest.as_bytes()).is_ok());
    let got = MAX_NOTE_BYTES + 1;
    assert_eq!(Note::new(&format!("x{text}"), stranger("w")), Err(NoteError::TooLong { got }));
    assert_eq!(Note::parse(format!("x{largest}").as_bytes()), Err(NoteError::TooLong { got }));
    assert_eq!(Note::new("no newline", stranger("w")), Err(NoteError::Text));
    assert_eq!(Note::new("tab\t\n", stranger("w")), Err(NoteError::Character { offset: 3 }));
    assert_eq!(Note::parse(b"a\xff\n"), Err(NoteError::Character { offset: 1 }));
}
