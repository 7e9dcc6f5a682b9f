//! `guardian` and `signatories`: who signs for a minor, and how many sign for an organisation.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use grantbook_plan::guardian::comes_of_age;
use grantbook_plan::protections::OF_AGE_UNSAID;
use grantbook_record::event::{Evidence, GuardianNamed, SignatoriesAgreed};
use grantbook_record::list::List;
use grantbook_record::{DataDay, Kind, Signer, TenantId};
use serde_json::json;

use super::door::Door;
use super::failure::Failure;
use super::files;
use super::key::{WhoseArgs, through, told};
use super::output::{Output, Verdict};
use super::policy::published;
use super::published::append;

/// Days from 1900-01-01 to 1970-01-01.
const EPOCH_SINCE_1900: i32 = 25_567;

/// Who signs for a minor.
#[derive(Debug, Subcommand)]
pub(crate) enum GuardianCommand {
    /// Have a guardian's key sign for a minor until the day of coming of age
    #[command(after_help = "Example:
  grantbook guardian name --key mother.key.json --birth-day 2015-03-01 --sub alice-7 \\
    --enterprise-key acme.key.json --tenant UUID --server https://ledger.example
Where the minor has keys, one of them signs as well (--beside), a guardian's if there is one.")]
    Name(NameArgs),
}

/// How many sign for an organisation.
#[derive(Debug, Subcommand)]
pub(crate) enum SignatoriesCommand {
    /// Agree on the keys that sign for an organisation, and on how many of them must
    #[command(after_help = "Example:
  grantbook signatories agree --signatory chair.key.json --signatory treasurer.key.json --needed 2 \\
    --key chair.key.json --sub fleet-3 --tenant UUID --server https://ledger.example
A further rule takes as many --key as the one before asks for; then `grantbook grant --key chair.key.json
--beside treasurer.key.json` grants.")]
    Agree(AgreeArgs),
}

/// Arguments of `guardian name`.
#[derive(Debug, Args)]
pub(crate) struct NameArgs {
    /// The guardian's key file
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The enterprise's key file: vouches that the key is a guardian's
    #[arg(long, value_name = "FILE")]
    enterprise_key: PathBuf,
    /// Key file of a key that the minor has already, a guardian's where there is one
    #[arg(long, value_name = "FILE")]
    beside: Option<PathBuf>,
    /// The day on which the minor was born
    #[arg(long, value_name = "DATE", value_parser = day)]
    birth_day: DataDay,
    /// The day of coming of age [default: the birthday that the rules in force say; a first guardian has fixed it]
    #[arg(long, value_name = "DATE", value_parser = day)]
    until: Option<DataDay>,
    #[command(flatten)]
    whose: WhoseArgs,
}

/// Arguments of `signatories agree`.
#[derive(Debug, Args)]
pub(crate) struct AgreeArgs {
    /// File with the key of a signatory, public or private; once for each of them
    #[arg(long, value_name = "FILE", required = true)]
    signatory: Vec<PathBuf>,
    /// How many of them must sign
    #[arg(long, value_name = "NUMBER")]
    needed: u8,
    /// Key file of who signs this: an enrolled key, or as many signatories as the rule before asks for
    #[arg(long, value_name = "FILE", required = true)]
    key: Vec<PathBuf>,
    #[command(flatten)]
    whose: WhoseArgs,
}

fn day(text: &str) -> Result<DataDay, &'static str> {
    DataDay::parse(text).ok_or("expected a day such as 2015-03-01")
}

pub(crate) fn guardian(command: &GuardianCommand, output: Output) -> Result<Verdict, Failure> {
    let GuardianCommand::Name(args) = command;
    let (key, enterprise) = (files::read_key(&args.key)?, files::read_key(&args.enterprise_key)?);
    let beside = args.beside.as_deref().map(files::read_key).transpose()?;
    let birth_day = args.birth_day.0.checked_add(EPOCH_SINCE_1900).and_then(|days| u32::try_from(days).ok());
    let birth_day = birth_day.ok_or_else(|| Failure::input("expected a birth day from 1900-01-01 on"))?;
    let taken = through(&args.whose, |door, tenant| {
        let until = match args.until {
            Some(until) => until,
            None => of_age(door, tenant, birth_day)?,
        };
        let event = GuardianNamed {
            sub: args.whose.sub.clone(),
            key: *key.public_key(),
            evidence: Evidence::Enterprise,
            birth_day,
            until,
        };
        let signers: Vec<&Signer> = [&key, &enterprise].into_iter().chain(&beside).collect();
        Ok(append(door, tenant, Kind::GuardianNamed, event, &signers)?)
    })?;
    Ok(told(&args.whose, &taken, &key.thumbprint(), "a guardian's", output))
}

/// The day on which somebody is of age by the rules in force.
fn of_age(door: &Door, tenant: TenantId, birth_day: u32) -> Result<DataDay, Failure> {
    let said = published(door, tenant)?.and_then(|policy| policy.plan.protections().of_age);
    let until = comes_of_age(birth_day, said.unwrap_or(OF_AGE_UNSAID));
    until.ok_or_else(|| Failure::input("expected a birth day of the calendar"))
}

pub(crate) fn signatories(command: &SignatoriesCommand, output: Output) -> Result<Verdict, Failure> {
    let SignatoriesCommand::Agree(args) = command;
    let read = |file: &PathBuf| files::read_public_key(file).map(|key| key.thumbprint());
    let signatories = args.signatory.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let (needed, number) = (args.needed, signatories.len());
    let keys = List::new(signatories).ok_or_else(|| Failure::input("expected 1 to 16 signatories"))?;
    let signers = args.key.iter().map(|file| files::read_key(file)).collect::<Result<Vec<_>, _>>()?;
    let signers: Vec<&Signer> = signers.iter().collect();
    let event = SignatoriesAgreed { sub: args.whose.sub.clone(), keys, needed };
    let agreed = event.clone();
    let taken = through(&args.whose, |door, tenant| {
        Ok(append(door, tenant, Kind::SignatoriesAgreed, event, &signers)?)
    })?;
    let leaf_index = taken.leaf_index;
    output.say(format!("{needed} of {number} signatories sign from entry {leaf_index} of the log on"));
    output.result(&json!({
        "keys": agreed.keys, "needed": needed, "leaf_index": leaf_index, "receipt": taken.receipt,
    }));
    Ok(Verdict::Yes)
}
