//! `policy`: rules of law and of the house, written in Cedar, checked and published.

mod shadow;

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use grantbook_author::cedar::folder::{self, PolicyFolder};
use grantbook_author::cedar::{
    CedarError, Lowered, PolicyFile, cases, lower, lower_protecting, sources_sha256,
};
use grantbook_plan::rules::Party;
use grantbook_plan::tenant::PublishedPolicy;
use grantbook_plan::{Protections, Vocabulary};
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{PolicyPublished, Shadow, Stage};
use grantbook_record::{Kind, Signer, TenantId, Term};
use serde_json::{Value, json};

use super::clock;
use super::door::{Door, DoorArgs};
use super::failure::Failure;
use super::files;
use super::output::{Output, Verdict};
use super::published::append;
use super::vocabulary;

/// Subcommands of `policy`.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Validate policies, try their cases, and lower them to the plan that gates evaluate
    #[command(after_help = "Example:
  grantbook policy check policies/house policies/law/gdpr
Exit status 1 where something is wrong. docs/spec/policy-plan.md describes the folders.")]
    Check(CheckArgs),
    /// Check policies, sign them, and have every later use judged by them
    #[command(after_help = "Example:
  grantbook policy publish policies/house policies/law/gdpr --parties parties.json \\
    --enterprise-key acme.key.json --server https://ledger.example
parties.json says where those are who receive data: {\"sure-insurance\": {\"country\": \"de\"}}")]
    Publish(Box<PublishArgs>),
    /// Judge the recorded past by policies, or by those in shadow, and by the rules in force
    #[command(after_help = "Example:
  grantbook policy simulate policies/house policies/law/gdpr --since 2026-03-01 --data-dir ./ledger
  grantbook policy simulate --candidate --server https://ledger.example
Exit status 1 where a use that was permitted would be denied.")]
    Simulate(Box<shadow::SimulateArgs>),
    /// Have the policies in shadow come into force
    #[command(after_help = "Example:
  grantbook policy promote --enterprise-key acme.key.json --server https://ledger.example")]
    Promote(Box<shadow::PromoteArgs>),
    /// Take the policies in shadow back
    #[command(after_help = "Example:
  grantbook policy drop --enterprise-key acme.key.json --server https://ledger.example")]
    Drop(Box<shadow::DropArgs>),
    /// Show the rules that hold now
    #[command(after_help = "Example:
  grantbook policy show --sandbox")]
    Show(ShowArgs),
}

/// Which policies.
#[derive(Debug, Args)]
pub(crate) struct Sources {
    /// Folders with policies
    #[arg(required = true)]
    folders: Vec<PathBuf>,
    /// What is said of parties, JSON
    #[arg(long, value_name = "FILE")]
    parties: Option<PathBuf>,
}

/// Arguments of `policy check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    sources: Sources,
    /// What was published of the vocabulary, JSON, version by version; may be given several times
    #[arg(long, value_name = "FILE")]
    vocabulary: Vec<PathBuf>,
}

/// Arguments of `policy publish`.
#[derive(Debug, Args)]
pub(crate) struct PublishArgs {
    #[command(flatten)]
    sources: Sources,
    /// Try them for so many hours beside the rules in force, and change nothing
    #[arg(long, value_name = "HOURS", num_args = 0..=1, require_equals = true, default_missing_value = "72")]
    shadow: Option<NonZeroU16>,
    #[command(flatten)]
    signed: SignedArgs,
}

/// By whom and where something is signed.
#[derive(Debug, Args)]
pub(crate) struct SignedArgs {
    /// The enterprise's key file [default with --sandbox: the sandbox's]
    #[arg(long, value_name = "FILE")]
    enterprise_key: Option<PathBuf>,
    #[command(flatten)]
    door: DoorArgs,
}

impl SignedArgs {
    fn enterprise(&self) -> Result<Signer, Failure> {
        let key = match (&self.enterprise_key, self.door.sandbox()?) {
            (Some(file), _) => file.clone(),
            (None, Some(sandbox)) => sandbox.enterprise_key(),
            (None, None) => return Err(Failure::input("expected --enterprise-key FILE")),
        };
        files::read_key(&key)
    }
}

/// Arguments of `policy show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    door: DoorArgs,
}

pub(crate) fn run(command: &PolicyCommand, output: Output) -> Result<Verdict, Failure> {
    match command {
        PolicyCommand::Check(args) => check(args, output),
        PolicyCommand::Publish(args) => publish(args, output),
        PolicyCommand::Simulate(args) => shadow::simulate(args, output),
        PolicyCommand::Promote(args) => shadow::promote(args, output),
        PolicyCommand::Drop(args) => shadow::drop_candidate(args, output),
        PolicyCommand::Show(args) => show(args, output),
    }
}

/// What was read, and what Cedar and the plan make of it.
struct Checked {
    files: Vec<PolicyFile>,
    lowered: Result<Lowered, CedarError>,
    cases: usize,
    wrong: Vec<String>,
}

impl Sources {
    /// Validated and lowered in the words of this vocabulary.
    fn check(&self, vocabulary: &Vocabulary) -> Result<Checked, Failure> {
        let mut folders: Vec<PolicyFolder> = Vec::new();
        let mut protections = Protections::default();
        for path in &self.folders {
            folders.extend(folder::read(path).map_err(Failure::input)?);
            protections = protections.and(folder::protections(path).map_err(Failure::input)?);
        }
        let parties: Option<BTreeMap<Term, Party>> =
            self.parties.as_deref().map(files::read_json).transpose()?;
        let files: Vec<PolicyFile> = folders.iter().map(|folder| folder.file.clone()).collect();
        let lowered = lower_protecting(&files, parties.unwrap_or_default(), protections, vocabulary);
        let base = cases::base().map_err(Failure::fault)?;
        let (mut tried, mut wrong) = (0, Vec::new());
        match &lowered {
            Err(error) => wrong.push(error.to_string()),
            Ok(lowered) => {
                for folder in &folders {
                    // alone with what permits: beside all others, another rule may deny first
                    let wrongs = cases_of(folder, &folders, lowered, (&base, vocabulary))?;
                    tried += folder.cases.len();
                    wrong.extend(wrongs);
                }
            }
        }
        Ok(Checked { files, lowered, cases: tried, wrong })
    }
}

/// Tries a folder's cases with its own policies and those that permit.
fn cases_of(
    folder: &PolicyFolder,
    folders: &[PolicyFolder],
    all: &Lowered,
    (base, vocabulary): (&grantbook_plan::rules::Values, &Vocabulary),
) -> Result<Vec<String>, Failure> {
    let mut own = vec![folder.file.clone()];
    for other in folders.iter().filter(|other| other.path != folder.path) {
        let one = lower(std::slice::from_ref(&other.file), BTreeMap::new(), vocabulary);
        let only_permits = one.is_ok_and(|one| {
            one.plan.rules().iter().all(|rule| rule.effect == grantbook_plan::rules::Effect::Permit)
        });
        if only_permits {
            own.push(other.file.clone());
        }
    }
    let lowered = lower(&own, all.plan.parties().clone(), vocabulary).map_err(Failure::fault)?;
    let faults = folder.cases.iter().filter_map(|case| cases::check(case, base, &lowered).err());
    Ok(faults.map(|fault| format!("{}: {fault}", folder.path.display())).collect())
}

fn check(args: &CheckArgs, output: Output) -> Result<Verdict, Failure> {
    let vocabulary = vocabulary::of_files(&args.vocabulary)?;
    let Checked { lowered, cases, wrong, .. } = args.sources.check(&vocabulary)?;
    for line in &wrong {
        output.say(line);
    }
    let rules = lowered.as_ref().map_or(0, |lowered| lowered.plan.rules().len());
    if wrong.is_empty() {
        output.say(format!("{rules} rules are valid and lowered, {cases} cases come out as written"));
    }
    output.result(&json!({ "valid": wrong.is_empty(), "rules": rules, "cases": cases, "problems": wrong }));
    Ok(if wrong.is_empty() { Verdict::Yes } else { Verdict::No })
}

impl Checked {
    /// The policies as they are lowered, where nothing is wrong with them.
    fn good(self) -> Result<(Vec<PolicyFile>, Lowered), Failure> {
        let lowered = self.lowered.map_err(Failure::input)?;
        if self.wrong.is_empty() {
            Ok((self.files, lowered))
        } else {
            Err(Failure::input(self.wrong.join("\n")))
        }
    }
}

fn publish(args: &PublishArgs, output: Output) -> Result<Verdict, Failure> {
    let mut rules = 0;
    let signed = sign(&args.signed, &mut |door, tenant| {
        let (files, lowered) = args.sources.check(&door.vocabulary(tenant)?)?.good()?;
        rules = lowered.plan.rules().len();
        let plan = serde_json::to_value(&lowered.plan).map_err(Failure::fault)?;
        Ok((sources_sha256(&files), plan, args.shadow.map(|hours| Stage::Shadow(Shadow { hours }))))
    })?;
    let Signed { version, sources, leaf_index } = signed;
    match args.shadow {
        None => output.say(format!("version {version} is published, with {rules} rules")),
        Some(hours) => {
            output.say(format!("{rules} rules are in shadow for {hours} hours, and change nothing"));
        }
    }
    output.result(&json!({
        "version": version, "sources": sources, "rules": rules, "leaf_index": leaf_index,
        "shadow_hours": args.shadow,
    }));
    Ok(Verdict::Yes)
}

/// Rules that were signed and taken in.
struct Signed {
    version: u32,
    sources: Bytes32,
    leaf_index: u64,
}

/// Sources, plan and stage of what is to be signed.
type Content = (Bytes32, Value, Option<Stage>);

/// Signs what `content` says as the next version and appends it.
fn sign(
    args: &SignedArgs,
    content: &mut dyn FnMut(&Door, TenantId) -> Result<Content, Failure>,
) -> Result<Signed, Failure> {
    let enterprise = args.enterprise()?;
    let door = args.door.open(false)?;
    let signed = args.door.tenant(&door).and_then(|tenant| {
        let last = published(&door, tenant)?.map_or(0, |policy| policy.version);
        let (sources, plan, stage) = content(&door, tenant)?;
        let (version, from) = (last.saturating_add(1), clock::now().seconds());
        let event = PolicyPublished { version, from, sources, plan, stage };
        let taken = append(&door, tenant, Kind::PolicyPublished, event, &[&enterprise])?;
        Ok(Signed { version, sources, leaf_index: taken.leaf_index })
    });
    door.close()?;
    signed
}

fn show(args: &ShowArgs, output: Output) -> Result<Verdict, Failure> {
    let door = args.door.open(false)?;
    let tenant = args.door.tenant(&door)?;
    let policy = published(&door, tenant)?;
    door.close()?;
    match &policy {
        None => output.say("no rules were published"),
        Some(policy) => {
            output.say(format!("version {}", policy.version));
            for rule in policy.plan.rules() {
                output.say(format!("{}: {}", rule.id, rule.text.en));
            }
        }
    }
    output.result(&policy);
    Ok(Verdict::Yes)
}

/// The rules that hold now.
pub(super) fn published(door: &Door, tenant: TenantId) -> Result<Option<PublishedPolicy>, Failure> {
    match door {
        Door::Local(ledger) => Ok(ledger.tenant_state(tenant)?.policy),
        Door::Remote(remote) => match remote.get_json("/v1/policy") {
            Ok(policy) => Ok(Some(policy)),
            Err(refused) if refused.slug == "not-found" => Ok(None),
            Err(refused) => Err(refused.into()),
        },
    }
}
