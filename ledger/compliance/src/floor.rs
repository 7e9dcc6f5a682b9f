//! The statement "each payout is at least the floor": `R₃₂[C]` and `R₃₂[C − floor·B]` for every payout.
//!
//! The proof of the plain value is what keeps a negative payout from hiding another one's excess in a sum.

use rand_core::{CryptoRng, RngCore};

use crate::commitment::Opening;
use crate::error::{ProveError, VerifyError};
use crate::range::{self, Bits, RangeStatement};
use crate::transcript::{Listed, StatementContext};

/// Proves that each payout is at least `floor` minor units. Fails, naming the index, where one is not.
pub fn prove<R: RngCore + CryptoRng>(
    context: &StatementContext<'_>,
    payouts: &[Listed],
    floor: u32,
    openings: &[Opening],
    rng: &mut R,
) -> Result<Vec<u8>, ProveError> {
    range::prove(&statement(context, payouts, &shifts(floor)), openings, rng)
}

/// Verifies that each payout is at least `floor` minor units (and less than 2³²).
pub fn verify(
    context: &StatementContext<'_>,
    payouts: &[Listed],
    floor: u32,
    proof: &[u8],
) -> Result<(), VerifyError> {
    range::verify(&statement(context, payouts, &shifts(floor)), proof)
}

fn shifts(floor: u32) -> [u64; 2] {
    [0, u64::from(floor)]
}

fn statement<'a>(
    context: &StatementContext<'a>,
    payouts: &'a [Listed],
    shifts: &'a [u64],
) -> RangeStatement<'a> {
    RangeStatement { context: *context, derived: payouts, shifts, bits: Bits::ThirtyTwo }
}

#[cfg(test)]
mod tests;
