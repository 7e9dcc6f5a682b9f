//! `fsck`: everything that a ledger has stored, read and hashed again, even where no start accepts it.

use clap::Args;
use grantbook_engine::FsckReport;
use serde_json::json;

use super::data::DataArgs;
use super::failure::Failure;
use super::output::{Output, Verdict};
use super::progress;

/// Arguments of `fsck`.
#[derive(Debug, Args)]
pub(crate) struct FsckArgs {
    /// Make anew what the entries lead to: tiles, and the state's rows
    #[arg(long)]
    rebuild: bool,
    #[command(flatten)]
    data: DataArgs,
}

pub(crate) fn run(args: &FsckArgs, output: Output) -> Result<Verdict, Failure> {
    let config = args.data.config_of_present()?;
    let bar = progress::bar("entries", 0);
    let report = grantbook_engine::fsck(&config, args.rebuild, &mut |done, of| {
        bar.set_length(of);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let FsckReport { entries, tiles, bodies, erased, frames, keys, rows, root, findings, notes, rebuilt } =
        report?;
    for part in &rebuilt {
        output.say(format!("{part}: made anew"));
    }
    for note in &notes {
        output.say(format!("note: {note}"));
    }
    for finding in &findings {
        output.say(finding);
    }
    let root = root.map(|root| root.to_string());
    output.say(format!(
        "{entries} entries, {tiles} full tiles, {bodies} bodies ({erased} erased), {frames} frames, {keys} keys, \
         {rows} rows, {} findings, root {}",
        findings.len(),
        root.as_deref().unwrap_or("unknown")
    ));
    output.result(&json!({
        "clean": findings.is_empty(),
        "entries": entries,
        "tiles": tiles,
        "bodies": bodies,
        "erased": erased,
        "frames": frames,
        "keys": keys,
        "rows": rows,
        "root": root,
        "findings": findings,
        "notes": notes,
        "rebuilt": rebuilt,
    }));
    Ok(if findings.is_empty() { Verdict::Yes } else { Verdict::No })
}
