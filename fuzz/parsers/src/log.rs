//! The formats of the transparency log: each has one spelling.

use grantbook_tlog::tile::{BundleCoord, TileCoord, encode_bundle, parse_bundle};
use grantbook_tlog::{AddCheckpoint, Answer, Checkpoint, LogKeys, Note, Policy, TlogProof, VerifierKey};

fn same(formatted: &str, data: &[u8]) {
    assert_eq!(formatted.as_bytes(), data, "another spelling was accepted");
}

/// Signed notes.
pub fn note(data: &[u8]) {
    if let Ok(note) = Note::parse(data) {
        same(&note.to_string(), data);
    }
}

/// Signed checkpoints.
pub fn checkpoint(data: &[u8]) {
    if let Ok((checkpoint, note)) = Checkpoint::parse_note(data) {
        same(&note.to_string(), data);
        assert_eq!(checkpoint.to_string(), note.text());
    }
}

/// Paths of tiles and of entry bundles.
pub fn tile_path(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(tile) = TileCoord::parse(text) {
        same(&tile.path(), data);
    }
    if let Ok(bundle) = BundleCoord::parse(text) {
        same(&bundle.path(), data);
    }
}

/// Proof files.
pub fn proof_file(data: &[u8]) {
    if let Ok(proof) = TlogProof::parse(data) {
        same(&proof.to_string(), data);
    }
}

/// Entry bundles; the first two bytes are the width.
pub fn bundle(data: &[u8]) {
    let Some((width, bytes)) = data.split_first_chunk::<2>() else { return };
    let width = u16::from_be_bytes(*width);
    if let Ok(entries) = parse_bundle(bytes, width) {
        assert_eq!(entries.len(), usize::from(width));
        assert_eq!(encode_bundle(&entries).as_deref(), Ok(bytes));
    }
}

/// Verifier keys.
pub fn vkey(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(key) = VerifierKey::parse(text) {
        same(&key.to_string(), data);
    }
}

/// The keys of a log.
pub fn log_keys(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(keys) = LogKeys::parse(text) {
        same(&keys.to_string(), data);
    }
}

/// Trust policies: their text has many spellings, but whom they ask for is monotone.
pub fn policy(data: &[u8]) {
    if let Ok(policy) = Policy::parse(data) {
        let (nobody, all) = (policy.is_quorum(|_| false), policy.is_quorum(|_| true));
        assert!(all, "no set of witnesses would be enough");
        for at in 0..policy.witnesses().len() {
            assert!(!nobody || policy.is_quorum(|other| other == at));
        }
    }
}

/// Requests to a witness.
pub fn witness_request(data: &[u8]) {
    if let Ok(request) = AddCheckpoint::parse(data) {
        same(&request.to_string(), data);
        let _ = request.judge(&[], None);
    }
}

/// Answers of a witness; the first two bytes are the status.
pub fn witness_answer(data: &[u8]) {
    let Some((status, body)) = data.split_first_chunk::<2>() else { return };
    match Answer::read(u16::from_be_bytes(*status), body) {
        Answer::Cosigned(lines) => {
            let text: Vec<String> = lines.iter().map(|line| format!("{line}\n")).collect();
            same(&text.concat(), body);
        }
        Answer::Knows(size) => same(&format!("{size}\n"), body),
        Answer::Inconsistent | Answer::Refused(_) => {}
    }
}
