//! Fixed-base tables for the two Pedersen generators.
//!
//! A table holds, for each of its windows j, the multiples 0 to 255 of 256ʲ·P/2. Adding one entry per byte of a
//! scalar k gives k·P/2; the halving is undone for free by `RistrettoPoint::double_and_compress_batch`, the only
//! encoding that shares its inversion among many points. Halving the bases instead of the scalars keeps small
//! values small, so that a 32-bit value costs four additions.
//!
//! Lookups depend on secrets; `docs/decisions/001-commitment-tables.md` says why that was accepted.

use std::sync::OnceLock;

use bulletproofs::PedersenGens;
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::Identity;

/// Multiples of one window: 256 points of 160 bytes.
type Window = [RistrettoPoint; 256];

/// The tables of both halved generators, 1.6 MB.
pub(crate) struct Tables {
    /// B/2, eight windows: any u64.
    value: Box<[Window]>,
    /// B̃/2, 32 windows: any canonical scalar.
    blinding: Box<[Window]>,
}

impl Tables {
    /// The tables, built at the first call (about two milliseconds).
    pub(crate) fn get() -> &'static Self {
        static TABLES: OnceLock<Tables> = OnceLock::new();
        TABLES.get_or_init(|| {
            let generators = PedersenGens::default();
            let half = Scalar::from(2_u8).invert();
            Self {
                value: windows(generators.B * half, 8),
                blinding: windows(generators.B_blinding * half, 32),
            }
        })
    }

    /// (value·B + blinding·B̃) / 2.
    pub(crate) fn half_commitment(&self, value: u64, blinding: &Scalar) -> RistrettoPoint {
        // zip ends with the shorter side: four windows are enough for what fits 32 bits
        let value_bytes = value.to_le_bytes();
        let used = if u32::try_from(value).is_ok() { 4 } else { 8 };
        let sum = add_entries(
            RistrettoPoint::identity(),
            &self.value,
            value_bytes.iter().take(used),
        );
        add_entries(sum, &self.blinding, blinding.as_bytes().iter())
    }
}

fn windows(base: RistrettoPoint, count: usize) -> Box<[Window]> {
    let mut start = base;
    (0..count)
        .map(|_| {
            let mut next = RistrettoPoint::identity();
            let window = std::array::from_fn(|_| {
                let entry = next;
                next += start;
                entry
            });
            // after 256 steps `next` is 256·start: the base of the following window
            start = next;
            window
        })
        .collect()
}

fn add_entries<'a>(
    start: RistrettoPoint,
    windows: &[Window],
    digits: impl Iterator<Item = &'a u8>,
) -> RistrettoPoint {
    windows
        .iter()
        .zip(digits)
        .filter_map(|(window, digit)| window.get(usize::from(*digit)))
        .fold(start, |sum, entry| sum + entry)
}
