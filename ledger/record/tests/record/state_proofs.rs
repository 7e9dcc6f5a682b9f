//! State proofs of the story's customer, and what no change of them can do.

use std::collections::BTreeMap;

use grantbook_record::StateProof;
use grantbook_record::encoding::Bytes32;
use grantbook_record::list::List;
use grantbook_record::receipt::Trust;
use grantbook_record::state_proof::{EMPTY, MapProof, StateKey, VerifiedState};
use grantbook_tlog::{Demands, Policy};
use proptest::collection::btree_map;
use proptest::prelude::*;

use crate::ledger::{Ledger, STATE_ROOTS_AT, log_keys, policy, state_roots};
use crate::{map, story};

fn verify(json: &[u8]) -> Result<VerifiedState, String> {
    let proof = StateProof::parse(json).map_err(|error| error.to_string())?;
    proof.verify(&log_keys()).map_err(|error| error.to_string())
}

#[test]
fn the_customers_grants_are_shown_as_they_came_to_at_each_size() {
    let log = Ledger::with_state_roots();
    for (at, (size, states)) in (STATE_ROOTS_AT..).zip(state_roots()) {
        let verified = verify(&log.state_proof(at).to_json()).unwrap();
        assert_eq!((verified.size.0, &verified.states), (size, &states));
        assert_eq!((verified.root_entry.0, verified.enrolled.0, verified.trust), (at, 0, Trust::Signed));
        assert_eq!((verified.tenant, &verified.sub), (story::tenant(), &story::subject()));
        assert_eq!(verified.signed_by, *story::operator().public_key());
    }
}

#[test]
fn a_state_is_witnessed_only_if_both_receipts_are() {
    let log = Ledger::with_state_roots();
    let demands = Demands { policy: Some(Policy::parse(policy().as_bytes()).unwrap()), ..Demands::default() };
    let checkpoint = log.witnessed_checkpoint();
    let full = StateProof {
        root: log.receipt_under(STATE_ROOTS_AT, &checkpoint),
        enrolment: log.receipt_under(0, &checkpoint),
        ..log.state_proof(STATE_ROOTS_AT)
    };
    let half = StateProof { enrolment: log.receipt(0), ..full.clone() };
    assert_eq!(full.verify_under(&log_keys(), &demands).unwrap().trust, Trust::Witnessed);
    assert_eq!(half.verify_under(&log_keys(), &demands).unwrap().trust, Trust::Signed);
}

#[test]
fn no_byte_of_a_state_proof_can_change() {
    let json = Ledger::with_state_roots().state_proof(STATE_ROOTS_AT + 2).to_json();
    verify(&json).unwrap();
    // the receipts' own bytes are tried one by one in their tests; verifying them takes time
    let own = String::from_utf8(json.clone()).unwrap().find("\"states\"").unwrap();
    for at in (0..json.len()).filter(|at| *at >= own || at % 7 == 0) {
        for mask in [0x01, 0x04, 0x20, 0x80] {
            let mut changed = json.clone();
            changed[at] ^= mask;
            assert!(verify(&changed).is_err(), "byte {at} ^ {mask:#x}");
        }
        let shorter = [&json[..at], &json[at + 1..]].concat();
        assert!(verify(&shorter).is_err(), "without byte {at}");
    }
}

prop_compose! {
    /// Keys that often begin alike.
    fn key()(first in 0..4_u8, byte in 1..32_usize, to in 0..4_u8) -> Bytes32 {
        let mut key = [0; 32];
        (key[0], key[byte]) = (first << 6, to);
        Bytes32(key)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn every_key_is_shown_to_be_what_it_is_and_nothing_else(
        leaves in btree_map(key(), any::<[u8; 32]>().prop_map(Bytes32), 0..10),
        asked in key(),
        value in any::<[u8; 32]>().prop_map(Bytes32),
    ) {
        let root = map::root(&leaves);
        for key in leaves.keys().copied().chain([asked]) {
            let key = StateKey(key);
            let proof = map::prove(&leaves, &key);
            let there = leaves.get(&key.0);
            prop_assert_eq!(proof.root(&key, there), Some(root));
            prop_assert_ne!(proof.root(&key, Some(&value)), Some(root));
            if there.is_some() {
                prop_assert_ne!(proof.root(&key, None), Some(root));
            }
            for shorter in [0, proof.siblings.len() / 2, proof.siblings.len().saturating_sub(1)] {
                if shorter == proof.siblings.len() {
                    continue;
                }
                let siblings = List::new(proof.siblings[..shorter].to_vec()).unwrap();
                let cut = MapProof { siblings, ..proof.clone() };
                prop_assert_ne!(cut.root(&key, None), Some(root));
                prop_assert_ne!(cut.root(&key, there), Some(root));
            }
            // the proof of one key says nothing of another, but for keys that are absent from the same subtree
            for other in leaves.keys().filter(|other| **other != key.0) {
                prop_assert_ne!(proof.root(&StateKey(*other), None), Some(root));
            }
        }
        prop_assert_eq!(map::root(&BTreeMap::new()), EMPTY);
    }
}
