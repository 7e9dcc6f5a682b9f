//! Rows that no log leads to: the portal's accounts, their sessions, invitations, and the mirror of enterprises' systems.
//! Kept in a small durable log of their own beside the leases', sealed under the key epoch's key, carried over when the
//! epoch rolls, and in every backup.
//!
//! What they mean, the portal knows; here they are names and bytes. All of them are in memory. A change of several rows
//! is one frame: it is there after a crash, or not at all. A row that was removed is gone from the file when all rows take the
//! place of its frames, which [`Ledger::forget_account_rows`] does at once, and from backups when the epoch has rolled, as
//! everything that is erased.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use serde::{Deserialize, Serialize};

use crate::error::OpenError;
use crate::keyring::EpochKeys;
use crate::ledger::{Inner, Ledger};
use crate::store::{Fault, NextEpoch};

/// Frames after which all rows take their place.
const FRAMES_MAX: u64 = 4096;
/// What faults call it.
const LOG: &str = "accounts.log";

/// The rows, by name.
#[derive(Default)]
pub(crate) struct AccountRows {
    rows: BTreeMap<String, Vec<u8>>,
    /// Number of the last frame; 0 before the first.
    serial: u64,
    /// Frames since all rows were written.
    frames: u64,
}

/// What one change does to a row; `None` removes it.
type Changes = BTreeMap<String, Option<Vec<u8>>>;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Frame {
    /// Whether these are all rows there are.
    whole: bool,
    rows: BTreeMap<String, Option<grantbook_record::encoding::Base64Bytes>>,
}

/// The rows as a change sees them: as they are, and what it has changed so far.
pub struct AccountChange<'a> {
    rows: &'a BTreeMap<String, Vec<u8>>,
    changes: Changes,
}

impl AccountChange<'_> {
    /// One row.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        match self.changes.get(name) {
            Some(changed) => changed.as_deref(),
            None => self.rows.get(name).map(Vec::as_slice),
        }
    }

    /// Names that begin with `prefix`, in order.
    pub fn names(&self, prefix: &str) -> Vec<String> {
        let (first, changed) = (prefix.to_owned().., prefix.to_owned()..);
        let begin = |name: &&String| name.starts_with(prefix);
        let mut names: Vec<String> =
            self.rows.range(first).map(|(name, _)| name).take_while(begin).cloned().collect();
        names.extend(self.changes.range(changed).map(|(name, _)| name).take_while(begin).cloned());
        names.sort();
        names.dedup();
        names.retain(|name| self.get(name).is_some());
        names
    }

    /// Sets a row.
    pub fn put(&mut self, name: &str, value: Vec<u8>) {
        self.changes.insert(name.to_owned(), Some(value));
    }

    /// Removes a row.
    pub fn remove(&mut self, name: &str) {
        self.changes.insert(name.to_owned(), None);
    }
}

/// The one place for which a frame is sealed.
pub(crate) fn frame_place(serial: u64) -> Vec<u8> {
    [b"accounts".as_slice(), &serial.to_be_bytes()].concat()
}

fn sealed(epoch: &EpochKeys, serial: u64, whole: bool, rows: Changes) -> Vec<u8> {
    let rows = rows
        .into_iter()
        .map(|(name, row)| (name, row.map(grantbook_record::encoding::Base64Bytes)))
        .collect();
    // string keys, no fallible serialisers
    let plain = zeroize::Zeroizing::new(serde_json::to_vec(&Frame { whole, rows }).unwrap_or_default());
    epoch.rows.seal(&plain, &frame_place(serial))
}

impl AccountRows {
    fn all(&self) -> Changes {
        self.rows.iter().map(|(name, row)| (name.clone(), Some(row.clone()))).collect()
    }

    /// All rows as the only frame.
    fn rewrite(&mut self, inner: &Inner) -> Result<(), Fault> {
        let serial = self.serial.saturating_add(1);
        inner.store.replace_accounts(serial, &sealed(&inner.keyring.epoch(), serial, true, self.all()))?;
        (self.serial, self.frames) = (serial, 1);
        Ok(())
    }
}

/// Reads the rows back.
pub(crate) fn load(inner: &Inner) -> Result<(), OpenError> {
    let epoch = inner.keyring.epoch();
    let mut accounts = AccountRows::default();
    // a torn last frame was never acknowledged; the next one takes its place
    inner.store.accounts(&mut |serial, sealed| {
        let damaged = |why: &str| damaged(&format!("frame {serial} {why}"));
        if accounts.serial > 0 && serial != accounts.serial + 1 {
            return Err(damaged("does not follow the one before"));
        }
        let plain = epoch.rows.open(&sealed, &frame_place(serial));
        let plain = plain.map_err(|_| damaged("does not open under the epoch's key"))?;
        let frame: Frame = serde_json::from_slice(&plain).map_err(|_| damaged("does not parse"))?;
        for (name, row) in frame.rows {
            match row {
                Some(row) => accounts.rows.insert(name, row.0),
                None => accounts.rows.remove(&name),
            };
        }
        accounts.serial = serial;
        accounts.frames += 1;
        Ok(())
    })?;
    *inner.accounts.lock().unwrap_or_else(PoisonError::into_inner) = accounts;
    Ok(())
}

/// Hands all rows to the next key epoch; gives their frame's number. Nobody may change them until [`rolled`].
pub(crate) fn next_epoch(
    accounts: &AccountRows,
    next: &EpochKeys,
    writer: &mut dyn NextEpoch,
) -> Result<(), Fault> {
    let serial = accounts.serial.saturating_add(1);
    if accounts.serial == 0 {
        return Ok(());
    }
    writer.put_accounts(serial, &sealed(next, serial, true, accounts.all()))
}

/// The next key epoch has begun, with all rows in one frame.
pub(crate) fn rolled(accounts: &mut AccountRows) {
    if accounts.serial > 0 {
        (accounts.serial, accounts.frames) = (accounts.serial.saturating_add(1), 1);
    }
}

impl Ledger {
    /// One of the portal's rows.
    pub fn account_row(&self, name: &str) -> Option<Vec<u8>> {
        let accounts = self.inner.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.rows.get(name).cloned()
    }

    /// Rows whose names begin with `prefix`, by name.
    pub(crate) fn account_rows(&self, prefix: &str) -> Vec<(String, Vec<u8>)> {
        let accounts = self.inner.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let from = accounts.rows.range(prefix.to_owned()..);
        let begin = from.take_while(|(name, _)| name.starts_with(prefix));
        begin.map(|(name, row)| (name.clone(), row.clone())).collect()
    }

    /// Changes some of the portal's rows, all or none; durable on return. Nothing is changed where `change` refuses.
    pub fn change_account_rows<T, E: From<Fault>>(
        &self,
        change: impl FnOnce(&mut AccountChange<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let inner = &self.inner;
        let mut accounts = inner.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut seen = AccountChange { rows: &accounts.rows, changes: Changes::new() };
        let value = change(&mut seen)?;
        let changes = seen.changes;
        if changes.is_empty() {
            return Ok(value);
        }
        if accounts.frames >= FRAMES_MAX {
            accounts.rewrite(inner)?;
        }
        let serial = accounts.serial.saturating_add(1);
        let frame = sealed(&inner.keyring.epoch(), serial, false, changes.clone());
        if let Err(fault) = inner.store.append_accounts(serial, &frame) {
            // whether it is there, only a new start can tell
            inner.stop(&fault);
            return Err(fault.into());
        }
        (accounts.serial, accounts.frames) = (serial, accounts.frames.saturating_add(1));
        for (name, row) in changes {
            match row {
                Some(row) => accounts.rows.insert(name, row),
                None => accounts.rows.remove(&name),
            };
        }
        Ok(value)
    }

    /// Takes what was removed out of the file, too.
    pub fn forget_account_rows(&self) -> Result<(), Fault> {
        self.inner.accounts.lock().unwrap_or_else(PoisonError::into_inner).rewrite(&self.inner)
    }
}

fn damaged(why: &str) -> Fault {
    Fault::Damaged { what: LOG.to_owned(), why: why.to_owned() }
}
