//! The mirror: what enterprises' systems say of a customer, for the customer to see, and what the customer wishes to have
//! changed there (`docs/decisions/025-the-mirror-is-a-copy.md`).
//!
//! | row of [`crate::accounts`] | holds |
//! |---|---|
//! | `mirror/` tenant `/sources/` source | the source's key, and how far it is |
//! | `mirror/` tenant `/size` | how much all records take |
//! | `mirror/` tenant `/records/` customer `/` record | what it says, under the customer's data key |
//! | `mirror/` tenant `/wishes/` customer `/` wish | a wish and what became of it, under the customer's data key |
//! | `mirror/` tenant `/queue/` source `/` wish | the customer whose wish waits |
//!
//! A push and how far it brings the source are one change: after a crash both are there, or neither, and the source goes on
//! from what it is told.

mod push;
mod rows;
mod wishes;

use std::collections::BTreeMap;

use grantbook_record::mirror::{RecordContent, SourceState, StatementError};
use grantbook_record::{EnvelopeError, PublicKey, RecordId, SourceId, SubjectId, TenantId, UnixMillis};

use crate::customer_rows::{self, decode, encode};
use crate::error::ReadError;
use crate::ledger::Ledger;
use crate::store::Fault;
use rows::{Names, SourceRow, StoredRecord};
pub use wishes::{KeptWish, WishError};

/// Sources of one tenant.
const SOURCES_MAX: usize = 64;

/// Why a source's statement was refused.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// No such tenant.
    #[error("no such tenant, expected one that is known here")]
    UnknownTenant,
    /// More sources than there may be.
    #[error("too many sources, expected at most {SOURCES_MAX}")]
    TooManySources,
    /// The statement itself, or who signed it.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// Whom it is for and when it was signed.
    #[error(transparent)]
    Claims(#[from] EnvelopeError),
    /// A push that does not follow the last one.
    #[error("push {got}, expected {expected}, the source's next sequence number, or the last push unchanged")]
    Sequence {
        /// The source's next sequence number.
        expected: u64,
        /// As came.
        got: u64,
    },
    /// A push that claims to know what is to come.
    #[error("as_of lies ahead of the ledger's clock, expected the time at which the system was read")]
    Ahead,
    /// Stored bytes are not what was stored.
    #[error("the mirror cannot be read")]
    Read(#[from] ReadError),
    /// The store.
    #[error("the store has a fault")]
    Store(#[from] Fault),
}

/// A mirrored record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorRecord {
    /// Its name.
    pub id: RecordId,
    /// From which system.
    pub source: SourceId,
    /// What it says.
    pub content: RecordContent,
    /// What the customer wishes of it, the latest first.
    pub wishes: Vec<KeptWish>,
}

/// What an enterprise's systems say of a customer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mirrored {
    /// The records, the latest first.
    pub records: Vec<MirrorRecord>,
    /// As of when each system's records are; `None` before its first push.
    pub as_of: BTreeMap<SourceId, Option<UnixMillis>>,
}

impl Ledger {
    /// Lets a system push records, by statements that this key signs. The same again changes nothing; another key takes the
    /// place of the one before.
    pub fn register_source(
        &self,
        tenant: TenantId,
        source: &SourceId,
        key: PublicKey,
    ) -> Result<(), MirrorError> {
        self.tenant(tenant).ok_or(MirrorError::UnknownTenant)?;
        let names = Names::of(tenant);
        self.change_account_rows(|rows| {
            let name = names.source(source);
            let known: Option<SourceRow> = rows.get(&name).map(decode).transpose()?;
            if known.is_none() && rows.names(&names.sources()).len() >= SOURCES_MAX {
                return Err(MirrorError::TooManySources);
            }
            match known {
                Some(row) if row.key == key => {}
                Some(row) => rows.put(&name, encode(&SourceRow { key, ..row })),
                None => rows.put(&name, encode(&SourceRow::new(key))),
            }
            Ok(())
        })
    }

    /// How far a source is.
    pub fn source_state(&self, tenant: TenantId, source: &SourceId) -> Result<SourceState, ReadError> {
        let row = self.account_row(&Names::of(tenant).source(source)).ok_or(ReadError::NotFound)?;
        let SourceRow { sequence, as_of, mark, .. } = decode(&row)?;
        Ok(SourceState { sequence, as_of, mark })
    }

    /// What a tenant's systems say of a customer.
    pub fn mirrored(&self, tenant: TenantId, sub: &SubjectId) -> Result<Mirrored, ReadError> {
        let names = Names::of(tenant);
        let mut as_of = BTreeMap::new();
        for (name, row) in self.account_rows(&names.sources()) {
            let source = customer_rows::last(&name).and_then(|name| SourceId::parse(name).ok());
            as_of.insert(source.ok_or_else(customer_rows::damaged)?, decode::<SourceRow>(&row)?.as_of);
        }
        let Some(key) = self.inner.data_key_of(tenant, sub)? else {
            return Ok(Mirrored { records: Vec::new(), as_of });
        };
        let mut wishes = self.wishes_of(tenant, sub, &key)?;
        let mut records = Vec::new();
        for (name, sealed) in self.account_rows(&names.records(sub)) {
            let StoredRecord { source, content } = customer_rows::open(&key, &name, &sealed)?;
            let id = customer_rows::last(&name).and_then(|name| RecordId::parse(name).ok());
            let id = id.ok_or_else(customer_rows::damaged)?;
            let wishes = wishes.remove(&id).unwrap_or_default();
            records.push(MirrorRecord { id, source, content, wishes });
        }
        records.sort_by(|one, other| (other.content.at, &one.id).cmp(&(one.content.at, &other.id)));
        Ok(Mirrored { records, as_of })
    }

    /// Forgets all that is mirrored of a customer who is erased.
    pub(crate) fn forget_mirrored(&self, tenant: TenantId, sub: &SubjectId) -> Result<(), Fault> {
        let names = Names::of(tenant);
        let removed = self.change_account_rows(|rows| {
            let of_customer = [rows.names(&names.records(sub)), rows.names(&names.wishes(sub))].concat();
            let mut size = push::Size::read(rows, &names)?;
            for name in rows.names(&names.queues()) {
                if rows.get(&name) == Some(sub.as_str().as_bytes()) {
                    rows.remove(&name);
                }
            }
            for name in &of_customer {
                if name.starts_with(&names.records(sub)) {
                    size.less(rows.get(name).map_or(0, <[u8]>::len));
                }
                rows.remove(name);
            }
            if !of_customer.is_empty() {
                size.write(rows, &names);
            }
            Ok::<_, ReadError>(!of_customer.is_empty())
        });
        match removed {
            Ok(true) => self.forget_account_rows(),
            Ok(false) => Ok(()),
            Err(ReadError::Store(fault)) => Err(fault),
            Err(error) => Err(Fault::Damaged { what: "mirror".to_owned(), why: error.to_string() }),
        }
    }
}
