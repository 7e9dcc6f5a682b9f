//! Snapshots: all that a replica needs to go on from a position of the feed, as bytes that are sealed and bound to the
//! log, the tenant, the gate and the key's epoch.
//!
//! A snapshot makes nothing fresh: a replica that begins with one denies until it has reached a young head, and the
//! head's chain value must be the one that its frames lead to. Anything that is off refuses the snapshot, and the feed
//! begins at its start.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use grantbook_plan::TenantState;
use grantbook_plan::compact::{CompactPlan, Damaged};
use grantbook_record::encoding::{Base64Bytes, Bytes32};
use grantbook_record::feed::{Chain, FeedPosition};
use grantbook_record::strict_json;
use grantbook_tlog::LeafIndex;
use serde::{Deserialize, Serialize};

use super::cold::{Cold, ColdError, ColdFile, ColdPlace, random};
use super::folder::StateFolder;
use super::freshness::Freshness;
use super::holdings::Holdings;
use super::{Pins, Replica};
use crate::seal::{NONCE_BYTES, SealError};

/// First bytes of a snapshot; the epoch follows, and then what is sealed.
const LABEL: &[u8] = b"grantbook-snapshot/v2\n";
const EPOCH_BYTES: usize = 8;
const HEAD_BYTES: usize = LABEL.len() + EPOCH_BYTES;
/// Before the plan: how long the JSON is that comes first.
const LENGTH_BYTES: usize = 4;

/// Why there is no snapshot, or none that can be used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// It cannot be read or written.
    #[error("snapshot of the replica: {0}")]
    File(#[from] io::Error),
    /// Sealed under the key of another epoch.
    #[error("snapshot of key epoch {got}, expected {expected}")]
    Epoch {
        /// The epoch of the key at hand.
        expected: u64,
        /// The snapshot's.
        got: u64,
    },
    /// Of another key, gate, tenant or log, or changed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Opened, and yet not what a replica writes.
    #[error(transparent)]
    Damaged(#[from] Damaged),
    /// The file of records that it names is not there.
    #[error(transparent)]
    Records(#[from] ColdError),
}

/// Everything but customers.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Progress {
    position: FeedPosition,
    chain: Bytes32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_leaf: Option<u64>,
    tenant: TenantState,
    tenant_blocked: bool,
    erased_unproved: bool,
    /// Under which customers are found.
    secret: Base64Bytes,
    cold: ColdPlace,
}

/// A replica's state at one position, not sealed yet.
pub struct Snapshot {
    /// With room before it for what is not sealed, and for the nonce.
    bytes: Vec<u8>,
    records: ColdFile,
    folder: Arc<StateFolder>,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}

impl Snapshot {
    /// The sealed bytes, with a random nonce.
    pub fn seal(self, nonce: &[u8; NONCE_BYTES]) -> Vec<u8> {
        let Self { mut bytes, folder, .. } = self;
        let head = [LABEL, &folder.seal.epoch().to_be_bytes()].concat();
        bytes.iter_mut().zip(&head).for_each(|(byte, of_head)| *byte = *of_head);
        folder.seal.seal(&mut bytes, HEAD_BYTES, nonce, &head);
        bytes
    }

    /// Writes it to its folder in the place of the last one, after the records that it refers to: whole or not at all.
    pub fn save(self) -> Result<(), SnapshotError> {
        self.records.sync()?;
        let (nonce, folder) = (random()?, Arc::clone(&self.folder));
        Ok(folder.write_snapshot(&self.seal(&nonce))?)
    }
}

impl Replica {
    /// A replica that goes on from the folder's snapshot, if that can be used; otherwise an empty one, and why. Either
    /// keeps its records in the folder. An error says that the folder cannot be used at all.
    pub fn open(
        pins: Pins,
        bound: Duration,
        folder: Arc<StateFolder>,
    ) -> Result<(Self, Option<SnapshotError>), SnapshotError> {
        let read = folder.read_snapshot().map_err(SnapshotError::from);
        let opened =
            read.and_then(|sealed| Self::from_snapshot(pins.clone(), bound, Arc::clone(&folder), sealed));
        match opened {
            Ok(replica) => Ok((replica, None)),
            Err(error) => {
                let holdings = Holdings::in_folder(&folder)?;
                let none_yet =
                    matches!(&error, SnapshotError::File(error) if error.kind() == io::ErrorKind::NotFound);
                let empty = Self::new(pins, bound);
                Ok((Self { holdings, folder: Some(folder), ..empty }, (!none_yet).then_some(error)))
            }
        }
    }

    /// The state as of now. `None` for a replica that keeps everything in memory.
    pub fn snapshot(&self) -> Option<Snapshot> {
        let (Cold::File(records), Some(folder)) = (&self.holdings.cold, &self.folder) else { return None };
        let progress = Progress {
            position: self.chain.position,
            chain: self.chain.value,
            last_leaf: self.last_leaf.map(|leaf| leaf.0),
            tenant: self.tenant.clone(),
            tenant_blocked: self.tenant_blocked,
            erased_unproved: self.erased_unproved,
            secret: Base64Bytes(self.holdings.secret.to_vec()),
            cold: records.place(),
        };
        // string keys, no fallible serialisers
        let progress = serde_json::to_vec(&progress).unwrap_or_default();
        let mut bytes = vec![0; HEAD_BYTES + NONCE_BYTES];
        bytes.extend_from_slice(&u32::try_from(progress.len()).unwrap_or(0).to_be_bytes());
        bytes.extend_from_slice(&progress);
        self.holdings.plan.append_to(&mut bytes);
        Some(Snapshot { bytes, records: records.reader(), folder: Arc::clone(folder) })
    }

    /// Reads what [`Snapshot::seal`] has made.
    pub fn from_snapshot(
        pins: Pins,
        bound: Duration,
        folder: Arc<StateFolder>,
        mut sealed: Vec<u8>,
    ) -> Result<Self, SnapshotError> {
        let (head, sealed) = sealed.split_at_mut_checked(HEAD_BYTES).ok_or(Damaged)?;
        let (label, epoch) = head.split_at(LABEL.len());
        if label != LABEL {
            return Err(Damaged.into());
        }
        let got = u64::from_be_bytes(epoch.try_into().map_err(|_| Damaged)?);
        let expected = folder.seal.epoch();
        if got != expected {
            return Err(SnapshotError::Epoch { expected, got });
        }
        let opened = folder.seal.open(sealed, head)?;
        let (length, rest) = opened.split_first_chunk::<LENGTH_BYTES>().ok_or(Damaged)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| Damaged)?;
        let (progress, plan) = rest.split_at_checked(length).ok_or(Damaged)?;
        let progress: Progress = strict_json::parse(progress).map_err(|_| Damaged)?;
        let plan = CompactPlan::from_bytes(plan)?;
        let secret: [u8; 16] = progress.secret.0.try_into().map_err(|_| Damaged)?;
        let records = ColdFile::open(folder.path(), Arc::clone(&folder.seal), &progress.cold)?;
        folder.keep_only(Some(&progress.cold))?;
        let chain = Chain { position: progress.position, value: progress.chain };
        Ok(Self {
            chain,
            last_leaf: progress.last_leaf.map(LeafIndex),
            tenant: progress.tenant,
            tenant_blocked: progress.tenant_blocked,
            erased_unproved: progress.erased_unproved,
            holdings: Holdings { secret, plan, cold: Cold::File(records) },
            freshness: Freshness::new(chain),
            folder: Some(folder),
            ..Self::new(pins, bound)
        })
    }

    /// Whether a snapshot of `position` names a record that was wiped since: it is to be replaced soon.
    pub fn wiped_since(&self, position: FeedPosition) -> bool {
        self.wiped_by.is_some_and(|by| by >= position)
    }

    /// Where snapshots go.
    pub fn folder(&self) -> Option<Arc<StateFolder>> {
        self.folder.clone()
    }

    /// Removes the snapshot that there is, where none can take its place; the next start begins with an empty replica.
    pub(crate) fn remove_snapshot(&self) -> Result<(), SnapshotError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        folder.remove_snapshot()?;
        // left over by an empty replica that could not write
        if matches!(self.holdings.cold, Cold::Memory(_)) {
            folder.keep_only(None)?;
        }
        Ok(())
    }

    /// Removes files of records that the last snapshot does not name.
    pub(crate) fn tidy_folder(&self) -> Result<(), SnapshotError> {
        if let (Cold::File(records), Some(folder)) = (&self.holdings.cold, &self.folder) {
            folder.keep_only(Some(&records.place()))?;
        }
        Ok(())
    }
}
