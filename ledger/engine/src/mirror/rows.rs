//! Names of the mirror's rows, and what they hold.

use grantbook_record::encoding::Bytes32;
use grantbook_record::mirror::{Mark, RecordContent, Skipped};
use grantbook_record::{Jti, PublicKey, RecordId, SourceId, SubjectId, TenantId, UnixMillis};
use serde::{Deserialize, Serialize};

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
