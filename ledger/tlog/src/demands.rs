//! What a reader demands of a checkpoint beyond the signatures of the log's own two keys.

use crate::checkpoint::{Checkpoint, CheckpointError, LogKeys};
use crate::note::{Note, NoteSignature, UnixSeconds};
use crate::policy::{Cosigned, Policy};

/// Demands of a reader; those by default are none.
#[derive(Debug, Clone, Default)]
pub struct Demands {
    /// Whose cosignatures make a checkpoint *witnessed*. A checkpoint without their quorum is *signed*, not refused.
    pub policy: Option<Policy>,
    /// Whether the log's ML-DSA-44 key must have signed too. A policy's date is compared with the reader's own clock,
    /// not with the checkpoint's time: who can forge the older signatures can also forge an older time.
    pub post_quantum: bool,
}

/// A checkpoint that its log has signed as demanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VouchedCheckpoint {
    /// The tree head.
    pub checkpoint: Checkpoint,
    /// When the clock's key cosigned it.
    pub time: UnixSeconds,
    /// Whether the log's ML-DSA-44 key has signed it.
    pub post_quantum: bool,
    /// The policy's witnesses that cosigned it; without a policy nobody, and no quorum.
    pub cosigned: Cosigned,
    /// Lines by keys that nobody has named; they vouch for nothing.
    pub others: Vec<NoteSignature>,
}

impl Demands {
    /// Verifies a checkpoint.
    pub fn verify(&self, keys: &LogKeys, note: &[u8]) -> Result<VouchedCheckpoint, CheckpointError> {
        let signed = keys.verify_checkpoint(note)?;
        if self.post_quantum && !signed.post_quantum {
            return Err(CheckpointError::PostQuantum);
        }
        let mut others = signed.others;
        let cosigned = match &self.policy {
            Some(policy) => {
                let listed = policy.logs().iter().any(|log| {
                    [Some(keys.log()), keys.post_quantum()].into_iter().flatten().any(|key| *key == log.key)
                });
                if !policy.logs().is_empty() && !listed {
                    return Err(CheckpointError::OtherLog { origin: keys.origin().to_owned() });
                }
                others.retain(|line| !policy.witnesses().iter().any(|witness| witness.key.made(line)));
                policy.verify(&Note::parse(note)?)?
            }
            None => Cosigned { by: Vec::new(), quorum: false },
        };
        let (checkpoint, time, post_quantum) = (signed.checkpoint, signed.time, signed.post_quantum);
        Ok(VouchedCheckpoint { checkpoint, time, post_quantum, cosigned, others })
    }
}
