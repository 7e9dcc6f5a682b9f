//! Names of the mirror's rows, and what they hold.

use std::sync::Arc;

use grantbook_record::encoding::Bytes32;
use grantbook_record::mirror::{Mark, RecordContent, Skipped};
use grantbook_record::{Jti, PublicKey, RecordId, SourceId, SubjectId, TenantId, UnixMillis};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::ReadError;
use crate::ledger::Inner;
use crate::state::DataKey;

/// The names of one tenant's rows. None of their parts has a slash in it.
pub(super) struct Names(String);

impl Names {
    pub(super) fn of(tenant: TenantId) -> Self {
        Self(format!("mirror/{tenant}"))
    }

    pub(super) fn size(&self) -> String {
        format!("{}/size", self.0)
    }

    pub(super) fn sources(&self) -> String {
        format!("{}/sources/", self.0)
    }

    pub(super) fn source(&self, source: &SourceId) -> String {
        format!("{}{source}", self.sources())
    }

    pub(super) fn records(&self, sub: &SubjectId) -> String {
        format!("{}/records/{sub}/", self.0)
    }

    pub(super) fn record(&self, sub: &SubjectId, id: &RecordId) -> String {
        format!("{}{id}", self.records(sub))
    }

    pub(super) fn wishes(&self, sub: &SubjectId) -> String {
        format!("{}/wishes/{sub}/", self.0)
    }

    pub(super) fn wish(&self, sub: &SubjectId, id: &Jti) -> String {
        format!("{}{id}", self.wishes(sub))
    }

    pub(super) fn queues(&self) -> String {
        format!("{}/queue/", self.0)
    }

    pub(super) fn queue(&self, source: &SourceId) -> String {
        format!("{}{source}/", self.queues())
    }

    pub(super) fn queued(&self, source: &SourceId, id: &Jti) -> String {
        format!("{}{id}", self.queue(source))
    }
}

/// The part of a name after its last slash.
pub(super) fn last(name: &str) -> Option<&str> {
    name.rsplit('/').next()
}

/// A source, and how far it is.
#[derive(Serialize, Deserialize)]
pub(super) struct SourceRow {
    pub(super) key: PublicKey,
    /// Of the last push; 0 before the first.
    pub(super) sequence: u64,
    pub(super) as_of: Option<UnixMillis>,
    pub(super) mark: Mark,
    /// SHA-256 of the last push as it came: the same again is answered as it was.
    pub(super) digest: Option<Bytes32>,
    pub(super) skipped: Vec<Skipped>,
}

impl SourceRow {
    pub(super) fn new(key: PublicKey) -> Self {
        let (as_of, digest) = (None, None);
        Self { key, sequence: 0, as_of, mark: Mark::default(), digest, skipped: Vec::new() }
    }
}

/// A record as its row holds it.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredRecord {
    pub(super) source: SourceId,
    pub(super) content: RecordContent,
}

pub(super) fn encode(row: &impl Serialize) -> Vec<u8> {
    // string keys, no fallible serialisers
    serde_json::to_vec(row).unwrap_or_default()
}

pub(super) fn decode<T: DeserializeOwned>(row: &[u8]) -> Result<T, ReadError> {
    serde_json::from_slice(row).map_err(|_| damaged())
}

/// What a row holds under its customer's data key, for its place alone.
pub(super) fn seal(key: &DataKey, name: &str, row: &impl Serialize) -> Vec<u8> {
    key.key.seal(&zeroize::Zeroizing::new(encode(row)), name.as_bytes())
}

pub(super) fn open<T: DeserializeOwned>(key: &DataKey, name: &str, sealed: &[u8]) -> Result<T, ReadError> {
    decode(&key.key.open(sealed, name.as_bytes()).map_err(|_| damaged())?)
}

pub(super) fn damaged() -> ReadError {
    ReadError::Damaged("row of the mirror".to_owned())
}

impl Inner {
    /// The data key of a customer whom the ledger knows.
    pub(super) fn data_key_of(
        &self,
        tenant: TenantId,
        sub: &SubjectId,
    ) -> Result<Option<Arc<DataKey>>, ReadError> {
        let Some(customer) = self.state.customer(self.state.customer_key(tenant, sub))? else {
            return Ok(None);
        };
        match self.state.data_key(customer.key_id) {
            Ok(key) => Ok(Some(key)),
            Err(ReadError::Erased) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
