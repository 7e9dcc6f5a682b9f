//! `mandate`: rules that a customer signs in advance, and the agents that answer by them.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use grantbook_plan::mandate::Draft;
use grantbook_record::event::{GrantWithdrawn, MandateGiven, MandateSource, MandateWithdrawn};
use grantbook_record::{Jti, Kind, Signer, SubjectId, TenantId, UnixSeconds};
use serde::Deserialize;
use serde_json::{Value, json};

use super::clock;
use super::door::{Door, DoorArgs, Taken};
use super::failure::Failure;
use super::files;
use super::grant::{ChannelArg, envelope_of, write_receipt};
use super::output::{Output, Verdict};
use super::published::append;

const SECONDS_PER_DAY: u64 = 86_400;

/// Subcommands of `mandate`.
#[derive(Debug, Subcommand)]
pub(crate) enum MandateCommand {
    /// Say what rules would have answered to past requests, and to the widest ones that templates allow
    #[command(after_help = "Example:
  grantbook mandate simulate rules.json --sub alice-7 --server https://ledger.example
rules.json, \"insurers may ask, at least 0.80 CNY, at most 30 days, never my work orders\":
  {\"rules\": [{\"when\": {\"kinds\": [\"insurer\"]}, \"accept\": {
     \"price_min\": [{\"per_use\": {\"currency\": \"CNY\", \"minor\": 80}}], \"validity_days_max\": 30,
     \"never\": [{\"category\": \"fast-charging\", \"fields\": [\"work_order\"]}]}, \"otherwise\": \"decline\"}]}")]
    Simulate(SimulateArgs),
    /// Sign a mandate as its customer
    #[command(after_help = "Example:
  grantbook mandate give rules.json --days 90 --agent agent.key.json --key alice.key.json --sub alice-7 \\
    --tenant UUID --server https://ledger.example")]
    Give(GiveArgs),
    /// Hand a narrower mandate on as the agent of the one above
    #[command(after_help = "Example:
  grantbook mandate narrow narrower.json --mandate JTI --days 7 --agent other.key.json --key agent.key.json \\
    --sub alice-7 --tenant UUID --server https://ledger.example")]
    Narrow(NarrowArgs),
    /// Show a customer's mandates and the grants given under them
    #[command(after_help = "Example:
  grantbook mandate show --sub alice-7 --server https://ledger.example")]
    Show(ShowArgs),
    /// End a mandate and all that were handed on from it; grants stay unless they are withdrawn, too
    #[command(after_help = "Examples:
  grantbook mandate withdraw --mandate JTI --key alice.key.json --sub alice-7 --server https://ledger.example
  grantbook mandate withdraw --mandate JTI --with-grants --key alice.key.json --sub alice-7 --server https://ledger.example")]
    Withdraw(WithdrawArgs),
}

/// Arguments of `mandate simulate`.
#[derive(Debug, Args)]
pub(crate) struct SimulateArgs {
    /// The rules, JSON (docs/spec/mandate.md)
    file: PathBuf,
    /// The customer's pseudonym at the enterprise
    #[arg(long, allow_hyphen_values = true, value_name = "ID")]
    sub: SubjectId,
    #[command(flatten)]
    door: DoorArgs,
}

/// What is signed, for whom and for how long.
#[derive(Debug, Args)]
pub(crate) struct SignArgs {
    /// The rules, JSON (docs/spec/mandate.md)
    file: PathBuf,
    /// The key file of who signs: the customer, or the agent that hands on
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The agent's public key as a JWK, or its key file
    #[arg(long, value_name = "FILE")]
    agent: PathBuf,
    /// The customer's pseudonym at the enterprise
    #[arg(long, allow_hyphen_values = true, value_name = "ID")]
    sub: SubjectId,
    /// Days from now on which it is in force
    #[arg(long)]
    days: u32,
    /// File to write the receipt to
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    #[command(flatten)]
    door: DoorArgs,
}

/// Arguments of `mandate give`.
#[derive(Debug, Args)]
pub(crate) struct GiveArgs {
    #[command(flatten)]
    sign: SignArgs,
}

/// Arguments of `mandate narrow`.
#[derive(Debug, Args)]
pub(crate) struct NarrowArgs {
    /// The mandate that is handed on: the jti of what was signed
    #[arg(long, value_name = "JTI")]
    mandate: Jti,
    #[command(flatten)]
    sign: SignArgs,
}

/// Arguments of `mandate show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The customer's pseudonym at the enterprise
    #[arg(long, allow_hyphen_values = true, value_name = "ID")]
    sub: SubjectId,
    #[command(flatten)]
    door: DoorArgs,
}

/// Arguments of `mandate withdraw`.
#[derive(Debug, Args)]
pub(crate) struct WithdrawArgs {
    /// The mandate: the jti of what was signed
    #[arg(long, value_name = "JTI")]
    mandate: Jti,
    /// The customer's pseudonym at the enterprise
    #[arg(long, allow_hyphen_values = true, value_name = "ID")]
    sub: SubjectId,
    /// The key file of who ends it: any key of the customer, or the agent's
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// For the operator, with the ledger in this process: how the customer's word came
    #[arg(long, value_enum, conflicts_with = "key", requires = "data_dir")]
    channel: Option<ChannelArg>,
    /// Withdraw all grants that were given under it as well
    #[arg(long)]
    with_grants: bool,
    #[command(flatten)]
    door: DoorArgs,
}

/// A mandate as listed, by server and ledger alike.
#[derive(Debug, Deserialize)]
pub(crate) struct Listed {
    pub(crate) mandate: Jti,
    pub(crate) leaf_index: u64,
    pub(crate) in_force: bool,
    pub(crate) grants: Vec<Jti>,
    pub(crate) given: MandateGiven,
}

#[derive(Deserialize)]
struct AllListed {
    mandates: Vec<Listed>,
}

impl Door {
    /// A customer's mandates.
    pub(crate) fn mandates(&self, tenant: TenantId, sub: &SubjectId) -> Result<Vec<Listed>, Failure> {
        match self {
            Self::Local(ledger) => {
                let rows = ledger.mandates_of(tenant, sub)?;
                let listed = rows.into_iter().map(|row| Listed {
                    mandate: row.mandate.id,
                    leaf_index: row.mandate.leaf_index,
                    in_force: row.in_force,
                    grants: row.grants,
                    given: row.mandate.given,
                });
                Ok(listed.collect())
            }
            Self::Remote(remote) => {
                Ok(remote.get_json::<AllListed>(&format!("/v1/mandates?sub={sub}"))?.mandates)
            }
        }
    }

    fn simulate(&self, tenant: TenantId, sub: &SubjectId, draft: Draft) -> Result<Value, Failure> {
        match self {
            Self::Local(ledger) => {
                let simulated = ledger.simulate_mandate(tenant, sub, draft)?;
                let simulated = simulated.map_err(|refusal| Failure::No(refusal.to_string()))?;
                let request = |(row, answer): &(grantbook_engine::RequestRow, _)| {
                    json!({
                        "request": row.id,
                        "leaf_index": row.leaf_index.0,
                        "open": row.open,
                        "expires": row.request.expires,
                        "terms": row.request.terms,
                        "answer": answer,
                    })
                };
                let requests: Vec<Value> = simulated.requests.iter().map(request).collect();
                Ok(json!({ "requests": requests, "templates": simulated.templates }))
            }
            Self::Remote(remote) => {
                let body = json!({ "sub": sub, "draft": draft });
                Ok(remote.post_json("/v1/mandates/simulate", &body)?)
            }
        }
    }
}

pub(crate) fn run(command: &MandateCommand, output: Output) -> Result<Verdict, Failure> {
    match command {
        MandateCommand::Simulate(args) => simulate(args, output),
        MandateCommand::Give(GiveArgs { sign }) => {
            let by_customer = |key: &Signer| MandateSource::Key(key.thumbprint());
            give(sign, by_customer, output)
        }
        MandateCommand::Narrow(NarrowArgs { mandate, sign }) => {
            give(sign, |_| MandateSource::Mandate(*mandate), output)
        }
        MandateCommand::Show(args) => show(args, output),
        MandateCommand::Withdraw(args) => withdraw(args, output),
    }
}

fn simulate(args: &SimulateArgs, output: Output) -> Result<Verdict, Failure> {
    let draft: Draft = files::read_json(&args.file)?;
    let door = args.door.open(false)?;
    let simulated = args.door.tenant(&door).and_then(|tenant| door.simulate(tenant, &args.sub, draft));
    door.close()?;
    let simulated = simulated?;
    let text = |row: &Value, at: &str| row.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
    let said = |row: &Value| match row.pointer("/answer/why").and_then(Value::as_str) {
        Some(why) => format!("{} ({why})", text(row, "/answer/verdict")),
        None => text(row, "/answer/verdict"),
    };
    let rows = |name: &str| simulated.get(name).and_then(Value::as_array).into_iter().flatten();
    for row in rows("requests") {
        let (recipient, purpose) = (text(row, "/terms/recipient"), text(row, "/terms/purpose"));
        output.say(format!("request {} of {recipient} for {purpose}: {}", text(row, "/request"), said(row)));
    }
    for row in rows("templates") {
        let (recipient, purpose) = (text(row, "/recipient"), text(row, "/purpose"));
        let name = text(row, "/template");
        output.say(format!("the widest under {name} by {recipient} for {purpose}: {}", said(row)));
    }
    output.result(&simulated);
    Ok(Verdict::Yes)
}

fn give(
    args: &SignArgs,
    from: impl FnOnce(&Signer) -> MandateSource,
    output: Output,
) -> Result<Verdict, Failure> {
    let draft: Draft = files::read_json(&args.file)?;
    let key = files::read_key(&args.key)?;
    let agent = files::read_public_key(&args.agent)?;
    let until = clock::now().seconds().0.saturating_add(u64::from(args.days) * SECONDS_PER_DAY);
    let event = draft.given(args.sub.clone(), from(&key), agent, UnixSeconds(until));
    let door = args.door.open(false)?;
    let taken = args
        .door
        .tenant(&door)
        .and_then(|tenant| append(&door, tenant, Kind::MandateGiven, event, &[&key]).map_err(Failure::from));
    door.close()?;
    let taken = taken?;
    let mandate = envelope_of(&taken.receipt)?.event().map_err(Failure::fault)?.jti;
    write_receipt(args.save.as_deref(), &taken.receipt)?;
    output.say(format!("mandate {mandate} is entry {} of the log", taken.leaf_index));
    output.result(&json!({ "mandate": mandate, "leaf_index": taken.leaf_index, "receipt": taken.receipt }));
    Ok(Verdict::Yes)
}

fn show(args: &ShowArgs, output: Output) -> Result<Verdict, Failure> {
    let door = args.door.open(false)?;
    let listed = args.door.tenant(&door).and_then(|tenant| door.mandates(tenant, &args.sub));
    door.close()?;
    let listed = listed?;
    for Listed { mandate, in_force, grants, given, .. } in &listed {
        let state = if *in_force { "in force" } else { "ended" };
        let (rules, under) = (given.rules.len(), grants.len());
        output.say(format!("mandate {mandate}: {state}, rules: {rules}, grants under it: {under}"));
        for grant in grants {
            output.say(format!("  grant {grant}"));
        }
    }
    let rows = listed.iter().map(|row| {
        let Listed { mandate, leaf_index, in_force, grants, given } = row;
        json!({ "mandate": mandate, "leaf_index": leaf_index, "in_force": in_force, "grants": grants,
            "given": given })
    });
    output.result(&json!({ "mandates": rows.collect::<Vec<_>>() }));
    Ok(Verdict::Yes)
}

fn withdraw(args: &WithdrawArgs, output: Output) -> Result<Verdict, Failure> {
    let key = args.key.as_deref().map(files::read_key).transpose()?;
    let door = args.door.open(false)?;
    let done = args.door.tenant(&door).and_then(|tenant| end(args, &door, tenant, key.as_ref()));
    door.close()?;
    let (taken, grants) = done?;
    let mandate = args.mandate;
    output.say(format!("mandate {mandate} has ended, entry {} of the log", taken.leaf_index));
    for grant in &grants {
        let what = if args.with_grants { "is withdrawn" } else { "stays; withdraw it by itself" };
        output.say(format!("grant {grant} {what}"));
    }
    output.result(&json!({
        "mandate": mandate,
        "leaf_index": taken.leaf_index,
        "grants": grants,
        "grants_withdrawn": args.with_grants,
        "receipt": taken.receipt,
    }));
    Ok(Verdict::Yes)
}

/// Ends the mandate first, so that no further grant comes while the others are withdrawn. Gives the grants under it: they are
/// not known where a server tells no stranger, and then can be withdrawn only one by one.
fn end(
    args: &WithdrawArgs,
    door: &Door,
    tenant: TenantId,
    key: Option<&Signer>,
) -> Result<(Taken, Vec<Jti>), Failure> {
    let (sub, mandate) = (&args.sub, args.mandate);
    let taken = match (args.channel, door, key) {
        (Some(channel), Door::Local(ledger), _) => {
            let appended = ledger.withdraw_mandate_by_channel(tenant, sub, mandate, channel.into())?;
            let (leaf_index, duplicate) = (appended.leaf_index.0, appended.duplicate);
            Taken { leaf_index, duplicate, receipt: appended.receipt }
        }
        (_, _, Some(key)) => {
            let event = MandateWithdrawn { sub: sub.clone(), mandate, channel: None };
            append(door, tenant, Kind::MandateWithdrawn, event, &[key]).map_err(Failure::from)?
        }
        _ => return Err(Failure::input("expected --key FILE, or --channel with --data-dir")),
    };
    let listed = match door.mandates(tenant, sub) {
        Err(failure) if args.with_grants => return Err(failure.during("asking for the grants under it")),
        listed => listed.unwrap_or_default(),
    };
    let grants = listed.into_iter().find(|row| row.mandate == mandate).map(|row| row.grants);
    let grants = grants.unwrap_or_default();
    for grant in grants.iter().filter(|_| args.with_grants) {
        match (args.channel, door, key) {
            (Some(channel), Door::Local(ledger), _) => {
                ledger.withdraw_by_channel(tenant, sub, *grant, channel.into())?;
            }
            (_, _, Some(key)) => {
                let event = GrantWithdrawn { sub: sub.clone(), grant: *grant, channel: None };
                append(door, tenant, Kind::GrantWithdrawn, event, &[key])?;
            }
            _ => {}
        }
    }
    Ok((taken, grants))
}

/// The agent's key file and the mandate that names it.
pub(crate) fn of_agent(
    listed: &[Listed],
    mandate: Jti,
    key: &Signer,
    file: &Path,
) -> Result<MandateGiven, Failure> {
    let found = listed.iter().find(|row| row.mandate == mandate && row.in_force);
    let found = found.ok_or_else(|| Failure::No("no such mandate is in force".to_owned()))?;
    if found.given.agent == *key.public_key() {
        Ok(found.given.clone())
    } else {
        Err(Failure::Input(format!("{}: another key than the mandate's agent has", file.display())))
    }
}
