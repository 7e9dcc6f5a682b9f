use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use grantbook_record::encoding::Bytes32;
use grantbook_record::state_proof::{EMPTY, StateKey};
use jmt::Sha256Jmt;
use jmt::proof::SparseMerkleProof;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::rows::{NODE, Nodes, TREE};
use super::{MapHead, MapRows, StateMap, note, set_head};
use crate::store::{Fault, Row, RowChange};

/// Rows in memory.
#[derive(Default)]
struct Rows(Mutex<BTreeMap<Vec<u8>, Vec<u8>>>);

impl Rows {
    fn write(&self, changes: Vec<RowChange>) {
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, value) in changes {
            match value {
                Some(value) => rows.insert(name, value),
                None => rows.remove(&name),
            };
        }
    }

    fn all(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        self.0.lock().unwrap().clone()
    }

    fn map(&self) -> StateMap<'_, Self> {
        StateMap::new(self)
    }

    /// Takes everything noted in, some at a time, and signs the root.
    fn settle(&self, at_once: usize, size: u64) -> Bytes32 {
        while let Some(rows) = self.map().drain(at_once).unwrap() {
            self.write(rows);
        }
        let root = self.map().root().unwrap();
        self.write(vec![set_head(&MapHead { root, size, leaf_index: size })]);
        root
    }

    /// The tree's rows.
    fn nodes(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        self.all().into_iter().filter(|(name, _)| name.starts_with(NODE)).collect()
    }

    fn note(&self, key: StateKey, value: Option<Bytes32>) {
        self.write(vec![note(&key, value.as_ref())]);
    }
}

impl MapRows for Rows {
    fn row(&self, name: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        Ok(self.0.lock().unwrap().get(name).cloned())
    }

    fn rows(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Row>, Fault> {
        let rows = self.0.lock().unwrap();
        let wanted = rows.iter().filter(|(name, _)| {
            name.starts_with(prefix) && after.is_none_or(|after| name.as_slice() > after)
        });
        Ok(wanted.take(limit).map(|(name, value)| (name.clone(), value.clone())).collect())
    }
}

fn bytes(n: u32) -> Bytes32 {
    Bytes32::sha256(&n.to_be_bytes())
}

fn key(n: u32) -> StateKey {
    StateKey(bytes(n))
}

/// What has just these keys, made at once in an empty map.
fn fresh(content: &BTreeMap<StateKey, Bytes32>) -> Rows {
    let rows = Rows::default();
    let changes = content.iter().map(|(key, value)| (*key, Some(*value))).collect();
    let (_, written) = rows.map().apply(changes).unwrap();
    rows.write(written);
    rows
}

#[test]
fn what_is_noted_is_proved_once_its_root_is_signed() {
    let rows = Rows::default();
    let (there, absent, value) = (key(1), key(2), bytes(3));
    assert_eq!(rows.map().root().unwrap(), EMPTY);
    assert_eq!(rows.map().prove(&there, None).unwrap(), None, "no root was signed");
    rows.note(there, Some(value));
    assert_eq!(rows.settle(10, 5), rows.map().root().unwrap());
    let proven = rows.map().prove(&there, Some(&value)).unwrap().unwrap();
    assert_eq!((proven.head.size, proven.head.leaf_index), (5, 5));
    assert_eq!(proven.proof.root(&there, Some(&value)), Some(proven.head.root));
    assert!(rows.map().prove(&absent, None).unwrap().is_some());
    assert_eq!(rows.map().prove(&there, None).unwrap(), None);
    assert_eq!(rows.map().prove(&there, Some(&bytes(4))).unwrap(), None);
    // noted again, and not yet signed: the last root still holds
    rows.note(there, Some(bytes(4)));
    assert!(rows.map().prove(&there, Some(&value)).unwrap().is_some());
    rows.settle(10, 6);
    assert_eq!(rows.map().prove(&there, Some(&value)).unwrap(), None);
    assert!(rows.map().prove(&there, Some(&bytes(4))).unwrap().is_some());
}

#[test]
fn nothing_is_proved_between_an_erasure_and_the_next_root() {
    let rows = Rows::default();
    (0..50).for_each(|n| rows.note(key(n), Some(bytes(100 + n))));
    rows.settle(7, 50);
    rows.note(key(9), Some(bytes(1000)));
    let erased = rows.map().erase(&[key(9)].into()).unwrap();
    rows.write(erased);
    let others = (0..50).filter(|n| *n != 9).map(|n| (key(n), bytes(100 + n))).collect();
    assert_eq!(rows.nodes(), fresh(&others).nodes());
    assert_eq!(rows.map().prove(&key(8), Some(&bytes(108))).unwrap(), None);
    rows.settle(7, 51);
    assert!(rows.map().prove(&key(8), Some(&bytes(108))).unwrap().is_some());
    assert!(rows.map().prove(&key(9), None).unwrap().is_some());
}

#[test]
fn the_rows_grow_with_the_keys_and_not_with_their_changes() {
    let rows = Rows::default();
    for round in 0..40_u32 {
        (0..200).for_each(|n| rows.note(key(n), Some(bytes(round * 1000 + n))));
        rows.settle(64, u64::from(round));
    }
    let nodes = rows.nodes().len();
    assert!((200..400).contains(&nodes), "{nodes} nodes for 200 keys");
    (0..200).for_each(|n| rows.note(key(n), None));
    assert_eq!(rows.settle(64, 99), EMPTY);
    assert_eq!(rows.nodes().len(), 0);
}

#[test]
fn rows_that_are_no_nodes_are_damage() {
    let rows = fresh(&(0..20).map(|n| (key(n), bytes(n))).collect());
    rows.write(vec![(b"mn".to_vec(), Some(b"no node".to_vec()))]);
    for result in [rows.map().root().err(), rows.map().erase(&[key(1)].into()).err()] {
        assert!(matches!(result, Some(Fault::Damaged { .. })), "{result:?}");
    }
}

prop_compose! {
    /// Keys that often begin alike, so that paths are long and nodes fold into one another.
    fn near_key()(first in 0..3_u8, at in 1..32_usize, to in 0..3_u8) -> StateKey {
        let mut key = [0; 32];
        (key[0], key[at]) = (first << 5, to);
        StateKey(Bytes32(key))
    }
}

type Step = BTreeMap<StateKey, Option<Bytes32>>;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let value = prop_oneof![2 => (0..5_u32).prop_map(|n| Some(bytes(n))), 1 => Just(None)];
    let any_key = prop_oneof![near_key(), (0..30_u32).prop_map(key)];
    vec(btree_map(any_key, value, 0..12), 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn root_and_rows_follow_from_the_content_alone(steps in steps(), at_once in 1..9_usize) {
        let rows = Rows::default();
        let mut content = BTreeMap::new();
        for (size, step) in (0..).zip(&steps) {
            for (key, value) in step {
                rows.note(*key, *value);
                match value {
                    Some(value) => content.insert(*key, *value),
                    None => content.remove(key),
                };
            }
            let root = rows.settle(at_once, size);
            let fresh = fresh(&content);
            prop_assert_eq!(fresh.map().root().unwrap(), root);
            prop_assert_eq!(rows.nodes(), fresh.all());
            prop_assert_eq!(rows.all().len(), rows.nodes().len() + 1, "the tree and the head");
        }
        prop_assert_eq!(rows.map().root().unwrap() == EMPTY, content.is_empty());
    }

    /// Our verifier and the crate's say the same of the crate's proofs.
    #[test]
    fn proofs_hold_for_both_verifiers(
        content in btree_map(prop_oneof![near_key(), (0..30_u32).prop_map(key)], (0..5_u32).prop_map(bytes), 0..20),
        asked in vec(prop_oneof![near_key(), (0..40_u32).prop_map(key)], 1..10),
        wrong in any::<[u8; 32]>().prop_map(Bytes32),
    ) {
        let rows = fresh(&content);
        let root = rows.settle(100, 1);
        let nodes = Nodes(&rows);
        for key in asked.iter().chain(content.keys()) {
            let there = content.get(key);
            let proven = rows.map().prove(key, there).unwrap().unwrap();
            let theirs: SparseMerkleProof<sha2::Sha256> =
                Sha256Jmt::new(&nodes).get_with_proof(super::key_hash(key), TREE).unwrap().1;
            for value in [there, None, Some(&wrong)] {
                let ours = proven.proof.root(key, value) == Some(root);
                let value = value.map(|value| value.0);
                let their_word = theirs.verify(jmt::RootHash(root.0), super::key_hash(key), value).is_ok();
                prop_assert_eq!(ours, their_word);
                prop_assert_eq!(ours, value == there.map(|value| value.0));
            }
        }
    }

    #[test]
    fn nodes_are_kept_in_the_crates_own_form(content in btree_map(near_key(), (0..5_u32).prop_map(bytes), 1..20)) {
        let rows = fresh(&content);
        for (name, row) in rows.all() {
            let node: jmt::storage::Node = borsh::from_slice(&row).unwrap();
            prop_assert_eq!(borsh::to_vec(&node).unwrap(), row.clone(), "{:?}", name);
            prop_assert_eq!(super::rows::encode(&node).unwrap(), row);
        }
    }
}
