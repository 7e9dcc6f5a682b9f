//! What a statement is bound to, and the only place where Merlin labels are written.
//!
//! The order of absorption is part of the format (`docs/spec/commitment.md`, "Statements"): whoever verifies must
//! absorb the same bytes, all of which the verifier derives for itself.

use curve25519_dalek::scalar::Scalar;
use merlin::Transcript;
use sha2::{Digest, Sha256};

use crate::commitment::Commitment;

/// SHA-256 over B ‖ B̃ ‖ G₀,₀ … G₆₃,₆₃ ‖ H₀,₀ … H₆₃,₆₃ (compressed; party first, then bit). The library's range proofs
/// do not bind their generators. A test derives them again from the specification.
pub const GENERATORS_HASH: [u8; 32] = [
    0xCA, 0x14, 0x2C, 0x9A, 0x67, 0x25, 0x3F, 0xDD, 0x3D, 0x93, 0x90, 0xD3, 0xCB, 0x9C, 0x5A, 0x36, 0xCC,
    0xD8, 0x87, 0xFE, 0xD2, 0xA7, 0x8B, 0x58, 0xD8, 0x31, 0xAE, 0x8B, 0x5A, 0xBA, 0x6D, 0x37,
];

const PROTOCOL: &[u8] = b"grantbook statement v1";
const SPEC: &[u8] = b"spec";
const ORIGIN: &[u8] = b"origin";
const START_SIZE: &[u8] = b"start size";
const START_ROOT: &[u8] = b"start root";
const END_SIZE: &[u8] = b"end size";
const END_ROOT: &[u8] = b"end root";
const STATEMENT: &[u8] = b"statement";
const POLICY: &[u8] = b"policy";
const GENERATORS: &[u8] = b"generators";
const DERIVED: &[u8] = b"derived";
const SHIFTS: &[u8] = b"shifts";
const SHIFT: &[u8] = b"shift";
const BITS: &[u8] = b"n";
const AGGREGATED: &[u8] = b"m";
const CHUNK: &[u8] = b"chunk";
const CHUNKS: &[u8] = b"chunks";
const ZERO_TARGET: &[u8] = b"zero X";
const ZERO_NONCE: &[u8] = b"zero K";
const ZERO_CHALLENGE: &[u8] = b"zero e";
/// Label of the witness in the generator of the Schnorr nonce; never absorbed by the verifier.
pub(crate) const ZERO_WITNESS: &[u8] = b"zero r";

/// First byte under the hash of the derived list, so that it can be no other hash of the system.
const DERIVED_DOMAIN: u8 = 0x44;

/// Size and root of a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Number of entries.
    pub size: u64,
    /// RFC 6962 root hash.
    pub root: [u8; 32],
}

/// Where and under which rules a statement is made. A proof holds for exactly one context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatementContext<'a> {
    /// SHA-256 of the specification of the statements.
    pub spec_hash: [u8; 32],
    /// Origin line of the log.
    pub origin: &'a str,
    /// Checkpoint at which the period starts.
    pub start: Head,
    /// Checkpoint at which the period ends.
    pub end: Head,
    /// Identifier of the statement within the policy.
    pub statement: &'a str,
    /// SHA-256 of the policy that asks for it.
    pub policy_hash: [u8; 32],
}

/// One commitment that the verifier found in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// Leaf index of the entry.
    pub leaf_index: u64,
    /// Position of the commitment within the entry's class, from 0.
    pub field: u8,
    /// The commitment, as the entry has it.
    pub commitment: Commitment,
}

/// The part of an algebraic claim that is not in the context or the list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape<'a> {
    /// Public values subtracted, in order.
    pub(crate) shifts: &'a [u64],
    /// Bits of the range; 0 for a proof of zero.
    pub(crate) bits: u64,
    /// Values aggregated in this chunk, padding included.
    pub(crate) aggregated: u64,
    /// This chunk, from 0.
    pub(crate) chunk: u64,
    /// Number of chunks.
    pub(crate) chunks: u64,
}

/// The transcript of one chunk, ready for the messages of the proof itself.
pub(crate) fn statement_transcript(
    context: &StatementContext<'_>,
    derived_hash: &[u8; 32],
    shape: Shape<'_>,
) -> Transcript {
    let mut transcript = Transcript::new(PROTOCOL);
    transcript.append_message(SPEC, &context.spec_hash);
    transcript.append_message(ORIGIN, context.origin.as_bytes());
    transcript.append_u64(START_SIZE, context.start.size);
    transcript.append_message(START_ROOT, &context.start.root);
    transcript.append_u64(END_SIZE, context.end.size);
    transcript.append_message(END_ROOT, &context.end.root);
    transcript.append_message(STATEMENT, context.statement.as_bytes());
    transcript.append_message(POLICY, &context.policy_hash);
    transcript.append_message(GENERATORS, &GENERATORS_HASH);
    transcript.append_message(DERIVED, derived_hash);
    transcript.append_u64(SHIFTS, shape.shifts.len() as u64);
    for shift in shape.shifts {
        transcript.append_u64(SHIFT, *shift);
    }
    transcript.append_u64(BITS, shape.bits);
    transcript.append_u64(AGGREGATED, shape.aggregated);
    transcript.append_u64(CHUNK, shape.chunk);
    transcript.append_u64(CHUNKS, shape.chunks);
    transcript
}

/// SHA-256(0x44 ‖ for each: leaf index u64 big-endian ‖ field u8 ‖ commitment 32).
pub(crate) fn derived_hash(derived: &[Listed]) -> [u8; 32] {
    let mut hash = Sha256::new_with_prefix([DERIVED_DOMAIN]);
    for listed in derived {
        hash.update(listed.leaf_index.to_be_bytes());
        hash.update([listed.field]);
        hash.update(listed.commitment.0);
    }
    hash.finalize().into()
}

/// Absorbs the target and the nonce point of a proof of zero and draws its challenge.
pub(crate) fn zero_challenge(transcript: &mut Transcript, nonce: &[u8; 32]) -> Scalar {
    transcript.append_message(ZERO_NONCE, nonce);
    let mut wide = [0; 64];
    transcript.challenge_bytes(ZERO_CHALLENGE, &mut wide);
    Scalar::from_bytes_mod_order_wide(&wide)
}

/// Absorbs the point that is claimed to open to zero.
pub(crate) fn zero_target(transcript: &mut Transcript, target: &Commitment) {
    transcript.append_message(ZERO_TARGET, &target.0);
}

#[cfg(test)]
mod tests;
