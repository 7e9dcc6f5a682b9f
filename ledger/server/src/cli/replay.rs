//! `replay`: a file of real purchases as data uses.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::data::DataArgs;
use super::failure::Failure;
use super::output::{Output, Verdict};
use crate::replay::{Options, Scenario, run as replay};

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The purchases
    file: PathBuf,
    /// Form of the file
    #[arg(long, value_enum)]
    format: Format,
    /// Skip malformed rows and count them
    #[arg(long)]
    lenient: bool,
    /// Live the whole life of grants around the rows, on five days that are over: groups, amendments, pauses, ends,
    /// acknowledgements, deletions, settlement
    #[arg(long)]
    whole_life: bool,
    /// Stop after so many rows of the ordered file; the next run goes on there
    #[arg(long, value_name = "N", conflicts_with = "whole_life")]
    rows: Option<u64>,
    /// Folder to write the receipt of every permitted use to, with the log's keys
    #[arg(long, value_name = "DIR")]
    receipts: Option<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
}

/// Form of a file of purchases.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// CDNOW: id, sample id, yyyymmdd, quantity, dollars; or below a header, without sample id
    Cdnow,
}

pub(crate) fn run(args: &ReplayArgs, output: Output) -> Result<Verdict, Failure> {
    let Format::Cdnow = args.format;
    let options = Options {
        file: &args.file,
        data: &args.data,
        lenient: args.lenient,
        receipts: args.receipts.as_deref(),
        scenario: if args.whole_life { Scenario::WholeLife } else { Scenario::Plain },
        rows_max: args.rows,
    };
    let summary = replay(&options)?;
    output.say(summary.to_text());
    output.result(&summary);
    Ok(Verdict::Yes)
}
