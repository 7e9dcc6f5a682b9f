//! Opening: what the store holds is checked against signatures, anchor and itself before a single read is answered.

use std::sync::Arc;

use grantbook_plan::{Admitted, EntryRef};
use grantbook_record::day::{Day, UnixSeconds};
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::Event;
use grantbook_record::uses::{BATCH_RECORDS_MAX, BatchHead, UseRecord, parse_head};
use grantbook_record::{Entry, Envelope, GateId, Quantity};
use grantbook_tlog::{leaf_hash, verify_consistency};

use crate::accounts;
use crate::admit;
use crate::body::{Body, BodyContent, SharedHead};
use crate::config::LedgerConfig;
use crate::error::{OpenError, ReadError};
use crate::keyring::{Keyring, PERMANENT, SecretStore};
use crate::leases;
use crate::ledger::Inner;
use crate::published::{Addition, OwnedItem, Published, open_owners};
use crate::sequencer::sign_checkpoint;
use crate::state::{Changes, FoldedEvent, FoldedUse, State};
use crate::store::{BUNDLE_WIDTH, Fault, Store, StoredBatch};

/// Entries that the replay of the fold takes at once.
const REPLAY_ENTRIES: u64 = 4096;

pub(crate) fn open(
    store: Arc<dyn Store>,
    secrets: Box<dyn SecretStore>,
    config: &LedgerConfig,
) -> Result<Inner, OpenError> {
    check_keyring_is_there(store.as_ref(), secrets.as_ref(), config)?;
    let now = config.clock.now().seconds();
    let keyring = Keyring::open_on(secrets, config.origin.as_deref(), store.epoch(), now)?;
    let state = State::new(Arc::clone(&store), &keyring);

    let mut tail = Tail::new(Arc::clone(&store), &keyring)?;
    store.batches(&mut |batch| tail.take(batch))?;
    let Tail { keys, new_keys, checkpoint, whole_from, kept, .. } = &mut tail;
    let (keys, checkpoint) = (std::mem::take(keys), checkpoint.take());
    let (whole_from, kept) = (*whole_from, *kept);
    let (seen_keys, new_keys) = keys.split_at(keys.len() - *new_keys);
    let published = tail.into_published()?;
    let last_day = last_day(&published)?;

    let inner = Inner::new(keyring, state, store, published, config, last_day, keys.clone(), kept);
    match &checkpoint {
        Some(checkpoint) => check_signed(&inner, checkpoint)?,
        None if kept > 0 => {
            return Err(OpenError::Root(
                "the journal is missing, which holds the last signed checkpoint; restore it from a backup"
                    .to_owned(),
            ));
        }
        None => {}
    }
    check_anchor(&inner, checkpoint.as_deref())?;
    inner.load_witnessed()?;
    replay(&inner, whole_from, seen_keys, new_keys)?;
    leases::load(&inner)?;
    accounts::load(&inner)?;
    show_feeds(&inner)?;
    Ok(inner)
}

/// A ledger that has a history never gets fresh keys: they could not read it.
fn check_keyring_is_there(
    store: &dyn Store,
    secrets: &dyn SecretStore,
    config: &LedgerConfig,
) -> Result<(), OpenError> {
    let path = config.keyring_dir.join(PERMANENT);
    let there = secrets.names()?.iter().any(|name| name == PERMANENT);
    if there || (store.bundles()? == 0 && store.anchor()?.is_none()) {
        return Ok(());
    }
    Err(OpenError::Keyring(format!(
        "{} is missing, but the ledger has a history; restore the keyring from its backup",
        path.display()
    )))
}

/// A data key's id and its wrapped bytes.
type WrappedKey = (u64, Vec<u8>);

/// Batches read back, as far as they are not in kept bundles.
struct Tail<'a> {
    store: Arc<dyn Store>,
    keyring: &'a Keyring,
    /// Bundles in the store.
    bundles: u64,
    /// Bundles that are believed.
    kept: u64,
    published: Option<Published>,
    next: Option<u64>,
    /// From this entry on the journal is without gaps.
    whole_from: u64,
    /// How far the state has come.
    position: u64,
    keys: Vec<WrappedKey>,
    /// How many of the keys, at the end, are of batches that the state has not seen.
    new_keys: usize,
    checkpoint: Option<String>,
}

impl<'a> Tail<'a> {
    fn new(store: Arc<dyn Store>, keyring: &'a Keyring) -> Result<Self, Fault> {
        let (bundles, position) = (store.bundles()?, store.position()?);
        Ok(Self {
            store,
            keyring,
            bundles,
            kept: bundles,
            published: None,
            next: None,
            whole_from: bundles * BUNDLE_WIDTH,
            position,
            keys: Vec::new(),
            new_keys: 0,
            checkpoint: None,
        })
    }

    fn load(&self, bundles: u64) -> Result<Published, Fault> {
        Published::load(Arc::clone(&self.store), self.keyring.epoch().owners.clone(), bundles)
    }

    /// Where the batch begins must be where the one before ended, or within the bundles.
    fn follow(&mut self, first: u64) -> Result<(), Fault> {
        let in_bundles = self.bundles * BUNDLE_WIDTH;
        // a crash may have come before the last bundle was read back and checked, and before the journal was trimmed after
        // it: what the journal still has is kept once more
        let believed = match self.bundles.checked_sub(1) {
            Some(last) if first <= last * BUNDLE_WIDTH => last,
            _ => self.bundles,
        };
        match self.next {
            Some(next) if next == first => return Ok(()),
            // trimmed in another order than it was written
            Some(next) if next < first && first <= in_bundles => self.kept = believed,
            None if first <= in_bundles => self.kept = believed,
            next => {
                let end = next.unwrap_or_default().max(in_bundles);
                return Err(Fault::Damaged {
                    what: format!("journal at entry {first}"),
                    why: format!("expected entry {end}, of which neither journal nor bundles have anything"),
                });
            }
        }
        self.whole_from = first;
        self.published = Some(self.load(self.kept)?);
        Ok(())
    }

    fn take(&mut self, batch: StoredBatch) -> Result<(), Fault> {
        self.follow(batch.first)?;
        let count = batch.items.len();
        self.next = Some(batch.first + count as u64);
        let epoch = self.keyring.epoch();
        let owners =
            open_owners(&epoch.owners, b"batch", batch.first, &batch.owners, count).ok_or_else(|| {
                Fault::Damaged {
                    what: format!("batch at {}", batch.first),
                    why: "its owners do not open with this keyring's epoch key".to_owned(),
                }
            })?;
        if batch.first >= self.position {
            self.new_keys += batch.keys.len();
        }
        self.keys.extend(batch.keys);
        self.checkpoint = Some(batch.checkpoint.clone());

        let Some(published) = &self.published else { return Ok(()) };
        let mut range = published.range();
        let mut nodes = Vec::new();
        let mut items = Vec::new();
        for (leaf, (item, owner)) in (batch.first..).zip(batch.items.into_iter().zip(owners)) {
            if leaf < self.kept * BUNDLE_WIDTH {
                continue;
            }
            range
                .append(leaf_hash(&item.entry), |level, index, hash| nodes.push((level, index, hash)))
                .map_err(|error| Fault::Damaged { what: "tree".to_owned(), why: error.to_string() })?;
            items.push(OwnedItem { item, owner });
        }
        published.add(Addition { range, nodes, items, checkpoint: batch.checkpoint, feeds: Vec::new() });
        Ok(())
    }

    fn into_published(self) -> Result<Published, Fault> {
        match self.published {
            Some(published) => Ok(published),
            None => self.load(self.kept),
        }
    }
}

/// The day of the last entry, below which no later one may fall.
fn last_day(published: &Published) -> Result<Day, OpenError> {
    let Some(last) = published.size().checked_sub(1) else { return Ok(Day(0)) };
    let owned = published.item(last).map_err(as_root)?;
    let entry = Entry::parse(&owned.item.entry).map_err(|error| OpenError::Root(error.to_string()))?;
    Ok(entry.day)
}

fn check_signed(inner: &Inner, checkpoint: &str) -> Result<(), OpenError> {
    let signed =
        inner.keyring.log_keys.verify_checkpoint(checkpoint.as_bytes()).map_err(|error| {
            OpenError::Root(format!("the last checkpoint is not of this keyring: {error}"))
        })?;
    let (size, root) = inner.published.size_root();
    if signed.checkpoint.size() == size && signed.checkpoint.root() == root {
        Ok(())
    } else if signed.checkpoint.size() == size {
        Err(OpenError::Root(format!(
            "the root of all {size} is another one, so an entry of the journal or a tile is damaged"
        )))
    } else {
        Err(OpenError::Root(format!("{size} in the data folder, {} signed", signed.checkpoint.size())))
    }
}

/// The anchor must hold a checkpoint of this very history, at most as large.
fn check_anchor(inner: &Inner, checkpoint: Option<&str>) -> Result<(), OpenError> {
    let (size, root) = inner.published.size_root();
    let Some(anchored) = inner.store.anchor()? else {
        if size.0 > 0 {
            return Err(OpenError::Root(
                "the anchor is missing, so it cannot be told whether the data folder was rolled back; put it back"
                    .to_owned(),
            ));
        }
        let empty = sign_checkpoint(inner, size, root, inner.clock.now())?;
        show_empty(inner, &empty);
        return Ok(inner.store.set_anchor(&empty)?);
    };
    let anchored = inner
        .keyring
        .log_keys
        .verify_checkpoint(anchored.as_bytes())
        .map_err(|error| OpenError::Root(format!("the anchor is not of this keyring: {error}")))?
        .checkpoint;
    if anchored.size() > size {
        return Err(OpenError::RolledBack { got: size.0, anchored: anchored.size().0 });
    }
    let forked = || OpenError::Forked { size: anchored.size().0 };
    let proof = inner.published.consistency(anchored.size(), size).map_err(as_root)?;
    verify_consistency(anchored.size(), &anchored.root(), size, &root, &proof).map_err(|_| forked())?;
    match checkpoint {
        // a crash between commit and anchor: the batch is durable, so it stands
        Some(checkpoint) if anchored.size() < size => Ok(inner.store.set_anchor(checkpoint)?),
        Some(_) => Ok(()),
        None => {
            let empty = sign_checkpoint(inner, size, root, inner.clock.now())?;
            show_empty(inner, &empty);
            Ok(())
        }
    }
}

fn show_empty(inner: &Inner, checkpoint: &str) {
    let range = inner.published.range();
    let checkpoint = checkpoint.to_owned();
    inner.published.add(Addition {
        range,
        nodes: Vec::new(),
        items: Vec::new(),
        checkpoint,
        feeds: Vec::new(),
    });
}

/// Folds in what the state has not seen. A state that is ahead of the log is made anew; so is one at 0, which may be what
/// a crash left of one that was being cleared.
fn replay(
    inner: &Inner,
    whole_from: u64,
    seen_keys: &[WrappedKey],
    new_keys: &[WrappedKey],
) -> Result<(), OpenError> {
    let size = inner.published.size();
    let mut position = inner.store.position()?;
    let mut made_anew = false;
    // a state may also have lost what was flushed, and batches whose keys it needs may have been trimmed since
    if position > size || position == 0 || position < whole_from {
        inner.store.clear_state()?;
        position = restore_base(inner)?;
        made_anew = true;
    }
    let mut old_keys = Vec::new();
    inner.store.keys(&mut |id, wrapped| old_keys.push((id, wrapped)))?;
    old_keys.extend_from_slice(seen_keys);
    for (id, _) in old_keys.iter().chain(new_keys) {
        inner.state.note_key(*id);
    }
    if position == size {
        return Ok(());
    }
    let tenant_id = |number: u32| inner.keyring.tenant_id(number);
    let old_keys = if made_anew { old_keys.as_slice() } else { &[] };
    let mut changes = Changes::default();
    for (id, wrapped) in old_keys.iter().chain(new_keys) {
        changes.replay_key(&inner.state, *id, wrapped, tenant_id)?;
    }
    inner.state.commit(changes, position)?;
    let mut gate = gate_before(inner, position)?;
    while position < size {
        let end = size.min(position + REPLAY_ENTRIES);
        let mut changes = Changes::default();
        for leaf in position..end {
            replay_entry(inner, &mut changes, leaf, &mut gate)?;
        }
        inner.state.commit(changes, end)?;
        position = end;
    }
    Ok(())
}

/// Puts back the rows with which the key epoch began; gives the position that they had reached.
fn restore_base(inner: &Inner) -> Result<u64, Fault> {
    let mut reached = 0;
    inner.store.base(&mut |rows, position| {
        reached = position;
        // at 0 until all of them are there, so that a crash in between is noticed
        inner.store.apply(rows, 0)
    })?;
    if reached > 0 {
        inner.store.apply(Vec::new(), reached)?;
    }
    Ok(reached)
}

/// The gate of the batch that the entry before `leaf` belongs to, where it belongs to one.
fn gate_before(inner: &Inner, leaf: u64) -> Result<Option<GateId>, OpenError> {
    for before in (0..leaf).rev().take(BATCH_RECORDS_MAX) {
        if let Some(batch) = batch_at(inner, before)? {
            return Ok(Some(batch.1.gate));
        }
    }
    Ok(None)
}

/// The signed head that lies beside a batch's first record.
fn batch_at(inner: &Inner, leaf: u64) -> Result<Option<(String, BatchHead)>, OpenError> {
    if inner.published.item(leaf).map_err(as_root)?.item.shared.is_empty() {
        return Ok(None);
    }
    let SharedHead { head, .. } = inner.shared_head(leaf).map_err(as_root)?;
    let damaged =
        |_| Fault::Damaged { what: format!("batch at {leaf}"), why: "its head does not parse".to_owned() };
    let (claims, _) = parse_head(&head).map_err(damaged)?;
    Ok(Some((head, claims.event)))
}

fn replay_entry(
    inner: &Inner,
    changes: &mut Changes,
    leaf: u64,
    gate: &mut Option<GateId>,
) -> Result<(), OpenError> {
    let damaged = |what: &str| Fault::Damaged {
        what: format!("entry {leaf}"),
        why: format!("its {what} does not parse"),
    };
    let owned = inner.published.item(leaf).map_err(as_root)?;
    let number = owned.owner.tenant;
    let tenant = inner.keyring.tenant_id(number);
    let tenant = tenant.ok_or_else(|| OpenError::Keyring(format!("it lacks the tenant of entry {leaf}")))?;
    let entry = Entry::parse(&owned.item.entry).map_err(|_| damaged("entry"))?;
    let place = EntryRef { leaf_index: leaf, leaf_hash: Bytes32(leaf_hash(&owned.item.entry).0) };
    let origin = inner.keyring.log_keys.origin();
    if let Some((head, batch)) = batch_at(inner, leaf)? {
        changes.note_batch(number, &batch.gate, batch.first, &head, leaf, batch.count);
        *gate = Some(batch.gate);
    }
    let body: Body = match inner.open_body(leaf, &owned) {
        Ok(body) => body,
        Err(ReadError::Erased) => {
            let left = (entry.kind, &place);
            return Ok(changes.erased(&inner.state, (number, tenant), origin, left, gate.as_ref())?);
        }
        Err(error) => return Err(as_root(error)),
    };
    match body.content {
        BodyContent::Event { envelope, attached, admitted_at, .. } => {
            let passkeys = attached.map(|attached| admit::passkeys_in(&attached.bytes)).unwrap_or_default();
            let envelope = Envelope::parse(&envelope).map_err(|_| damaged("envelope"))?;
            let claims = envelope.event().map_err(|_| damaged("event"))?;
            let at = UnixSeconds(admitted_at);
            let admitted = Admitted { jti: claims.jti, entry: place, at, group: 0 };
            if let Event::SubjectErased(erased) = &claims.event
                && erased.given.is_none()
            {
                match inner.state.data_key(erased.data_key) {
                    Ok(_) => {
                        let sums = inner.payouts_under(erased.data_key, 0..leaf)?;
                        changes.close(&inner.state, number, sums)?;
                    }
                    // destroyed before the state was lost: the sums are among the rows with which the epoch began
                    Err(ReadError::Erased) => {}
                    Err(error) => return Err(as_root(error)),
                }
            }
            let folded = FoldedEvent {
                claims: &claims,
                envelope_sha256: envelope.sha256(),
                salt: body.salt,
                admitted,
                linked: Some(body.link.target.leaf_index),
                imported: body.first.is_some(),
                passkeys: &passkeys,
            };
            changes.event(&inner.state, (owned.owner, tenant), origin, &folded)?;
        }
        BodyContent::Use { record, flag, .. } => {
            let record = UseRecord::parse(&record).map_err(|_| damaged("record"))?;
            let quantities = entry.class.quantities().iter().zip(&body.openings);
            let payout = quantities.into_iter().find(|(quantity, _)| **quantity == Quantity::Payout);
            let payout_minor =
                payout.map_or(0, |(_, opening)| u32::try_from(opening.value).unwrap_or(u32::MAX));
            let folded = FoldedUse {
                record: &record,
                flag,
                currency: entry.currency,
                payout_minor,
                leaf_index: leaf,
                day: entry.day,
                imported: body.first.is_some(),
            };
            changes.use_(&inner.state, (number, tenant), &folded)?;
        }
    }
    Ok(())
}

/// Heads are signed over what is published, so the feeds' ends are shown with the tree.
fn show_feeds(inner: &Inner) -> Result<(), OpenError> {
    for (number, tenant) in (0..).zip(inner.keyring.tenants()) {
        let row = inner.state.tenant(number)?;
        inner.published.set_feed(number, row.chain(inner.keyring.log_keys.origin(), tenant.id));
    }
    Ok(())
}

fn as_root(error: ReadError) -> OpenError {
    match error {
        ReadError::Store(fault) => OpenError::Store(fault),
        other => OpenError::Root(other.to_string()),
    }
}
