//! Rolling the key epoch: everything sealed under its key is written anew under the next one, then the old key is
//! destroyed, and with it what backups and freed blocks still hold of erased customers.
//!
//! It runs in the sequencer's thread, so nothing is committed meanwhile; reads go on. A crash before the store goes over
//! leaves the old epoch, after it the new one; keys of the other are destroyed at the next start.

use std::sync::{Arc, PoisonError};

use grantbook_record::Kind;
use grantbook_record::day::{Day, UnixMillis, UnixSeconds};
use grantbook_record::event::{Act, OperatorActed, RolledEpoch};
use grantbook_tlog::LeafIndex;

use crate::AppendError;
use crate::accounts;
use crate::acts::record;
use crate::archive;
use crate::keyring::EpochKeys;
use crate::leases;
use crate::ledger::{Inner, Ledger};
use crate::published::{open_owners, seal_owners};
use crate::sequencer::{Appended, Job};
use crate::state::LiveKeys;
use crate::store::{BUNDLE_WIDTH, Fault, NextEpoch, StoredBatch};

/// A key epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch {
    /// Its number, from 1.
    pub number: u64,
    /// When it began.
    pub since: UnixSeconds,
}

/// A key epoch that was begun.
#[derive(Debug, Clone, Copy)]
pub struct Rolled {
    /// The epoch.
    pub epoch: Epoch,
    /// Where the entry stands that says so.
    pub leaf_index: LeafIndex,
}

impl Ledger {
    /// The present key epoch.
    pub fn epoch(&self) -> Epoch {
        self.inner.epoch()
    }

    /// Begins the next key epoch; gives it once the key of the last one is destroyed. Appends wait meanwhile.
    pub fn roll_epoch(&self) -> Result<Rolled, AppendError> {
        let (epoch, recorded) = self.inner.submit(Job::Roll)?;
        Ok(Rolled { epoch, leaf_index: LeafIndex(recorded.leaf_index) })
    }
}

impl Inner {
    fn epoch(&self) -> Epoch {
        let EpochKeys { number, since, .. } = *self.keyring.epoch();
        Epoch { number, since }
    }
}

/// The sequencer's part.
pub(crate) fn roll(inner: &Inner, day: Day, now: UnixMillis) -> Result<(Epoch, Appended), Fault> {
    let _archive = inner.lock_archive();
    archive::keep_bundles(inner)?;
    let next = inner.keyring.make_next_epoch(inner.clock.now().seconds())?;
    let _cases = inner.keyring.cases_lock();
    inner.keyring.carry_cases(&next)?;
    let mut writer = inner.store.next_epoch()?;
    let tenant_id = |number: u32| inner.keyring.tenant_id(number);
    let live = inner.state.copy_rows(&next, writer.as_mut(), tenant_id, |leaf| owner_of(inner, leaf))?;
    copy_owners(inner, &next, writer.as_mut(), &live)?;
    let leases = leases::next_epoch(inner, &next, writer.as_mut())?;
    // nobody changes them until they are read under the next epoch's key
    let mut accounts = inner.accounts.lock().unwrap_or_else(PoisonError::into_inner);
    accounts::next_epoch(&accounts, &next, writer.as_mut())?;
    let tail = tail(inner, &next, &live);
    {
        // readers wait here, so that rows, owners and the keys to them change at once
        let mut state = inner.state.epoch.write().unwrap_or_else(PoisonError::into_inner);
        let mut owners = inner.published.owners_key.write().unwrap_or_else(PoisonError::into_inner);
        writer.finish(&tail)?;
        *state = Arc::clone(&next);
        owners.clone_from(&next.owners);
    }
    inner.keyring.set_epoch(next);
    inner.leases_mut().rolled(leases);
    accounts::rolled(&mut accounts);
    drop(accounts);
    inner.published.disown(|key_id| !live.contains(key_id));
    inner.forget_unkept_keys();
    inner.keyring.destroy_other_epochs()?;
    let epoch = inner.epoch();
    let act = Act::EpochRolled(RolledEpoch { epoch: epoch.number });
    let recorded = record(inner, Kind::OperatorActed, OperatorActed { act, about: None }, day, now)?;
    Ok((epoch, recorded))
}

fn owner_of(inner: &Inner, leaf: u64) -> Result<u64, Fault> {
    let owned = inner.published.item(leaf);
    let owned =
        owned.map_err(|error| Fault::Damaged { what: format!("entry {leaf}"), why: error.to_string() })?;
    Ok(owned.owner.key_id)
}

fn copy_owners(
    inner: &Inner,
    next: &EpochKeys,
    writer: &mut dyn NextEpoch,
    live: &LiveKeys,
) -> Result<(), Fault> {
    let present = inner.keyring.epoch();
    for index in 0..inner.store.bundles()? {
        let damaged = || Fault::Damaged {
            what: format!("owners of bundle {index}"),
            why: "they do not open".to_owned(),
        };
        let sealed = inner.store.bundle(index)?.ok_or_else(damaged)?;
        let first = index * BUNDLE_WIDTH;
        let owners = open_owners(&present.owners, b"bundle", first, &sealed.owners, sealed.items.len());
        let mut owners = owners.ok_or_else(damaged)?;
        for owner in owners.iter_mut().filter(|owner| !live.contains(owner.key_id)) {
            owner.disown();
        }
        writer.put_owners(index, &seal_owners(&next.owners, b"bundle", first, &owners))?;
    }
    Ok(())
}

/// The items that are in no complete bundle, as one batch under the last checkpoint.
fn tail(inner: &Inner, next: &EpochKeys, live: &LiveKeys) -> StoredBatch {
    let (first, owned) = inner.published.tail();
    let mut owners: Vec<_> = owned.iter().map(|owned| owned.owner).collect();
    for owner in owners.iter_mut().filter(|owner| !live.contains(owner.key_id)) {
        owner.disown();
    }
    let (checkpoint, _) = inner.published.checkpoint();
    StoredBatch {
        first,
        items: owned.iter().map(|owned| owned.item.clone()).collect(),
        owners: seal_owners(&next.owners, b"batch", first, &owners),
        keys: Vec::new(),
        checkpoint: checkpoint.to_string(),
    }
}
