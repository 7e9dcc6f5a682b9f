//! What the machine holds: the store's files, and the keyring's.

use std::collections::BTreeMap;

use grantbook_engine::store::{RowChange, StoredBatch, StoredBundle};

/// All that is stored.
#[derive(Clone, Default)]
pub(crate) struct Content {
    /// Epochs ended so far.
    pub(crate) rolled: u64,
    /// Folders of other epochs that a crash has left.
    pub(crate) left: u64,
    pub(crate) batches: Vec<StoredBatch>,
    pub(super) bundles: BTreeMap<u64, StoredBundle>,
    pub(super) tiles: BTreeMap<String, Vec<u8>>,
    pub(super) keys: Vec<(u64, Vec<u8>)>,
    pub(super) leases: Vec<(u64, Vec<u8>)>,
    pub(super) accounts: Vec<(u64, Vec<u8>)>,
    pub(super) lease_mark: Option<String>,
    pub(crate) anchor: Option<String>,
    pub(super) witnessed: Option<String>,
    /// The rows with which the epoch began, in parts, with their position.
    pub(super) base: Vec<(Vec<RowChange>, u64)>,
    pub(super) rows: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) position: u64,
    /// How to take back each change of the state that is not durable, oldest first.
    pub(super) undo: Vec<Undo>,
    /// The keyring.
    pub(crate) secrets: BTreeMap<String, Vec<u8>>,
}

#[derive(Clone)]
pub(super) struct Undo {
    rows: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    position: u64,
}

impl Content {
    /// The same without its state, as when its folder was deleted.
    pub(crate) fn without_state(&self) -> Self {
        Self { rows: BTreeMap::new(), position: 0, undo: Vec::new(), ..self.clone() }
    }

    /// The same with the state of another moment.
    pub(crate) fn with_state_of(&self, other: &Self) -> Self {
        Self { rows: other.rows.clone(), position: other.position, undo: Vec::new(), ..self.clone() }
    }

    pub(super) fn change(&mut self, rows: Vec<RowChange>, position: u64) {
        let mut undo = Undo { rows: Vec::with_capacity(rows.len()), position: self.position };
        for (key, value) in rows {
            let before = match value {
                Some(value) => self.rows.insert(key.clone(), value),
                None => self.rows.remove(&key),
            };
            undo.rows.push((key, before));
        }
        self.position = position;
        self.undo.push(undo);
    }

    pub(super) fn take_back(&mut self) {
        let Some(undo) = self.undo.pop() else { return };
        for (key, before) in undo.rows.into_iter().rev() {
            match before {
                Some(value) => self.rows.insert(key, value),
                None => self.rows.remove(&key),
            };
        }
        self.position = undo.position;
    }

    /// What the log holds: the end of the last batch.
    pub(crate) fn log_size(&self) -> u64 {
        self.batches.last().map_or(0, |batch| batch.first + batch.items.len() as u64)
    }
}
