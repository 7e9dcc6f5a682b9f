//! What customers wish to have changed in an enterprise's system, and what became of it.

use std::collections::BTreeMap;

use grantbook_record::list::List;
use grantbook_record::mirror::{
    MirrorDecided, MirrorWish, Outcome, Value, WISHES_MAX, WaitingWishes, WishOutcome,
};
use grantbook_record::{Jti, RecordId, SourceId, SubjectId, TenantId, Term, UnixSeconds};
use serde::{Deserialize, Serialize};

use super::MirrorError;
use super::rows::{Names, StoredRecord};
use crate::accounts::AccountChange;
use crate::customer_rows;
use crate::error::ReadError;
use crate::ledger::Ledger;
use crate::state::DataKey;
use crate::store::Fault;

/// Wishes of one customer at one tenant that are kept; the oldest that are decided make room.
const CUSTOMER_WISHES_MAX: usize = 50;

/// A wish, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptWish {
    /// The field.
    pub field: Term,
    /// What it held when the customer saw it.
    pub was: Value,
    /// What it shall hold.
    pub value: Value,
    /// When the customer said so.
    pub made_at: UnixSeconds,
    /// What became of it, and when; `None` while it waits.
    pub decided: Option<(Outcome, UnixSeconds)>,
}

/// A wish as its row holds it.
#[derive(Serialize, Deserialize)]
struct StoredWish {
    record: RecordId,
    wish: KeptWish,
}

/// Why a wish is not taken.
#[derive(Debug, thiserror::Error)]
pub enum WishError {
    /// No such record of the customer's.
    #[error("no such record")]
    NotFound,
    /// Not a field that the customer may change.
    #[error("not a field to be changed, expected one that the enterprise has opened")]
    NotEditable,
    /// What the field holds already.
    #[error("the same value, expected another one")]
    Unchanged,
    /// A wish for the field waits already.
    #[error("a wish for the field waits already, expected it to be decided first")]
    Waiting,
    /// As many wait as may.
    #[error("too many wishes wait, expected at most {CUSTOMER_WISHES_MAX}")]
    TooMany,
    /// Stored bytes are not what was stored.
    #[error("the mirror cannot be read")]
    Read(#[from] ReadError),
    /// The store.
    #[error("the store has a fault")]
    Store(#[from] Fault),
}

impl Ledger {
    /// Takes a customer's wish that a field of a record hold something else; the source is told when it asks.
    pub fn wish(
        &self,
        tenant: TenantId,
        sub: &SubjectId,
        record: &RecordId,
        field: &Term,
        value: Value,
    ) -> Result<Jti, WishError> {
        let names = Names::of(tenant);
        let key = self.inner.data_key_of(tenant, sub)?.ok_or(WishError::NotFound)?;
        let (id, made_at) = (self.new_id(), self.now().seconds());
        self.change_account_rows(|rows| {
            let name = names.record(sub, record);
            let sealed = rows.get(&name).ok_or(WishError::NotFound)?;
            let StoredRecord { source, content } = customer_rows::open(&key, &name, sealed)?;
            let known = content.fields.iter().find(|known| known.name == *field && known.editable);
            let was = known.ok_or(WishError::NotEditable)?.value.clone();
            if was == value {
                return Err(WishError::Unchanged);
            }
            let kept = stored(rows, &names, sub, &key)?;
            let waits = |(_, kept): &&(String, StoredWish)| {
                kept.record == *record && kept.wish.field == *field && kept.wish.decided.is_none()
            };
            if kept.iter().any(|kept| waits(&kept)) {
                return Err(WishError::Waiting);
            }
            if kept.len() >= CUSTOMER_WISHES_MAX {
                // by rising id, and so by time
                let decided = kept.iter().find(|(_, kept)| kept.wish.decided.is_some());
                rows.remove(&decided.ok_or(WishError::TooMany)?.0);
            }
            let wish = KeptWish { field: field.clone(), was, value, made_at, decided: None };
            let name = names.wish(sub, &id);
            rows.put(&name, customer_rows::seal(&key, &name, &StoredWish { record: record.clone(), wish }));
            rows.put(&names.queued(&source, &id), sub.as_str().as_bytes().to_vec());
            Ok(id)
        })
    }

    /// Wishes that wait for a source, after this one and oldest first, as many as one answer holds.
    pub fn waiting_wishes(
        &self,
        tenant: TenantId,
        source: &SourceId,
        after: Option<Jti>,
    ) -> Result<WaitingWishes, ReadError> {
        let names = Names::of(tenant);
        self.account_row(&names.source(source)).ok_or(ReadError::NotFound)?;
        let mut wishes = Vec::new();
        let after = after.map(|id| names.queued(source, &id)).unwrap_or_default();
        let queued = self.account_rows(&names.queue(source)).into_iter().filter(|(name, _)| *name > after);
        for (name, sub) in queued.take(WISHES_MAX) {
            let sub = std::str::from_utf8(&sub).ok().and_then(|sub| SubjectId::parse(sub).ok());
            let id = customer_rows::last(&name).and_then(|id| Jti::parse(id).ok());
            let (sub, id) = sub.zip(id).ok_or_else(customer_rows::damaged)?;
            // one who is being erased has no wishes any more
            let Some(key) = self.inner.data_key_of(tenant, &sub)? else { continue };
            let name = names.wish(&sub, &id);
            let Some(sealed) = self.account_row(&name) else { continue };
            let StoredWish { record, wish } = customer_rows::open(&key, &name, &sealed)?;
            let KeptWish { field, was, value, .. } = wish;
            wishes.push(MirrorWish { id, sub, record, field, was, value });
        }
        Ok(WaitingWishes { wishes: List::new(wishes).unwrap_or_default() })
    }

    /// Takes a source's word for what became of wishes. About wishes that do not wait for it, it changes nothing.
    pub fn decide_wishes(&self, tenant: TenantId, compact: &str) -> Result<(), MirrorError> {
        let names = Names::of(tenant);
        let (claims, source) = self.verified_statement::<MirrorDecided>(tenant, compact)?;
        let now = self.now().seconds();
        self.change_account_rows(|rows| {
            for WishOutcome { wish: id, outcome } in claims.event.outcomes.iter() {
                let queued = names.queued(&source, id);
                let Some(sub) = rows.get(&queued) else { continue };
                let sub = std::str::from_utf8(sub).ok().and_then(|sub| SubjectId::parse(sub).ok());
                let sub = sub.ok_or_else(customer_rows::damaged)?;
                rows.remove(&queued);
                let name = names.wish(&sub, id);
                let Some(key) = self.inner.data_key_of(tenant, &sub)? else { continue };
                let Some(sealed) = rows.get(&name) else { continue };
                let mut stored: StoredWish = customer_rows::open(&key, &name, sealed)?;
                stored.wish.decided = Some((outcome.clone(), now));
                rows.put(&name, customer_rows::seal(&key, &name, &stored));
            }
            Ok(())
        })
    }

    /// A customer's wishes by record, the latest first.
    pub(super) fn wishes_of(
        &self,
        tenant: TenantId,
        sub: &SubjectId,
        key: &DataKey,
    ) -> Result<BTreeMap<RecordId, Vec<KeptWish>>, ReadError> {
        let mut wishes: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (name, sealed) in self.account_rows(&Names::of(tenant).wishes(sub)).into_iter().rev() {
            let StoredWish { record, wish } = customer_rows::open(key, &name, &sealed)?;
            wishes.entry(record).or_default().push(wish);
        }
        Ok(wishes)
    }
}

fn stored(
    rows: &AccountChange<'_>,
    names: &Names,
    sub: &SubjectId,
    key: &DataKey,
) -> Result<Vec<(String, StoredWish)>, ReadError> {
    let mut kept = Vec::new();
    for name in rows.names(&names.wishes(sub)) {
        let Some(sealed) = rows.get(&name) else { continue };
        let wish = customer_rows::open(key, &name, sealed)?;
        kept.push((name, wish));
    }
    Ok(kept)
}
