//! Compliance proofs: a bundle shows that every entry of one enterprise on one UTC day kept to a policy, without opening
//! one of them. Specification: `docs/spec/compliance-proof.md`.
//!
//! The [`verify`] module derives from the log's entries, a day key and a [`policy`] what is to be shown, and checks the
//! proofs; [`prove`] makes them. A [`chain`] is what either keeps from day to day. A [`kit`] is what a regulator is handed with them.
//!
//! Not here: reading a log, vaults or keyrings, and the algebra of the proofs (`grantbook-compliance`). There is no I/O;
//! randomness is an argument, and time is the checkpoints'.

mod bundle;
mod calendar;
pub mod chain;
mod error;
pub mod kit;
pub mod policy;
pub mod prove;
pub mod report;
pub mod statement;
mod terms;
pub mod verify;
mod walk;

pub use bundle::{BUNDLE_BYTES_MAX, Close, ENTRIES_MAX, Group, Header, KeyProof, Mode};
pub use chain::Chain;
pub use error::ProofError;
pub use policy::{StatementPolicy, StatementPolicyError};
pub use prove::Prover;
pub use report::Report;
pub use statement::Statement;
pub use verify::verify_bundle;

// the tests' days are written for those who use the crate; tests within it need them too
#[cfg(test)]
extern crate self as grantbook_proof;
#[cfg(test)]
#[path = "../tests/proof/story.rs"]
mod story;
#[cfg(test)]
mod vectors;
#[cfg(test)]
#[allow(dead_code, reason = "each test binary uses a part of it")]
#[path = "../tests/proof/world.rs"]
mod world;
