//! `backup`, `restore` and `migrate`: a data folder's copies and its format.

use std::path::PathBuf;

use clap::Args;
use grantbook_engine::BackupError;
use grantbook_tlog::LogKeys;
use serde_json::json;

use super::data::DataArgs;
use super::failure::Failure;
use super::output::{Output, Verdict};
use super::{progress, verify};

/// Arguments of `backup`.
#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// Folder of the backups
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Hash everything that is there, instead of adding a generation
    #[arg(long, conflicts_with = "keep")]
    verify: bool,
    /// Which generation to verify [default: the newest]
    #[arg(long, value_name = "NUMBER", requires = "verify")]
    generation: Option<u64>,
    /// Drop all but that many generations afterwards
    #[arg(long, value_name = "COUNT")]
    keep: Option<usize>,
    /// The log's two keys, as /log/vkey gives them [default: of the keyring]
    #[arg(long, value_name = "FILE", requires = "verify")]
    vkey: Option<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
}

/// Arguments of `restore`.
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// Folder of the backups
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// Which generation [default: the newest]
    #[arg(long, value_name = "NUMBER")]
    generation: Option<u64>,
    /// Give up acknowledged entries that the backup does not have; whoever holds a later checkpoint will see it
    #[arg(long)]
    accept_loss: bool,
    /// The log's two keys, as /log/vkey gives them [default: of the keyring]
    #[arg(long, value_name = "FILE")]
    vkey: Option<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
}

impl From<BackupError> for Failure {
    fn from(error: BackupError) -> Self {
        match error {
            BackupError::Wrong { .. } | BackupError::Loss { .. } => Self::no(error),
            BackupError::NoGeneration(_) | BackupError::Occupied(_) => Self::input(error),
            BackupError::Store(_) | BackupError::Keyring(_) | BackupError::Busy => Self::fault(error),
        }
    }
}

/// Keys that were named, or those of the keyring.
fn log_keys(vkey: Option<&PathBuf>, data: &DataArgs) -> Result<LogKeys, Failure> {
    match vkey {
        Some(file) => verify::read_vkey(file),
        None => Ok(grantbook_engine::log_keys(&data.config()?)?),
    }
}

pub(crate) fn back_up(args: &BackupArgs, output: Output) -> Result<Verdict, Failure> {
    let bar = progress::bar(if args.verify { "files" } else { "entries" }, 0);
    let mut show = |done, of| {
        bar.set_length(of);
        bar.set_position(done);
    };
    let report = if args.verify {
        let keys = log_keys(args.vkey.as_ref(), &args.data)?;
        grantbook_engine::verify_backup(&args.to, args.generation, &keys, &mut show)
    } else {
        let config = args.data.config_of_present()?;
        grantbook_engine::backup(&config, &args.to, args.keep, &mut show)
    };
    bar.finish_and_clear();
    let report = report?;
    let (generation, tree_size, files) = (report.generation, report.tree_size, report.files);
    output.say(if args.verify {
        format!(
            "valid: generation {generation}, {files} files lead to the signed root of {tree_size} entries"
        )
    } else {
        format!(
            "generation {generation}: {tree_size} entries in {files} files, of which {} ({} bytes) are new",
            report.copied_files, report.copied_bytes
        )
    });
    output.result(&json!({
        "valid": true,
        "generation": generation,
        "tree_size": tree_size,
        "files": files,
        "copied_files": report.copied_files,
        "copied_bytes": report.copied_bytes,
    }));
    Ok(Verdict::Yes)
}

pub(crate) fn restore(args: &RestoreArgs, output: Output) -> Result<Verdict, Failure> {
    let config = args.data.config()?;
    let keys = log_keys(args.vkey.as_ref(), &args.data)?;
    let bar = progress::bar("files", 0);
    let mut show = |done, of| {
        bar.set_length(of);
        bar.set_position(done);
    };
    let report =
        grantbook_engine::restore(&args.from, args.generation, &config, &keys, args.accept_loss, &mut show);
    bar.finish_and_clear();
    let report = report.map_err(|error| match error {
        BackupError::Loss { .. } => {
            Failure::No(format!("{error}; look for a newer backup, or say --accept-loss"))
        }
        other => other.into(),
    })?;
    if report.lost > 0 {
        Output::warn(format!(
            "{} ACKNOWLEDGED ENTRIES ARE GIVEN UP. The log now holds another history than the one that was signed \
             before: witnesses will refuse it and monitors will raise an alarm. Both signed checkpoints are in {}, the \
             anchor as it was is beside the new one. Tell those whose receipts are of entries from {} on",
            report.lost,
            config.data_dir.join("losses.log").display(),
            report.tree_size
        ));
    }
    if !report.anchored {
        Output::warn(format!(
            "there was no anchor at {}: whether this backup is the latest state cannot be told",
            config.anchor.display()
        ));
    }
    output.say(format!(
        "generation {} is restored: {} entries, all hashed, lead to the signed root; check its records with `grantbook fsck`",
        report.generation, report.tree_size
    ));
    output.result(&json!({
        "generation": report.generation,
        "tree_size": report.tree_size,
        "lost": report.lost,
        "anchored": report.anchored,
    }));
    Ok(Verdict::Yes)
}

pub(crate) fn migrate(args: &DataArgs, output: Output) -> Result<Verdict, Failure> {
    let done = grantbook_engine::migrate(&args.config_of_present()?)?;
    for step in &done.steps {
        output.say(step);
    }
    output.say(format!("the data folder is of format version {}", done.to));
    output.result(&json!({ "from": done.from, "to": done.to, "steps": done.steps }));
    Ok(Verdict::Yes)
}
