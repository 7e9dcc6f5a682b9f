//! What is shown of the log to outsiders: the latest tree signed by all of the log's keys, and the checkpoint that its
//! witnesses cosigned. Each batch's own checkpoint, which the anchor holds, bears no ML-DSA-44 line: it is made once for
//! what is published, not for each batch.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use grantbook_record::UnixSeconds;
use grantbook_tlog::{Checkpoint, CompactRange, Note, TreeSize, cosignature};

use crate::error::{OpenError, WitnessedError};
use crate::ledger::{Inner, Ledger};
use crate::sequencer::sign_checkpoint;
use crate::store::Fault;

/// A tree that does not grow is signed again after so long, so that readers can tell quiet from silence.
const REFRESH_SECONDS: u64 = 60;

/// A signed checkpoint and the size it is for.
#[derive(Debug, Clone)]
pub struct PublishedCheckpoint {
    /// Leaves of its tree.
    pub size: TreeSize,
    /// The signed note.
    pub note: Arc<str>,
}

/// What was published last.
#[derive(Default)]
pub(crate) struct Publication {
    signed: Mutex<Option<Signed>>,
    witnessed: RwLock<Option<PublishedCheckpoint>>,
}

struct Signed {
    published: PublishedCheckpoint,
    at: UnixSeconds,
}

impl Publication {
    pub(crate) fn witnessed(&self) -> Option<PublishedCheckpoint> {
        self.witnessed.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Inner {
    /// The latest tree, signed for outsiders.
    pub(crate) fn publishable(&self) -> Result<PublishedCheckpoint, Fault> {
        let mut last = self.publication.signed.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        let is_fresh = |at: UnixSeconds| now.seconds().0.abs_diff(at.0) < REFRESH_SECONDS;
        let (plain, size) = self.published.checkpoint();
        let fresh = |signed: &&Signed| signed.published.size.0 == size && is_fresh(signed.at);
        if let Some(signed) = last.as_ref().filter(fresh) {
            return Ok(signed.published.clone());
        }
        let broken = |error: &dyn std::fmt::Display| Fault::Damaged {
            what: "checkpoint".to_owned(),
            why: error.to_string(),
        };
        // the batch's own lines stand first, so that its receipts are under the same text, without the last line
        let keys = &self.keyring.log_keys;
        let mut signed = keys.verify_checkpoint(plain.as_bytes()).map_err(|error| broken(&error))?;
        let mut text = plain;
        if !is_fresh(UnixSeconds(signed.time.0)) {
            text = sign_checkpoint(self, signed.checkpoint.size(), signed.checkpoint.root(), now)?.into();
            signed.time = grantbook_tlog::UnixSeconds(now.seconds().0);
        }
        let (size, time) = (signed.checkpoint.size(), signed.time);
        let mut note = Note::parse(text.as_bytes()).map_err(|error| broken(&error))?;
        cosignature::sign(&self.keyring.post_quantum, time, note.text())
            .and_then(|line| note.add(line))
            .map_err(|error| broken(&error))?;
        let published = PublishedCheckpoint { size, note: note.to_string().into() };
        *last = Some(Signed { published: published.clone(), at: UnixSeconds(time.0) });
        Ok(published)
    }

    /// The checkpoint for the receipt of a leaf: the witnessed one where it covers the leaf, otherwise the latest.
    pub(crate) fn checkpoint_for(&self, leaf: u64) -> Result<PublishedCheckpoint, Fault> {
        if let Some(witnessed) = self.publication.witnessed().filter(|witnessed| leaf < witnessed.size.0) {
            return Ok(witnessed);
        }
        if self.post_quantum_from.is_some_and(|from| self.clock.now().seconds() >= from) {
            return self.publishable();
        }
        let (note, size) = self.published.checkpoint();
        Ok(PublishedCheckpoint { size: TreeSize(size), note })
    }

    /// Checks that a checkpoint is of this log and of its very history.
    pub(crate) fn check_own(&self, note: &str) -> Result<Checkpoint, WitnessedError> {
        let signed = self.keyring.log_keys.verify_checkpoint(note.as_bytes())?;
        let (size, _) = self.published.size_root();
        let checkpoint = signed.checkpoint;
        if checkpoint.size() > size {
            return Err(WitnessedError::Ahead { got: size.0, witnessed: checkpoint.size().0 });
        }
        if CompactRange::load(checkpoint.size(), &self.published)?.root() != checkpoint.root() {
            return Err(WitnessedError::Forked { size: checkpoint.size().0 });
        }
        Ok(checkpoint)
    }

    /// Takes in what the store kept. What does not even bear the log's signatures is no word of any witness: they are
    /// asked again.
    pub(crate) fn load_witnessed(&self) -> Result<(), OpenError> {
        let Some(note) = self.store.witnessed()? else { return Ok(()) };
        match self.check_own(&note) {
            Ok(checkpoint) => {
                let shown = PublishedCheckpoint { size: checkpoint.size(), note: note.into() };
                *self.publication.witnessed.write().unwrap_or_else(PoisonError::into_inner) = Some(shown);
                Ok(())
            }
            Err(WitnessedError::Checkpoint(error)) => {
                tracing::warn!(%error, "the kept witnessed checkpoint is not used");
                Ok(())
            }
            Err(WitnessedError::Store(fault)) => Err(OpenError::Store(fault)),
            Err(error) => Err(OpenError::Root(format!("the witnessed checkpoint: {error}"))),
        }
    }
}

impl Ledger {
    /// The latest tree, signed for outsiders by all of the log's keys: what witnesses are asked to cosign.
    pub fn publishable(&self) -> Result<PublishedCheckpoint, Fault> {
        self.inner.publishable()
    }

    /// The last checkpoint that was set as witnessed.
    pub fn witnessed(&self) -> Option<PublishedCheckpoint> {
        self.inner.publication.witnessed()
    }

    /// Keeps a checkpoint whose witnesses the caller has verified; receipts of what it covers are made under it.
    /// Durable on return. It must be of this history and no smaller than the last.
    pub fn set_witnessed(&self, note: &str) -> Result<(), WitnessedError> {
        let checkpoint = self.inner.check_own(note)?;
        let mut shown = self.inner.publication.witnessed.write().unwrap_or_else(PoisonError::into_inner);
        let got = checkpoint.size();
        if let Some(last) = shown.as_ref().filter(|last| last.size > got) {
            return Err(WitnessedError::Older { got: got.0, last: last.size.0 });
        }
        self.inner.store.set_witnessed(note)?;
        *shown = Some(PublishedCheckpoint { size: got, note: note.into() });
        Ok(())
    }
}
