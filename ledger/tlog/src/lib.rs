//! Transparency log primitives: RFC 6962 hashing and proofs, and the C2SP formats tlog-tiles, signed-note,
//! tlog-checkpoint, tlog-cosignature, tlog-policy, tlog-witness and tlog-proof.
//!
//! No I/O, clock or randomness: bytes, keys and times are arguments. Nothing here knows what an entry means, and
//! nothing here talks to anybody. Every `parse` is strict (formatting what was parsed gives the same bytes), bounded,
//! and never panics; it implies no trust, which only a `verify` gives.

pub mod checkpoint;
pub mod cosignature;
mod decimal;
mod demands;
mod hash;
pub mod note;
pub mod policy;
mod proof;
pub mod proof_file;
mod range;
pub mod tile;
pub mod witness;

pub use checkpoint::{Checkpoint, CheckpointError, LogKeys, verify_checkpoint};
pub use demands::{Demands, VouchedCheckpoint};
pub use hash::{Hash, HashError, empty_root, leaf_hash, node_hash};
pub use note::{KeyId, Note, NoteError, NoteSignature, SignatureKind, SigningKey, UnixSeconds, VerifierKey};
pub use policy::{Cosigned, Policy, PolicyError};
pub use proof::{
    NodeReader, ProofError, VerifyError, consistency_proof, inclusion_proof, root_from_inclusion,
    verify_consistency, verify_inclusion,
};
pub use proof_file::{ProofFileError, TlogProof};
pub use range::{CompactRange, LeafIndex, RangeError, TreeSize};
pub use witness::{AddCheckpoint, Answer, Refusal};
