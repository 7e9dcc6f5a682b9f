//! Pedersen commitments and zero-knowledge statements about them.
//!
//! Every quantity in the log (a time, a price, a payout) stands there as a hiding commitment. This crate makes
//! commitments and checks openings ([`commitment`]), and proves and verifies two kinds of statement without opening
//! them: that combinations of them ([`Term`]) lie in a range ([`range`]), and that they are zero ([`zero`]). Many proofs are
//! verified together in a [`Batch`].
//!
//! Not here: reading the log, deriving the terms that a statement is about. There is no I/O; randomness is an argument.
//!
//! Formats: `docs/spec/commitment.md`.

pub mod batch;
pub mod commitment;
pub mod range;
mod table;
pub mod transcript;
pub mod zero;

mod error;
mod generators;
mod layout;
mod term;

pub use batch::{Batch, BatchError};
pub use commitment::{Blinding, Commitment, CommitmentError, Opening, commit, commit_batch, verify_opening};
pub use error::{ProveError, VerifyError};
pub use range::{Bits, RangeStatement};
pub use term::{OpenedTerm, Term};
pub use transcript::{Head, StatementContext};
pub use zero::ZeroStatement;

#[cfg(test)]
mod samples;
#[cfg(test)]
mod vectors;
