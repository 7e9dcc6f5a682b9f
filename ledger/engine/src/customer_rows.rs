//! Rows of [`crate::accounts`] about one customer of one tenant: under the customer's data key, so that an erasure destroys them
//! wherever they are.

use std::sync::Arc;

use grantbook_record::{SubjectId, TenantId};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::ReadError;
use crate::ledger::Inner;
use crate::state::DataKey;

/// The part of a name after its last slash.
pub(crate) fn last(name: &str) -> Option<&str> {
    name.rsplit('/').next()
}

pub(crate) fn encode(row: &impl Serialize) -> Vec<u8> {
    // string keys, no fallible serialisers
    serde_json::to_vec(row).unwrap_or_default()
}

pub(crate) fn decode<T: DeserializeOwned>(row: &[u8]) -> Result<T, ReadError> {
    serde_json::from_slice(row).map_err(|_| damaged())
}

/// What a row holds under its customer's data key, for its place alone.
pub(crate) fn seal(key: &DataKey, name: &str, row: &impl Serialize) -> Vec<u8> {
    key.key.seal(&zeroize::Zeroizing::new(encode(row)), name.as_bytes())
}

pub(crate) fn open<T: DeserializeOwned>(key: &DataKey, name: &str, sealed: &[u8]) -> Result<T, ReadError> {
    decode(&key.key.open(sealed, name.as_bytes()).map_err(|_| damaged())?)
}

pub(crate) fn damaged() -> ReadError {
    ReadError::Damaged("row of a customer".to_owned())
}

impl Inner {
    /// The data key of a customer whom the ledger knows.
    pub(crate) fn data_key_of(
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
