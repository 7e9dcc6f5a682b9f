//! Receipts of a real little log: they verify, and no change of one byte goes unnoticed.

use grantbook_record::Receipt;
use grantbook_record::receipt::{ReceiptError, Trust, VerifiedContent, VerifiedReceipt};
use grantbook_tlog::{CheckpointError, Demands, LogKeys, Policy};

use crate::ledger::{GRANT_AT, Ledger, USES_AT, log_keys, policy, post_quantum_key};

fn verify(json: &[u8], keys: &LogKeys) -> Result<VerifiedReceipt, String> {
    let receipt = Receipt::parse(json).map_err(|error| error.to_string())?;
    receipt.verify(keys).map_err(|error| error.to_string())
}

#[test]
fn every_entry_of_the_story_has_a_receipt_that_verifies() {
    let (log, keys) = (Ledger::story(), log_keys());
    for leaf_index in 0..log.items.len() as u64 {
        let json = log.receipt(leaf_index).to_json();
        let verified = verify(&json, &keys).unwrap_or_else(|error| panic!("{leaf_index}: {error}"));
        assert_eq!(verified.leaf_index.0, leaf_index);
        assert_eq!(verified.trust, Trust::Signed);
        assert_eq!(verified.quantities.len(), verified.entry.class.quantities().len());
        let is_use = matches!(verified.content, VerifiedContent::Use { .. });
        assert_eq!(is_use, (USES_AT..USES_AT + 3).contains(&leaf_index));
    }
}

/// The same receipt says more to a reader who knows the witnesses, and no less to one who does not.
#[test]
fn a_receipt_is_witnessed_for_those_whose_policy_is_met() {
    let log = Ledger::story();
    let keys = log_keys().with_post_quantum(post_quantum_key().verifier_key().clone()).unwrap();
    let (plain, full) = (log.receipt(GRANT_AT), log.receipt_under(GRANT_AT, &log.witnessed_checkpoint()));
    let full = Receipt::parse(&full.to_json()).unwrap();
    let under = |policy: Option<&str>, post_quantum| {
        let policy = policy.map(|text| Policy::parse(text.as_bytes()).unwrap());
        Demands { policy, post_quantum }
    };
    let (both, demands) = (policy(), under(Some(&policy()), true));
    assert_eq!(full.verify_under(&keys, &demands).unwrap().trust, Trust::Witnessed);
    assert_eq!(full.verify(&keys).unwrap().trust, Trust::Signed);
    assert_eq!(full.verify(&log_keys()).unwrap().trust, Trust::Signed);
    let missing = plain.verify_under(&keys, &demands);
    assert!(matches!(missing, Err(ReceiptError::Checkpoint(CheckpointError::PostQuantum))), "{missing:?}");
    assert_eq!(plain.verify_under(&keys, &under(Some(&both), false)).unwrap().trust, Trust::Signed);
    assert_eq!(plain.verify_under(&keys, &under(Some("quorum none\n"), false)).unwrap().trust, Trust::Signed);
    // one of two is not both
    let one = full.proof.lines().filter(|line| !line.contains("/w2 ")).map(|line| format!("{line}\n"));
    let one = Receipt { proof: one.collect::<Vec<_>>().concat(), ..full.clone() };
    assert_eq!(one.verify_under(&keys, &under(Some(&both), true)).unwrap().trust, Trust::Signed);
    assert_eq!(
        one.verify_under(&keys, &under(Some(&both.replace("all", "any")), true)).unwrap().trust,
        Trust::Witnessed
    );
    // a line in a known witness's name must hold
    let forged = full.proof.replace("/w2 ", "/w3 ");
    let forged = Receipt { proof: forged, ..full.clone() };
    assert_eq!(forged.verify_under(&keys, &demands).unwrap().trust, Trust::Signed);
    let line = full.proof.lines().find(|line| line.contains("/w2 ")).unwrap();
    let at = line.len() - 20;
    let other = if line.as_bytes()[at] == b'A' { "B" } else { "A" };
    let spoilt = format!("{}{other}{}", &line[..at], &line[at + 1..]);
    let spoilt = Receipt { proof: full.proof.replace(line, &spoilt), ..full };
    assert!(spoilt.verify_under(&keys, &demands).is_err());
    assert_eq!(spoilt.verify(&keys).unwrap().trust, Trust::Signed);
}

/// Tries every byte of a receipt with several changes each.
fn no_byte_can_change(leaf_index: u64) {
    let keys = log_keys();
    let json = Ledger::story().receipt(leaf_index).to_json();
    verify(&json, &keys).unwrap();
    for at in 0..json.len() {
        let mut changed = json.clone();
        for mask in [0x01, 0x02, 0x04, 0x10, 0x20, 0x80] {
            changed[at] = json[at] ^ mask;
            assert!(verify(&changed, &keys).is_err(), "byte {at} ^ {mask:#x}: {}", show(&changed, at));
        }
        for other in [b' ', b'\n', b'"', b'0', b'A'] {
            changed[at] = other;
            assert!(
                other == json[at] || verify(&changed, &keys).is_err(),
                "byte {at} = {other}: {}",
                show(&changed, at)
            );
        }
        let mut shorter = json.clone();
        shorter.remove(at);
        assert!(verify(&shorter, &keys).is_err(), "without byte {at}");
        let mut longer = json.clone();
        longer.insert(at, json[at]);
        assert!(verify(&longer, &keys).is_err(), "byte {at} twice");
    }
    let with_line_feed = [json.as_slice(), b"\n"].concat();
    assert!(verify(&with_line_feed, &keys).is_ok(), "a final line feed is allowed");
    assert!(verify(&[with_line_feed.as_slice(), b"\n"].concat(), &keys).is_err());
}

fn show(json: &[u8], at: usize) -> String {
    String::from_utf8_lossy(&json[at.saturating_sub(30)..json.len().min(at + 30)]).into_owned()
}

#[test]
fn no_byte_of_an_events_receipt_can_change() {
    no_byte_can_change(GRANT_AT);
}

#[test]
fn no_byte_of_a_uses_receipt_can_change() {
    no_byte_can_change(USES_AT);
}
