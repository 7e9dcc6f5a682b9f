//! Random audits: which entries a regulator's dice point at, and the form in which the operator opens them.
//!
//! Specification: `docs/spec/audit.md`. Nothing is judged here: what is checked of an answer is `grantbook_plan::audit`.

use std::collections::BTreeSet;

use grantbook_tlog::{Checkpoint, CheckpointError, LeafIndex, TreeSize};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::denial::DenialReason;
use crate::encoding::Bytes32;
use crate::receipt::RECEIPT_BYTES_MAX;
use crate::strict_json::{self, JsonError};

/// Version of the request's format.
pub const VERSION: u8 = 1;
/// Entries of one draw.
pub const ENTRIES_MAX: u32 = 100_000;
/// Bytes of a request.
pub const REQUEST_BYTES_MAX: usize = 256 * 1024;
/// Bytes of one answer: two receipts, escaped in JSON.
pub const ANSWER_BYTES_MAX: usize = 4 * RECEIPT_BYTES_MAX;

/// Why a request or an answer was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// A request larger than [`REQUEST_BYTES_MAX`].
    #[error("request of {got} bytes, expected at most {REQUEST_BYTES_MAX}")]
    RequestTooLarge {
        /// Its bytes.
        got: usize,
    },
    /// An answer larger than [`ANSWER_BYTES_MAX`].
    #[error("answer of {got} bytes, expected at most {ANSWER_BYTES_MAX}")]
    AnswerTooLarge {
        /// Its bytes.
        got: usize,
    },
    /// The JSON departs from the schema.
    #[error("refused: {0}")]
    Schema(#[from] JsonError),
    /// Another spelling of the same.
    #[error("not in its one spelling, expected the bytes as they were written")]
    Spelling,
    /// Another version of the format.
    #[error("audit version {got}, expected {VERSION}")]
    Version {
        /// As came.
        got: u8,
    },
    /// The checkpoint is none.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// More entries than there are or than one audit may ask for, or none.
    #[error("{got} entries asked for, expected 1 to {max}")]
    Count {
        /// As asked.
        got: u32,
        /// The most that the log and [`ENTRIES_MAX`] allow.
        max: u64,
    },
}

/// What a regulator gives the operator: the dice, and what they were thrown over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    v: u8,
    checkpoint: String,
    nonce: Bytes32,
    count: u32,
}

impl Request {
    /// Asks for `count` entries below a checkpoint, a signed note that the caller has verified. The nonce is random and
    /// younger than the checkpoint.
    pub fn new(checkpoint: &str, nonce: Bytes32, count: u32) -> Result<Self, AuditError> {
        let request = Self { v: VERSION, checkpoint: checkpoint.to_owned(), nonce, count };
        request.check()?;
        Ok(request)
    }

    /// Parses a request in its one spelling (a final line feed is allowed); no signature is verified.
    pub fn parse(json: &[u8]) -> Result<Self, AuditError> {
        if json.len() > REQUEST_BYTES_MAX {
            return Err(AuditError::RequestTooLarge { got: json.len() });
        }
        let json = json.strip_suffix(b"\n").unwrap_or(json);
        let request: Self = strict_json::parse(json)?;
        if request.v != VERSION {
            return Err(AuditError::Version { got: request.v });
        }
        if request.to_json() != json {
            return Err(AuditError::Spelling);
        }
        request.check()?;
        Ok(request)
    }

    fn check(&self) -> Result<(), AuditError> {
        let (checkpoint, _) = Checkpoint::parse_note(self.checkpoint.as_bytes())?;
        let max = checkpoint.size().0.min(ENTRIES_MAX.into());
        if (1..=max).contains(&self.count.into()) {
            Ok(())
        } else {
            Err(AuditError::Count { got: self.count, max })
        }
    }

    /// The request's bytes.
    pub fn to_json(&self) -> Vec<u8> {
        // string keys, no fallible serialisers
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The signed note over which the dice were thrown.
    pub fn checkpoint(&self) -> &str {
        &self.checkpoint
    }

    /// The dice.
    pub fn nonce(&self) -> &Bytes32 {
        &self.nonce
    }

    /// How many entries are asked for.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// SHA-256 of the request's bytes, by which the public log names it.
    pub fn sha256(&self) -> Bytes32 {
        Bytes32::sha256(&self.to_json())
    }

    /// The entries to open, in the order of the draw.
    pub fn draw(&self) -> Result<Vec<LeafIndex>, AuditError> {
        let (checkpoint, note) = Checkpoint::parse_note(self.checkpoint.as_bytes())?;
        Ok(draw(&seed(note.text(), &self.nonce), checkpoint.size(), self.count))
    }
}

/// SHA-256(`52` ‖ SHA-256(the checkpoint's signed text) ‖ nonce).
pub fn seed(checkpoint_text: &str, nonce: &Bytes32) -> Bytes32 {
    let hash = Sha256::new()
        .chain_update([0x52])
        .chain_update(Sha256::digest(checkpoint_text.as_bytes()))
        .chain_update(nonce.0);
    Bytes32(hash.finalize().into())
}

/// Leaf indexes below `size`, each as likely as any other, none twice; at most `count` and at most as many as there are.
pub fn draw(seed: &Bytes32, size: TreeSize, count: u32) -> Vec<LeafIndex> {
    let TreeSize(size) = size;
    let count = usize::try_from(u64::from(count).min(size)).unwrap_or(usize::MAX);
    let mut drawn = Vec::with_capacity(count);
    let mut known = BTreeSet::new();
    let mut candidates = (0_u64..).filter_map(|i| below(candidate(seed, i), size));
    while drawn.len() < count {
        let Some(index) = candidates.next() else { break };
        if known.insert(index) {
            drawn.push(LeafIndex(index));
        }
    }
    drawn
}

/// The `i`th candidate of a draw: the first 8 bytes of SHA-256(`53` ‖ seed ‖ i).
pub fn candidate(seed: &Bytes32, i: u64) -> u64 {
    let hash: [u8; 32] = Sha256::new()
        .chain_update([0x53])
        .chain_update(seed.0)
        .chain_update(i.to_be_bytes())
        .finalize()
        .into();
    hash.first_chunk().copied().map_or(0, u64::from_be_bytes)
}

/// The candidate modulo `size`; `None` among the last 2⁶⁴ mod `size` candidates, which would favour small indexes.
fn below(candidate: u64, size: u64) -> Option<u64> {
    let index = candidate.checked_rem(size)?;
    // 2⁶⁴ mod size, without a number of 65 bits
    let excess = (u64::MAX % size + 1) % size;
    (candidate <= u64::MAX - excess).then_some(index)
}

/// What the operator says of one drawn entry: a line of JSON in its one spelling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The leaf index.
    pub index: u64,
    /// K(tenant, day) of the entry's tag.
    pub day_key: Bytes32,
    /// The entry's receipt; its content is `erased` where nobody can open it any more.
    pub receipt: String,
    /// Receipt of the entry that its link names, where it names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under: Option<String>,
    /// The rule that a use broke when it was admitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flag: Option<DenialReason>,
}

impl Answer {
    /// Parses an answer in its one spelling (a final line feed is allowed); implies no trust.
    pub fn parse(json: &[u8]) -> Result<Self, AuditError> {
        if json.len() > ANSWER_BYTES_MAX {
            return Err(AuditError::AnswerTooLarge { got: json.len() });
        }
        let json = json.strip_suffix(b"\n").unwrap_or(json);
        let answer: Self = strict_json::parse(json)?;
        if answer.to_json() == json { Ok(answer) } else { Err(AuditError::Spelling) }
    }

    /// The answer's bytes, without a line feed.
    pub fn to_json(&self) -> Vec<u8> {
        // string keys, no fallible serialisers
        serde_json::to_vec(self).unwrap_or_default()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_draw_is_uniform() {
        // chi-square over 10,000 draws of 10 from 100: 99 degrees of freedom, 148.2 at one in a thousand
        let (size, times, count) = (100_u64, 10_000_u32, 10_u32);
        let mut hits = vec![0_u64; 100];
        for n in 0..times {
            let seed = Bytes32::sha256(&n.to_be_bytes());
            let drawn = draw(&seed, TreeSize(size), count);
            assert_eq!(drawn.iter().collect::<BTreeSet<_>>().len(), 10, "none twice");
            for LeafIndex(index) in drawn {
                hits[usize::try_from(index).unwrap()] += 1;
            }
        }
        let expected = u64::from(times * count) / size;
        // scaled by the expected count, so that it is whole
        let chi_square: u64 = hits.iter().map(|hits| hits.abs_diff(expected).pow(2)).sum();
        assert!(chi_square < 148 * expected, "{chi_square} / {expected}");
        assert!(chi_square > 60 * expected, "too even for chance: {chi_square} / {expected}");
    }

    #[test]
    fn small_indexes_are_not_favoured() {
        // of 2⁶⁴ candidates modulo 2⁶³ + 1, all but the first 2⁶³ + 1 would come twice as often
        let size = (1_u64 << 63) + 1;
        assert_eq!(below(1 << 63, size), Some(1 << 63));
        assert_eq!(below(size, size), None);
        assert_eq!(below(u64::MAX, size), None);
        assert_eq!(below(u64::MAX, 1 << 32), Some((1 << 32) - 1));
        assert_eq!(below(u64::MAX, 3), None);
        assert_eq!(below(u64::MAX - 1, 3), Some(2));
        assert_eq!(below(7, 0), None);
    }

    #[test]
    fn the_whole_of_a_log_can_be_drawn() {
        for size in 0..20 {
            let mut drawn = draw(&Bytes32([7; 32]), TreeSize(size), 20);
            drawn.sort();
            assert_eq!(drawn, (0..size).map(LeafIndex).collect::<Vec<_>>());
        }
    }
}
