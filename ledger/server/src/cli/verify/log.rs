//! `verify log`: one pass over all entries. Every hash of every tile is computed again from the entries, in memory of
//! one tile a level.

use grantbook_record::Entry;
use grantbook_tlog::tile::{TILE_WIDTH, TileCoord, TileSource as _, bundles, encode_tile, parse_bundle};
use grantbook_tlog::{Checkpoint, CompactRange, Hash, LeafIndex, LogKeys, TreeSize, leaf_hash};
use serde::Serialize;

use super::WholeLogArgs;
use super::demands::{DemandArgs, time, trust};
use super::public::{self, PublicEvent};
use super::source::LogSource;
use crate::cli::failure::Failure;
use crate::cli::output::{Output, Verdict};
use crate::cli::progress;

/// Levels of nodes between two levels of tiles.
const TILE_HEIGHT: u8 = 8;

/// What was verified.
#[derive(Debug, Serialize)]
pub(crate) struct VerifiedLog {
    valid: bool,
    origin: String,
    /// Entries, each parsed and hashed.
    pub(crate) tree_size: u64,
    /// Tiles, each compared with what the entries lead to.
    pub(crate) tiles: u64,
    root: String,
    /// When the log's clock cosigned the checkpoint, Unix seconds.
    cosigned_at: u64,
    /// The checkpoint's time, Unix seconds: the median of the witnesses' cosignatures, otherwise the log's own.
    time: u64,
    /// `witnesses` or `operator's clock`.
    time_by: &'static str,
    /// `signed`, or `witnessed` by the quorum of the policy that was given.
    trust: &'static str,
    /// Whether the log's ML-DSA-44 key has signed it too.
    post_quantum: bool,
    /// Where public entries stand, and their bytes.
    #[serde(skip)]
    public_entries: Vec<(LeafIndex, Vec<u8>)>,
    /// What they say, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    public: Option<Vec<PublicEvent>>,
}

pub(super) fn run(args: &WholeLogArgs, output: Output) -> Result<Verdict, Failure> {
    let (source, keys) = args.log.open()?;
    let verified = verify_log(&source, &keys, &args.demands).and_then(|mut verified| {
        if args.public {
            verified.public = Some(public::read(&source, &keys, &verified.public_entries)?);
        }
        Ok(verified)
    });
    source.close()?;
    let verified = verified?;
    output.say(format!(
        "valid: {} entries and {} tiles lead to the {} root {} of {}, time {} ({})",
        verified.tree_size,
        verified.tiles,
        verified.trust,
        verified.root,
        verified.origin,
        verified.time,
        verified.time_by
    ));
    for event in verified.public.iter().flatten() {
        output.say(event.to_string());
    }
    output.result(&verified);
    Ok(Verdict::Yes)
}

/// Reads a whole log, as large as its latest checkpoint says.
pub(crate) fn verify_log(
    source: &LogSource,
    keys: &LogKeys,
    demands: &DemandArgs,
) -> Result<VerifiedLog, Failure> {
    let signed = demands.verify(keys, &source.checkpoint()?)?;
    let trust = trust(&signed);
    let (time, time_by) = time(&signed);
    let checkpoint: Checkpoint = signed.checkpoint;
    let size = checkpoint.size();
    let bar = progress::bar("entries", size.0);
    let mut range = CompactRange::new();
    let mut public_entries = Vec::new();
    let mut tiles = Tiles { source, size, levels: Vec::new(), compared: 0 };
    for coord in bundles(size) {
        let bytes = source.bundle(coord)?;
        let within = |error: &dyn std::fmt::Display| Failure::No(format!("{coord}: {error}"));
        for bytes in parse_bundle(&bytes, coord.width()).map_err(|error| within(&error))? {
            let entry = Entry::parse(bytes).map_err(|error| within(&error))?;
            if entry.kind.is_public() {
                public_entries.push((LeafIndex(range.size().0), bytes.to_vec()));
            }
            let mut nodes = Vec::new();
            let visit = |level, _, hash| nodes.push((level, hash));
            range.append(leaf_hash(bytes), visit).map_err(Failure::no)?;
            for (level, hash) in nodes {
                tiles.take(level, hash)?;
            }
        }
        bar.inc(coord.width().into());
    }
    tiles.finish()?;
    bar.finish_and_clear();
    if range.root() != checkpoint.root() {
        let (expected, got) = (checkpoint.root(), range.root());
        return Err(Failure::No(format!("the entries lead to root {got}, the signed root is {expected}")));
    }
    Ok(VerifiedLog {
        valid: true,
        origin: checkpoint.origin().to_owned(),
        tree_size: size.0,
        tiles: tiles.compared,
        root: checkpoint.root().to_string(),
        cosigned_at: signed.time.0,
        time,
        time_by,
        trust,
        post_quantum: signed.post_quantum,
        public_entries,
        public: None,
    })
}

/// The tile of each level that is being filled.
struct Tiles<'a> {
    source: &'a LogSource,
    size: TreeSize,
    levels: Vec<(u64, Vec<Hash>)>,
    compared: u64,
}

impl Tiles<'_> {
    /// Takes in a node; only those of every eighth level stand in tiles.
    fn take(&mut self, level: u8, hash: Hash) -> Result<(), Failure> {
        if !level.is_multiple_of(TILE_HEIGHT) {
            return Ok(());
        }
        let at = usize::from(level / TILE_HEIGHT);
        if self.levels.len() <= at {
            self.levels.resize(at + 1, (0, Vec::new()));
        }
        let Some((index, hashes)) = self.levels.get_mut(at) else { return Ok(()) };
        hashes.push(hash);
        if hashes.len() < usize::from(TILE_WIDTH) {
            return Ok(());
        }
        let (index, hashes) = (std::mem::replace(index, *index + 1), std::mem::take(hashes));
        self.compare(level / TILE_HEIGHT, index, &hashes)
    }

    /// The partial tiles at the end.
    fn finish(&mut self) -> Result<(), Failure> {
        for (level, (index, hashes)) in (0_u8..).zip(std::mem::take(&mut self.levels)) {
            if !hashes.is_empty() {
                self.compare(level, index, &hashes)?;
            }
        }
        Ok(())
    }

    fn compare(&mut self, level: u8, index: u64, hashes: &[Hash]) -> Result<(), Failure> {
        let coord = TileCoord::in_tree(level, index, self.size);
        let coord = coord.ok_or_else(|| Failure::no("a tile that the tree does not have"))?;
        let expected = encode_tile(hashes).map_err(Failure::no)?;
        if self.source.tile(coord)? != expected {
            return Err(Failure::No(format!("{coord} is not what the entries lead to")));
        }
        self.compared += 1;
        Ok(())
    }
}
