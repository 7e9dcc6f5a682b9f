//! `key`: a customer's keys at one enterprise, as events of the log: enrol, add, rotate, revoke, recover.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use grantbook_record::event::{Evidence, KeyEnrolled, KeyRevoked, KeyRotated, Recovery};
use grantbook_record::{Kind, RecoveryCode, Signer, SubjectId, TenantId, Thumbprint};
use rand_core::OsRng;
use serde_json::json;
use zeroize::Zeroizing;

use super::door::{Door, DoorArgs, Taken};
use super::failure::Failure;
use super::files;
use super::output::{Output, Verdict};
use super::published::append;
use super::remote::Refused;

/// What to do with a customer's keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Enrol a customer's first key; prints the recovery code
    #[command(after_help = "Example:
  grantbook key enrol --key phone.key.json --sub alice-7 --enterprise-key acme.key.json \\
    --code-out alice.code --tenant UUID --server https://ledger.example")]
    Enrol(EnrolArgs),
    /// Add the key of a further device; a key that is enrolled vouches for it
    #[command(after_help = "Example:
  grantbook key add --key phone.key.json --new laptop.key.json --sub alice-7 \\
    --tenant UUID --server https://ledger.example")]
    Add(NewKeyArgs),
    /// Put a new key in the place of one that is enrolled
    #[command(after_help = "Example:
  grantbook key rotate --key phone.key.json --new phone2.key.json --sub alice-7 \\
    --tenant UUID --server https://ledger.example")]
    Rotate(NewKeyArgs),
    /// End a key, such as that of a lost device; any enrolled key may
    #[command(after_help = "Example:
  grantbook key revoke --key laptop.key.json --revoke THUMBPRINT --sub alice-7 \\
    --tenant UUID --server https://ledger.example")]
    Revoke(RevokeArgs),
    /// Regain control with the recovery code: ends every other key; prints the next code
    #[command(after_help = "Example:
  grantbook key recover --code alice.code --new phone2.key.json --sub alice-7 \\
    --code-out alice2.code --tenant UUID --server https://ledger.example
A code is good for one recovery. Grants stay as they are.")]
    Recover(RecoverArgs),
}

/// Who, and where.
#[derive(Debug, Args)]
pub(crate) struct WhoseArgs {
    /// The customer's pseudonym at the enterprise
    #[arg(long, allow_hyphen_values = true, value_name = "ID")]
    pub(super) sub: SubjectId,
    /// File to write the event's receipt to
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    #[command(flatten)]
    door: DoorArgs,
}

/// Arguments of `key enrol`.
#[derive(Debug, Args)]
pub(crate) struct EnrolArgs {
    /// The customer's key file
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The enterprise's key file: vouches that the key is the customer's
    #[arg(long, value_name = "FILE")]
    enterprise_key: PathBuf,
    /// New file for the recovery code, to be printed and kept apart from the key
    #[arg(long, value_name = "FILE")]
    code_out: PathBuf,
    #[command(flatten)]
    whose: WhoseArgs,
}

/// Arguments of `key add` and `key rotate`.
#[derive(Debug, Args)]
pub(crate) struct NewKeyArgs {
    /// Key file of a key that is enrolled
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Key file of the new key
    #[arg(long, value_name = "FILE")]
    new: PathBuf,
    #[command(flatten)]
    whose: WhoseArgs,
}

/// Arguments of `key revoke`.
#[derive(Debug, Args)]
pub(crate) struct RevokeArgs {
    /// Key file of a key that is enrolled
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Thumbprint of the key that ends
    #[arg(long, allow_hyphen_values = true, value_name = "THUMBPRINT", value_parser = thumbprint)]
    revoke: Thumbprint,
    #[command(flatten)]
    whose: WhoseArgs,
}

/// Arguments of `key recover`.
#[derive(Debug, Args)]
pub(crate) struct RecoverArgs {
    /// File with the recovery code; - for standard input
    #[arg(long, value_name = "FILE")]
    code: PathBuf,
    /// Key file of the new key
    #[arg(long, value_name = "FILE")]
    new: PathBuf,
    /// New file for the next recovery code
    #[arg(long, value_name = "FILE")]
    code_out: PathBuf,
    #[command(flatten)]
    whose: WhoseArgs,
}

fn thumbprint(text: &str) -> Result<Thumbprint, &'static str> {
    Thumbprint::parse(text).ok_or("malformed thumbprint, expected 43 characters of base64url")
}

pub(crate) fn run(command: &KeyCommand, output: Output) -> Result<Verdict, Failure> {
    match command {
        KeyCommand::Enrol(args) => enrol(args, output),
        KeyCommand::Add(args) => add(args, output),
        KeyCommand::Rotate(args) => rotate(args, output),
        KeyCommand::Revoke(args) => revoke(args, output),
        KeyCommand::Recover(args) => recover(args, output),
    }
}

fn enrol(args: &EnrolArgs, output: Output) -> Result<Verdict, Failure> {
    let (key, enterprise) = (files::read_key(&args.key)?, files::read_key(&args.enterprise_key)?);
    let code = new_code(&args.code_out)?;
    let taken = through(&args.whose, |door, tenant| {
        let event = KeyEnrolled {
            sub: args.whose.sub.clone(),
            key: *key.public_key(),
            evidence: Evidence::Enterprise,
            recovery: Some(at(&code, tenant)?.thumbprint()),
        };
        Ok(append(door, tenant, Kind::KeyEnrolled, event, &[&key, &enterprise])?)
    })
    // a code of which no enrolment knows would only deceive
    .inspect_err(|_| drop(std::fs::remove_file(&args.code_out)))?;
    say_code(&args.code_out, output);
    Ok(told(&args.whose, &taken, &key.thumbprint(), "enrolled", output))
}

fn add(args: &NewKeyArgs, output: Output) -> Result<Verdict, Failure> {
    let (old, new) = (files::read_key(&args.key)?, files::read_key(&args.new)?);
    let taken = through(&args.whose, |door, tenant| {
        let event = KeyEnrolled {
            sub: args.whose.sub.clone(),
            key: *new.public_key(),
            evidence: Evidence::EnrolledKey,
            recovery: None,
        };
        Ok(append(door, tenant, Kind::KeyEnrolled, event, &[&new, &old])?)
    })?;
    Ok(told(&args.whose, &taken, &new.thumbprint(), "enrolled", output))
}

fn rotate(args: &NewKeyArgs, output: Output) -> Result<Verdict, Failure> {
    let (old, new) = (files::read_key(&args.key)?, files::read_key(&args.new)?);
    let taken = through(&args.whose, |door, tenant| {
        let event = KeyRotated {
            sub: args.whose.sub.clone(),
            old: old.thumbprint(),
            new: *new.public_key(),
            recovery: None,
        };
        Ok(append(door, tenant, Kind::KeyRotated, event, &[&old, &new])?)
    })?;
    Ok(told(&args.whose, &taken, &new.thumbprint(), "enrolled in its place", output))
}

fn revoke(args: &RevokeArgs, output: Output) -> Result<Verdict, Failure> {
    let key = files::read_key(&args.key)?;
    let taken = through(&args.whose, |door, tenant| {
        let event = KeyRevoked { sub: args.whose.sub.clone(), key: args.revoke };
        Ok(append(door, tenant, Kind::KeyRevoked, event, &[&key])?)
    })?;
    Ok(told(&args.whose, &taken, &args.revoke, "revoked", output))
}

fn recover(args: &RecoverArgs, output: Output) -> Result<Verdict, Failure> {
    let typed = Zeroizing::new(files::read(&args.code)?);
    let typed = std::str::from_utf8(&typed).map_err(Failure::input)?;
    let code = RecoveryCode::parse(typed.trim()).map_err(Failure::input)?;
    let new = files::read_key(&args.new)?;
    let next = new_code(&args.code_out)?;
    let taken = through(&args.whose, |door, tenant| {
        let old = at(&code, tenant)?;
        let event = KeyRotated {
            sub: args.whose.sub.clone(),
            old: old.thumbprint(),
            new: *new.public_key(),
            recovery: Some(Recovery { key: *old.public_key(), next: at(&next, tenant)?.thumbprint() }),
        };
        Ok(append(door, tenant, Kind::KeyRotated, event, &[&old, &new])?)
    })
    .inspect_err(|_| drop(std::fs::remove_file(&args.code_out)))?;
    say_code(&args.code_out, output);
    Ok(told(&args.whose, &taken, &new.thumbprint(), "enrolled; every other key has ended", output))
}

/// Makes a code and writes it down before anything hangs on it.
fn new_code(path: &Path) -> Result<RecoveryCode, Failure> {
    let code = RecoveryCode::random(&mut OsRng);
    let mut text = code.reveal();
    text.push('\n');
    files::write_new(path, text.as_bytes())?;
    Ok(code)
}

fn say_code(path: &Path, output: Output) {
    output.say(format!("recovery code: {}", path.display()));
    output.say("Print it and keep it apart from the key: it gives control back when every device is lost.");
}

fn at(code: &RecoveryCode, tenant: TenantId) -> Result<Signer, Failure> {
    code.signer(tenant).ok_or_else(|| Failure::fault("the code gives a weak key"))
}

/// Why nothing was appended.
pub(super) enum Why {
    Refused(Refused),
    Failed(Failure),
}

impl From<Refused> for Why {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<Failure> for Why {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Opens the door, acts, closes it, and keeps the receipt.
pub(super) fn through(
    whose: &WhoseArgs,
    act: impl FnOnce(&Door, TenantId) -> Result<Taken, Why>,
) -> Result<Taken, Failure> {
    let door = whose.door.open(false)?;
    let taken = whose.door.tenant(&door).map_err(Why::from).and_then(|tenant| act(&door, tenant));
    door.close()?;
    let taken = taken.map_err(|why| match why {
        Why::Refused(refused) => refused.into(),
        Why::Failed(failure) => failure,
    })?;
    if let Some(path) = &whose.save {
        files::replace(path, &taken.receipt.to_json())?;
    }
    Ok(taken)
}

pub(super) fn told(
    whose: &WhoseArgs,
    taken: &Taken,
    key: &Thumbprint,
    what: &str,
    output: Output,
) -> Verdict {
    output.say(format!("key {key} is {what}: entry {} of the log", taken.leaf_index));
    if let Some(file) = &whose.save {
        output.say(format!("receipt: {}", file.display()));
    }
    output.result(&json!({ "key": key, "leaf_index": taken.leaf_index, "receipt": taken.receipt }));
    Verdict::Yes
}
