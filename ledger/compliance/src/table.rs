//! Fixed-base tables for the two Pedersen generators.
//!
//! A table holds, for each of its windows, the multiples of half a generator by every digit. Adding one entry per
//! digit of k gives k·P/2; the halving is undone for free by `RistrettoPoint::double_and_compress_batch`, the only
//! encoding that shares its inversion among many points. Halving the bases instead of the scalars keeps small values
//! small, so that a 32-bit value costs eight additions.
//!
//! Digits of the value are looked up in constant time, digits of the blinding are not:
//! `docs/decisions/001-commitment-tables.md` says why.

use std::sync::OnceLock;

use bulletproofs::PedersenGens;
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::Identity;
use subtle::{ConditionallySelectable, ConstantTimeEq};

/// The multiples of one window's base by 0 to D − 1; 160 bytes each.
type Window<const D: usize> = [RistrettoPoint; D];

/// The tables of both halved generators, 1.4 MB.
pub(crate) struct Tables {
    /// B/2, sixteen windows of four bits: any u64.
    value: Box<[Window<16>]>,
    /// B̃/2, 32 windows of eight bits: any canonical scalar.
    blinding: Box<[Window<256>]>,
}

impl Tables {
    /// The tables, built at the first call (a few milliseconds).
    pub(crate) fn get() -> &'static Self {
        static TABLES: OnceLock<Tables> = OnceLock::new();
        TABLES.get_or_init(|| {
            let generators = PedersenGens::default();
            let half = Scalar::from(2_u8).invert();
            Self {
                value: windows(generators.B * half, 16),
                blinding: windows(generators.B_blinding * half, 32),
            }
        })
    }

    /// (value·B + blinding·B̃) / 2. Takes less time for values below 2³² than for others, and tells no more than that
    /// about the value.
    pub(crate) fn half_commitment(&self, value: u64, blinding: &Scalar) -> RistrettoPoint {
        let short = u32::try_from(value).is_ok();
        let digits = value.to_le_bytes().into_iter().flat_map(|byte| [byte & 0x0F, byte >> 4]);
        let value_part = self
            .value
            .iter()
            .zip(digits.take(if short { 8 } else { 16 }))
            .fold(RistrettoPoint::identity(), |sum, (window, digit)| sum + select(window, digit));
        self.blinding
            .iter()
            .zip(blinding.as_bytes())
            .filter_map(|(window, digit)| window.get(usize::from(*digit)))
            .fold(value_part, |sum, entry| sum + entry)
    }
}

/// Reads every entry of the window and keeps the digit's.
fn select(window: &Window<16>, digit: u8) -> RistrettoPoint {
    let mut selected = RistrettoPoint::identity();
    for (index, entry) in (0_u8..).zip(window) {
        selected.conditional_assign(entry, index.ct_eq(&digit));
    }
    selected
}

fn windows<const D: usize>(base: RistrettoPoint, count: usize) -> Box<[Window<D>]> {
    let mut start = base;
    (0..count)
        .map(|_| {
            let mut next = RistrettoPoint::identity();
            let window = std::array::from_fn(|_| {
                let entry = next;
                next += start;
                entry
            });
            // after D steps `next` is D·start: the base of the following window
            start = next;
            window
        })
        .collect()
}
