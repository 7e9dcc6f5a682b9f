//! `token`: what an enterprise's services show to the server.

use clap::{Args, Subcommand, ValueEnum};
use grantbook_engine::Role;
use grantbook_record::event::Act;
use serde_json::{Value, json};

use super::door::{Door, DoorArgs};
use super::failure::Failure;
use super::output::{Output, Verdict};

/// Subcommands of `token`.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token; its secret is shown this once
    #[command(after_help = "Example:
  grantbook token create --role service --label pricing --sandbox")]
    Create(CreateArgs),
    /// List tokens, without their secrets
    #[command(after_help = "Example:
  grantbook token list --sandbox")]
    List(DoorArgs),
    /// End a token
    #[command(after_help = "Example, with an id that `token list` shows:
  grantbook token list --sandbox
  grantbook token revoke ID --sandbox")]
    Revoke(RevokeArgs),
}

/// What the bearer of a token may do.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum RoleArg {
    /// Check and record uses, follow the feed, read
    Service,
    /// All that, and manage gates and tokens
    Admin,
    /// Read, and open what a regulator has drawn, over all enterprises; only with --data-dir
    Operator,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Service => Self::Service,
            RoleArg::Admin => Self::Admin,
            RoleArg::Operator => Self::Operator,
        }
    }
}

/// Arguments of `token create`.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// What its bearer may do
    #[arg(long, value_enum, default_value = "service")]
    role: RoleArg,
    /// What it is for, for people
    #[arg(long)]
    label: String,
    #[command(flatten)]
    door: DoorArgs,
}

/// Arguments of `token revoke`.
#[derive(Debug, Args)]
pub(crate) struct RevokeArgs {
    /// Id of the token, as `token list` shows it
    #[arg(allow_hyphen_values = true)]
    id: String,
    #[command(flatten)]
    door: DoorArgs,
}

pub(crate) fn run(command: &TokenCommand, output: Output) -> Result<Verdict, Failure> {
    match command {
        TokenCommand::Create(args) => create(args, output),
        TokenCommand::List(args) => list(args, output),
        TokenCommand::Revoke(args) => revoke(args, output),
    }
}

fn create(args: &CreateArgs, output: Output) -> Result<Verdict, Failure> {
    let role = Role::from(args.role);
    let door = args.door.open(false)?;
    let made: Value = match &door {
        Door::Remote(remote) => {
            remote.post_json("/v1/tokens", &json!({ "role": role, "label": args.label }))?
        }
        Door::Local(ledger) => {
            let tenant = args.door.tenant(&door)?;
            let (token, secret) = ledger.create_token(tenant, role, &args.label)?;
            door.record_act(Act::TokenCreated, tenant)?;
            json!({ "token": token, "secret": secret })
        }
    };
    door.close()?;
    let text = |pointer| made.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    output.say(format!("token {}; its secret, shown this once:\n{}", text("/token/id"), text("/secret")));
    output.result(&made);
    Ok(Verdict::Yes)
}

fn list(args: &DoorArgs, output: Output) -> Result<Verdict, Failure> {
    let door = args.open(false)?;
    let listed: Value = match &door {
        Door::Remote(remote) => remote.get_json("/v1/tokens")?,
        Door::Local(ledger) => {
            let tenant = args.tenant(&door)?;
            ledger.tenant(tenant).ok_or_else(|| Failure::no("no such tenant"))?;
            json!({ "tokens": ledger.tokens(tenant) })
        }
    };
    door.close()?;
    for token in listed.pointer("/tokens").and_then(Value::as_array).into_iter().flatten() {
        let text = |name| token.get(name).and_then(Value::as_str).unwrap_or_default();
        output.say(format!("{}  {:<8} {}", text("id"), text("role"), text("label")));
    }
    output.result(&listed);
    Ok(Verdict::Yes)
}

fn revoke(args: &RevokeArgs, output: Output) -> Result<Verdict, Failure> {
    // an id is base64url: anything else would be another path of the server
    if !args.id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
        return Err(Failure::input("malformed token id, expected one that `token list` shows"));
    }
    let door = args.door.open(false)?;
    match &door {
        Door::Remote(remote) => remote.delete(&format!("/v1/tokens/{}", args.id))?,
        Door::Local(ledger) => {
            let tenant = args.door.tenant(&door)?;
            ledger.revoke_token(tenant, &args.id)?;
            door.record_act(Act::TokenRevoked, tenant)?;
        }
    }
    door.close()?;
    output.say(format!("token {} is valid no more", args.id));
    output.result(&json!({ "revoked": args.id }));
    Ok(Verdict::Yes)
}
