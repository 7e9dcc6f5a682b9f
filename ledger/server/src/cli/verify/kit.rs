//! `verify kit`: what a regulator is handed about a period, checked as a whole.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;
use grantbook_proof::StatementPolicy;
use grantbook_proof::kit::{Finding, KitRules, VKEY, verify_kit};
use grantbook_record::Day;
use serde_json::json;

use super::demands::WitnessArgs;
use super::policy_bytes;
use super::source::{KeyArgs, read_vkey};
use crate::cli::failure::Failure;
use crate::cli::files;
use crate::cli::kit::{day, period};
use crate::cli::output::{Output, Verdict};

/// Files of a kit: more than a thousand days have.
const FILES_MAX: usize = 10_000;

/// Arguments of `verify kit`.
#[derive(Debug, Args)]
pub(crate) struct KitArgs {
    /// The kit's folder
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// What was asked: a file of yours, or the name of a profile [default: the policies in the kit]
    #[arg(long, value_name = "FILE|NAME")]
    policy: Option<String>,
    /// The first day that you asked for
    #[arg(long, value_name = "DAY", value_parser = day, requires = "to")]
    from: Option<Day>,
    /// The last day that you asked for
    #[arg(long, value_name = "DAY", value_parser = day, requires = "from")]
    to: Option<Day>,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    witnesses: WitnessArgs,
}

pub(super) fn run(args: &KitArgs, output: Output) -> Result<Verdict, Failure> {
    let given = args.keys.read()?;
    let pinned = given.is_some();
    let keys = match given {
        Some(keys) => keys,
        None => read_vkey(&args.folder.join(VKEY))?,
    };
    let demands = args.witnesses.read()?;
    let policy = args.policy.as_deref().map(|named| {
        let parsed = StatementPolicy::parse(&policy_bytes(named)?);
        parsed.map_err(Failure::input)
    });
    let policy = policy.transpose()?;
    let period = args.from.zip(args.to).map(|(from, to)| period(from, to)).transpose()?;
    let rules = KitRules { keys: &keys, demands: &demands, policy: policy.as_ref(), period };
    let names = names(&args.folder)?;
    let mut read = |name: &str, bytes_max: usize| {
        files::read_large(&args.folder.join(name), bytes_max as u64).map_err(|error| error.to_string())
    };
    let report = verify_kit(&names, &mut read, &rules);
    for Finding { file, what } in &report.findings {
        output.say(format!("{file}: {what}"));
    }
    if let (true, Some(manifest)) = (report.is_clean(), &report.manifest) {
        let exceptions: usize = report.reports.iter().map(|report| report.exceptions.len()).sum();
        output.say(format!(
            "valid: {} files, {} proved days from the enterprise's first one on, {exceptions} exceptions",
            manifest.files.len(),
            report.reports.len(),
        ));
        output.say(if pinned {
            "by the keys that you gave"
        } else {
            "on the operator's word: the log's keys are the kit's own, give yours with --vkey FILE"
        });
    }
    output.result(&json!({
        "valid": report.is_clean(),
        "keys": if pinned { "given" } else { "operator's word" },
        "findings": report.findings,
        "period": report.manifest.as_ref().map(|manifest| manifest.period),
        "reports": report.reports,
    }));
    Ok(if report.is_clean() { Verdict::Yes } else { Verdict::No })
}

/// Paths of all files below a folder, with `/` between their parts.
fn names(folder: &Path) -> Result<BTreeSet<String>, Failure> {
    let failed = |path: &Path, error: &std::io::Error| Failure::Input(format!("{}: {error}", path.display()));
    let mut names = BTreeSet::new();
    let mut open = vec![(folder.to_owned(), String::new())];
    while let Some((path, prefix)) = open.pop() {
        for entry in std::fs::read_dir(&path).map_err(|error| failed(&path, &error))? {
            let entry = entry.map_err(|error| failed(&path, &error))?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if names.len() + open.len() > FILES_MAX {
                return Err(Failure::input(format!("more than {FILES_MAX} files, expected a kit")));
            }
            if entry.file_type().map_err(|error| failed(&path, &error))?.is_dir() {
                open.push((entry.path(), format!("{name}/")));
            } else {
                names.insert(name);
            }
        }
    }
    Ok(names)
}
