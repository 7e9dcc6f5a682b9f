//! The machine as a store.

use grantbook_engine::store::{
    BaseVisitor, BatchVisitor, Fault, FrameVisitor, NextEpoch, Row, RowChange, Store, StoredBatch,
    StoredBundle,
};
use grantbook_tlog::tile::TileCoord;

use super::content::Content;
use super::next::NextParts;
use super::{Machine, Op};

impl Store for Machine {
    fn commit(&self, batch: &StoredBatch) -> Result<(), Fault> {
        self.pass();
        // a torn frame is dropped when it is read back: the same as none
        let lied = self.lies(Op::Commit);
        self.call(Op::Commit, |_, _| (), |content| content.batches.push(batch.clone()))?;
        // the sync of a later batch makes a lie about this one true
        self.disk().lied = lied;
        Ok(())
    }

    fn batches(&self, visit: BatchVisitor<'_>) -> Result<(), Fault> {
        let batches = self.read(|content| content.batches.clone())?;
        batches.into_iter().try_for_each(visit)
    }

    fn trim(&self, size: u64) -> Result<(), Fault> {
        let keep = |content: &Content| {
            let ends: Vec<u64> =
                content.batches.iter().map(|batch| batch.first + batch.items.len() as u64).collect();
            let last = ends.len().saturating_sub(1);
            ends.into_iter().enumerate().map(|(at, end)| end > size || at == last).collect::<Vec<_>>()
        };
        let drop_all = |content: &mut Content, keep: &[bool]| {
            let mut keep = keep.iter();
            content.batches.retain(|_| keep.next().copied().unwrap_or(true));
        };
        self.call(
            Op::Trim,
            |content, dice| {
                // files go one by one, and a folder's changes may reach the disk in any order
                let some: Vec<bool> = keep(content).into_iter().map(|keep| keep || dice.once_in(2)).collect();
                drop_all(content, &some);
            },
            |content| {
                let all = keep(content);
                drop_all(content, &all);
            },
        )
    }

    fn put_bundle(&self, index: u64, bundle: &StoredBundle) -> Result<(), Fault> {
        let lied = self.lies(Op::PutBundle);
        self.call(
            Op::PutBundle,
            |content, dice| {
                // a file that is not whole has another name, unless the disk lies
                if !lied || dice.once_in(4) {
                    return;
                }
                let mut torn = bundle.clone();
                let at = dice.place(torn.items.len());
                let item = &mut torn.items[at];
                let bytes = match dice.below(3) {
                    0 => &mut item.entry,
                    1 => &mut item.body,
                    _ => &mut torn.owners,
                };
                let at = dice.place(bytes.len());
                bytes[at] ^= 1 << dice.below(8);
                content.bundles.insert(index, torn);
            },
            |content| {
                content.bundles.insert(index, bundle.clone());
            },
        )
    }

    fn bundle(&self, index: u64) -> Result<Option<StoredBundle>, Fault> {
        self.read(|content| content.bundles.get(&index).cloned())
    }

    fn bundles(&self) -> Result<u64, Fault> {
        self.read(|content| content.bundles.len() as u64)
    }

    fn put_tile(&self, tile: &TileCoord, bytes: &[u8]) -> Result<(), Fault> {
        let lied = self.lies(Op::PutTile);
        self.call(
            Op::PutTile,
            |content, dice| {
                if !lied || dice.once_in(4) {
                    return;
                }
                let mut torn = bytes.to_vec();
                let at = dice.place(torn.len());
                torn[at] ^= 1 << dice.below(8);
                content.tiles.insert(tile.path(), torn);
            },
            |content| {
                content.tiles.insert(tile.path(), bytes.to_vec());
            },
        )
    }

    fn tile(&self, tile: &TileCoord) -> Result<Option<Vec<u8>>, Fault> {
        self.read(|content| content.tiles.get(&tile.path()).cloned())
    }

    fn put_keys(&self, keys: &[(u64, Vec<u8>)]) -> Result<(), Fault> {
        self.call(
            Op::PutKeys,
            |content, dice| {
                // the key that was torn is dropped when it is read back
                let whole = dice.place(keys.len() + 1);
                content.keys.extend_from_slice(&keys[..whole]);
            },
            |content| content.keys.extend_from_slice(keys),
        )
    }

    fn keys(&self, visit: &mut dyn FnMut(u64, Vec<u8>)) -> Result<(), Fault> {
        let keys = self.read(|content| content.keys.clone())?;
        for (id, wrapped) in keys {
            visit(id, wrapped);
        }
        Ok(())
    }

    fn leases(&self, visit: FrameVisitor<'_>) -> Result<bool, Fault> {
        // a torn frame is dropped when it is read back: the same as none
        let frames = self.read(|content| content.leases.clone())?;
        frames.into_iter().try_for_each(|(serial, frame)| visit(serial, frame))?;
        Ok(false)
    }

    fn append_leases(&self, serial: u64, frame: &[u8]) -> Result<(), Fault> {
        self.call(Op::PutLeases, |_, _| (), |content| content.leases.push((serial, frame.to_vec())))
    }

    fn replace_leases(&self, serial: u64, frame: &[u8]) -> Result<(), Fault> {
        self.call(Op::PutLeases, |_, _| (), |content| content.leases = vec![(serial, frame.to_vec())])
    }

    fn accounts(&self, visit: FrameVisitor<'_>) -> Result<(), Fault> {
        let frames = self.read(|content| content.accounts.clone())?;
        frames.into_iter().try_for_each(|(serial, frame)| visit(serial, frame))
    }

    fn append_accounts(&self, serial: u64, frame: &[u8]) -> Result<(), Fault> {
        self.call(Op::PutLeases, |_, _| (), |content| content.accounts.push((serial, frame.to_vec())))
    }

    fn replace_accounts(&self, serial: u64, frame: &[u8]) -> Result<(), Fault> {
        self.call(Op::PutLeases, |_, _| (), |content| content.accounts = vec![(serial, frame.to_vec())])
    }

    fn lease_mark(&self) -> Result<Option<String>, Fault> {
        self.read(|content| content.lease_mark.clone())
    }

    fn set_lease_mark(&self, mark: &str) -> Result<(), Fault> {
        // half a slot leaves the other one
        self.call(Op::SetMark, |_, _| (), |content| content.lease_mark = Some(mark.to_owned()))
    }

    fn anchor(&self) -> Result<Option<String>, Fault> {
        self.read(|content| content.anchor.clone())
    }

    fn set_anchor(&self, checkpoint: &str) -> Result<(), Fault> {
        // half a slot leaves the other one
        self.call(Op::SetAnchor, |_, _| (), |content| content.anchor = Some(checkpoint.to_owned()))
    }

    fn row(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        self.read(|content| content.rows.get(key).cloned())
    }

    fn rows(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Row>, Fault> {
        use std::ops::Bound::{Excluded, Included, Unbounded};
        self.read(|content| {
            let start = after.map_or(Included(prefix), Excluded);
            let rows = content.rows.range::<[u8], _>((start, Unbounded)).take(limit);
            let rows = rows.take_while(|(key, _)| key.starts_with(prefix));
            rows.map(|(key, value)| (key.clone(), value.clone())).collect()
        })
    }

    fn apply(&self, rows: Vec<RowChange>, position: u64) -> Result<(), Fault> {
        // all or none
        self.call(Op::Apply, |_, _| (), |content| content.change(rows, position))
    }

    fn position(&self) -> Result<u64, Fault> {
        self.read(|content| content.position)
    }

    fn clear_state(&self) -> Result<(), Fault> {
        // rows go one by one, the position first
        let clear = |content: &mut Content, count: usize| {
            content.change(Vec::new(), 0);
            let names: Vec<_> = content.rows.keys().take(count).cloned().collect();
            for name in names {
                content.change(vec![(name, None)], 0);
            }
        };
        self.call(
            Op::ClearState,
            |content, dice| {
                let some = dice.place(content.rows.len() + 1);
                clear(content, some);
            },
            |content| clear(content, usize::MAX),
        )
    }

    fn flush_state(&self) -> Result<(), Fault> {
        let flushed = self.disk().dice.once_in(2);
        self.call(
            Op::FlushState,
            |_, _| (),
            |content| {
                if flushed {
                    content.undo.clear();
                }
            },
        )
    }

    fn witnessed(&self) -> Result<Option<String>, Fault> {
        self.read(|content| content.witnessed.clone())
    }

    fn set_witnessed(&self, checkpoint: &str) -> Result<(), Fault> {
        self.disk().content.witnessed = Some(checkpoint.to_owned());
        Ok(())
    }

    fn epoch(&self) -> u64 {
        self.disk().content.rolled + 1
    }

    fn base(&self, visit: BaseVisitor<'_>) -> Result<(), Fault> {
        let base = self.read(|content| content.base.clone())?;
        base.into_iter().try_for_each(|(rows, position)| visit(rows, position))
    }

    fn remove_other_epochs(&self) -> Result<(), Fault> {
        if self.peek(|content| content.left) == 0 {
            return Ok(());
        }
        let some = |content: &mut Content, dice: &mut crate::dice::Dice| {
            content.left = dice.below(content.left + 1);
        };
        self.call(Op::RemoveEpochs, some, |content| content.left = 0)
    }

    fn next_epoch(&self) -> Result<Box<dyn NextEpoch + '_>, Fault> {
        NextParts::begin(self)
    }
}
