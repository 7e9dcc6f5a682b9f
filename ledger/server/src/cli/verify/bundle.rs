//! `verify bundle`: what a regulator is handed, checked with nothing but the log's keys and a statement policy of one's own.

use std::path::{Path, PathBuf};

use clap::Args;
use grantbook_proof::report::NOT_PROVED;
use grantbook_proof::{BUNDLE_BYTES_MAX, Chain, Report, StatementPolicy, verify_bundle};
use grantbook_server::profiles::{PROFILES, profile};
use grantbook_tlog::Demands;
use serde_json::json;

use super::demands::WitnessArgs;
use super::receipt::keys_beside;
use super::source::KeyArgs;
use crate::cli::evidence::page::Page;
use crate::cli::evidence::words::instant;
use crate::cli::failure::Failure;
use crate::cli::files;
use crate::cli::output::{Output, Verdict};

/// Bytes of a chain's file: some hundred for each grant, and for each use whose data is kept.
const CHAIN_BYTES_MAX: u64 = 1 << 33;

/// Arguments of `verify bundle`.
#[derive(Debug, Args)]
pub(crate) struct BundleArgs {
    /// Bundles of one enterprise, day after day
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What is asked: a file of yours, or the name of a profile: data-act, dpdp, gdpr, pipl, sandbox
    #[arg(long, value_name = "FILE|NAME")]
    policy: String,
    /// What was kept after the bundle before these; without it, the first one must be the enterprise's first
    #[arg(long, value_name = "FILE")]
    chain: Option<PathBuf>,
    /// File to keep that in for the next bundle; may be the same
    #[arg(long, value_name = "FILE")]
    save_chain: Option<PathBuf>,
    /// File to write the reports to, to be printed
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    witnesses: WitnessArgs,
}

/// The bytes of the statement policy that a file or the name of a profile gives.
pub(crate) fn policy_bytes(named: &str) -> Result<Vec<u8>, Failure> {
    if let Some(bytes) = profile(named) {
        return Ok(bytes.to_vec());
    }
    let names: Vec<_> = PROFILES.iter().map(|(name, _)| *name).collect();
    files::read(Path::new(named))
        .map_err(|error| error.during(&format!("expected a statement policy or one of {}", names.join(", "))))
}

pub(super) fn run(args: &BundleArgs, output: Output) -> Result<Verdict, Failure> {
    let keys = match (args.keys.read()?, args.files.first()) {
        (Some(keys), _) => keys,
        (None, Some(first)) => keys_beside(first)?,
        (None, None) => return Err(Failure::input("expected a bundle")),
    };
    let demands = args.witnesses.read()?;
    let policy = StatementPolicy::parse(&policy_bytes(&args.policy)?).map_err(Failure::input)?;
    let mut chain = match &args.chain {
        Some(file) => Chain::parse(&files::read_large(file, CHAIN_BYTES_MAX)?)
            .map_err(|error| Failure::input(format!("{}: {error}", file.display())))?,
        None => Chain::new(),
    };
    let mut reports = Vec::new();
    for file in &args.files {
        // a file that cannot be read is bad input; one that does not verify is an answer
        let bytes = files::read_large(file, BUNDLE_BYTES_MAX as u64)?;
        match verify_bundle(&bytes, &keys, &demands, &policy, &mut chain) {
            Ok(report) => {
                output.say(format!("{}: valid\n{report}", file.display()));
                reports.push(report);
            }
            Err(error) => {
                output.say(format!("{}: INVALID, {error}", file.display()));
                output.result(&json!({
                    "valid": false, "file": file, "error": error.to_string(), "code": error.code(), "reports": reports,
                }));
                return Ok(Verdict::No);
            }
        }
    }
    if let Some(file) = &args.save_chain {
        files::replace(file, &chain.to_json())?;
    }
    if let Some(file) = &args.html {
        files::replace(file, page(&reports, &demands).html().as_bytes())?;
    }
    let is_proved = !reports.iter().all(Report::is_nothing_proved);
    output.result(&json!({ "valid": true, "proved": is_proved, "reports": reports }));
    Ok(if is_proved { Verdict::Yes } else { Verdict::No })
}

fn page(reports: &[Report], demands: &Demands) -> Page {
    let mut page = Page::new("Compliance of one enterprise, day by day".to_owned());
    for report in reports {
        page.section("What was asked");
        page.row("day (UTC)", &report.day);
        page.row("log", &report.origin);
        page.row("statement policy", &format!("{} (SHA-256 {:?})", report.policy, report.policy_sha256));
        page.row("statements (SHA-256)", &format!("{:?}", report.spec_sha256));
        page.row("bundle (digest)", &format!("{:?}", report.digest));
        let own = (report.own_entries, report.entries);
        page.row(
            "entries",
            &format!(
                "{} to {}: {} of {} are the enterprise's",
                report.start.size, report.end.size, own.0, own.1
            ),
        );
        page.row(
            "complete from",
            &format!("entry {}; entries before that are not covered", report.from_size),
        );
        let clock = if report.vouched.witnessed { "the witnesses' clocks" } else { "the operator's clock" };
        page.row("time", &format!("{}, by {clock}", instant(report.vouched.time.0)));
        page.row("vouched for by", &vouched(report, demands));
        page.section("What was proved");
        if report.is_nothing_proved() {
            page.paragraph("Nothing: the enterprise has no entry on this day.".to_owned());
            continue;
        }
        for statement in &report.statements {
            let said = if statement.asked {
                format!(
                    "{} entries, {} terms, {} excepted",
                    statement.entries, statement.terms, statement.exceptions
                )
            } else {
                "not asked".to_owned()
            };
            page.row(&statement.statement.to_string(), &said);
        }
        for exception in &report.exceptions {
            let values: Vec<_> = exception.values.iter().map(ToString::to_string).collect();
            let opened = if values.is_empty() { "nothing to open".to_owned() } else { values.join(", ") };
            page.row(
                &format!("excepted: entry {}", exception.leaf),
                &format!("from {}, opened: {opened}", exception.statement),
            );
        }
    }
    page.paragraph(NOT_PROVED.to_owned());
    page
}

fn vouched(report: &Report, demands: &Demands) -> String {
    let witnesses = &report.vouched.witnesses;
    match (report.vouched.witnessed, demands.policy.is_some()) {
        (true, _) => format!("the log and its witnesses {}", witnesses.join(", ")),
        (false, true) => "the log; its witnesses too few".to_owned(),
        (false, false) => "the log alone: no witness was asked for".to_owned(),
    }
}
