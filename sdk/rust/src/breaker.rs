//! The circuit breaker: a requester whose facts fail twice in a row is stopped until somebody releases it.
//!
//! Specified in `docs/spec/facts.md`. Not here: what the facts are ([`crate::facts`]) and how they are judged
//! ([`grantbook_plan::house`]).

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use grantbook_record::strict_json::{self, JsonError};
use grantbook_record::{DenialReason, Term, UnixSeconds};
use serde::{Deserialize, Serialize};

use crate::whole_file;

/// Failed verifications in a row that stop a requester.
pub const FAILURES_MAX: u8 = 2;
/// Requesters that are kept in mind: those with a failure that no success has followed yet.
pub const REQUESTERS_MAX: usize = 4096;
/// Bytes of the file that keeps them.
pub const BREAKER_BYTES_MAX: u64 = 1024 * 1024;

const VERSION: u8 = 1;

/// Why the breaker cannot be opened, or what it did is not kept.
#[derive(Debug, thiserror::Error)]
pub enum BreakerError {
    /// The file cannot be read or written.
    #[error("breaker file {}: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file departs from its schema. Nobody is released by a file that is damaged.
    #[error("refused breaker file: {0}")]
    Json(#[source] JsonError),
    /// A version that this gate does not know.
    #[error("breaker file of version {got}, expected {VERSION}")]
    Version {
        /// As written.
        got: u8,
    },
    /// No room for another requester that failed.
    #[error("failures of {REQUESTERS_MAX} requesters, expected fewer: release some")]
    Full,
}

/// What the breaker remembers of one requester.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    /// Failures in a row, 1 to [`FAILURES_MAX`].
    failures: u8,
    /// The last one's reason.
    reason: DenialReason,
    /// When it was.
    at: UnixSeconds,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    version: u8,
    requesters: BTreeMap<Term, Record>,
}

/// A requester that is stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspension {
    /// The requester: a service or project.
    pub requester: Term,
    /// The failure that stopped it.
    pub reason: DenialReason,
    /// Since when.
    pub since: UnixSeconds,
}

/// The breaker of one gate; no two gates may have one file.
#[derive(Debug)]
pub struct Breaker {
    file: Option<PathBuf>,
    requesters: Mutex<BTreeMap<Term, Record>>,
}

impl Breaker {
    /// One that forgets when the process ends.
    pub fn in_memory() -> Self {
        Self { file: None, requesters: Mutex::default() }
    }

    /// One that remembers in a file, which is made with the first failure.
    pub fn open(file: impl Into<PathBuf>) -> Result<Self, BreakerError> {
        let file = file.into();
        let read = whole_file::read(&file, BREAKER_BYTES_MAX).map_err(|source| io_error(&file, source))?;
        let requesters = match read {
            None => BTreeMap::new(),
            Some(json) => {
                let Kept { version, requesters } = strict_json::parse(&json).map_err(BreakerError::Json)?;
                if version != VERSION {
                    return Err(BreakerError::Version { got: version });
                }
                requesters
            }
        };
        Ok(Self { file: Some(file), requesters: Mutex::new(requesters) })
    }

    /// Whether the requester is stopped.
    pub fn is_suspended(&self, requester: &Term) -> bool {
        self.lock().get(requester).is_some_and(Record::suspends)
    }

    /// Those that are stopped, by rising name.
    pub fn suspended(&self) -> Vec<Suspension> {
        let requesters = self.lock();
        let stopped = requesters.iter().filter(|(_, record)| record.suspends());
        stopped
            .map(|(requester, Record { reason, at, .. })| Suspension {
                requester: requester.clone(),
                reason: *reason,
                since: *at,
            })
            .collect()
    }

    /// Takes note of a denial. True if the requester is stopped now. An error says that the failure counts in memory
    /// and not in the file.
    pub fn denied(
        &self,
        requester: &Term,
        reason: DenialReason,
        at: UnixSeconds,
    ) -> Result<bool, BreakerError> {
        if !is_failed_verification(reason) {
            return Ok(self.is_suspended(requester));
        }
        let mut requesters = self.lock();
        let before = requesters.get(requester).copied();
        if before.as_ref().is_some_and(Record::suspends) {
            return Ok(true);
        }
        if before.is_none() && requesters.len() >= REQUESTERS_MAX {
            return Err(BreakerError::Full);
        }
        let failures = before.map_or(0, |record| record.failures).saturating_add(1);
        let record = Record { failures, reason, at };
        requesters.insert(requester.clone(), record);
        self.keep(&requesters)?;
        Ok(record.suspends())
    }

    /// Takes note of a use whose facts were judged good: earlier failures count no more, unless they stopped the
    /// requester. On an error they go on counting.
    pub fn verified(&self, requester: &Term) -> Result<(), BreakerError> {
        let mut requesters = self.lock();
        match requesters.get(requester) {
            Some(record) if !record.suspends() => self.forget(&mut requesters, requester),
            _ => Ok(()),
        }
    }

    /// Releases a requester; false if it was not stopped. On an error it stays stopped.
    pub fn release(&self, requester: &Term) -> Result<bool, BreakerError> {
        let mut requesters = self.lock();
        if !requesters.get(requester).is_some_and(Record::suspends) {
            return Ok(false);
        }
        self.forget(&mut requesters, requester).map(|()| true)
    }

    /// Out of the file first: what is forgotten in memory alone would come back with a restart.
    fn forget(&self, requesters: &mut BTreeMap<Term, Record>, requester: &Term) -> Result<(), BreakerError> {
        let Some(record) = requesters.remove(requester) else { return Ok(()) };
        let kept = self.keep(requesters);
        if kept.is_err() {
            requesters.insert(requester.clone(), record);
        }
        kept
    }

    fn keep(&self, requesters: &BTreeMap<Term, Record>) -> Result<(), BreakerError> {
        let Some(file) = &self.file else { return Ok(()) };
        let kept = Kept { version: VERSION, requesters: requesters.clone() };
        // string keys, no fallible serialisers
        let json = serde_json::to_vec(&kept).unwrap_or_default();
        whole_file::replace(file, &json).map_err(|source| io_error(file, source))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Term, Record>> {
        // each change is one insertion or removal, so a panic leaves nothing half done
        self.requesters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    fn suspends(&self) -> bool {
        self.failures >= FAILURES_MAX
    }
}

/// Whether a denial means that facts from outside were not good: by `budget`, `fact_missing`, `fact_stale`,
/// `certificate` or `masking_level`.
pub fn is_failed_verification(reason: DenialReason) -> bool {
    matches!(
        reason,
        DenialReason::Budget
            | DenialReason::FactMissing
            | DenialReason::FactStale
            | DenialReason::Certificate
            | DenialReason::MaskingLevel
    )
}

fn io_error(file: &Path, source: io::Error) -> BreakerError {
    BreakerError::Io { file: file.to_owned(), source }
}
