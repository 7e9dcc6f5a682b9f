//! `tenant`: the enterprises of a ledger, and their gates.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use grantbook_record::GateId;
use grantbook_record::event::Act;
use serde_json::{Value, json};

use super::data::DataArgs;
use super::door::{Door, DoorArgs};
use super::failure::Failure;
use super::files;
use super::output::{Output, Verdict};

/// Subcommands of `tenant`.
#[derive(Debug, Subcommand)]
pub(crate) enum TenantCommand {
    /// Take an enterprise in; only the operator can, with the ledger in this process
    #[command(after_help = "Example:
  grantbook keygen --out acme.key.json
  grantbook tenant create --name Acme --enterprise-key acme.key.json --data-dir ./ledger")]
    Create(CreateArgs),
    /// List the enterprises of a ledger in this process
    #[command(after_help = "Example:
  grantbook tenant list --data-dir ./ledger --json")]
    List(DataArgs),
    /// Show the enterprise that a token belongs to
    #[command(after_help = "Example:
  grantbook tenant show --sandbox")]
    Show(DoorArgs),
    /// Register a gate: the name and public key under which it signs its uses
    #[command(after_help = "Example:
  grantbook keygen --out gate.key.json
  grantbook tenant gate till-1 --key gate.key.json --sandbox")]
    Gate(GateArgs),
}

/// Arguments of `tenant create`.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Name, for people
    #[arg(long)]
    name: String,
    /// The enterprise's key: a public JWK, or a key file, of which only the public half is taken
    #[arg(long, value_name = "FILE")]
    enterprise_key: PathBuf,
    #[command(flatten)]
    data: DataArgs,
}

/// Arguments of `tenant gate`.
#[derive(Debug, Args)]
pub(crate) struct GateArgs {
    /// Name of the gate
    gate: GateId,
    /// Its key: a public JWK, or a key file, of which only the public half is taken
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    door: DoorArgs,
}

pub(crate) fn run(command: &TenantCommand, output: Output) -> Result<Verdict, Failure> {
    match command {
        TenantCommand::Create(args) => {
            let key = files::read_public_key(&args.enterprise_key)?;
            let ledger = args.data.open_or_make()?;
            let made =
                ledger.create_tenant(&args.name, key, false).map_err(Failure::from).and_then(|tenant| {
                    ledger.record_act(Act::TenantCreated, Some(tenant.id))?;
                    Ok(tenant)
                });
            ledger.close().map_err(Failure::fault)?;
            let tenant = made?;
            output.say(format!("{} is tenant {}", tenant.name, tenant.id));
            output.result(&json!({ "tenant": tenant }));
        }
        TenantCommand::List(data) => {
            let ledger = data.open()?;
            let tenants = ledger.tenants();
            ledger.close().map_err(Failure::fault)?;
            for tenant in &tenants {
                output.say(format!("{}  {}  {} gates", tenant.id, tenant.name, tenant.gates.len()));
            }
            output.result(&json!({ "tenants": tenants }));
        }
        TenantCommand::Show(args) => {
            let door = args.open(false)?;
            let tenant: Value = match &door {
                Door::Remote(remote) => remote.get_json("/v1/tenant").map_err(Failure::from)?,
                Door::Local(ledger) => {
                    let id = args.tenant(&door)?;
                    json!(ledger.tenant(id).ok_or_else(|| Failure::no("no such tenant"))?)
                }
            };
            door.close()?;
            output.say(serde_json::to_string_pretty(&tenant).unwrap_or_default());
            output.result(&tenant);
        }
        TenantCommand::Gate(args) => {
            let key = files::read_public_key(&args.key)?;
            let door = args.door.open(false)?;
            match &door {
                Door::Remote(remote) => remote.put_json(&format!("/v1/gates/{}", args.gate), &key)?,
                Door::Local(ledger) => {
                    let tenant = args.door.tenant(&door)?;
                    ledger.register_gate(tenant, &args.gate, key)?;
                    door.record_act(Act::GateRegistered, tenant)?;
                }
            }
            door.close()?;
            output.say(format!("gate {} signs with {}", args.gate, key.thumbprint()));
            output.result(&json!({ "gate": args.gate, "thumbprint": key.thumbprint() }));
        }
    }
    Ok(Verdict::Yes)
}
