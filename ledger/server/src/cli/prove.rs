//! `prove`: one bundle for each of an enterprise's days, in this process or by a server.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use grantbook_engine::{DayRequest, Ledger, ProofShelf, ProveError, ProvedDay, date_of, parse_date};
use grantbook_proof::Statement;
use grantbook_record::{Day, TenantId};
use grantbook_server::proofs::{ExceptionView, ProofsView, RunState, RunView, ViolationView};
use serde::Serialize;
use serde_json::json;

use super::door::{Door, DoorArgs};
use super::failure::Failure;
use super::output::{Output, Verdict};
use super::progress;
use super::remote::Remote;
use super::verify::policy_bytes;

const POLL: Duration = Duration::from_millis(500);

/// Arguments of `prove`.
#[derive(Debug, Args)]
pub(crate) struct ProveArgs {
    /// The day (UTC, such as 2026-03-02), which must be the next one [default: all that are over and not proved]
    #[arg(long, value_name = "DAY", value_parser = day)]
    day: Option<Day>,
    /// What is asked: the regulator's file, or the name of a profile: data-act, dpdp, gdpr, pipl, sandbox
    #[arg(long, value_name = "FILE|NAME")]
    policy: String,
    /// Except an entry from a statement by opening it in the bundle: leaf index and the statement's number or name
    #[arg(long, value_name = "LEAF:STATEMENT", value_parser = exception)]
    except: Vec<(u64, Statement)>,
    /// Statements that are proved at once, with the ledger in this process [default: as many as there are cores]
    #[arg(long, value_name = "N", requires = "data_dir")]
    threads: Option<NonZeroUsize>,
    #[command(flatten)]
    door: DoorArgs,
}

fn day(text: &str) -> Result<Day, String> {
    parse_date(text).ok_or_else(|| "expected a day such as 2026-03-02".to_owned())
}

fn exception(text: &str) -> Result<(u64, Statement), String> {
    let expected =
        || "expected a leaf index and a statement, such as 4711:use-before-end or 4711:6".to_owned();
    let (leaf, statement) = text.split_once(':').ok_or_else(expected)?;
    let named = Statement::ALL.iter().find(|known| known.name() == statement).copied();
    let statement = named.or_else(|| Statement::from_number(statement.parse().ok()?)).ok_or_else(expected)?;
    Ok((leaf.parse().map_err(|_| expected())?, statement))
}

/// A day that was proved.
#[derive(Serialize)]
struct DayDone {
    day: String,
    own_entries: u64,
    exceptions: usize,
    bundle: String,
    bundle_sha256: String,
    leaf_index: u64,
}

/// Why it stopped before the last day.
enum Stop {
    Refused { day: String, violations: Vec<ViolationView> },
    Failed(Failure),
}

pub(crate) fn run(args: &ProveArgs, output: Output) -> Result<Verdict, Failure> {
    let policy = policy_bytes(&args.policy)?;
    let door = args.door.open(false)?;
    let mut done = Vec::new();
    let stop = match &door {
        Door::Local(ledger) => {
            let tenant = args.door.tenant(&door)?;
            let data = args.door.data.data_dir.as_deref().unwrap_or_else(|| Path::new(""));
            local(args, ledger, tenant, &ProofShelf::new(&data.join("proofs"), tenant), &policy, &mut |day| {
                say(&day, output);
                done.push(day);
            })
        }
        Door::Remote(remote) => remote_days(args, remote, &policy, &mut |day| {
            say(&day, output);
            done.push(day);
        }),
    };
    door.close()?;
    match stop {
        Ok(()) => {
            if done.is_empty() {
                output.say("every day that is over is proved");
            }
            output.result(&json!({ "days": done }));
            Ok(Verdict::Yes)
        }
        Err(Stop::Refused { day, violations }) => {
            output.say(format!("{day} is not proved: these entries do not comply and are not excepted"));
            for ViolationView { leaf_index, statement, why } in &violations {
                output.say(format!("  entry {leaf_index}: {statement}, {why}"));
            }
            output.say("Where that is right, open them to the regulator: --except LEAF:STATEMENT");
            output.result(&json!({ "days": done, "refused": { "day": day, "entries": violations } }));
            Ok(Verdict::No)
        }
        Err(Stop::Failed(failure)) => Err(failure),
    }
}

fn say(day: &DayDone, output: Output) {
    let DayDone { day, own_entries, exceptions, bundle, leaf_index, .. } = day;
    output.say(format!(
        "{day}: {own_entries} entries, {exceptions} exceptions, on record at entry {leaf_index}: {bundle}"
    ));
}

fn local(
    args: &ProveArgs,
    ledger: &Ledger,
    tenant: TenantId,
    shelf: &ProofShelf,
    policy: &[u8],
    done: &mut dyn FnMut(DayDone),
) -> Result<(), Stop> {
    let exceptions: BTreeSet<_> = args.except.iter().copied().collect();
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let threads = args.threads.unwrap_or(cores).min(cores);
    let mut next = match args.day {
        Some(day) => Some(day),
        None => ledger.next_day_to_prove(shelf, tenant).map_err(failed)?,
    };
    while let Some(day) = next {
        let bar = progress::bar("proving", 0);
        let show = |done: u64, total: u64| {
            bar.set_length(total);
            bar.set_position(done);
            true
        };
        let request = DayRequest { tenant, day, policy, exceptions: &exceptions, threads };
        let proved = ledger.prove_day(shelf, &request, &show);
        bar.finish_and_clear();
        let ProvedDay { report, bundle_sha256, leaf_index } =
            proved.map_err(|error| match error.violations() {
                [] => failed(error),
                violations => Stop::Refused {
                    day: date_of(day),
                    violations: violations.iter().map(ViolationView::from).collect(),
                },
            })?;
        let file = shelf.bundle_file(day);
        done(DayDone {
            day: report.day.clone(),
            own_entries: report.own_entries,
            exceptions: report.exceptions.len(),
            bundle: file.display().to_string(),
            bundle_sha256: format!("{bundle_sha256:?}"),
            leaf_index: leaf_index.0,
        });
        next = match args.day {
            Some(_) => None,
            None => ledger.next_day_to_prove(shelf, tenant).map_err(failed)?,
        };
    }
    Ok(())
}

fn failed(error: ProveError) -> Stop {
    Stop::Failed(match error {
        ProveError::Read(error) => error.into(),
        ProveError::Append(error) => error.into(),
        ProveError::Store(fault) => Failure::fault(fault),
        ProveError::Policy(error) => Failure::input(error),
        other => Failure::no(other),
    })
}

fn remote_days(
    args: &ProveArgs,
    remote: &Remote,
    policy: &[u8],
    done: &mut dyn FnMut(DayDone),
) -> Result<(), Stop> {
    let refused = |error: super::remote::Refused| Stop::Failed(error.into());
    let policy = String::from_utf8(policy.to_vec())
        .map_err(|_| Stop::Failed(Failure::input("malformed statement policy, expected UTF-8")))?;
    let exceptions: Vec<_> = args.except.iter().map(|excepted| ExceptionView::from(*excepted)).collect();
    loop {
        let proofs: ProofsView = remote.get_json("/v1/proofs").map_err(refused)?;
        let Some(day) = args.day.map(date_of).or(proofs.next) else { return Ok(()) };
        let request = json!({ "day": day, "policy": policy, "exceptions": exceptions });
        let _: RunView = remote.post_json("/v1/proofs", &request).map_err(refused)?;
        let run = follow(remote).map_err(refused)?;
        match run.state {
            RunState::Proved { own_entries, exceptions, bundle_sha256, leaf_index } => done(DayDone {
                bundle: format!("{}/v1/proofs/{day}", remote.base()),
                day: day.clone(),
                own_entries,
                exceptions,
                bundle_sha256,
                leaf_index,
            }),
            RunState::Refused { entries } => return Err(Stop::Refused { day, violations: entries }),
            RunState::Failed { why } => return Err(Stop::Failed(Failure::no(why))),
            RunState::Running { .. } => {}
        }
        if args.day.is_some() {
            return Ok(());
        }
    }
}

/// Waits until the server's run has ended.
fn follow(remote: &Remote) -> Result<RunView, super::remote::Refused> {
    let bar = progress::bar("proving", 0);
    loop {
        let proofs: ProofsView = remote.get_json("/v1/proofs")?;
        match proofs.run {
            Some(RunView { state: RunState::Running { done, total }, .. }) => {
                bar.set_length(total);
                bar.set_position(done);
            }
            Some(ended) => {
                bar.finish_and_clear();
                return Ok(ended);
            }
            // the server has started anew meanwhile
            None => {
                let why = "the server knows of no run any more, expected it to be asked again".to_owned();
                return Ok(RunView { day: String::new(), state: RunState::Failed { why } });
            }
        }
        std::thread::sleep(POLL);
    }
}
