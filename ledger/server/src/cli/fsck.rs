//! `fsck`: everything that a ledger has stored, read and hashed again.

use grantbook_engine::FsckReport;
use serde_json::json;

use super::data::DataArgs;
use super::failure::Failure;
use super::output::{Output, Verdict};
use super::progress;

pub(crate) fn run(args: &DataArgs, output: Output) -> Result<Verdict, Failure> {
    let ledger = args.open()?;
    let bar = progress::bar("entries", 0);
    let report = ledger.fsck(&mut |done, of| {
        bar.set_length(of);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let (_, root) = ledger.size_root();
    ledger.close().map_err(Failure::fault)?;
    let FsckReport { entries, tiles, bodies, erased, findings } = report;
    for finding in &findings {
        output.say(finding);
    }
    output.say(format!(
        "{entries} entries, {tiles} full tiles, {bodies} bodies ({erased} erased), {} findings, root {root}",
        findings.len()
    ));
    output.result(&json!({
        "clean": findings.is_empty(),
        "entries": entries,
        "tiles": tiles,
        "bodies": bodies,
        "erased": erased,
        "root": root.to_string(),
        "findings": findings,
    }));
    Ok(if findings.is_empty() { Verdict::Yes } else { Verdict::No })
}
