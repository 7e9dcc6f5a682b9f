//! `keyring`: its own backup, apart from the data's, and the drill that proves it.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use grantbook_engine::{EpochOfBackup, KeyringBackup, KeyringBackupError};
use grantbook_record::day::UnixSeconds;
use serde_json::json;

use super::clock;
use super::data::{DataArgs, TokenArgs};
use super::failure::Failure;
use super::files;
use super::output::{Output, Verdict};
use super::passphrase::PassphraseArgs;

/// A backup of an epoch this many before the present one is to be destroyed.
const EPOCHS_KEPT: u64 = 2;

/// Subcommands of `keyring`.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyringCommand {
    /// Write the keyring to a new file, under a passphrase
    #[command(after_help = "Example:
  grantbook keyring backup --data-dir ./ledger --to keyring.backup
A server may be running. Keep the file apart from backups of the data, and destroy it when the second key epoch after
its own begins: until then, with a data backup of its time, it opens whoever was erased since.")]
    Backup(BackupArgs),
    /// Make a keyring of a backup, in a folder that is new or empty
    #[command(after_help = "Example:
  grantbook keyring restore --from keyring.backup --keyring-dir ./ledger.keyring
With --pkcs11-module and --pkcs11-token the keys are put under keys of that token.")]
    Restore(RestoreArgs),
    /// Prove that a backup opens a data folder, changing nothing
    #[command(after_help = "Example:
  grantbook keyring drill --from keyring.backup --data-dir ./ledger
A server may be running. Exit status 1 if something does not open.")]
    Drill(DrillArgs),
}

/// Arguments of `keyring backup`.
#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// New file to write
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    #[command(flatten)]
    data: DataArgs,
}

/// Arguments of `keyring restore`.
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The backup
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// Folder to make the keyring in, new or empty
    #[arg(long, value_name = "DIR")]
    keyring_dir: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    #[command(flatten)]
    token: TokenArgs,
}

/// Arguments of `keyring drill`.
#[derive(Debug, Args)]
pub(crate) struct DrillArgs {
    /// The backup
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    #[command(flatten)]
    data: DataArgs,
}

impl From<KeyringBackupError> for Failure {
    fn from(error: KeyringBackupError) -> Self {
        match error {
            KeyringBackupError::Sealed => Self::no(error),
            KeyringBackupError::Open(_) | KeyringBackupError::Store(_) => Self::fault(error),
            _ => Self::input(error),
        }
    }
}

pub(crate) fn run(command: &KeyringCommand, output: Output) -> Result<Verdict, Failure> {
    match command {
        KeyringCommand::Backup(args) => backup(args, output),
        KeyringCommand::Restore(args) => restore(args, output),
        KeyringCommand::Drill(args) => drill(args, output),
    }
}

fn backup(args: &BackupArgs, output: Output) -> Result<Verdict, Failure> {
    let backup = KeyringBackup::take(&args.data.config()?)?;
    let sealed = backup.seal(&args.passphrase.read(true)?)?;
    files::write_new(&args.to, &sealed)?;
    let epochs = backup.epochs();
    output.say(format!("{}: the keyring, with {}", args.to.display(), named(&epochs)));
    output
        .say("Destroy it when the second key epoch from now begins; prove it now: grantbook keyring drill.");
    output.result(&json!({ "file": args.to, "epochs": epochs, "taken": backup.taken() }));
    Ok(Verdict::Yes)
}

fn restore(args: &RestoreArgs, output: Output) -> Result<Verdict, Failure> {
    let backup = KeyringBackup::open(&files::read(&args.from)?, &args.passphrase.read(false)?)?;
    backup.restore(&args.keyring_dir, &args.token.keyring())?;
    let epochs = backup.epochs();
    output.say(format!("{}: restored, with {}", args.keyring_dir.display(), named(&epochs)));
    output.result(&json!({ "keyring_dir": args.keyring_dir, "epochs": epochs, "taken": backup.taken() }));
    Ok(Verdict::Yes)
}

fn drill(args: &DrillArgs, output: Output) -> Result<Verdict, Failure> {
    let config = args.data.config()?;
    let backup = KeyringBackup::open(&files::read(&args.from)?, &args.passphrase.read(false)?)?;
    let drill = backup.drill(&config)?;
    let epochs = backup.epochs();
    let age_seconds = clock::now().seconds().0.saturating_sub(backup.taken().0);
    let last = epochs.last().map_or(0, |epoch| epoch.number);
    let destroy = drill.epoch.saturating_sub(last) >= EPOCHS_KEPT;
    output.say(format!(
        "{}: {}, taken {}; the data folder is of key epoch {}",
        args.from.display(),
        named(&epochs),
        ago(age_seconds),
        drill.epoch
    ));
    for finding in &drill.findings {
        output.say(finding);
    }
    let opened =
        format!("{} batches, {} bundles, {} data keys", drill.batches, drill.bundles, drill.data_keys);
    output.say(if drill.opens() {
        format!("it opens the data folder: {opened}")
    } else {
        format!("it does not open the data folder; opened: {opened}")
    });
    if destroy {
        output.say(
            "Destroy this backup: with a data backup of its time it opens whoever was erased since, and nothing of today.",
        );
    } else if last < drill.epoch {
        output.say(
            "Its key epoch has ended: make a new backup, and destroy this one when the next epoch begins.",
        );
    }
    output.result(&json!({
        "opens": drill.opens(),
        "epochs": epochs,
        "taken": backup.taken(),
        "age_seconds": age_seconds,
        "destroy": destroy,
        "drill": drill,
    }));
    Ok(if drill.opens() { Verdict::Yes } else { Verdict::No })
}

/// `key epoch 3 (begun 2 d ago)`
fn named(epochs: &[EpochOfBackup]) -> String {
    let named = |epoch: &EpochOfBackup| {
        let UnixSeconds(since) = epoch.since;
        format!("key epoch {} (begun {})", epoch.number, ago(clock::now().seconds().0.saturating_sub(since)))
    };
    epochs.iter().map(named).collect::<Vec<_>>().join(" and ")
}

fn ago(seconds: u64) -> String {
    match (seconds / 86_400, seconds / 3600) {
        (0, 0) => "within the last hour".to_owned(),
        (0, hours) => format!("{hours} h ago"),
        (days, _) => format!("{days} d ago"),
    }
}
