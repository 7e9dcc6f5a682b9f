//! The next key epoch while it is written.

use std::collections::BTreeMap;

use grantbook_engine::store::{Fault, NextEpoch, RowChange, StoredBatch};

use super::content::Content;
use super::{Machine, Op};

pub(super) struct NextParts<'a> {
    machine: &'a Machine,
    owners: BTreeMap<u64, Vec<u8>>,
    keys: Vec<(u64, Vec<u8>)>,
    leases: Vec<(u64, Vec<u8>)>,
    accounts: Vec<(u64, Vec<u8>)>,
    base: Vec<(Vec<RowChange>, u64)>,
    finished: bool,
}

impl<'a> NextParts<'a> {
    pub(super) fn begin(machine: &'a Machine) -> Result<Box<dyn NextEpoch + 'a>, Fault> {
        // what is left of one that was begun before is removed first
        machine.call(Op::NextEpoch, |content, _| content.left = 1, |content| content.left = 1)?;
        let (owners, keys, leases, base) = (BTreeMap::new(), Vec::new(), Vec::new(), Vec::new());
        Ok(Box::new(Self { machine, owners, keys, leases, base, accounts: Vec::new(), finished: false }))
    }

    /// Nothing that is written of it is read before it is finished, so of a part that was written nothing shows.
    fn put(&self) -> Result<(), Fault> {
        self.machine.call(Op::PutNext, |_, _| (), |_| ())
    }
}

impl NextEpoch for NextParts<'_> {
    fn put_owners(&mut self, index: u64, owners: &[u8]) -> Result<(), Fault> {
        self.put()?;
        self.owners.insert(index, owners.to_vec());
        Ok(())
    }

    fn put_keys(&mut self, keys: &[(u64, Vec<u8>)]) -> Result<(), Fault> {
        self.put()?;
        self.keys.extend_from_slice(keys);
        Ok(())
    }

    fn put_accounts(&mut self, serial: u64, frame: &[u8]) -> Result<(), Fault> {
        self.accounts = vec![(serial, frame.to_vec())];
        Ok(())
    }

    fn put_leases(&mut self, serial: u64, frame: &[u8]) -> Result<(), Fault> {
        self.put()?;
        self.leases = vec![(serial, frame.to_vec())];
        Ok(())
    }

    fn put_rows(&mut self, rows: Vec<RowChange>, position: u64) -> Result<(), Fault> {
        self.put()?;
        self.base.push((rows, position));
        Ok(())
    }

    fn finish(mut self: Box<Self>, tail: &StoredBatch) -> Result<(), Fault> {
        let (owners, keys, base) = (
            std::mem::take(&mut self.owners),
            std::mem::take(&mut self.keys),
            std::mem::take(&mut self.base),
        );
        let leases = std::mem::take(&mut self.leases);
        let accounts = std::mem::take(&mut self.accounts);
        let go_over = |content: &mut Content| {
            content.rolled += 1;
            content.batches = vec![tail.clone()];
            for (index, bundle) in &mut content.bundles {
                bundle.owners = owners.get(index).cloned().unwrap_or_default();
            }
            content.keys.clone_from(&keys);
            content.leases.clone_from(&leases);
            content.accounts.clone_from(&accounts);
            content.rows.clear();
            for (rows, position) in &base {
                content.change(rows.clone(), *position);
            }
            content.undo.clear();
            content.base.clone_from(&base);
        };
        self.finished = true;
        // whatever was lied about: all of it is synced again before the new name
        self.machine.disk().lied = false;
        self.machine.call(
            Op::FinishEpoch,
            |content, dice| {
                // before the rename, or after it and before the old folder is gone
                if dice.once_in(2) {
                    go_over(content);
                }
            },
            |content| {
                go_over(content);
                content.left = 0;
            },
        )
    }
}

impl Drop for NextParts<'_> {
    fn drop(&mut self) {
        // a process that was killed has no time for it
        if !self.finished && self.machine.has_power() {
            self.machine.disk().content.left = 0;
        }
    }
}
