//! The proof that a use pays at least a floor, from the openings in its receipt; verified from the public log alone.

use grantbook_compliance::{
    Bits, Blinding, Commitment, Head, Opening, RangeStatement, StatementContext, Term, range,
};
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
    let payout = payout(remote, &checkpoint, verified.leaf_index)?;
    let terms_above = |floor: u32| [Term { parts: vec![(1, payout)], constant: -i64::from(floor) }];

    // the prover has the openings
    let opening = receipt.openings.get(payout_field());
    let opening = opening.ok_or_else(|| unexpected("the receipt has no opening of the payout"))?;
    let blinding = Blinding::from_bytes(opening.blinding.0).map_err(Failure::fault)?;
    let opening = Opening { value: opening.value, blinding };
    let prove = |floor: u32| {
        let terms = terms_above(floor);
        let opened: Vec<_> = terms.iter().filter_map(|term| term.open(|_| Some(&opening))).collect();
        range::prove(&statement(context, &terms), &opened, &mut OsRng)
    };
    let proof = prove(floor_fen).map_err(Failure::fault)?;

    // the verifier has the log and the proof
    range::verify(&statement(context, &terms_above(floor_fen)), &proof).map_err(Failure::fault)?;
    let above = u32::try_from(opening.value).unwrap_or(u32::MAX).saturating_add(1);
    if prove(above).is_ok() || range::verify(&statement(context, &terms_above(above)), &proof).is_ok() {
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
        bundle_digest: [0; 32],
    }
}

/// The payout's commitment as the public log has it.
fn payout(remote: &Remote, checkpoint: &Checkpoint, leaf: LeafIndex) -> Result<Commitment, Failure> {
    let missing = || unexpected("the log does not have the use's entry");
    let TreeSize(size) = checkpoint.size();
    let width = u64::from(TILE_WIDTH);
    let (index, within) = (leaf.0 / width, usize::try_from(leaf.0 % width).unwrap_or(usize::MAX));
    let entries = u16::try_from((size - index * width).min(width)).unwrap_or(TILE_WIDTH);
    let coord = BundleCoord::new(index, entries).map_err(Failure::fault)?;
    let bytes = LogSource::Remote(remote.clone()).bundle(coord)?;
    let entries = parse_bundle(&bytes, coord.width()).map_err(Failure::fault)?;
    let entry = Entry::parse(entries.get(within).ok_or_else(missing)?).map_err(Failure::fault)?;
    entry.commitments.get(payout_field()).copied().ok_or_else(missing)
}

fn statement<'a>(context: StatementContext<'a>, terms: &'a [Term]) -> RangeStatement<'a> {
    RangeStatement { context, terms, bits: Bits::ThirtyTwo }
}

/// Where the payout stands among a use's commitments.
fn payout_field() -> usize {
    let at = Class::Use.quantities().iter().position(|quantity| *quantity == Quantity::Payout);
    at.unwrap_or(usize::MAX)
}
