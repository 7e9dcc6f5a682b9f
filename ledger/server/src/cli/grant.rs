//! `grant` and `withdraw`: what a customer signs.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use grantbook_record::event::{Channel, Event, Evidence, GrantGiven, GrantWithdrawn, KeyEnrolled};
use grantbook_record::receipt::Content;
use grantbook_record::{Envelope, Jti, Kind, Receipt, SubjectId, TenantId, Terms};
use serde_json::json;

use super::acknowledgements::wait_for_gates;
use super::door::{Door, DoorArgs, Taken};
use super::failure::Failure;
use super::files;
use super::output::{Output, Verdict};
use super::published::append;
use super::terms::TermsArgs;

/// Arguments of `grant`.
#[derive(Debug, Args)]
pub(crate) struct GrantArgs {
    /// The customer's key file [default with --sandbox: the sandbox customer's]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Key file of who signs beside the customer's key: another signatory, or a guardian; may be given several times
    #[arg(long, value_name = "FILE")]
    beside: Vec<PathBuf>,
    /// The customer's pseudonym at the enterprise
    #[arg(long, allow_hyphen_values = true, value_name = "ID")]
    sub: Option<SubjectId>,
    /// The enterprise's key file: vouches for the customer's key, if it is not enrolled yet
    #[arg(long, value_name = "FILE")]
    enterprise_key: Option<PathBuf>,
    /// File to write the receipt to
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    #[command(flatten)]
    terms: TermsArgs,
    #[command(flatten)]
    door: DoorArgs,
}

/// Arguments of `withdraw`.
#[derive(Debug, Args)]
pub(crate) struct WithdrawArgs {
    /// The customer's key file; any of the customer's keys will do
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The grant's receipt: says which grant it is
    #[arg(long, value_name = "FILE", conflicts_with_all = ["sub", "grant"])]
    receipt: Option<PathBuf>,
    /// The customer's pseudonym at the enterprise
    #[arg(long, allow_hyphen_values = true, value_name = "ID", requires = "grant")]
    sub: Option<SubjectId>,
    /// The grant: the jti of what was signed
    #[arg(long, value_name = "JTI", requires = "sub")]
    grant: Option<Jti>,
    /// For the operator, with the ledger in this process: how the customer's word came
    #[arg(long, value_enum, conflicts_with = "key", requires = "data_dir")]
    channel: Option<ChannelArg>,
    /// Do not wait for gates to take the withdrawal in
    #[arg(long)]
    no_wait: bool,
    /// File to write the receipt to
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    #[command(flatten)]
    door: DoorArgs,
}

/// How the word of a customer came who has not signed it.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ChannelArg {
    /// By telephone
    Phone,
    /// By electronic mail
    Mail,
    /// By letter
    Letter,
    /// In person
    InPerson,
}

impl From<ChannelArg> for Channel {
    fn from(channel: ChannelArg) -> Self {
        match channel {
            ChannelArg::Phone => Self::Phone,
            ChannelArg::Mail => Self::Mail,
            ChannelArg::Letter => Self::Letter,
            ChannelArg::InPerson => Self::InPerson,
        }
    }
}

pub(crate) fn give(args: &GrantArgs, output: Output) -> Result<Verdict, Failure> {
    let sandbox = args.door.sandbox()?;
    let in_sandbox = sandbox.as_ref();
    let or = |given: &Option<PathBuf>, default: Option<PathBuf>| given.clone().or(default);
    let key = or(&args.key, in_sandbox.map(super::sandbox::Sandbox::customer_key));
    let key = files::read_key(&key.ok_or_else(|| Failure::input("expected --key FILE"))?)?;
    let beside = args.beside.iter().map(|file| files::read_key(file)).collect::<Result<Vec<_>, _>>()?;
    let signers: Vec<_> = std::iter::once(&key).chain(&beside).collect();
    let sub = args.sub.clone().or_else(|| in_sandbox.map(|sandbox| sandbox.sub.clone()));
    let sub = sub.ok_or_else(|| Failure::input("expected --sub ID"))?;
    let terms: Terms = args.terms.read(in_sandbox.map(super::sandbox::Sandbox::terms).as_deref())?;
    let voucher = or(&args.enterprise_key, in_sandbox.map(super::sandbox::Sandbox::enterprise_key));
    let voucher = voucher.as_deref().map(files::read_key).transpose()?;
    let save = or(&args.save, in_sandbox.map(super::sandbox::Sandbox::grant_receipt));

    let door = args.door.open(false)?;
    let signed = (|| -> Result<(bool, Taken), Failure> {
        let tenant = args.door.tenant(&door)?;
        let enrolled = match &voucher {
            Some(enterprise) => enrol(&door, tenant, &sub, &key, enterprise)?,
            None => false,
        };
        let event = GrantGiven { sub, terms, request: None, birth_day: None, mandate: None };
        let taken = append(&door, tenant, Kind::GrantGiven, event, &signers).map_err(Failure::from)?;
        Ok((enrolled, taken))
    })();
    door.close()?;
    let (enrolled, taken) = signed?;
    let grant = envelope_of(&taken.receipt)?.event().map_err(Failure::fault)?.jti;
    write_receipt(save.as_deref(), &taken.receipt)?;
    if enrolled {
        output.say("the customer's key is enrolled; the enterprise vouched for it");
    }
    output.say(format!("grant {grant} is entry {} of the log", taken.leaf_index));
    if let Some(file) = &save {
        output.say(format!("receipt: {}", file.display()));
    }
    output.result(&json!({
        "grant": grant,
        "leaf_index": taken.leaf_index,
        "enrolled": enrolled,
        "receipt": taken.receipt,
    }));
    Ok(Verdict::Yes)
}

/// Enrols the customer's first key; whether it was not yet.
pub(crate) fn enrol(
    door: &Door,
    tenant: TenantId,
    sub: &SubjectId,
    key: &grantbook_record::Signer,
    enterprise: &grantbook_record::Signer,
) -> Result<bool, Failure> {
    let event = KeyEnrolled {
        sub: sub.clone(),
        key: *key.public_key(),
        evidence: Evidence::Enterprise,
        recovery: None,
    };
    match append(door, tenant, Kind::KeyEnrolled, event, &[key, enterprise]) {
        Ok(_) => Ok(true),
        // the customer has a key already; if it is another one, the grant itself is refused
        Err(refused) if refused.slug == "state-conflict" => Ok(false),
        Err(refused) => Err(refused.failure.during("enrolling the key")),
    }
}

pub(crate) fn withdraw(args: &WithdrawArgs, output: Output) -> Result<Verdict, Failure> {
    let sandbox = args.door.sandbox()?;
    let in_sandbox = sandbox.as_ref();
    let from_receipt = args
        .receipt
        .clone()
        .or_else(|| in_sandbox.filter(|_| args.grant.is_none()).map(super::sandbox::Sandbox::grant_receipt));
    let (sub, grant, named_tenant) = match (&args.sub, args.grant, from_receipt) {
        (Some(sub), Some(grant), _) => (sub.clone(), grant, None),
        (_, _, Some(file)) => grant_of(&file)?,
        _ => return Err(Failure::input("expected --receipt FILE, or --sub ID with --grant JTI")),
    };
    let key = args.key.clone().or_else(|| in_sandbox.map(super::sandbox::Sandbox::customer_key));
    let key = key.as_deref().map(files::read_key).transpose()?;
    let door = args.door.open(false)?;
    let done = (|| -> Result<Taken, Failure> {
        let tenant = match (args.door.tenant, named_tenant) {
            (None, Some(tenant)) => tenant,
            _ => args.door.tenant(&door)?,
        };
        match (args.channel, &door, &key) {
            (Some(channel), Door::Local(ledger), _) => {
                let appended = ledger.withdraw_by_channel(tenant, &sub, grant, channel.into())?;
                let (leaf_index, duplicate) = (appended.leaf_index.0, appended.duplicate);
                Ok(Taken { leaf_index, duplicate, receipt: appended.receipt })
            }
            (_, _, Some(key)) => {
                let event = GrantWithdrawn { sub, grant, channel: None };
                append(&door, tenant, Kind::GrantWithdrawn, event, &[key]).map_err(Failure::from)
            }
            _ => Err(Failure::input("expected --key FILE, or --channel with --data-dir")),
        }
    })();
    // the receipt first: the withdrawal stands, whatever gates say
    if let Ok(taken) = &done {
        write_receipt(args.save.as_deref(), &taken.receipt)?;
        output.say(format!("grant {grant} is withdrawn, entry {} of the log", taken.leaf_index));
    }
    let gates = match &done {
        Ok(_) if !args.no_wait => wait_for_gates(&door, grant, output),
        _ => None,
    };
    door.close()?;
    let taken = done?;
    output.result(&json!({
        "grant": grant,
        "leaf_index": taken.leaf_index,
        "duplicate": taken.duplicate,
        "receipt": taken.receipt,
        "gates": gates,
    }));
    Ok(Verdict::Yes)
}

/// Which grant a receipt is of.
pub(crate) fn grant_of(file: &Path) -> Result<(SubjectId, Jti, Option<TenantId>), Failure> {
    let named = |why: &dyn std::fmt::Display| Failure::Input(format!("{}: {why}", file.display()));
    let receipt = Receipt::parse(&files::read(file)?).map_err(|error| named(&error))?;
    let claims = envelope_of(&receipt)?.event().map_err(|error| named(&error))?;
    match claims.event {
        Event::GrantGiven(event) => Ok((event.sub, claims.jti, Some(claims.aud))),
        _ => Err(named(&"expected the receipt of a grant")),
    }
}

pub(crate) fn envelope_of(receipt: &Receipt) -> Result<Envelope, Failure> {
    match &receipt.content {
        Content::Event(event) => Envelope::parse(&event.envelope.0).map_err(Failure::fault),
        Content::Use(_) => Err(Failure::input("expected the receipt of an event, got one of a use")),
        Content::Erased => Err(Failure::input("expected the receipt of an event, got one that is erased")),
    }
}

/// Writes a receipt, exactly as it was issued.
pub(crate) fn write_receipt(file: Option<&Path>, receipt: &Receipt) -> Result<(), Failure> {
    file.map_or(Ok(()), |file| files::replace(file, &receipt.to_json()))
}
