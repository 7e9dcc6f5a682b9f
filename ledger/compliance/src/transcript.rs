//! What a statement is bound to, and the only place where Merlin labels are written.
//!
//! The order of absorption is part of the format (`docs/spec/commitment.md`, "Statements"): whoever verifies must
//! absorb the same bytes, all of which the verifier derives for itself.

use curve25519_dalek::scalar::Scalar;
use merlin::Transcript;
use sha2::{Digest, Sha256};

use crate::term::Term;

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
const BUNDLE: &[u8] = b"bundle";
const GENERATORS: &[u8] = b"generators";
const DERIVED: &[u8] = b"derived";
const BITS: &[u8] = b"n";
const AGGREGATED: &[u8] = b"m";
const CHUNK: &[u8] = b"chunk";
const CHUNKS: &[u8] = b"chunks";
const ZERO_WEIGHT: &[u8] = b"zero w";
const ZERO_NONCE: &[u8] = b"zero K";
const ZERO_CHALLENGE: &[u8] = b"zero e";
const ZERO_RESPONSE: &[u8] = b"zero s";
/// Label of the witness in the generator of the Schnorr nonce; never absorbed by the verifier.
pub(crate) const ZERO_WITNESS: &[u8] = b"zero r";

// the library's range proofs: their labels and order are those of the crate `bulletproofs` 5
const DOMAIN: &[u8] = b"dom-sep";
const RANGE_PROOF: &[u8] = b"rangeproof v1";
const INNER_PRODUCT: &[u8] = b"ipp v1";
const VALUE: &[u8] = b"V";
const BIT_POINTS: [&[u8]; 2] = [b"A", b"S"];
const POLYNOMIAL_POINTS: [&[u8]; 2] = [b"T_1", b"T_2"];
const POLYNOMIAL_SCALARS: [&[u8]; 3] = [b"t_x", b"t_x_blinding", b"e_blinding"];
const ROUND_POINTS: [&[u8]; 2] = [b"L", b"R"];
const CHALLENGE_Y: &[u8] = b"y";
const CHALLENGE_Z: &[u8] = b"z";
const CHALLENGE_X: &[u8] = b"x";
const CHALLENGE_W: &[u8] = b"w";
const CHALLENGE_U: &[u8] = b"u";
/// The library draws no more, and absorbs them no more.
const LAST_SCALARS: [&[u8]; 2] = [b"a", b"b"];

const BATCH: &[u8] = b"grantbook batch v1";
const BATCH_SEAL: &[u8] = b"seal";
const BATCH_WEIGHT: &[u8] = b"weight";

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
    /// Digest of the bundle that the proof stands in.
    pub bundle_digest: [u8; 32],
}

/// The part of an algebraic claim that is not in the context or the terms.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
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
    shape: Shape,
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
    transcript.append_message(BUNDLE, &context.bundle_digest);
    transcript.append_message(GENERATORS, &GENERATORS_HASH);
    transcript.append_message(DERIVED, derived_hash);
    transcript.append_u64(BITS, shape.bits);
    transcript.append_u64(AGGREGATED, shape.aggregated);
    transcript.append_u64(CHUNK, shape.chunk);
    transcript.append_u64(CHUNKS, shape.chunks);
    transcript
}

/// SHA-256(0x44 ‖ for each term: number of parts u32 ‖ for each part: coefficient i64 ‖ commitment 32 ‖ constant i64),
/// integers big-endian.
pub(crate) fn derived_hash(terms: &[Term]) -> [u8; 32] {
    let mut hash = Sha256::new_with_prefix([DERIVED_DOMAIN]);
    for term in terms {
        // terms have no more parts than a tenant has groups of terms
        hash.update(u32::try_from(term.parts.len()).unwrap_or(u32::MAX).to_be_bytes());
        for (coefficient, commitment) in &term.parts {
            hash.update(coefficient.to_be_bytes());
            hash.update(commitment.0);
        }
        hash.update(term.constant.to_be_bytes());
    }
    hash.finalize().into()
}

/// Draws the number by whose powers the terms of a proof of zero are added up.
pub(crate) fn zero_weight(transcript: &mut Transcript) -> Scalar {
    challenge(transcript, ZERO_WEIGHT)
}

/// Absorbs the nonce point of a proof of zero and draws its challenge.
pub(crate) fn zero_challenge(transcript: &mut Transcript, nonce: &[u8; 32]) -> Scalar {
    transcript.append_message(ZERO_NONCE, nonce);
    challenge(transcript, ZERO_CHALLENGE)
}

/// Absorbs the response, after which the transcript has all of a proof of zero. The prover has no use for it.
pub(crate) fn zero_response(transcript: &mut Transcript, response: &[u8; 32]) {
    transcript.append_message(ZERO_RESPONSE, response);
}

/// The elements of one aggregated range proof as they lie in its bytes.
pub(crate) struct Elements<'a> {
    /// A, S, T₁, T₂.
    pub(crate) head: [&'a [u8; 32]; 4],
    pub(crate) t: &'a [u8; 32],
    pub(crate) t_blinding: &'a [u8; 32],
    pub(crate) e_blinding: &'a [u8; 32],
    /// L and R of each round.
    pub(crate) rounds: &'a [[[u8; 32]; 2]],
    pub(crate) a: &'a [u8; 32],
    pub(crate) b: &'a [u8; 32],
}

impl<'a> Elements<'a> {
    /// The elements, if these are a whole number of them and of rounds.
    pub(crate) fn split(proof: &'a [u8]) -> Option<Self> {
        let (elements, []) = proof.as_chunks::<32>() else { return None };
        let [head_a, head_s, t_1, t_2, t, t_blinding, e_blinding, rounds @ .., a, b] = elements else {
            return None;
        };
        let (rounds, []) = rounds.as_chunks::<2>() else { return None };
        Some(Self { head: [head_a, head_s, t_1, t_2], t, t_blinding, e_blinding, rounds, a, b })
    }
}

/// What the verifier of a range proof draws.
pub(crate) struct Challenges {
    pub(crate) y: Scalar,
    pub(crate) z: Scalar,
    pub(crate) x: Scalar,
    pub(crate) w: Scalar,
    /// u of each round.
    pub(crate) rounds: Vec<Scalar>,
}

/// Replays the messages of a range proof as the library orders them, then absorbs its last scalars too.
pub(crate) fn range_challenges(
    transcript: &mut Transcript,
    bits: u64,
    encodings: &[[u8; 32]],
    elements: &Elements<'_>,
) -> Challenges {
    let [bits_a, bits_s, t_1, t_2] = elements.head;
    range_begins(transcript, bits, encodings);
    let (y, z) = bit_challenges(transcript, [bits_a, bits_s]);
    let x = polynomial_challenge(transcript, [t_1, t_2]);
    let scalars = [elements.t, elements.t_blinding, elements.e_blinding];
    let w = inner_product_challenge(transcript, scalars, bits * encodings.len() as u64);
    let rounds = elements.rounds.iter().map(|[left, right]| round_challenge(transcript, [left, right]));
    let rounds = rounds.collect();
    absorb(transcript, LAST_SCALARS, [elements.a, elements.b]);
    Challenges { y, z, x, w, rounds }
}

/// Absorbs what a range proof is about.
pub(crate) fn range_begins(transcript: &mut Transcript, bits: u64, encodings: &[[u8; 32]]) {
    transcript.append_message(DOMAIN, RANGE_PROOF);
    transcript.append_u64(BITS, bits);
    transcript.append_u64(AGGREGATED, encodings.len() as u64);
    for encoding in encodings {
        transcript.append_message(VALUE, encoding);
    }
}

/// Absorbs A and S; draws y and z.
pub(crate) fn bit_challenges(transcript: &mut Transcript, points: [&[u8; 32]; 2]) -> (Scalar, Scalar) {
    absorb(transcript, BIT_POINTS, points);
    let y = challenge(transcript, CHALLENGE_Y);
    (y, challenge(transcript, CHALLENGE_Z))
}

/// Absorbs T₁ and T₂; draws x.
pub(crate) fn polynomial_challenge(transcript: &mut Transcript, points: [&[u8; 32]; 2]) -> Scalar {
    absorb(transcript, POLYNOMIAL_POINTS, points);
    challenge(transcript, CHALLENGE_X)
}

/// Absorbs t, t̃ and ẽ, and draws w; then begins the inner product over so many positions.
pub(crate) fn inner_product_challenge(
    transcript: &mut Transcript,
    scalars: [&[u8; 32]; 3],
    positions: u64,
) -> Scalar {
    absorb(transcript, POLYNOMIAL_SCALARS, scalars);
    let w = challenge(transcript, CHALLENGE_W);
    transcript.append_message(DOMAIN, INNER_PRODUCT);
    transcript.append_u64(BITS, positions);
    w
}

/// Absorbs L and R of a round; draws its u.
pub(crate) fn round_challenge(transcript: &mut Transcript, points: [&[u8; 32]; 2]) -> Scalar {
    absorb(transcript, ROUND_POINTS, points);
    challenge(transcript, CHALLENGE_U)
}

/// What stands for a statement and its proof when weights are drawn: any byte of either changes it.
pub(crate) fn seal(transcript: &mut Transcript) -> [u8; 64] {
    let mut seal = [0; 64];
    transcript.challenge_bytes(BATCH_SEAL, &mut seal);
    seal
}

/// The weights of the equations of a batch.
pub(crate) struct Weights(Transcript);

impl Weights {
    /// Weights that depend on all of the seals.
    pub(crate) fn over<'a>(seals: impl Iterator<Item = &'a [u8; 64]>) -> Self {
        let mut transcript = Transcript::new(BATCH);
        for seal in seals {
            transcript.append_message(BATCH_SEAL, seal);
        }
        Self(transcript)
    }

    /// The next weight, any scalar.
    pub(crate) fn draw(&mut self) -> Scalar {
        challenge(&mut self.0, BATCH_WEIGHT)
    }
}

fn absorb<const N: usize>(transcript: &mut Transcript, labels: [&'static [u8]; N], messages: [&[u8; 32]; N]) {
    for (label, message) in labels.into_iter().zip(messages) {
        transcript.append_message(label, message);
    }
}

fn challenge(transcript: &mut Transcript, label: &'static [u8]) -> Scalar {
    let mut wide = [0; 64];
    transcript.challenge_bytes(label, &mut wide);
    Scalar::from_bytes_mod_order_wide(&wide)
}

#[cfg(test)]
mod tests;
