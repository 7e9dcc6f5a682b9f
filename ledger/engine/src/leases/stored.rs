//! How the book is kept: frames of changed rows in a log of their own, now and then all rows in place of them.

use grantbook_record::day::UnixMillis;
use grantbook_record::uses::{Outcome, UseRecord};
use grantbook_record::{Currency, Entry, Jti, Kind, Quantity};
use serde::{Deserialize, Serialize};

use super::book::{ChangedRows, LeaseBook, LimitKey, Taken};
use super::grant_key;
use crate::body::BodyContent;
use crate::error::{OpenError, ReadError};
use crate::keyring::EpochKeys;
use crate::ledger::Inner;
use crate::state::CustomerKey;
use crate::store::{Fault, NextEpoch};

/// Frames after which all rows take their place.
const FRAMES_MAX: u64 = 4096;
/// Entries that the book may be behind the log before it is kept although nobody asks for a lease.
const BEHIND_ENTRIES_MAX: u64 = 4096;
/// What faults call it.
const LOG: &str = "leases.log";

/// The book, and how far what is stored of it has come.
pub(crate) struct KeptLeases {
    pub(crate) book: LeaseBook,
    /// The latest moment at which a lease that was given may be drawn on.
    pub(super) until: UnixMillis,
    /// Until then there may be leases that the book does not know.
    behind_until: UnixMillis,
    /// Number of the last frame; 0 before the first.
    serial: u64,
    /// Frames since all rows were written.
    frames: u64,
    /// Whether all rows must be written next.
    rewrite: bool,
    /// Entries of the log that the last frame had taken in.
    position: u64,
}

impl Default for KeptLeases {
    fn default() -> Self {
        Self {
            book: LeaseBook::default(),
            until: UnixMillis(0),
            behind_until: UnixMillis(0),
            serial: 0,
            frames: 0,
            rewrite: false,
            position: 0,
        }
    }
}

impl KeptLeases {
    /// Whether there may be leases that the book does not know, because it came out of a backup.
    pub(crate) fn is_behind(&self, now: UnixMillis) -> bool {
        now < self.behind_until
    }

    /// All of it, as the next frame.
    fn whole(&mut self) -> Vec<u8> {
        let rows = self.book.take_all();
        self.frame(rows)
    }

    fn frame(&self, rows: ChangedRows) -> Vec<u8> {
        let frame = Frame { position: self.position, behind_until: self.behind_until, rows };
        // no maps, no fallible serialisers
        serde_json::to_vec(&frame).unwrap_or_default()
    }
}

/// What one frame holds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Frame {
    position: u64,
    behind_until: UnixMillis,
    rows: ChangedRows,
}

/// The one place for which a frame is sealed.
pub(crate) fn frame_place(serial: u64) -> Vec<u8> {
    [b"leases".as_slice(), &serial.to_be_bytes()].concat()
}

/// The mark beside the anchor: number of the last frame, and until when a lease that is in it may be drawn on.
pub(crate) fn parse_mark(mark: &str) -> Option<(u64, UnixMillis)> {
    let (serial, until) = mark.strip_suffix('\n')?.split_once(' ')?;
    Some((serial.parse().ok()?, UnixMillis(until.parse().ok()?)))
}

/// Reads the book back and takes in what the log has beyond it.
pub(crate) fn load(inner: &Inner) -> Result<(), OpenError> {
    let epoch = inner.keyring.epoch();
    let mut kept = KeptLeases::default();
    let torn = inner.store.leases(&mut |serial, sealed| {
        let damaged = |why: &str| damaged(&format!("frame {serial} {why}"));
        if kept.serial > 0 && serial != kept.serial + 1 {
            return Err(damaged("does not follow the one before"));
        }
        let plain = epoch.rows.open(&sealed, &frame_place(serial));
        let plain = plain.map_err(|_| damaged("does not open under the epoch's key"))?;
        let frame: Frame = serde_json::from_slice(&plain).map_err(|_| damaged("does not parse"))?;
        kept.book.put(frame.rows).ok_or_else(|| damaged("has a row that does not parse"))?;
        kept.position = frame.position;
        kept.behind_until = frame.behind_until;
        kept.serial = serial;
        kept.frames += 1;
        Ok(())
    })?;
    let mark = inner.store.lease_mark()?;
    let mark =
        mark.map(|mark| parse_mark(&mark).ok_or_else(|| damaged("its mark does not parse"))).transpose()?;
    if let Some((serial, until)) = mark {
        kept.until = until;
        if kept.serial < serial {
            if torn {
                return Err(damaged("its last frame is torn, and somebody was told of it").into());
            }
            let late_after = inner.lease_rules.late_after_ms;
            kept.behind_until = kept.behind_until.max(UnixMillis(until.0.saturating_add(late_after)));
            kept.serial = serial;
            kept.rewrite = true;
        }
    }
    let size = inner.published.size();
    catch_up(inner, &mut kept, size)?;
    // erased or shredded since, and the process was killed before the book was written anew
    let mut gone = Vec::new();
    for key in kept.book.limits() {
        if let LimitKey::Grant { customer, grant, .. } = key {
            let customer = inner.state.customer(CustomerKey::of_bytes(*customer))?;
            if customer.is_none_or(|customer| customer.state.grant(grant).is_none()) {
                gone.push(key.clone());
            }
        }
    }
    kept.rewrite |= kept.book.forget(|key| gone.contains(key));
    kept.book.tidy(inner.clock.now(), &inner.lease_rules);
    *inner.leases_mut() = kept;
    Ok(())
}

/// Takes in the uses that were recorded after the last frame.
fn catch_up(inner: &Inner, kept: &mut KeptLeases, size: u64) -> Result<(), OpenError> {
    let from = std::mem::replace(&mut kept.position, size);
    if kept.book.is_empty() {
        return Ok(());
    }
    let as_root = |error: ReadError| OpenError::Root(error.to_string());
    for leaf in from..size {
        let owned = inner.published.item(leaf).map_err(as_root)?;
        let entry = Entry::parse(&owned.item.entry).map_err(|error| OpenError::Root(error.to_string()))?;
        if entry.kind != Kind::UseRecorded {
            continue;
        }
        let body = match inner.open_body(leaf, &owned) {
            Ok(body) => body,
            Err(ReadError::Erased) => continue,
            Err(error) => return Err(as_root(error)),
        };
        // what is imported was drawn on another ledger's leases
        let (BodyContent::Use { record, .. }, None) = (&body.content, &body.first) else { continue };
        let record = UseRecord::parse(record).map_err(|error| OpenError::Root(error.to_string()))?;
        let quantities = entry.class.quantities().iter().zip(&body.openings);
        let payout = quantities.into_iter().find(|(quantity, _)| **quantity == Quantity::Payout);
        let payout = payout.map_or(0, |(_, opening)| opening.value);
        let tenant = owned.owner.tenant;
        let Some(id) = inner.keyring.tenant_id(tenant) else { continue };
        let name = inner.state.customer_key(id, &record.facts.data_subject);
        kept.book.take_record(tenant, name, &record, entry.currency, payout);
    }
    Ok(())
}

impl LeaseBook {
    /// Takes in a record as it was admitted.
    pub(crate) fn take_record(
        &mut self,
        tenant: u32,
        name: CustomerKey,
        record: &UseRecord,
        currency: Currency,
        payout_minor: u64,
    ) {
        let Outcome::Permitted(permitted) = &record.outcome else { return };
        if self.is_empty() {
            return;
        }
        let used = Taken { gate: &record.gate, leases: &record.leases, at: record.at };
        self.take_use(&grant_key(tenant, name, permitted.grant), &used);
        let project = LimitKey::Budget { tenant, project: record.facts.requester.clone() };
        self.take_payout(&project, &used, currency, payout_minor);
    }
}

/// Makes what has changed durable, where somebody waits for it or it has become much.
pub(crate) fn keep(inner: &Inner, asked: bool, now: UnixMillis) -> Result<(), Fault> {
    let size = inner.published.size();
    let (serial, frame, whole, until) = {
        let mut kept = inner.leases_mut();
        if !kept.book.is_changed() && !kept.rewrite {
            return Ok(());
        }
        if !asked && !kept.rewrite && size - kept.position.min(size) < BEHIND_ENTRIES_MAX {
            return Ok(());
        }
        kept.position = size;
        kept.serial += 1;
        let whole = kept.rewrite || kept.frames >= FRAMES_MAX;
        let frame = if whole {
            kept.book.tidy(now, &inner.lease_rules);
            (kept.rewrite, kept.frames) = (false, 0);
            kept.whole()
        } else {
            let rows = kept.book.take_changed();
            kept.frame(rows)
        };
        kept.frames += 1;
        (kept.serial, frame, whole, kept.until)
    };
    let sealed = inner.keyring.epoch().rows.seal(&frame, &frame_place(serial));
    if whole {
        inner.store.replace_leases(serial, &sealed)?;
    } else {
        inner.store.append_leases(serial, &sealed)?;
    }
    // after it, so that a crash in between leaves a mark that the log has passed
    inner.store.set_lease_mark(&format!("{serial} {}\n", until.0))
}

/// Forgets customers who are erased and grants that are shredded, and writes all that is left anew.
pub(crate) fn forget(
    inner: &Inner,
    customers: &[CustomerKey],
    grants: &[(CustomerKey, Jti)],
    now: UnixMillis,
) -> Result<(), Fault> {
    if customers.is_empty() && grants.is_empty() {
        return Ok(());
    }
    let is_gone = |key: &LimitKey| match key {
        LimitKey::Grant { customer, grant, .. } => {
            customers.iter().any(|gone| gone.bytes() == *customer)
                || grants.iter().any(|(name, gone)| name.bytes() == *customer && gone == grant)
        }
        LimitKey::Budget { .. } => false,
    };
    {
        let mut kept = inner.leases_mut();
        // what they were paid is in a frame before the rows that name them are gone
        if !kept.book.forget(is_gone) {
            return Ok(());
        }
        kept.rewrite = true;
    }
    keep(inner, true, now)
}

/// Puts all of it into the next key epoch; gives the number of the frame.
pub(crate) fn next_epoch(
    inner: &Inner,
    next: &EpochKeys,
    writer: &mut dyn NextEpoch,
) -> Result<Option<u64>, Fault> {
    let mut kept = inner.leases_mut();
    if kept.serial == 0 {
        return Ok(None);
    }
    let serial = kept.serial + 1;
    kept.position = inner.published.size();
    let frame = kept.whole();
    writer.put_leases(serial, &next.rows.seal(&frame, &frame_place(serial)))?;
    Ok(Some(serial))
}

impl KeptLeases {
    /// The next key epoch has begun, with a frame of this number.
    pub(crate) fn rolled(&mut self, serial: Option<u64>) {
        if let Some(serial) = serial {
            (self.serial, self.frames, self.rewrite) = (serial, 1, false);
        }
    }
}

fn damaged(why: &str) -> Fault {
    Fault::Damaged { what: LOG.to_owned(), why: why.to_owned() }
}
