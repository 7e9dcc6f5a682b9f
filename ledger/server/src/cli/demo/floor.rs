//! The proof that a use pays at least a floor, from the openings in its receipt; verified from the public log alone.

use grantbook_compliance::{Blinding, Head, Listed, Opening, StatementContext, floor};
use grantbook_record::class::{Class, Quantity};
use grantbook_record::encoding::Bytes32;
use grantbook_record::{Entry, Receipt};
use grantbook_tlog::tile::{BundleCoord, TILE_WIDTH, parse_bundle};
use grantbook_tlog::{Checkpoint, LeafIndex, LogKeys, TreeSize, empty_root};
use rand_core::OsRng;

use super::unexpected;
use crate::cli::failure::Failure;
use crate::cli::remote::Remote;
use crate::cli::verify::LogSource;

/// The page that says what a statement is.
const SPECIFICATION: &[u8] = include_bytes!("../../../../../docs/spec/commitment.md");
/// What the regulator asks for, as text, whose hash the proof is bound to.
const POLICY: &[u8] = b"each use pays at least 0.50 CNY";

/// Proves that the use's payout is at least `floor_fen`, verifies that, and shows that a false statement has no proof.
pub(super) fn prove_and_verify(
    receipt: &Receipt,
    remote: &Remote,
    keys: &LogKeys,
    floor_fen: u32,
) -> Result<Vec<u8>, Failure> {
    let verified = receipt.verify(keys).map_err(Failure::fault)?;
    let checkpoint = latest(remote, keys)?;
    let context = context(&checkpoint);
    let listed = [listed(remote, &checkpoint, verified.leaf_index)?];

    // the prover has the openings
    let at = payout_field();
    let opening = receipt.openings.get(usize::from(at));
    let opening = opening.ok_or_else(|| unexpected("the receipt has no opening of the payout"))?;
    let blinding = Blinding::from_bytes(opening.blinding.0).map_err(Failure::fault)?;
    let openings = [Opening { value: opening.value, blinding }];
    let proof = floor::prove(&context, &listed, floor_fen, &openings, &mut OsRng).map_err(Failure::fault)?;

    // the verifier has the log and the proof
    floor::verify(&context, &listed, floor_fen, &proof).map_err(Failure::fault)?;
    let above = u32::try_from(opening.value).unwrap_or(u32::MAX).saturating_add(1);
    if floor::prove(&context, &listed, above, &openings, &mut OsRng).is_ok()
        || floor::verify(&context, &listed, above, &proof).is_ok()
    {
        return Err(unexpected("a floor above the payout was proved"));
    }
    Ok(proof)
}

fn latest(remote: &Remote, keys: &LogKeys) -> Result<Checkpoint, Failure> {
    let note = LogSource::Remote(remote.clone()).checkpoint()?;
    keys.verify_checkpoint(&note).map(|signed| signed.checkpoint).map_err(Failure::fault)
}

fn context(end: &Checkpoint) -> StatementContext<'_> {
    StatementContext {
        spec_hash: Bytes32::sha256(SPECIFICATION).0,
        origin: end.origin(),
        start: Head { size: 0, root: empty_root().0 },
        end: Head { size: end.size().0, root: end.root().0 },
        statement: "payout-floor",
        policy_hash: Bytes32::sha256(POLICY).0,
    }
}

/// The payout's commitment as the public log has it.
fn listed(remote: &Remote, checkpoint: &Checkpoint, leaf: LeafIndex) -> Result<Listed, Failure> {
    let missing = || unexpected("the log does not have the use's entry");
    let TreeSize(size) = checkpoint.size();
    let width = u64::from(TILE_WIDTH);
    let (index, within) = (leaf.0 / width, usize::try_from(leaf.0 % width).unwrap_or(usize::MAX));
    let entries = u16::try_from((size - index * width).min(width)).unwrap_or(TILE_WIDTH);
    let coord = BundleCoord::new(index, entries).map_err(Failure::fault)?;
    let bytes = LogSource::Remote(remote.clone()).bundle(coord)?;
    let entries = parse_bundle(&bytes, coord.width()).map_err(Failure::fault)?;
    let entry = Entry::parse(entries.get(within).ok_or_else(missing)?).map_err(Failure::fault)?;
    let field = payout_field();
    let commitment = *entry.commitments.get(usize::from(field)).ok_or_else(missing)?;
    Ok(Listed { leaf_index: leaf.0, field, commitment })
}

/// Where the payout stands among a use's commitments.
fn payout_field() -> u8 {
    let at = Class::Use.quantities().iter().position(|quantity| *quantity == Quantity::Payout);
    at.and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
}
