//! The vectors G and H of the range proofs, derived from `docs/spec/commitment.md`.
//!
//! The library derives the same ones, but shows only G.

use std::sync::OnceLock;

use curve25519_dalek::ristretto::RistrettoPoint;
use sha3::Shake256;
use sha3::digest::{ExtendableOutput, Update, XofReader};

use crate::range::CHUNK_MAX;

/// Generators of each party, one for each bit.
pub(crate) const PARTY_BITS: usize = 64;

/// G and H, party by party and, within a party, bit by bit: 64 × 64 points each, 1.3 MB together.
pub(crate) struct Generators {
    pub(crate) g: Vec<RistrettoPoint>,
    pub(crate) h: Vec<RistrettoPoint>,
}

impl Generators {
    /// The generators, derived at the first call (about 75 ms).
    pub(crate) fn get() -> &'static Self {
        static GENERATORS: OnceLock<Generators> = OnceLock::new();
        GENERATORS.get_or_init(|| Self { g: vector(b'G'), h: vector(b'H') })
    }
}

fn vector(letter: u8) -> Vec<RistrettoPoint> {
    (0_u32..).take(CHUNK_MAX).flat_map(|party| chain(letter, party)).collect()
}

fn chain(letter: u8, party: u32) -> impl Iterator<Item = RistrettoPoint> {
    let mut shake = Shake256::default();
    shake.update(b"GeneratorsChain");
    shake.update(&[letter]);
    shake.update(&party.to_le_bytes());
    let mut reader = shake.finalize_xof();
    (0..PARTY_BITS).map(move |_| {
        let mut uniform = [0; 64];
        reader.read(&mut uniform);
        RistrettoPoint::from_uniform_bytes(&uniform)
    })
}

#[cfg(test)]
mod tests {
    use bulletproofs::{BulletproofGens, PedersenGens};
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::transcript::GENERATORS_HASH;

    #[test]
    fn the_generators_are_those_of_the_pinned_hash_and_of_the_library() {
        let generators = Generators::get();
        let library = BulletproofGens::new(PARTY_BITS, CHUNK_MAX);
        for (party, own) in generators.g.chunks(PARTY_BITS).enumerate() {
            assert!(library.share(party).G(PARTY_BITS).eq(own), "party {party}");
        }
        let pedersen = PedersenGens::default();
        let mut hash = Sha256::new();
        for point in [pedersen.B, pedersen.B_blinding].iter().chain(&generators.g).chain(&generators.h) {
            Digest::update(&mut hash, point.compress().as_bytes());
        }
        assert_eq!(<[u8; 32]>::from(hash.finalize()), GENERATORS_HASH);
    }
}
