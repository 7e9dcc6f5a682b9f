//! A map of grant states for the story, made the plain way: the tree of docs/spec/state-proof.md over all its leaves.

use std::collections::BTreeMap;

use grantbook_record::encoding::Bytes32;
use grantbook_record::list::List;
use grantbook_record::state_proof::{
    EMPTY, GrantStates, GrantStatus, MapProof, OtherLeaf, StateKey, StateOfGrant, state_key,
};
use sha2::{Digest as _, Sha256};

use crate::story::{customer, salt, signer};

/// Keys and values.
pub(crate) type Leaves = BTreeMap<Bytes32, Bytes32>;

/// The root over these leaves.
pub(crate) fn root(leaves: &Leaves) -> Bytes32 {
    subtree(&leaves.iter().collect::<Vec<_>>(), 0)
}

/// The proof of a key, whether it is there or not.
pub(crate) fn prove(leaves: &Leaves, key: &StateKey) -> MapProof {
    let mut siblings = Vec::new();
    let mut here: Vec<_> = leaves.iter().collect();
    while here.len() > 1 {
        let depth = siblings.len();
        let (beside, on): (Vec<_>, Vec<_>) =
            here.into_iter().partition(|(other, _)| bit(other, depth) != bit(&key.0, depth));
        siblings.push(subtree(&beside, depth + 1));
        here = on;
    }
    siblings.reverse();
    let other = here.first().filter(|(other, _)| **other != key.0);
    let other = other.map(|(key, value)| OtherLeaf { key: **key, value_hash: Bytes32::sha256(&value.0) });
    MapProof { other, siblings: List::new(siblings).unwrap() }
}

fn subtree(leaves: &[(&Bytes32, &Bytes32)], depth: usize) -> Bytes32 {
    match leaves {
        [] => EMPTY,
        [(key, value)] => hash(&[b"JMT::LeafNode", &key.0, &Bytes32::sha256(&value.0).0]),
        _ => {
            let (right, left): (Vec<_>, Vec<_>) = leaves.iter().partition(|(key, _)| bit(key, depth));
            hash(&[b"JMT::IntrnalNode", &subtree(&left, depth + 1).0, &subtree(&right, depth + 1).0])
        }
    }
}

fn hash(parts: &[&[u8]]) -> Bytes32 {
    Bytes32(parts.iter().fold(Sha256::new(), Sha256::chain_update).finalize().into())
}

fn bit(key: &Bytes32, depth: usize) -> bool {
    key.0[depth / 8] >> (7 - depth % 8) & 1 == 1
}

/// The key of the story's customer, who was enrolled at entry 0.
pub(crate) fn customers_key() -> StateKey {
    state_key(&salt("entry 0"), &customer().thumbprint())
}

/// The story's grant, given at entry 3.
pub(crate) fn states(status: GrantStatus, since: u64) -> GrantStates {
    GrantStates::new(vec![StateOfGrant { given: 3, terms: 3, status, since }]).unwrap()
}

/// Other customers' leaves, and the story's customer's with these states.
pub(crate) fn leaves(states: Option<&GrantStates>) -> Leaves {
    let others = (0..12).map(|n| {
        let salt = salt(&format!("enrolment {n}"));
        let key = state_key(&salt, &signer(100 + n).thumbprint());
        (key.0, self::states(GrantStatus::Active, 3).value(&salt))
    });
    let own = states.map(|states| (customers_key().0, states.value(&salt("entry 0"))));
    others.chain(own).collect()
}
