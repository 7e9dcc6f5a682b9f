//! One round: what has changed goes to the ledger, what customers wish comes back.

use std::collections::BTreeSet;

use grantbook_record::UnixMillis;
use grantbook_record::mirror::{MirroredChange, RECORDS_MAX, SkipReason, WISHES_MAX};

use crate::config::{Config, TableName};
use crate::database::{Database, DatabaseError, Snapshot};
use crate::ledger::{Ledger, LedgerError};
use crate::rows::{Lately, Mark, Row, record};

/// Customers whom the ledger did not know, and who are tried again; more are found when everything is sent once more.
const UNKNOWN_MAX: usize = 10_000;
/// Of these, so many in each round.
const UNKNOWN_AT_ONCE: usize = 50;
/// Rows that are read at once.
const ROWS_AT_ONCE: i64 = 256;
/// Rows of customers who are tried again: more than the ledger keeps of so many.
const UNKNOWN_ROWS_MAX: i64 = 25_000;
/// Bytes of records in one push: the signature's base64 and what surrounds it make them half as long again.
const PUSH_BYTES_MAX: usize = 600_000;

/// Why a round broke off. The next one goes on from what the ledger has.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RoundError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// What a connector remembers between rounds. All of it may be lost: what counts, the ledger keeps.
#[derive(Default)]
pub(crate) struct Memory {
    lately: Lately,
    unknown: BTreeSet<String>,
    /// The last customer who was tried again.
    tried: String,
}

/// What a round has done.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Done {
    /// Records that were pushed.
    pub(crate) pushed: usize,
    /// Rows that say something else than the reference asks for.
    pub(crate) malformed: usize,
    /// Wishes that were written down.
    pub(crate) wishes: usize,
    /// Outcomes that were told.
    pub(crate) decided: usize,
}

/// Records on their way, and how far the source is.
struct Pushes<'a> {
    ledger: &'a Ledger,
    sequence: u64,
    mark: Mark,
    waiting: Vec<MirroredChange>,
    bytes: usize,
    done: Done,
    unknown: BTreeSet<String>,
    known: BTreeSet<String>,
}

impl Pushes<'_> {
    fn take(&mut self, view: &TableName, row: &Row) {
        match record(row) {
            Ok(record) => {
                self.bytes += serde_json::to_vec(&record).map_or(0, |json| json.len());
                self.waiting.push(record);
            }
            Err(column) => {
                self.done.malformed += 1;
                tracing::warn!(view = view.as_str(), column, "a row is malformed and is not mirrored");
            }
        }
    }

    fn is_full(&self) -> bool {
        self.waiting.len() >= RECORDS_MAX || self.bytes >= PUSH_BYTES_MAX
    }

    fn send(&mut self, as_of: Option<UnixMillis>) -> Result<(), RoundError> {
        let records = std::mem::take(&mut self.waiting);
        self.bytes = 0;
        let subs: Vec<_> = records.iter().map(|record| record.sub.as_str().to_owned()).collect();
        let next = self.sequence.saturating_add(1);
        let answer = self.ledger.push(next, as_of, &self.mark.to_json(), records)?;
        self.sequence = next;
        self.done.pushed += subs.len().saturating_sub(answer.skipped.len());
        let mut full = 0;
        let mut skipped = BTreeSet::new();
        for skip in answer.skipped.iter() {
            let sub = usize::try_from(skip.record).ok().and_then(|record| subs.get(record));
            match (skip.why, sub) {
                (SkipReason::UnknownCustomer, Some(sub)) => drop(skipped.insert(sub.clone())),
                _ => full += 1,
            }
        }
        if full > 0 {
            tracing::warn!(records = full, "the ledger has no place for some records, or another source's");
        }
        self.known.extend(subs.into_iter().filter(|sub| !skipped.contains(sub)));
        self.unknown.extend(skipped);
        Ok(())
    }
}

/// Does one round.
pub(crate) fn round(
    config: &Config,
    database: &mut Database,
    ledger: &Ledger,
    memory: &mut Memory,
) -> Result<Done, RoundError> {
    let state = ledger.state()?;
    let mut pushes = Pushes {
        ledger,
        sequence: state.sequence,
        mark: Mark::parse(state.mark.as_str()),
        waiting: Vec::new(),
        bytes: 0,
        done: Done::default(),
        unknown: BTreeSet::new(),
        known: BTreeSet::new(),
    };
    let overlap_us = i64::try_from(config.overlap.as_micros()).unwrap_or(i64::MAX);
    let resend_us = i64::try_from(config.resend.as_micros()).unwrap_or(i64::MAX);
    {
        let mut snapshot = database.snapshot()?;
        let read_at = snapshot.at()?;
        if read_at.saturating_sub(pushes.mark.whole_at) >= resend_us {
            pushes.mark = Mark { whole_at: read_at, ..Mark::default() };
            memory.lately.clear();
        }
        for view in &config.views {
            push_view(view, &mut snapshot, &mut pushes, &mut memory.lately, (read_at, overlap_us))?;
        }
        push_unknown(config, &mut snapshot, &mut pushes, memory)?;
        let as_of = u64::try_from(read_at / 1000).ok().map(UnixMillis);
        // also where nothing has changed: the customer is told that it is so
        pushes.send(as_of)?;
        memory.lately.forget(read_at.saturating_sub(overlap_us.saturating_mul(2)));
    }
    memory.unknown.retain(|sub| !pushes.known.contains(sub));
    memory.unknown.append(&mut pushes.unknown);
    while memory.unknown.len() > UNKNOWN_MAX {
        memory.unknown.pop_last();
    }
    let mut done = pushes.done;
    if let Some(table) = &config.wishes {
        exchange_wishes(table, database, ledger, &mut done)?;
    }
    Ok(done)
}

fn push_view(
    view: &TableName,
    snapshot: &mut Snapshot<'_>,
    pushes: &mut Pushes<'_>,
    lately: &mut Lately,
    (read_at, overlap_us): (i64, i64),
) -> Result<(), RoundError> {
    let mut from = pushes.mark.from(view.as_str(), overlap_us);
    loop {
        let rows = snapshot.after(view, &from, ROWS_AT_ONCE)?;
        let Some(last) = rows.last() else { return Ok(()) };
        from = last.at.clone();
        for row in rows.iter().filter(|row| lately.is_new(view.as_str(), &row.at)) {
            pushes.take(view, row);
            pushes.mark.advance(view.as_str(), &row.at, read_at);
            if pushes.is_full() {
                pushes.send(None)?;
            }
        }
        if !pushes.waiting.is_empty() {
            pushes.send(None)?;
        }
        for row in &rows {
            lately.note(view.as_str(), &row.at);
        }
    }
}

/// Customers who may have come to the ledger since: all that there is of theirs.
fn push_unknown(
    config: &Config,
    snapshot: &mut Snapshot<'_>,
    pushes: &mut Pushes<'_>,
    memory: &mut Memory,
) -> Result<(), RoundError> {
    let after = memory.unknown.iter().filter(|sub| **sub > memory.tried);
    let mut subs: Vec<String> = after.take(UNKNOWN_AT_ONCE).cloned().collect();
    if subs.is_empty() {
        subs = memory.unknown.iter().take(UNKNOWN_AT_ONCE).cloned().collect();
    }
    let Some(last) = subs.last() else { return Ok(()) };
    memory.tried.clone_from(last);
    for view in &config.views {
        for row in snapshot.of(view, &subs, UNKNOWN_ROWS_MAX)? {
            pushes.take(view, &row);
            if pushes.is_full() {
                pushes.send(None)?;
            }
        }
    }
    if !pushes.waiting.is_empty() {
        pushes.send(None)?;
    }
    Ok(())
}

fn exchange_wishes(
    table: &TableName,
    database: &mut Database,
    ledger: &Ledger,
    done: &mut Done,
) -> Result<(), RoundError> {
    let mut after = None;
    loop {
        let page = ledger.wishes(after)?.wishes;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.id);
        database.put_wishes(table, &page)?;
        done.wishes += page.len();
        let ids: Vec<_> = page.iter().map(|wish| wish.id).collect();
        let decided = database.decided(table, &ids)?;
        done.decided += decided.len();
        if !decided.is_empty() {
            ledger.decide(decided)?;
        }
        if page.len() < WISHES_MAX {
            return Ok(());
        }
    }
}
