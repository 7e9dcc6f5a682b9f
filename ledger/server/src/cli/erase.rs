//! `erase`, `hold` and `epoch`: what the operator and the enterprise's administrators do about erasure.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use grantbook_engine::{Clock, EraseError, Erased, Ledger, LegalHold};
use grantbook_record::event::{Act, Channel};
use grantbook_record::{GateId, SubjectId, UnixSeconds};
use grantbook_server::ENVELOPES_DAYS;
use serde_json::{Value, json};

use super::data::DataArgs;
use super::door::{Door, DoorArgs};
use super::failure::Failure;
use super::files;
use super::grant::ChannelArg;
use super::output::{Output, Verdict};
use super::progress;

const POLL: Duration = Duration::from_millis(500);

/// Arguments of `erase`.
#[derive(Debug, Args)]
pub(crate) struct EraseArgs {
    /// The customer's pseudonym at the enterprise
    #[arg(long, allow_hyphen_values = true, value_name = "ID")]
    sub: SubjectId,
    /// How the customer asked for it
    #[arg(long, value_enum)]
    channel: ChannelArg,
    /// Seconds to wait for the gates; without an end to the erasure the exit status is 1, and the same again goes on
    #[arg(long, value_name = "SECONDS", default_value = "60")]
    wait: u64,
    /// A gate that has forgotten the customer, by the operator's word; with the ledger in this process
    #[arg(long, value_name = "GATE", requires = "data_dir")]
    forgotten_by: Vec<GateId>,
    /// File to write the certificate to
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    #[command(flatten)]
    door: DoorArgs,
}

/// Subcommands of `hold`.
#[derive(Debug, Subcommand)]
pub(crate) enum HoldCommand {
    /// Keep a customer's records from being erased
    #[command(after_help = "Example:
  grantbook hold place --sub alice-7 --reason \"file 12 of 2026\" --tenant UUID --data-dir ./ledger")]
    Place(PlaceArgs),
    /// Lift a legal hold
    #[command(after_help = "Example:
  grantbook hold lift --sub alice-7 --tenant UUID --data-dir ./ledger")]
    Lift(LiftArgs),
    /// List legal holds
    #[command(after_help = "Example:
  grantbook hold list --tenant UUID --data-dir ./ledger")]
    List(DoorArgs),
}

/// Arguments of `hold place`.
#[derive(Debug, Args)]
pub(crate) struct PlaceArgs {
    /// The customer's pseudonym at the enterprise
    #[arg(long, allow_hyphen_values = true, value_name = "ID")]
    sub: SubjectId,
    /// The ground, for people, such as a court's file number
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    door: DoorArgs,
}

/// Arguments of `hold lift`.
#[derive(Debug, Args)]
pub(crate) struct LiftArgs {
    /// The customer's pseudonym at the enterprise
    #[arg(long, allow_hyphen_values = true, value_name = "ID")]
    sub: SubjectId,
    #[command(flatten)]
    door: DoorArgs,
}

/// Subcommands of `epoch`.
#[derive(Debug, Subcommand)]
pub(crate) enum EpochCommand {
    /// Show the key epoch
    #[command(after_help = "Example:
  grantbook epoch show --data-dir ./ledger")]
    Show(DataArgs),
    /// Begin the next key epoch: seals everything anew and destroys the old key
    #[command(after_help = "Example:
  grantbook epoch roll --data-dir ./ledger --envelopes-days 1095
A running server does it by itself every `epoch_days`.")]
    Roll(RollArgs),
}

/// Arguments of `epoch roll`.
#[derive(Debug, Args)]
pub(crate) struct RollArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Before that, destroy the envelopes of grants that ended so many days ago, 30 to 36500; without it none
    #[arg(long, value_name = "DAYS", value_parser = days)]
    envelopes_days: Option<u16>,
}

fn days(text: &str) -> Result<u16, String> {
    let days = text.parse().ok().filter(|days| ENVELOPES_DAYS.contains(days));
    days.ok_or_else(|| "expected 30 to 36500 days".to_owned())
}

pub(crate) fn run(args: &EraseArgs, output: Output) -> Result<Verdict, Failure> {
    let channel = Channel::from(args.channel);
    let door = args.door.open(false)?;
    let view: Value = match &door {
        Door::Remote(remote) => {
            let bar = progress::spinner("gates that are to forget the customer");
            let begun = Instant::now();
            let request = json!({ "sub": args.sub, "channel": channel });
            let mut view: Value = remote.post_json("/v1/erasures", &request).map_err(Failure::from)?;
            let path = format!("/v1/erasures/{}", view.get("erasure").unwrap_or(&Value::Null));
            while view.get("leaf_index").is_none() && begun.elapsed().as_secs() < args.wait {
                std::thread::sleep(POLL);
                view = remote.get_json(&path).map_err(Failure::from)?;
            }
            bar.finish_and_clear();
            view
        }
        Door::Local(ledger) => {
            let tenant = args.door.tenant(&door)?;
            let gates = ledger.tenant(tenant).ok_or_else(|| Failure::no("no such tenant"))?.gates;
            let gates: Vec<_> = gates.into_iter().map(|gate| gate.id).collect();
            let pending = ledger.begin_erasure(tenant, &args.sub, channel).map_err(refused)?;
            for gate in &args.forgotten_by {
                ledger.purged(tenant, pending.id, gate.clone()).map_err(Failure::fault)?;
            }
            match ledger.finish_erasure(tenant, pending.id, &gates) {
                Ok(Erased { leaf_index, receipt, epoch }) => json!({
                    "erasure": pending.id,
                    "waiting_for": [],
                    "leaf_index": leaf_index.0,
                    "receipt": receipt,
                    "epoch": epoch,
                }),
                Err(error @ (EraseError::Unproved { .. } | EraseError::Open { .. })) => json!({
                    "erasure": pending.id,
                    "waiting_for": [],
                    "waiting_for_proofs": error.to_string(),
                }),
                Err(EraseError::Waiting(gates)) => json!({ "erasure": pending.id, "waiting_for": gates }),
                Err(error) => return Err(refused(error)),
            }
        }
    };
    door.close()?;
    output.result(&view);
    let Some(leaf_index) = view.get("leaf_index") else {
        if let Some(why) = view.get("waiting_for_proofs").and_then(Value::as_str) {
            output.say(format!("withdrawn; {why}"));
            return Ok(Verdict::No);
        }
        let waiting = view.get("waiting_for").map(ToString::to_string).unwrap_or_default();
        output.say(format!("withdrawn; these gates have not forgotten the customer yet: {waiting}"));
        return Ok(Verdict::No);
    };
    if let Some(file) = &args.save {
        files::replace(file, &serde_json::to_vec_pretty(&view).unwrap_or_default())?;
        output.say(format!("certificate: {}", file.display()));
    }
    let epoch = view.get("epoch").map(ToString::to_string).unwrap_or_default();
    output.say(format!("erased: entry {leaf_index} of the log; the data key is destroyed"));
    output.say(format!("Backups of store and keyring together open it until key epoch {epoch} has ended."));
    Ok(Verdict::Yes)
}

pub(crate) fn hold(command: &HoldCommand, output: Output) -> Result<Verdict, Failure> {
    match command {
        HoldCommand::Place(args) => {
            let door = args.door.open(false)?;
            match &door {
                Door::Remote(remote) => {
                    remote
                        .post_unanswered("/v1/holds", &json!({ "sub": args.sub, "reason": args.reason }))?;
                }
                Door::Local(ledger) => {
                    let tenant = args.door.tenant(&door)?;
                    ledger.place_hold(tenant, &args.sub, &args.reason).map_err(refused)?;
                    door.record_act(Act::HoldPlaced, tenant)?;
                }
            }
            door.close()?;
            output.say("held: the customer's records are not erased until the hold is lifted");
            output.result(&json!({ "held": true }));
        }
        HoldCommand::Lift(args) => {
            let door = args.door.open(false)?;
            match &door {
                Door::Remote(remote) => {
                    remote.post_unanswered("/v1/holds/lift", &json!({ "sub": args.sub }))?;
                }
                Door::Local(ledger) => {
                    let tenant = args.door.tenant(&door)?;
                    ledger.lift_hold(tenant, &args.sub).map_err(refused)?;
                    door.record_act(Act::HoldLifted, tenant)?;
                }
            }
            door.close()?;
            output.say("lifted");
            output.result(&json!({ "held": false }));
        }
        HoldCommand::List(args) => {
            let door = args.open(false)?;
            let listed: Value = match &door {
                Door::Remote(remote) => remote.get_json("/v1/holds").map_err(Failure::from)?,
                Door::Local(ledger) => {
                    let tenant = args.tenant(&door)?;
                    let mut holds = ledger.legal_holds().map_err(Failure::fault)?;
                    holds.retain(|hold: &LegalHold| hold.tenant == tenant);
                    json!({ "holds": holds })
                }
            };
            door.close()?;
            for hold in listed.pointer("/holds").and_then(Value::as_array).into_iter().flatten() {
                let text = |name| hold.get(name).and_then(Value::as_str).unwrap_or_default();
                output.say(format!("{}  {}", text("sub"), text("reason")));
            }
            output.result(&listed);
        }
    }
    Ok(Verdict::Yes)
}

pub(crate) fn epoch(command: &EpochCommand, output: Output) -> Result<Verdict, Failure> {
    let (EpochCommand::Show(data) | EpochCommand::Roll(RollArgs { data, .. })) = command;
    let ledger = data.open()?;
    let (shredded, epoch) = match command {
        EpochCommand::Show(_) => (Ok(None), Ok(ledger.epoch())),
        EpochCommand::Roll(args) => {
            let shredded = args.envelopes_days.map(|days| shred(&ledger, days)).transpose();
            // a roll that fails for the same reason says so itself
            (shredded, ledger.roll_epoch().map(|rolled| rolled.epoch))
        }
    };
    ledger.close().map_err(Failure::fault)?;
    let (epoch, shredded) = (epoch?, shredded.map_err(refused)?);
    if let Some(grants) = shredded {
        output.say(format!("envelopes of {grants} ended grants shredded"));
    }
    output.say(format!("key epoch {}", epoch.number));
    let mut view = json!({ "epoch": epoch.number, "since": epoch.since });
    if let (Some(grants), Some(view)) = (shredded, view.as_object_mut()) {
        view.insert("shredded".to_owned(), grants.into());
    }
    output.result(&view);
    Ok(Verdict::Yes)
}

fn shred(ledger: &Ledger, days: u16) -> Result<u64, EraseError> {
    let now = Clock::system().now().seconds().0;
    ledger.shred_ended(UnixSeconds(now.saturating_sub(u64::from(days) * 86_400)))
}

fn refused(error: EraseError) -> Failure {
    match error {
        EraseError::Append(error) => error.into(),
        EraseError::Store(fault) => Failure::fault(fault),
        other => Failure::no(other),
    }
}
