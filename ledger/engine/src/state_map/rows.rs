//! Nodes of the tree as rows, and back.

use borsh::BorshDeserialize as _;
use jmt::storage::{LeafNode, NibblePath, Node, NodeKey, TreeReader, TreeUpdateBatch};
use jmt::{KeyHash, OwnedValue, Version};

use super::MapRows;
use crate::store::{Fault, RowChange};

pub(super) const NODE: &[u8] = b"mn";
pub(super) const PENDING: &[u8] = b"mp";
pub(super) const HEAD: &[u8] = b"mh";

/// The version that the crate sees the kept tree as. Changes are made at the next one, and then kept as this one.
pub(super) const TREE: Version = 0;

/// The kept tree, as the crate reads it.
pub(super) struct Nodes<'a, R>(pub(super) &'a R);

impl<R: MapRows> TreeReader for Nodes<'_, R> {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        if key.version() != TREE {
            return Ok(None);
        }
        match self.0.row(&name(key.nibble_path()))? {
            Some(row) => Ok(Some(Node::try_from_slice(&row)?)),
            // the tree without leaves has no rows
            None => Ok(key.nibble_path().is_empty().then_some(Node::Null)),
        }
    }

    fn get_value_option(&self, _: Version, _: KeyHash) -> anyhow::Result<Option<OwnedValue>> {
        // leaves hold the hashes of their values, and nobody asks for more
        Ok(Some(Vec::new()))
    }

    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        anyhow::bail!("only restoring a tree asks for its last leaf")
    }
}

/// Rows that make the kept tree the one after `update`: new nodes in, nodes that they replace or leave out gone.
pub(super) fn changes(update: &TreeUpdateBatch) -> Result<Vec<RowChange>, Fault> {
    let made = update.node_batch.nodes();
    let mut rows = Vec::with_capacity(made.len() + update.stale_node_index_batch.len());
    for stale in &update.stale_node_index_batch {
        let path = stale.node_key.nibble_path();
        if !made.contains_key(&NodeKey::new(TREE + 1, path.clone())) {
            rows.push((name(path), None));
        }
    }
    for (key, node) in made {
        let row = if *node == Node::Null { None } else { Some(encode(node)?) };
        rows.push((name(key.nibble_path()), row));
    }
    Ok(rows)
}

/// A node's name: its path, so that a later node takes the place of an earlier one.
fn name(path: &NibblePath) -> Vec<u8> {
    let mut name = Vec::with_capacity(NODE.len() + path.num_nibbles());
    name.extend_from_slice(NODE);
    name.extend(path.nibbles().map(u8::from));
    name
}

/// The crate's own form of a node, in which all children are of the kept version.
pub(super) fn encode(node: &Node) -> Result<Vec<u8>, Fault> {
    let Node::Internal(internal) = node else {
        return borsh::to_vec(node).map_err(|error| fault(error.into()));
    };
    let mut bytes = vec![1];
    let mut next = 0;
    for (nibble, child) in internal.children_sorted() {
        let at = u8::from(nibble);
        bytes.resize(bytes.len() + usize::from(at.saturating_sub(next)), 0);
        next = at + 1;
        bytes.push(1);
        bytes.extend_from_slice(&child.hash);
        bytes.extend_from_slice(&TREE.to_le_bytes());
        if child.is_leaf() {
            bytes.push(0);
        } else {
            bytes.push(1);
            bytes.extend_from_slice(&(child.leaf_count() as u64).to_le_bytes());
        }
    }
    bytes.resize(bytes.len() + usize::from(16_u8.saturating_sub(next)), 0);
    let children = internal.children_unsorted().count() as u64;
    bytes.extend_from_slice(&children.to_le_bytes());
    bytes.extend_from_slice(&(internal.leaf_count() as u64).to_le_bytes());
    Ok(bytes)
}

/// The store's own fault where it was one, otherwise that the tree is not one.
pub(super) fn fault(error: anyhow::Error) -> Fault {
    error.downcast().unwrap_or_else(|error| Fault::Damaged {
        what: "map of grant states".to_owned(),
        why: error.root_cause().to_string(),
    })
}
