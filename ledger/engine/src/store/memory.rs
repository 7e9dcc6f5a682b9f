//! A store in memory: for tests and for simulations that decide themselves what a crash leaves behind.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use grantbook_tlog::tile::TileCoord;

use super::{
    BaseVisitor, BatchVisitor, Fault, FrameVisitor, NextEpoch, Row, RowChange, Store, StoredBatch,
    StoredBundle,
};

/// See the module's documentation. A clone is the same store.
#[derive(Default, Clone)]
pub struct MemoryStore(Arc<Mutex<Parts>>);

#[derive(Default, Clone)]
struct Parts {
    /// Epochs finished so far.
    rolled: u64,
    /// The rows with which the epoch began, and their position.
    base: Option<(Vec<RowChange>, u64)>,
    batches: Vec<StoredBatch>,
    bundles: BTreeMap<u64, StoredBundle>,
    tiles: BTreeMap<String, Vec<u8>>,
    keys: Vec<(u64, Vec<u8>)>,
    leases: Vec<(u64, Vec<u8>)>,
    lease_mark: Option<String>,
    accounts: Vec<(u64, Vec<u8>)>,
    anchor: Option<String>,
    witnessed: Option<String>,
    rows: BTreeMap<Vec<u8>, Vec<u8>>,
    position: u64,
}

impl MemoryStore {
    fn parts(&self) -> MutexGuard<'_, Parts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn commit(&self, batch: &StoredBatch) -> Result<(), Fault> {
        self.parts().batches.push(batch.clone());
        Ok(())
    }

    fn batches(&self, visit: BatchVisitor<'_>) -> Result<(), Fault> {
        let batches = self.parts().batches.clone();
        batches.into_iter().try_for_each(visit)
    }

    fn trim(&self, size: u64) -> Result<(), Fault> {
        let mut parts = self.parts();
        let last = parts.batches.last().map(|batch| batch.first);
        parts
            .batches
            .retain(|batch| batch.first + batch.items.len() as u64 > size || Some(batch.first) == last);
        Ok(())
    }

    fn put_bundle(&self, index: u64, bundle: &StoredBundle) -> Result<(), Fault> {
        self.parts().bundles.insert(index, bundle.clone());
        Ok(())
    }

    fn bundle(&self, index: u64) -> Result<Option<StoredBundle>, Fault> {
        Ok(self.parts().bundles.get(&index).cloned())
    }

    fn bundles(&self) -> Result<u64, Fault> {
        Ok(self.parts().bundles.len() as u64)
    }

    fn put_tile(&self, tile: &TileCoord, bytes: &[u8]) -> Result<(), Fault> {
        self.parts().tiles.insert(tile.path(), bytes.to_vec());
        Ok(())
    }

    fn tile(&self, tile: &TileCoord) -> Result<Option<Vec<u8>>, Fault> {
        Ok(self.parts().tiles.get(&tile.path()).cloned())
    }

    fn put_keys(&self, keys: &[(u64, Vec<u8>)]) -> Result<(), Fault> {
        self.parts().keys.extend_from_slice(keys);
        Ok(())
    }

    fn keys(&self, visit: &mut dyn FnMut(u64, Vec<u8>)) -> Result<(), Fault> {
        let keys = self.parts().keys.clone();
        for (id, wrapped) in keys {
            visit(id, wrapped);
        }
        Ok(())
    }

    fn leases(&self, visit: FrameVisitor<'_>) -> Result<bool, Fault> {
        let frames = self.parts().leases.clone();
        frames.into_iter().try_for_each(|(serial, frame)| visit(serial, frame))?;
        Ok(false)
    }

    fn append_leases(&self, serial: u64, frame: &[u8]) -> Result<(), Fault> {
        self.parts().leases.push((serial, frame.to_vec()));
        Ok(())
    }

    fn replace_leases(&self, serial: u64, frame: &[u8]) -> Result<(), Fault> {
        self.parts().leases = vec![(serial, frame.to_vec())];
        Ok(())
    }

    fn lease_mark(&self) -> Result<Option<String>, Fault> {
        Ok(self.parts().lease_mark.clone())
    }

    fn set_lease_mark(&self, mark: &str) -> Result<(), Fault> {
        self.parts().lease_mark = Some(mark.to_owned());
        Ok(())
    }

    fn accounts(&self, visit: FrameVisitor<'_>) -> Result<(), Fault> {
        let frames = self.parts().accounts.clone();
        frames.into_iter().try_for_each(|(serial, frame)| visit(serial, frame))
    }

    fn append_accounts(&self, serial: u64, frame: &[u8]) -> Result<(), Fault> {
        self.parts().accounts.push((serial, frame.to_vec()));
        Ok(())
    }

    fn replace_accounts(&self, serial: u64, frame: &[u8]) -> Result<(), Fault> {
        self.parts().accounts = vec![(serial, frame.to_vec())];
        Ok(())
    }

    fn anchor(&self) -> Result<Option<String>, Fault> {
        Ok(self.parts().anchor.clone())
    }

    fn set_anchor(&self, checkpoint: &str) -> Result<(), Fault> {
        self.parts().anchor = Some(checkpoint.to_owned());
        Ok(())
    }

    fn witnessed(&self) -> Result<Option<String>, Fault> {
        Ok(self.parts().witnessed.clone())
    }

    fn set_witnessed(&self, checkpoint: &str) -> Result<(), Fault> {
        self.parts().witnessed = Some(checkpoint.to_owned());
        Ok(())
    }

    fn row(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        Ok(self.parts().rows.get(key).cloned())
    }

    fn rows(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Row>, Fault> {
        use std::ops::Bound::{Excluded, Included, Unbounded};
        let start = after.map_or(Included(prefix), Excluded);
        let parts = self.parts();
        let rows = parts.rows.range::<[u8], _>((start, Unbounded)).take(limit);
        let rows = rows.take_while(|(key, _)| key.starts_with(prefix));
        Ok(rows.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn apply(&self, rows: Vec<RowChange>, position: u64) -> Result<(), Fault> {
        let mut parts = self.parts();
        for (key, value) in rows {
            match value {
                Some(value) => parts.rows.insert(key, value),
                None => parts.rows.remove(&key),
            };
        }
        parts.position = position;
        Ok(())
    }

    fn position(&self) -> Result<u64, Fault> {
        Ok(self.parts().position)
    }

    fn clear_state(&self) -> Result<(), Fault> {
        let mut parts = self.parts();
        parts.rows.clear();
        parts.position = 0;
        Ok(())
    }

    fn flush_state(&self) -> Result<(), Fault> {
        Ok(())
    }

    fn epoch(&self) -> u64 {
        self.parts().rolled + 1
    }

    fn base(&self, visit: BaseVisitor<'_>) -> Result<(), Fault> {
        let base = self.parts().base.clone();
        base.map_or(Ok(()), |(rows, position)| visit(rows, position))
    }

    fn remove_other_epochs(&self) -> Result<(), Fault> {
        Ok(())
    }

    fn next_epoch(&self) -> Result<Box<dyn NextEpoch + '_>, Fault> {
        let mut next = self.parts().clone();
        next.rolled += 1;
        next.keys.clear();
        next.leases.clear();
        next.accounts.clear();
        next.rows.clear();
        Ok(Box::new(NextParts { store: self, next }))
    }
}

/// The next epoch while it is written.
struct NextParts<'a> {
    store: &'a MemoryStore,
    next: Parts,
}

impl NextEpoch for NextParts<'_> {
    fn put_owners(&mut self, index: u64, owners: &[u8]) -> Result<(), Fault> {
        if let Some(bundle) = self.next.bundles.get_mut(&index) {
            bundle.owners = owners.to_vec();
        }
        Ok(())
    }

    fn put_keys(&mut self, keys: &[(u64, Vec<u8>)]) -> Result<(), Fault> {
        self.next.keys.extend_from_slice(keys);
        Ok(())
    }

    fn put_leases(&mut self, serial: u64, frame: &[u8]) -> Result<(), Fault> {
        self.next.leases = vec![(serial, frame.to_vec())];
        Ok(())
    }

    fn put_accounts(&mut self, serial: u64, frame: &[u8]) -> Result<(), Fault> {
        self.next.accounts = vec![(serial, frame.to_vec())];
        Ok(())
    }

    fn put_rows(&mut self, rows: Vec<RowChange>, position: u64) -> Result<(), Fault> {
        for (key, value) in rows {
            match value {
                Some(value) => self.next.rows.insert(key, value),
                None => self.next.rows.remove(&key),
            };
        }
        self.next.position = position;
        Ok(())
    }

    fn finish(self: Box<Self>, tail: &StoredBatch) -> Result<(), Fault> {
        let Self { store, mut next } = *self;
        next.batches = vec![tail.clone()];
        let rows = next.rows.iter().map(|(key, value)| (key.clone(), Some(value.clone())));
        next.base = Some((rows.collect(), next.position));
        *store.parts() = next;
        Ok(())
    }
}
