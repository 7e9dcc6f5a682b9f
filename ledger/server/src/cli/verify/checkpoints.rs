//! `verify checkpoints`.

use grantbook_tlog::tile::TileNodeReader;
use grantbook_tlog::{Checkpoint, LogKeys, consistency_proof, verify_consistency};
use serde_json::json;
use std::path::Path;

use super::CheckpointsArgs;
use super::demands::{time, trust};
use super::source::LogSource;
use crate::cli::failure::Failure;
use crate::cli::files;
use crate::cli::output::{Output, Verdict};

pub(super) fn run(args: &CheckpointsArgs, output: Output) -> Result<Verdict, Failure> {
    let (source, keys) = args.log.open()?;
    let verified = verify(args, &source, &keys);
    source.close()?;
    let Verified { old, new, hashes, trust, time: (time, time_by) } = verified?;
    output.say(format!(
        "consistent: the tree of {} entries begins with the tree of {} entries ({hashes} hashes), {trust}, time {time} ({time_by})",
        new.size(),
        old.size()
    ));
    output.result(&json!({
        "valid": true,
        "old": { "tree_size": old.size().0, "root": old.root().to_string() },
        "new": { "tree_size": new.size().0, "root": new.root().to_string() },
        "proof_hashes": hashes,
        "time": time,
        "time_by": time_by,
        "trust": trust,
    }));
    Ok(Verdict::Yes)
}

struct Verified {
    old: Checkpoint,
    new: Checkpoint,
    /// Hashes of the proof between them.
    hashes: usize,
    trust: &'static str,
    /// The later one's, Unix seconds, and by whose clocks.
    time: (u64, &'static str),
}

/// The proof is built from tiles that nobody vouches for: it holds only if it leads to both signed roots.
fn verify(args: &CheckpointsArgs, source: &LogSource, keys: &LogKeys) -> Result<Verified, Failure> {
    let signed = |file: &Path| {
        let vouched = args.demands.verify(keys, &files::read(file)?);
        vouched.map_err(|failure| failure.during(&file.display().to_string()))
    };
    let old = signed(&args.old)?.checkpoint;
    let new = signed(&args.new)?;
    let (trust, time) = (trust(&new), time(&new));
    let new = new.checkpoint;
    let proof = if old.size() > new.size() {
        Vec::new()
    } else {
        consistency_proof(old.size(), new.size(), &TileNodeReader::new(source, new.size()))
            .map_err(Failure::no)?
    };
    verify_consistency(old.size(), &old.root(), new.size(), &new.root(), &proof).map_err(Failure::no)?;
    Ok(Verified { old, new, hashes: proof.len(), trust, time })
}
