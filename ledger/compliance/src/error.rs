//! Errors of proving and of verifying statements. No value, blinding or amount appears in a message.

use crate::commitment::CommitmentError;

/// Why no proof was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProveError {
    /// The statement is about nothing: it holds without a proof.
    #[error("expected at least one term to prove about, got none")]
    Empty,
    /// The openings do not go one to one with the terms.
    #[error("expected {expected} openings, got {got}")]
    Count {
        /// Terms in the list.
        expected: usize,
        /// Openings given.
        got: usize,
    },
    /// A term, or a commitment in it, cannot be used.
    #[error("term {index}: {source}")]
    Commitment {
        /// Position in the list.
        index: usize,
        /// What is wrong with it.
        source: CommitmentError,
    },
    /// A value is outside the range: the statement is false.
    #[error("term {index}: expected a number of {bits} bits, got one outside")]
    OutOfRange {
        /// Position in the list.
        index: usize,
        /// Bits of the range.
        bits: u8,
    },
    /// A value is not zero: the statement is false.
    #[error("term {index}: expected zero, got another number")]
    NotZero {
        /// Position in the list.
        index: usize,
    },
    /// The finished proof does not verify, so it is not handed out.
    #[error("the finished proof does not verify: {0}")]
    SelfCheck(VerifyError),
}

/// Why a proof was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The statement is about nothing.
    #[error("expected at least one term to verify about, got none")]
    Empty,
    /// The proof has another length than the statement demands.
    #[error("expected a proof of {expected} bytes, got {got}")]
    Length {
        /// Length that follows from the statement.
        expected: usize,
        /// Length given.
        got: usize,
    },
    /// The proof is of another version of the layout.
    #[error("expected proof version {expected}, got {got}")]
    Version {
        /// Version read here.
        expected: u8,
        /// Version given.
        got: u8,
    },
    /// The proof is of another kind.
    #[error("expected proof kind {expected}, got {got}")]
    Kind {
        /// Kind asked for.
        expected: u8,
        /// Kind given.
        got: u8,
    },
    /// A term, or a commitment in it, cannot be used.
    #[error("term {index}: {source}")]
    Commitment {
        /// Position in the list.
        index: usize,
        /// What is wrong with it.
        source: CommitmentError,
    },
    /// A part of the proof is not a canonical encoding.
    #[error("chunk {chunk}: expected canonical points and scalars, got other bytes")]
    Encoding {
        /// Chunk, from 0.
        chunk: usize,
    },
    /// The proof is well-formed and false.
    #[error("chunk {chunk}: the proof does not hold for this statement")]
    Rejected {
        /// Chunk, from 0.
        chunk: usize,
    },
}
