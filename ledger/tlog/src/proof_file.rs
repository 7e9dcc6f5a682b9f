//! Proof files (C2SP tlog-proof): a checkpoint and an inclusion proof in one text.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::checkpoint::{self, Checkpoint, CheckpointError};
use crate::decimal::parse_decimal;
use crate::note::{Note, NoteSignature, VerifierKey};
use crate::{Hash, LeafIndex, VerifyError, verify_inclusion};

/// First line of every proof file.
const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// Longest extra data, before base64: 64 KiB.
pub const MAX_EXTRA_BYTES: usize = 64 * 1024;

/// Most hashes of an inclusion proof: the height of a tree of 64-bit size.
pub const MAX_HASHES: usize = 64;

/// Largest proof file that is parsed: room for the largest extra data, note and proof.
pub const MAX_PROOF_FILE_BYTES: usize = 160 * 1024;

/// What is wrong with a proof file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofFileError {
    /// The file is too long.
    #[error("a proof file has at most {MAX_PROOF_FILE_BYTES} bytes, got {got}")]
    TooLong {
        /// Bytes of the file.
        got: usize,
    },
    /// Not UTF-8.
    #[error("a proof file is UTF-8, got byte {offset}")]
    Utf8 {
        /// Where the first wrong byte is.
        offset: usize,
    },
    /// The first line is not that of this format.
    #[error("the first line must be {HEADER}")]
    Header,
    /// The extra data is empty, too long, or not base64.
    #[error("extra data must be the standard base64 of 1 to {MAX_EXTRA_BYTES} bytes")]
    Extra,
    /// No index line, or not a canonical number in it.
    #[error("expected a line of index and a decimal number below 2^64 without leading zeros")]
    Index,
    /// A line of the inclusion proof is not a hash.
    #[error("proof line {line} must be the standard base64 of 32 bytes")]
    HashLine {
        /// Number of the line, from 1.
        line: usize,
    },
    /// More hashes than any inclusion proof has.
    #[error("an inclusion proof has at most {MAX_HASHES} hashes, got more")]
    TooManyHashes,
    /// No blank line after the inclusion proof.
    #[error("expected a blank line and a checkpoint after the inclusion proof")]
    Layout,
    /// The checkpoint is malformed or does not verify.
    #[error("checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The inclusion proof does not verify.
    #[error("inclusion proof: {0}")]
    Inclusion(#[from] VerifyError),
}

/// An entry's inclusion proof with the signed checkpoint it leads to; well-formed, not verified. Displays as the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    extra: Option<Vec<u8>>,
    index: LeafIndex,
    hashes: Vec<Hash>,
    checkpoint: String,
}

/// What a proof file proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedProof {
    /// The checkpoint, signed by the log's key; the entry is under its root.
    pub checkpoint: Checkpoint,
    /// The remaining signature lines (the clock's, witnesses'), none of them verified.
    pub others: Vec<NoteSignature>,
}

impl TlogProof {
    /// `extra` is authenticated by nothing; `hashes` run from the leaf's sibling upwards; `checkpoint` is a signed note.
    pub fn new(
        extra: Option<Vec<u8>>,
        index: LeafIndex,
        hashes: Vec<Hash>,
        checkpoint: &str,
    ) -> Result<Self, ProofFileError> {
        if extra.as_ref().is_some_and(|extra| extra.is_empty() || extra.len() > MAX_EXTRA_BYTES) {
            return Err(ProofFileError::Extra);
        }
        if hashes.len() > MAX_HASHES {
            return Err(ProofFileError::TooManyHashes);
        }
        Checkpoint::parse_note(checkpoint.as_bytes())?;
        Ok(Self { extra, index, hashes, checkpoint: checkpoint.to_owned() })
    }

    /// Parses a proof file; formatting it gives the same bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofFileError> {
        if bytes.len() > MAX_PROOF_FILE_BYTES {
            return Err(ProofFileError::TooLong { got: bytes.len() });
        }
        let text =
            str::from_utf8(bytes).map_err(|error| ProofFileError::Utf8 { offset: error.valid_up_to() })?;
        let rest = text
            .strip_prefix(HEADER)
            .and_then(|rest| rest.strip_prefix('\n'))
            .ok_or(ProofFileError::Header)?;
        // the first blank line ends the proof; the checkpoint has one of its own
        let (proof, checkpoint) = rest.split_once("\n\n").ok_or(ProofFileError::Layout)?;
        let mut lines = proof.split('\n');
        let mut line = lines.next().unwrap_or_default();
        let extra = line.strip_prefix("extra ").map(|extra| STANDARD.decode(extra)).transpose();
        let extra = extra.map_err(|_| ProofFileError::Extra)?;
        if extra.is_some() {
            line = lines.next().unwrap_or_default();
        }
        let index = line.strip_prefix("index ").and_then(parse_decimal).ok_or(ProofFileError::Index)?;
        let mut hashes = Vec::new();
        for (position, line) in lines.enumerate() {
            if position >= MAX_HASHES {
                return Err(ProofFileError::TooManyHashes);
            }
            hashes.push(line.parse().map_err(|_| ProofFileError::HashLine { line: position + 1 })?);
        }
        Self::new(extra, LeafIndex(index), hashes, checkpoint)
    }

    /// Application data, not authenticated.
    pub fn extra(&self) -> Option<&[u8]> {
        self.extra.as_deref()
    }

    /// The entry's index.
    pub fn index(&self) -> LeafIndex {
        self.index
    }

    /// The inclusion proof, from the leaf's sibling upwards.
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// The signed checkpoint, verbatim.
    pub fn checkpoint(&self) -> &str {
        &self.checkpoint
    }

    /// Verifies that the leaf is in the log `origin` under a checkpoint that its key has signed.
    pub fn verify(
        &self,
        leaf: &Hash,
        key: &VerifierKey,
        origin: &str,
    ) -> Result<VerifiedProof, ProofFileError> {
        let (checkpoint, note): (Checkpoint, Note) = Checkpoint::parse_note(self.checkpoint.as_bytes())?;
        let others = checkpoint::verify_parsed(&checkpoint, &note, origin, key)?;
        verify_inclusion(leaf, self.index, checkpoint.size(), &self.hashes, &checkpoint.root())?;
        Ok(VerifiedProof { checkpoint, others })
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.hashes {
            writeln!(f, "{hash}")?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}
