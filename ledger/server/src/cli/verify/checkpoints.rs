//! `verify checkpoints`.

use grantbook_tlog::tile::TileNodeReader;
use grantbook_tlog::{Checkpoint, LogKeys, consistency_proof, verify_consistency};
use serde_json::json;
use std::path::Path;

use super::CheckpointsArgs;
use super::source::LogSource;
use crate::cli::failure::Failure;
use crate::cli::files;
use crate::cli::output::{Output, Verdict};

pub(super) fn run(args: &CheckpointsArgs, output: Output) -> Result<Verdict, Failure> {
    let (source, keys) = args.log.open()?;
    let verified = verify(args, &source, &keys);
    source.close()?;
    let (old, new, hashes) = verified?;
    output.say(format!(
        "consistent: the tree of {} entries begins with the tree of {} entries ({hashes} hashes)",
        new.size(),
        old.size()
    ));
    output.result(&json!({
        "valid": true,
        "old": { "tree_size": old.size().0, "root": old.root().to_string() },
        "new": { "tree_size": new.size().0, "root": new.root().to_string() },
        "proof_hashes": hashes,
    }));
    Ok(Verdict::Yes)
}

/// The proof is built from tiles that nobody vouches for: it holds only if it leads to both signed roots.
fn verify(
    args: &CheckpointsArgs,
    source: &LogSource,
    keys: &LogKeys,
) -> Result<(Checkpoint, Checkpoint, usize), Failure> {
    let old = signed(&args.old, keys)?;
    let new = signed(&args.new, keys)?;
    let proof = if old.size() > new.size() {
        Vec::new()
    } else {
        consistency_proof(old.size(), new.size(), &TileNodeReader::new(source, new.size()))
            .map_err(Failure::no)?
    };
    verify_consistency(old.size(), &old.root(), new.size(), &new.root(), &proof).map_err(Failure::no)?;
    Ok((old, new, proof.len()))
}

fn signed(file: &Path, keys: &LogKeys) -> Result<Checkpoint, Failure> {
    let verified = keys.verify_checkpoint(&files::read(file)?);
    verified
        .map(|signed| signed.checkpoint)
        .map_err(|error| Failure::No(format!("{}: {error}", file.display())))
}
