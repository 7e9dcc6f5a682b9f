//! A store in memory that fails as disks, kernels and machines do.
//!
//! What it may do, at any call that changes something: refuse; do it partly and report a failure; do it whole and report
//! a failure; lose power before, halfway or after; and for what is written once and read back (bundles, tiles), report
//! success over torn or missing bytes. It may lose a batch that it reported as synced, together with its power: that is
//! beyond what a ledger can make good, so it has to be found out. Reads may be refused.
//!
//! It never changes bytes that it has given back whole. State rows are not durable before a flush, and not for sure after
//! it: when power goes, any number of the latest changes goes with it, each batch of rows whole. The next key epoch is
//! durable as a whole or not there; what was written of it, or the one before it, may be left.
//!
//! The keyring is on the same machine: a secret is replaced whole or not at all, and one half destroyed is overwritten but
//! still has its name.

mod content;
mod next;
mod secrets;
mod store;

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use grantbook_engine::store::{Fault, StoredBatch};
use grantbook_engine::{Ledger, LedgerConfig, OpenError};

pub(crate) use content::Content;

use crate::dice::Dice;
use crate::failure::{How, Op, Planned};

struct Disk {
    content: Content,
    dice: Dice,
    plan: Option<Planned>,
    /// What is planned for the next start.
    at_start: Option<Planned>,
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
    /// With an empty store beside a keyring.
    pub(crate) fn new(secrets: &BTreeMap<String, Vec<u8>>, seed: u64) -> Self {
        Self::of(Content { secrets: secrets.clone(), ..Content::default() }, seed)
    }

    /// Starts a ledger on it.
    pub(crate) fn open(&self, config: &LedgerConfig) -> Result<Ledger, OpenError> {
        Ledger::open_with(Arc::new(self.clone()), Box::new(self.clone()), config)
    }

    pub(crate) fn of(content: Content, seed: u64) -> Self {
        let disk = Disk {
            content,
            dice: Dice::new(seed ^ 0xD15C),
            plan: None,
            at_start: None,
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

    /// Plans a fault for the next start.
    pub(crate) fn plan_at_start(&self, planned: Planned) {
        self.disk().at_start = Some(planned);
    }

    /// Faults that struck since the last call.
    pub(crate) fn take_struck(&self) -> Vec<(Op, How)> {
        std::mem::take(&mut self.disk().struck)
    }

    /// Looks at what is stored; no fault comes in between.
    pub(crate) fn peek<T>(&self, look: impl FnOnce(&Content) -> T) -> T {
        look(&self.disk().content)
    }

    pub(crate) fn content(&self) -> Content {
        self.disk().content.clone()
    }

    pub(crate) fn has_power(&self) -> bool {
        self.disk().powered
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
        if let Some(planned) = disk.at_start.take() {
            disk.plan = Some(planned);
        }
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

impl Machine {
    /// Whether the very next such call will be lied about.
    fn lies(&self, op: Op) -> bool {
        self.disk()
            .plan
            .is_some_and(|planned| planned.at == 1 && planned.how == How::Lied && planned.counts(op))
    }
}
