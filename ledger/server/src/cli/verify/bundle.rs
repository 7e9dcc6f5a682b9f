//! `verify bundle`: what a regulator is handed, checked with nothing but the log's keys and a statement policy of one's own.

use std::path::{Path, PathBuf};

use clap::Args;
use grantbook_proof::{BUNDLE_BYTES_MAX, Chain, ProofError, Report, StatementPolicy, verify_bundle};
use grantbook_record::terms::Language;
use grantbook_server::profiles::{PROFILES, profile};
use serde_json::json;

use super::demands::WitnessArgs;
use super::receipt::keys_beside;
use super::source::KeyArgs;
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
    /// File to write the report to, to be printed; of several bundles, one for each day, with the day before the ending
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Language of that: en or zh
    #[arg(long, value_name = "LANG", default_value = "en", value_parser = language, requires = "html")]
    lang: Language,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    witnesses: WitnessArgs,
}

fn language(text: &str) -> Result<Language, String> {
    match text {
        "en" => Ok(Language::English),
        "zh" => Ok(Language::SimplifiedChinese),
        _ => Err("expected en or zh".to_owned()),
    }
}

/// The bytes of the statement policy that a file or the name of a profile gives.
pub(crate) fn policy_bytes(named: &str) -> Result<Vec<u8>, Failure> {
    if let Some(bytes) = profile(named) {
        return Ok(bytes.to_vec());
    }
    let profiles: Vec<_> = PROFILES.iter().map(|(name, _)| *name).collect();
    files::read(Path::new(named)).map_err(|error| {
        error.during(&format!("expected a statement policy or one of {}", profiles.join(", ")))
    })
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
                if matches!(error, ProofError::Chain { .. }) {
                    output.say("Bundles follow one another: expected all from the enterprise's first one on, or --chain");
                }
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
        for report in &reports {
            let of_day = match reports.as_slice() {
                [_] => file.clone(),
                _ => file.with_extension(format!("{}.html", report.day)),
            };
            files::replace(&of_day, report.to_html(args.lang).as_bytes())?;
        }
    }
    let is_proved = !reports.iter().all(Report::is_nothing_proved);
    output.result(&json!({ "valid": true, "proved": is_proved, "reports": reports }));
    Ok(if is_proved { Verdict::Yes } else { Verdict::No })
}
