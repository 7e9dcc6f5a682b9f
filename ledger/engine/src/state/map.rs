//! The rows of the map of grant states, as it reads them: opened.

use grantbook_record::encoding::Bytes32;

use super::{Changes, State, damaged};
use crate::state_map::{DRAINED_AT_ONCE, MapRows, StateMap};
use crate::store::{Fault, Row};

impl MapRows for State {
    fn row(&self, name: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        self.sealed_row(&self.epoch(), name)
    }

    fn rows(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Row>, Fault> {
        let epoch = self.epoch();
        let rows = self.store.rows(prefix, after, limit)?;
        rows.into_iter()
            .map(|(name, sealed)| {
                let row = epoch.rows.open(&sealed, &name).map_err(|_| damaged("map"))?;
                Ok((name, row))
            })
            .collect()
    }
}

impl State {
    /// Takes some of what is noted into the tree of the map; `false` where nothing was left. The map means the same before
    /// and after. Only the sequencer may call it.
    pub(crate) fn drain_map(&self) -> Result<bool, Fault> {
        let Some(rows) = StateMap::new(self).drain(DRAINED_AT_ONCE)? else { return Ok(false) };
        let mut changes = Changes::default();
        changes.rows = rows;
        self.commit(changes, self.store.position()?)?;
        Ok(true)
    }

    /// Takes all that is noted into the tree; its root.
    pub(crate) fn settle_map(&self) -> Result<Bytes32, Fault> {
        while self.drain_map()? {}
        StateMap::new(self).root()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use grantbook_record::day::UnixSeconds;
    use grantbook_record::encoding::Bytes32;
    use grantbook_record::state_proof::StateKey;

    use crate::config::LedgerConfig;
    use crate::keyring::Keyring;
    use crate::state::{Changes, State};
    use crate::state_map::{MapHead, StateMap, note, set_head};
    use crate::store::{MemoryStore, RowChange, Store as _};

    fn commit(state: &State, rows: Vec<RowChange>) {
        let mut changes = Changes::default();
        changes.rows = rows;
        state.commit(changes, 1).unwrap();
    }

    /// The map's rows lie sealed, and are read under the key of the epoch they lie in, also after a roll.
    #[test]
    fn the_maps_rows_are_sealed_under_the_epochs_key_and_anew_in_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let config = LedgerConfig::new(folder.path().join("data"));
        let keyring = Keyring::open(&config, 1, UnixSeconds(1_795_000_000)).unwrap();
        let store = Arc::new(MemoryStore::default());
        let state = State::new(store.clone(), &keyring);
        let (key, value) = (StateKey(Bytes32([1; 32])), Bytes32([2; 32]));
        commit(&state, vec![note(&key, Some(&value)), note(&StateKey(Bytes32([3; 32])), Some(&value))]);
        let map = StateMap::new(&state);
        commit(&state, map.drain(10).unwrap().unwrap());
        assert_eq!(map.drain(10).unwrap(), None);
        let head = MapHead { root: map.root().unwrap(), size: 1, leaf_index: 1 };
        commit(&state, vec![set_head(&head), note(&key, None)]);
        assert!(map.prove(&key, Some(&value)).unwrap().is_some());
        for (name, row) in store.rows(b"m", None, 100).unwrap() {
            assert!(!row.windows(16).any(|part| [1, 2, 3].map(|byte| [byte; 16]).iter().any(|b| b == part)));
            assert!(keyring.epoch().rows.open(&row, &name).is_ok());
        }

        let next = keyring.make_next_epoch(UnixSeconds(1_795_000_001)).unwrap();
        let mut writer = store.next_epoch().unwrap();
        state.copy_rows(&next, writer.as_mut(), |_| None, |_| Ok(0)).unwrap();
        writer.finish(&crate::store::StoredBatch::default()).unwrap();
        *state.epoch.write().unwrap() = next;
        assert_eq!(map.head().unwrap(), Some(head));
        assert!(map.prove(&key, Some(&value)).unwrap().is_some());
        assert!(map.drain(10).unwrap().is_some(), "what was noted is still noted");
    }
}
