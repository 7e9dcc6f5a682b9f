//! `verify`: what can be checked without trusting anybody but the log's keys, and the witnesses that one names.

mod bundle;
mod checkpoints;
mod demands;
mod kit;
mod log;
mod public;
mod receipt;
mod source;
mod state;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::failure::Failure;
use super::output::{Output, Verdict};

pub(crate) use bundle::policy_bytes;
pub(crate) use demands::DemandArgs;
pub(crate) use log::verify_log;
pub(crate) use source::{KeyArgs, LogArgs, LogSource, read_vkey};

/// Subcommands of `verify`.
#[derive(Debug, Subcommand)]
pub(crate) enum VerifyCommand {
    /// Receipts, offline: signatures, inclusion under a signed checkpoint, digests, links, commitments
    #[command(after_help = "Example, after `grantbook check --sandbox --save receipt.json`:
  grantbook verify receipt receipt.json --sandbox
  grantbook verify receipt receipt.json --vkey vkey --policy witnesses.policy
Without a flag for the keys, the file `vkey` beside each receipt is taken, which `replay --receipts` writes.
A receipt is *witnessed* if the policy's quorum cosigned its checkpoint, otherwise *signed*; ask the log for it again
once the witnesses have cosigned.")]
    Receipt(ReceiptArgs),
    /// A state proof, offline: what a customer's grants came to at some size of the log, or that there were none
    #[command(after_help = "Example:
  grantbook verify state proof.json --vkey vkey
Without a flag for the keys, the file `vkey` beside the proof is taken. Who has no grant is `never granted, or erased by then`: an
erased customer leaves no trace.")]
    State(StateArgs),
    /// An archive, offline: every receipt, every line's place, and the log's signature over all
    #[command(after_help = "Example:
  grantbook verify archive acme.archive --vkey vkey")]
    Archive(super::transfer::ArchiveArgs),
    /// Compliance proofs, offline: that every entry of an enterprise's days kept to a policy
    #[command(after_help = "Examples:
  grantbook verify bundle 2026-03-02.bundle --vkey vkey --policy gdpr
  grantbook verify bundle 2026-03-*.bundle --vkey vkey --witness-policy witnesses.policy --policy ours.json \\
    --save-chain chain.json --html report.html
  grantbook verify bundle 2026-04-01.bundle --vkey vkey --policy ours.json --chain chain.json --save-chain chain.json
Without a flag for the keys, the file `vkey` beside the first bundle is taken. Exit status 1 also if nothing is proved,
because the enterprise has no entry on any of the days.")]
    Bundle(bundle::BundleArgs),
    /// A regulator kit, offline: its signature, every file, every proof bundle, and what the tables say of these
    #[command(after_help = "Example:
  grantbook verify kit kit --vkey vkey --policy gdpr --from 2026-03-01 --to 2026-03-31
Without a flag for the keys, those in the kit are taken, on the operator's word. Exit status 1 with any finding.")]
    Kit(kit::KitArgs),
    /// Two checkpoints: both signed, and the later tree begins with the earlier one
    #[command(after_help = "Example:
  curl -s http://127.0.0.1:8460/log/checkpoint > old
  grantbook grant --sandbox
  curl -s http://127.0.0.1:8460/log/checkpoint > new
  grantbook verify checkpoints old new --sandbox")]
    Checkpoints(CheckpointsArgs),
    /// The whole log: every tile and entry is read and hashed again, up to the signed root
    #[command(after_help = "Example:
  grantbook verify log --sandbox
  grantbook verify log --log https://ledger.example --vkey vkey --public")]
    Log(WholeLogArgs),
}

/// Arguments of `verify receipt`.
#[derive(Debug, Args)]
pub(crate) struct ReceiptArgs {
    /// Receipts, as they were issued
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    demands: DemandArgs,
}

/// Arguments of `verify state`.
#[derive(Debug, Args)]
pub(crate) struct StateArgs {
    /// The state proof, as it was issued
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    demands: DemandArgs,
}

/// Arguments of `verify checkpoints`.
#[derive(Debug, Args)]
pub(crate) struct CheckpointsArgs {
    /// The earlier checkpoint
    old: PathBuf,
    /// The later checkpoint
    new: PathBuf,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    demands: DemandArgs,
}

/// Arguments of `verify log`.
#[derive(Debug, Args)]
pub(crate) struct WholeLogArgs {
    /// Read what the operator has recorded for everybody, too: what it did, and the roots of the grant states
    #[arg(long)]
    public: bool,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    demands: DemandArgs,
}

pub(crate) fn run(command: &VerifyCommand, output: Output) -> Result<Verdict, Failure> {
    match command {
        VerifyCommand::Receipt(args) => receipt::run(args, output),
        VerifyCommand::State(args) => state::run(args, output),
        VerifyCommand::Bundle(args) => bundle::run(args, output),
        VerifyCommand::Kit(args) => kit::run(args, output),
        VerifyCommand::Archive(args) => super::transfer::verify_archive(args, output),
        VerifyCommand::Checkpoints(args) => checkpoints::run(args, output),
        VerifyCommand::Log(args) => log::run(args, output),
    }
}
