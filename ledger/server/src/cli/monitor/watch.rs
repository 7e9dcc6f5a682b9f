//! One look at a log, beside what was seen before.

use grantbook_tlog::tile::{TileNodeReader, TileReadError};
use grantbook_tlog::{
    Demands, LogKeys, ProofError, VouchedCheckpoint, consistency_proof, verify_consistency,
};
use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::verify::LogSource;

/// What a log did that no honest log does, or what is wanting.
#[derive(Debug)]
pub(super) struct Alarm {
    /// `fork`, `rollback`, `silence`, `bad_signature` or `quorum`.
    pub(super) kind: &'static str,
    /// What was expected and what came.
    pub(super) detail: String,
    /// The checkpoint seen before, as it came: with `new` it is the proof.
    pub(super) old: Option<String>,
    /// The checkpoint that raised the alarm, as it came.
    pub(super) new: Option<String>,
}

/// What a look came to.
pub(super) enum Look {
    /// A checkpoint that continues the last, and its bytes.
    Good(Box<VouchedCheckpoint>, String),
    /// An alarm.
    Alarm(Alarm),
    /// The log did not answer, or not in full.
    Unanswered(Failure),
}

impl Alarm {
    /// One line for machines.
    pub(super) fn to_json(&self, origin: &str) -> Value {
        json!({
            "alarm": self.kind, "origin": origin, "detail": self.detail, "old": self.old, "new": self.new,
        })
    }
}

/// Reads the log's checkpoint and holds it against the last one.
pub(super) fn look(
    source: &LogSource,
    keys: &LogKeys,
    demands: &Demands,
    last: Option<&(VouchedCheckpoint, String)>,
) -> Look {
    let bytes = match source.checkpoint() {
        Ok(bytes) => bytes,
        Err(failure) => return Look::Unanswered(failure),
    };
    let note = String::from_utf8_lossy(&bytes).into_owned();
    let alarm = |kind, detail: String| {
        let old = last.map(|(_, note)| note.clone());
        Look::Alarm(Alarm { kind, detail, old, new: Some(note.clone()) })
    };
    let vouched = match demands.verify(keys, &bytes) {
        Ok(vouched) => vouched,
        Err(error) => return alarm("bad_signature", error.to_string()),
    };
    if demands.policy.is_some() && !vouched.cosigned.quorum {
        let names: Vec<&str> = vouched.cosigned.by.iter().map(|(name, _)| name.as_str()).collect();
        return alarm("quorum", format!("cosigned by [{}], expected the policy's quorum", names.join(", ")));
    }
    let Some((last, _)) = last else { return Look::Good(Box::new(vouched), note) };
    let (old, new) = (&last.checkpoint, &vouched.checkpoint);
    if new.size() < old.size() {
        return alarm("rollback", format!("{} entries after {}", new.size(), old.size()));
    }
    // the proof is built from tiles that nobody vouches for: it holds only if it leads to both signed roots
    let proof = match consistency_proof(old.size(), new.size(), &TileNodeReader::new(source, new.size())) {
        Ok(proof) => proof,
        Err(ProofError::Reader(TileReadError::Source { error: failure, .. })) => {
            return Look::Unanswered(failure);
        }
        Err(error) => return alarm("fork", format!("the tiles do not prove consistency: {error}")),
    };
    match verify_consistency(old.size(), &old.root(), new.size(), &new.root(), &proof) {
        Ok(()) => Look::Good(Box::new(vouched), note),
        Err(error) => alarm("fork", error.to_string()),
    }
}
