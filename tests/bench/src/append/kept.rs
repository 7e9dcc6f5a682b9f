//! What is left when the callers are gone: memory, bytes on disk, and how long a restart takes.

use std::time::{Duration, Instant};

use grantbook_engine::Ledger;

use super::intake::Intake;
use super::reopened;
use crate::Failure;
use crate::measure::{float, folder_bytes};
use crate::report::{Beside, Report};
use crate::world::World;

/// Restarts that are timed.
const RESTARTS: usize = 3;
const MIB: f64 = 1024.0 * 1024.0;

pub(super) fn show(report: &mut Report, intake: Intake<'_>) -> Result<(), Failure> {
    let leaves = float(usize::try_from(intake.leaves())?);
    let content = float(intake.content_bytes);
    let Intake { world, made, .. } = intake;
    let World { folder, config, ledger, terms, .. } = world;
    ledger.close()?;
    drop(ledger);
    let data = &config.data_dir;
    let part = |name: &str| folder_bytes(&data.join(name));
    let (entries, tiles) = (part("entries"), part("tile"));
    let bundles = entries + tiles + part("vault") + part("epochs/1/owners");
    let keys = std::fs::metadata(data.join("epochs/1/keys.log")).map_or(0, |meta| meta.len());
    let kept = bundles + float(usize::try_from(keys)?);
    report.figure("store.content, envelopes and records", content / leaves, "bytes/entry");
    report.figure_beside(
        "store.kept, bundles, tiles, keys",
        kept / leaves,
        "bytes/entry",
        Beside::DownTo((content + entries + tiles) / leaves),
    );
    report.figure("store.journal, until trimmed", part("epochs/1/journal") / leaves, "bytes/entry");
    report.figure("store.state, sled", part("epochs/1/state") / leaves, "bytes/entry");

    let mut fastest = Duration::MAX;
    for _ in 0..RESTARTS {
        let begun = Instant::now();
        let ledger = Ledger::open(&config)?;
        fastest = fastest.min(begun.elapsed());
        ledger.close()?;
    }
    report.figure_beside("restart", fastest.as_secs_f64(), "s", Beside::DownTo(2.0));
    let cache = float(usize::try_from(config.state_cache_bytes)?) / MIB;
    let memory = reopened::in_a_process_of_its_own(data, made, &terms)?;
    report.figure("memory, the state's sled alone", memory.state / MIB, "MiB");
    report.figure("memory, opened", memory.opened / MIB, "MiB");
    report.figure("memory, after reads of customers at random", memory.read / MIB, "MiB");
    report.figure_beside(
        "memory, after grants and uses as well",
        memory.written / MIB,
        "MiB",
        Beside::DownTo(300.0 + cache),
    );
    report.at_most("store.kept_vs_content", kept / (content + entries + tiles), 1.5);
    drop(folder);
    Ok(())
}
