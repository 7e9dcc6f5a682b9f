//! The map from customers to the states of their grants, whose root `state.root` entries carry: the tree of the crate
//! `jmt`, kept in rows of the state. Specification: `docs/spec/state-proof.md`.
//!
//! | name | row |
//! |---|---|
//! | `mn` ‖ nibbles of the path, a byte each | a node of the tree |
//! | `mp` ‖ key | what the key comes to since the last root: its value, or nothing where it is gone |
//! | `mh` | the last root that was signed, its size, and where it stands |
//!
//! Only the tree of the last root is kept, without versions: nodes of earlier ones give way to the later, so the rows grow with
//! the customers who have grants, not with the log, and follow from the map's content alone, in whatever order it came.
//!
//! A change is noted as it is folded, which costs one row; the tree is brought up to date when a root is due, since that
//! hashes the whole way up for each key. Everything here is pure but for [`MapRows`]: what is to be written is given back, in
//! plain, to be sealed and committed with what it belongs to.

mod rows;

use std::collections::{BTreeMap, BTreeSet};

use grantbook_plan::{CustomerState, Status};
use grantbook_record::encoding::Bytes32;
use grantbook_record::state_proof::{
    EMPTY, GrantStates, GrantStatus, MapProof, OtherLeaf, StateKey, StateOfGrant, leaf_hash, node_hash,
};
use jmt::{KeyHash, Sha256Jmt};
use serde::Deserialize;

use crate::store::{Fault, Row, RowChange};
use rows::{HEAD, Nodes, PENDING, TREE};

/// First byte of the names of all rows of the map.
pub const MAP: u8 = b'm';
/// Changes to drain at once: their rows take some megabytes.
pub const DRAINED_AT_ONCE: usize = 1024;

/// Rows as they were before they were sealed.
pub trait MapRows {
    /// One row.
    fn row(&self, name: &[u8]) -> Result<Option<Vec<u8>>, Fault>;
    /// Rows whose name begins with `prefix` and comes after `after`, at most `limit`, by rising name.
    fn rows(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Row>, Fault>;
}

/// The last root that was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MapHead {
    /// The root.
    pub root: Bytes32,
    /// Size of the tree whose fold it is.
    pub size: u64,
    /// Leaf index of its `state.root` entry.
    pub leaf_index: u64,
}

/// A proof under the last root that was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// That root, and where it stands.
    pub head: MapHead,
    /// What leads to it.
    pub proof: MapProof,
}

/// The map over its rows.
#[derive(Debug)]
pub struct StateMap<'a, R>(&'a R);

/// What a customer's grants come to; `None` where there are none, and so nothing in the map.
pub fn grant_states(customer: &CustomerState) -> Option<GrantStates> {
    let grants = customer.grants.iter().map(|grant| StateOfGrant {
        given: grant.given,
        terms: grant.terms_entry.leaf_index,
        status: match grant.status {
            Status::Active => GrantStatus::Active,
            Status::Paused => GrantStatus::Paused,
            Status::Superseded => GrantStatus::Superseded,
            Status::Withdrawn => GrantStatus::Withdrawn,
            Status::Revoked => GrantStatus::Revoked,
        },
        since: grant.status_entry,
    });
    GrantStates::new(grants.collect())
}

/// Notes what a key comes to, to be taken into the tree when the next root is due; `None` takes it out.
pub fn note(key: &StateKey, value: Option<&Bytes32>) -> RowChange {
    (pending_name(key), Some(value.map(|value| value.0.to_vec()).unwrap_or_default()))
}

/// Notes the root that was signed.
pub fn set_head(head: &MapHead) -> RowChange {
    let numbers = [head.size.to_be_bytes(), head.leaf_index.to_be_bytes()].concat();
    (HEAD.to_vec(), Some([head.root.0.as_slice(), &numbers].concat()))
}

impl<'a, R: MapRows> StateMap<'a, R> {
    /// The map that these rows hold.
    pub fn new(rows: &'a R) -> Self {
        Self(rows)
    }

    /// Takes the first `limit` noted changes into the tree. `None` once there are none left; then [`Self::root`] is that of
    /// everything noted. What the map means does not change by it, so the rows may be committed at once, before more is drained.
    pub fn drain(&self, limit: usize) -> Result<Option<Vec<RowChange>>, Fault> {
        let noted = self.0.rows(PENDING, None, limit)?;
        if noted.is_empty() {
            return Ok(None);
        }
        let mut changes = BTreeMap::new();
        for (name, value) in &noted {
            let key = name.get(PENDING.len()..).and_then(|key| key.try_into().ok());
            let key =
                key.map(|key| StateKey(Bytes32(key))).ok_or_else(|| damaged("name of a noted change"))?;
            let value = match value.as_slice() {
                [] => None,
                value => Some(value.try_into().map(Bytes32).map_err(|_| damaged("value of a noted change"))?),
            };
            changes.insert(key, value);
        }
        let (_, mut rows) = self.apply(changes)?;
        rows.extend(noted.into_iter().map(|(name, _)| (name, None)));
        Ok(Some(rows))
    }

    /// Takes keys out of the tree and out of what is noted, as erasure demands, before any root is due. From then on
    /// nothing is proved until the next root.
    pub fn erase(&self, keys: &BTreeSet<StateKey>) -> Result<Vec<RowChange>, Fault> {
        let (_, mut rows) = self.apply(keys.iter().map(|key| (*key, None)).collect())?;
        rows.extend(keys.iter().map(|key| (pending_name(key), None)));
        Ok(rows)
    }

    /// Changes keys of the tree: the root after it, and the rows that make it so. All of them are held in memory: some
    /// six rows of up to 800 bytes for each change at a million customers.
    pub fn apply(
        &self,
        changes: BTreeMap<StateKey, Option<Bytes32>>,
    ) -> Result<(Bytes32, Vec<RowChange>), Fault> {
        let changes = changes.into_iter().map(|(key, value)| (key_hash(&key), value.map(|v| v.0.to_vec())));
        let nodes = Nodes(self.0);
        let tree = Sha256Jmt::new(&nodes);
        let (root, update) = tree.put_value_set(changes, TREE + 1).map_err(rows::fault)?;
        Ok((Bytes32(root.0), rows::changes(&update)?))
    }

    /// The root of the tree; what is noted is not in it yet.
    pub fn root(&self) -> Result<Bytes32, Fault> {
        let nodes = Nodes(self.0);
        let root = Sha256Jmt::new(&nodes).get_root_hash(TREE).map_err(rows::fault)?;
        Ok(Bytes32(root.0))
    }

    /// The last root that was signed; `None` before the first.
    pub fn head(&self) -> Result<Option<MapHead>, Fault> {
        let Some(row) = self.0.row(HEAD)? else { return Ok(None) };
        let mut cursor = crate::store::cursor::Cursor(&row);
        let head = cursor.array().map(Bytes32).zip(cursor.u64()).zip(cursor.u64());
        let ((root, size), leaf_index) = head.ok_or_else(|| damaged("head of the map"))?;
        Ok(Some(MapHead { root, size, leaf_index }))
    }

    /// Proves that `key` has `value`, or that it is absent, under the last root that was signed. `None` where there is no
    /// such root, or where the tree is not that root's: it is moving to the next one, a customer was erased since, or the key
    /// had another value then.
    pub fn prove(&self, key: &StateKey, value: Option<&Bytes32>) -> Result<Option<Proven>, Fault> {
        let Some(head) = self.head()? else { return Ok(None) };
        if self.root()? != head.root {
            return Ok(None);
        }
        let nodes = Nodes(self.0);
        let (_, proof) = Sha256Jmt::new(&nodes).get_with_proof(key_hash(key), TREE).map_err(rows::fault)?;
        let proof = wire_proof(&proof, key)?;
        // rows may have been written while these were read
        let holds = proof.root(key, value) == Some(head.root);
        Ok(holds.then_some(Proven { head, proof }))
    }
}

/// A key is a hash already.
fn key_hash(key: &StateKey) -> KeyHash {
    KeyHash(key.0.0)
}

fn pending_name(key: &StateKey) -> Vec<u8> {
    [PENDING, &key.0.0].concat()
}

/// The members of the crate's proof, which it shows through serde alone.
#[derive(Deserialize)]
struct Proof {
    leaf: Option<Leaf>,
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Leaf {
    key_hash: [u8; 32],
    value_hash: [u8; 32],
}

#[derive(Deserialize)]
enum Sibling {
    Null,
    Internal { left_child: [u8; 32], right_child: [u8; 32] },
    Leaf { key_hash: [u8; 32], value_hash: [u8; 32] },
}

fn wire_proof(proof: &impl serde::Serialize, key: &StateKey) -> Result<MapProof, Fault> {
    let Proof { leaf, siblings } = read(proof)?;
    let siblings = siblings.into_iter().map(|sibling| match sibling {
        Sibling::Null => EMPTY,
        Sibling::Internal { left_child, right_child } => {
            node_hash(&Bytes32(left_child), &Bytes32(right_child))
        }
        Sibling::Leaf { key_hash, value_hash } => leaf_hash(&Bytes32(key_hash), &Bytes32(value_hash)),
    });
    let other = leaf.filter(|leaf| leaf.key_hash != key.0.0);
    let other =
        other.map(|leaf| OtherLeaf { key: Bytes32(leaf.key_hash), value_hash: Bytes32(leaf.value_hash) });
    let siblings = grantbook_record::list::List::new(siblings.collect()).ok_or_else(|| damaged("proof"))?;
    Ok(MapProof { other, siblings })
}

fn read<T: serde::de::DeserializeOwned>(from: &impl serde::Serialize) -> Result<T, Fault> {
    let value = serde_json::to_value(from).and_then(serde_json::from_value);
    value.map_err(|_| damaged("proof"))
}

fn damaged(what: &str) -> Fault {
    Fault::Damaged { what: format!("map of grant states, {what}"), why: "it does not parse".to_owned() }
}

#[cfg(test)]
mod tests;
