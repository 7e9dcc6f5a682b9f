//! A store in memory that fails as disks, kernels and machines do.
//!
//! What it may do, at any call that changes something: refuse; do it partly and report a failure; do it whole and report
//! a failure; lose power before, halfway or after; and for what is written once and read back (bundles, tiles), report
//! success over torn or missing bytes. It may lose a batch that it reported as synced, together with its power: that is
//! beyond what a ledger can make good, so it has to be found out. Reads may be refused.
//!
//! It never changes bytes that it has given back whole. State rows are not durable before a flush, and not for sure after it: when power goes, any number of the latest
//! changes goes with it, each batch of rows whole.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use grantbook_engine::store::{
    BatchVisitor, Fault, NextEpoch, Row, RowChange, Store, StoredBatch, StoredBundle,
};
use grantbook_tlog::tile::TileCoord;

use crate::dice::Dice;
use crate::failure::{How, Op, Planned};

/// All that is stored.
#[derive(Clone, Default)]
pub(crate) struct Content {
    pub(crate) batches: Vec<StoredBatch>,
    bundles: BTreeMap<u64, StoredBundle>,
    tiles: BTreeMap<String, Vec<u8>>,
    keys: Vec<(u64, Vec<u8>)>,
    pub(crate) anchor: Option<String>,
    witnessed: Option<String>,
    rows: BTreeMap<Vec<u8>, Vec<u8>>,
    position: u64,
    /// How to take back each change of the state that is not durable, oldest first.
    undo: Vec<Undo>,
}

#[derive(Clone)]
struct Undo {
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

    fn change(&mut self, rows: Vec<RowChange>, position: u64) {
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

    fn take_back(&mut self) {
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

struct Disk {
    content: Content,
    dice: Dice,
    plan: Option<Planned>,
    /// Faults that struck since they were last taken.
    struck: Vec<(Op, How)>,
    powered: bool,
    /// A batch that was reported as synced and goes with the power; and the batches as they should be.
    lied: bool,
    whole: Option<Vec<StoredBatch>>,
}

/// The machine: disk, power, and a gate at which a commit can be held.
#[derive(Clone)]
pub(crate) struct Machine {
    disk: Arc<Mutex<Disk>>,
    gate: Arc<(Mutex<Gate>, Condvar)>,
}

#[derive(Default)]
struct Gate {
    held: bool,
    waiting: bool,
}

impl Machine {
    pub(crate) fn new(seed: u64) -> Self {
        Self::of(Content::default(), seed)
    }

    pub(crate) fn of(content: Content, seed: u64) -> Self {
        let disk = Disk {
            content,
            dice: Dice::new(seed ^ 0xD15C),
            plan: None,
            struck: Vec::new(),
            powered: true,
            lied: false,
            whole: None,
        };
        Self { disk: Arc::new(Mutex::new(disk)), gate: Arc::default() }
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Plans a fault, or none; gives what was planned before.
    pub(crate) fn plan(&self, planned: Option<Planned>) -> Option<Planned> {
        std::mem::replace(&mut self.disk().plan, planned)
    }

    /// Faults that struck since the last call.
    pub(crate) fn take_struck(&self) -> Vec<(Op, How)> {
        std::mem::take(&mut self.disk().struck)
    }

    pub(crate) fn content(&self) -> Content {
        self.disk().content.clone()
    }

    pub(crate) fn log_size(&self) -> u64 {
        self.disk().content.log_size()
    }

    /// Loses the state, as when its folder was deleted.
    pub(crate) fn lose_state(&self) {
        let content = &mut self.disk().content;
        *content = content.without_state();
    }

    /// Pulls the plug, or kills the process: either way what is in memory is gone.
    pub(crate) fn cut_power(&self) {
        self.disk().cut_power();
    }

    /// Starts again. Whether a batch that had been reported as synced is gone.
    pub(crate) fn start(&self) -> bool {
        let mut disk = self.disk();
        disk.powered = true;
        disk.whole.is_some()
    }

    /// Puts back what a lying disk has lost, as from a copy.
    pub(crate) fn put_back(&self) {
        let mut disk = self.disk();
        if let Some(batches) = disk.whole.take() {
            disk.content.batches = batches;
        }
    }

    /// Goes on without it.
    pub(crate) fn accept_loss(&self) {
        self.disk().whole = None;
    }

    /// From now on a commit waits until [`Self::release`].
    pub(crate) fn hold(&self) {
        self.gate.0.lock().unwrap_or_else(PoisonError::into_inner).held = true;
    }

    /// Whether a commit waits.
    pub(crate) fn commit_waits(&self) -> bool {
        self.gate.0.lock().unwrap_or_else(PoisonError::into_inner).waiting
    }

    /// Until a commit waits, or `over`.
    pub(crate) fn wait_for_commit(&self, over: impl Fn() -> bool) {
        while !self.commit_waits() && !over() {
            std::thread::yield_now();
        }
    }

    pub(crate) fn release(&self) {
        self.gate.0.lock().unwrap_or_else(PoisonError::into_inner).held = false;
        self.gate.1.notify_all();
    }

    fn pass(&self) {
        let mut gate = self.gate.0.lock().unwrap_or_else(PoisonError::into_inner);
        while gate.held {
            gate.waiting = true;
            gate = self.gate.1.wait(gate).unwrap_or_else(PoisonError::into_inner);
        }
        gate.waiting = false;
    }

    /// Runs a call that changes something, as the plan has it. `part` does a part of it.
    fn call(
        &self,
        op: Op,
        part: impl FnOnce(&mut Content, &mut Dice),
        whole: impl FnOnce(&mut Content),
    ) -> Result<(), Fault> {
        let disk = &mut *self.disk();
        if !disk.powered {
            return Err(failure(op, "no power"));
        }
        let Some(how) = disk.due(op) else {
            whole(&mut disk.content);
            return Ok(());
        };
        match how {
            How::Refused => Err(failure(op, "refused")),
            How::Partly => {
                part(&mut disk.content, &mut disk.dice);
                Err(failure(op, "cut short"))
            }
            How::Unreported => {
                whole(&mut disk.content);
                Err(failure(op, "reported as failed"))
            }
            How::PowerBefore => {
                disk.cut_power();
                Err(failure(op, "no power"))
            }
            How::PowerDuring => {
                part(&mut disk.content, &mut disk.dice);
                disk.cut_power();
                Err(failure(op, "no power"))
            }
            How::PowerAfter => {
                whole(&mut disk.content);
                disk.cut_power();
                Err(failure(op, "no power"))
            }
            How::Lied => {
                match op {
                    Op::PutBundle | Op::PutTile => part(&mut disk.content, &mut disk.dice),
                    // nothing else that a disk says can be checked
                    _ => whole(&mut disk.content),
                }
                Ok(())
            }
        }
    }

    fn read<T>(&self, read: impl FnOnce(&Content) -> T) -> Result<T, Fault> {
        let disk = &mut *self.disk();
        if !disk.powered {
            return Err(failure(Op::Read, "no power"));
        }
        if disk.due(Op::Read).is_some() {
            return Err(failure(Op::Read, "refused"));
        }
        Ok(read(&disk.content))
    }
}

impl Disk {
    /// How this call goes wrong, if it does.
    fn due(&mut self, op: Op) -> Option<How> {
        let planned = self.plan.as_mut().filter(|planned| planned.counts(op))?;
        planned.at -= 1;
        let how = planned.how;
        if planned.at > 0 {
            return None;
        }
        self.plan = None;
        self.struck.push((op, how));
        Some(how)
    }

    fn cut_power(&mut self) {
        if !self.powered {
            return;
        }
        self.powered = false;
        let latest = self.content.undo.len() as u64;
        let gone = if self.dice.once_in(2) { 0 } else { self.dice.below(latest + 1) };
        (0..gone).for_each(|_| self.content.take_back());
        self.content.undo.clear();
        // the batch that the disk had lied about, if no later one was synced for real
        if std::mem::take(&mut self.lied) {
            self.whole = Some(self.content.batches.clone());
            self.content.batches.pop();
        }
    }
}

fn failure(op: Op, why: &str) -> Fault {
    Fault::Io { doing: "simulate", what: format!("{op:?}"), source: std::io::Error::other(why.to_owned()) }
}

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

    // seeds share a keyring, so none of them may end its epoch

    fn epoch(&self) -> u64 {
        1
    }

    fn remove_other_epochs(&self) -> Result<(), Fault> {
        Ok(())
    }

    fn next_epoch(&self) -> Result<Box<dyn NextEpoch + '_>, Fault> {
        Err(failure(Op::PutKeys, "this store has one key epoch"))
    }
}

impl Machine {
    /// Whether the very next such call will be lied about.
    fn lies(&self, op: Op) -> bool {
        self.disk()
            .plan
            .is_some_and(|planned| planned.at == 1 && planned.how == How::Lied && planned.counts(op))
    }
}
