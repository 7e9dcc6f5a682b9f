//! Policies that are tried before they rule: in shadow, and on the recorded past.

use std::path::PathBuf;

use clap::Args;
use grantbook_engine::{Simulated, parse_date};
use grantbook_plan::simulation::{Difference, Report, Sum, Window};
use grantbook_plan::tenant::Candidate;
use grantbook_record::event::{Promotion, Stage};
use grantbook_record::{TenantId, Term, UnixSeconds};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Signed, SignedArgs, Sources, sign};
use crate::cli::door::{Door, DoorArgs};
use crate::cli::failure::Failure;
use crate::cli::output::{Output, Verdict};

/// Characters of the longest bar.
const BAR: u64 = 24;

/// Arguments of `policy simulate`.
#[derive(Debug, Args)]
pub(crate) struct SimulateArgs {
    /// Folders with policies
    #[arg(required_unless_present = "candidate", conflicts_with = "candidate")]
    folders: Vec<PathBuf>,
    /// What is said of parties, JSON
    #[arg(long, value_name = "FILE", conflicts_with = "candidate")]
    parties: Option<PathBuf>,
    /// The policies in shadow, as long as their shadow
    #[arg(long, conflicts_with_all = ["since", "until"])]
    candidate: bool,
    /// From this day or Unix second on
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    since: Option<UnixSeconds>,
    /// Before this day or Unix second
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    until: Option<UnixSeconds>,
    #[command(flatten)]
    door: DoorArgs,
}

/// Arguments of `policy promote`.
#[derive(Debug, Args)]
pub(crate) struct PromoteArgs {
    /// Before the end of the shadow, and why: a word, which goes on record
    #[arg(long, value_name = "REASON", value_parser = |text: &str| Term::parse(text))]
    early: Option<Term>,
    #[command(flatten)]
    signed: SignedArgs,
}

/// Arguments of `policy drop`.
#[derive(Debug, Args)]
pub(crate) struct DropArgs {
    #[command(flatten)]
    signed: SignedArgs,
}

/// What a server or a ledger says of rules that might come.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    in_force: Option<u32>,
    report: Report,
}

impl From<Simulated> for Told {
    fn from(Simulated { in_force, report }: Simulated) -> Self {
        Self { in_force, report }
    }
}

#[derive(Debug, Deserialize)]
struct Shadowed {
    candidate: Candidate,
}

pub(super) fn simulate(args: &SimulateArgs, output: Output) -> Result<Verdict, Failure> {
    let (since, until) = (args.since.unwrap_or(Window::ALL.since), args.until.unwrap_or(Window::ALL.until));
    let door = args.door.open(false)?;
    let told = args.door.tenant(&door).and_then(|tenant| {
        let plan = if args.candidate {
            None
        } else {
            let sources = Sources { folders: args.folders.clone(), parties: args.parties.clone() };
            Some(sources.check(&door.vocabulary(tenant)?)?.good()?.1.plan)
        };
        match (&door, &plan) {
            (Door::Local(ledger), Some(plan)) => {
                let window = Window { since, until };
                Ok(Told::from(ledger.simulate(tenant, plan, window, &mut |_, _, _| ())?))
            }
            (Door::Local(ledger), None) => {
                let (_, simulated) = ledger.shadow(tenant)?.ok_or_else(none_in_shadow)?;
                Ok(Told::from(simulated))
            }
            (Door::Remote(remote), Some(plan)) => {
                let mut request = json!({ "plan": plan, "since": since });
                if let (Some(until), Some(members)) = (args.until, request.as_object_mut()) {
                    members.insert("until".to_owned(), json!(until));
                }
                Ok(remote.post_json("/v1/policy/simulations", &request)?)
            }
            (Door::Remote(remote), None) => Ok(remote.get_json("/v1/policy/candidate")?),
        }
    });
    door.close()?;
    let told = told?;
    told.say(output);
    output.result(&told);
    Ok(if told.report.would_deny.uses == 0 { Verdict::Yes } else { Verdict::No })
}

pub(super) fn promote(args: &PromoteArgs, output: Output) -> Result<Verdict, Failure> {
    let signed = sign(&args.signed, &mut |door, tenant| {
        let Candidate { sources, plan, .. } = candidate(door, tenant)?;
        let plan = serde_json::to_value(&plan).map_err(Failure::fault)?;
        Ok((sources, plan, Some(Stage::Promoted(Promotion { early: args.early.clone() }))))
    })?;
    let Signed { version, sources, leaf_index } = signed;
    output.say(format!("version {version} is in force, as it was in shadow"));
    output.result(&json!({ "version": version, "sources": sources, "leaf_index": leaf_index }));
    Ok(Verdict::Yes)
}

pub(super) fn drop_candidate(args: &DropArgs, output: Output) -> Result<Verdict, Failure> {
    let signed = sign(&args.signed, &mut |door, tenant| {
        Ok((candidate(door, tenant)?.sources, Value::Null, Some(Stage::Dropped)))
    })?;
    let Signed { sources, leaf_index, .. } = signed;
    output.say("the policies in shadow are dropped; the rules in force are the same as before");
    output.result(&json!({ "sources": sources, "leaf_index": leaf_index }));
    Ok(Verdict::Yes)
}

/// The rules in shadow.
fn candidate(door: &Door, tenant: TenantId) -> Result<Candidate, Failure> {
    match door {
        Door::Local(ledger) => ledger.tenant_state(tenant)?.candidate.ok_or_else(none_in_shadow),
        Door::Remote(remote) => match remote.get_json("/v1/policy/candidate?report=false") {
            Ok(Shadowed { candidate }) => Ok(candidate),
            Err(refused) if refused.slug == "not-found" => Err(none_in_shadow()),
            Err(refused) => Err(refused.into()),
        },
    }
}

fn none_in_shadow() -> Failure {
    Failure::No("no policies are in shadow, expected some published with --shadow".to_owned())
}

impl Told {
    fn say(&self, output: Output) {
        let Self { in_force, report } = self;
        let with = in_force.map_or_else(
            || "without rules in force".to_owned(),
            |version| format!("by version {version}, which is in force"),
        );
        output.say(format!(
            "{} were recorded, {} permitted {with}",
            said(report.judged),
            report.permitted.uses
        ));
        if report.unreadable > 0 {
            output.say(format!(
                "{} more cannot be read: their grants or customers are erased",
                report.unreadable
            ));
        }
        output.say(format!("would be denied:    {}", said(report.would_deny)));
        output.say(format!("would be permitted: {}", said(report.would_permit)));
        for line in lines(&report.differences) {
            output.say(line);
        }
    }
}

fn said(sum: Sum) -> String {
    format!("{} uses of {} customers", sum.uses, sum.customers)
}

/// A table with bars, the longest of which stands for the most uses.
fn lines(differences: &[Difference]) -> Vec<String> {
    let most = differences.iter().map(|one| one.sum.uses).max().unwrap_or(1);
    let line = |Difference { now, then, rule, sum }: &Difference| {
        let change = format!("{} → {}", now.code(), then.code());
        let rule = rule.as_ref().map_or("–", Term::as_str);
        let length = (sum.uses.saturating_mul(BAR) / most).clamp(1, BAR);
        let bar = "█".repeat(usize::try_from(length).unwrap_or_default());
        format!("  {change:<36} {rule:<28} {:>9} uses {:>8} customers  {bar}", sum.uses, sum.customers)
    };
    differences.iter().map(line).collect()
}

fn parse_time(text: &str) -> Result<UnixSeconds, String> {
    let of_day = parse_date(text).map(|day| day.begins().seconds());
    let of_number = || text.parse().ok().map(UnixSeconds);
    of_day.or_else(of_number).ok_or_else(|| "expected a day such as 2026-03-02, or Unix seconds".to_owned())
}
