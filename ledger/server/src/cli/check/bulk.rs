//! `check --csv`: one question about every customer of a table. Without `--record` nothing is recorded, so no answer is a
//! permission to use anything.

use std::path::Path;
use std::time::{Duration, Instant};

use grantbook_engine::Ledger;
use grantbook_plan::Decision;
use grantbook_record::uses::UseFacts;
use grantbook_record::{DenialReason, PublicKey, SubjectId, TenantId};
use grantbook_sdk::{Gate, GateConfig, LogKeys, Parties, SpoolConfig, Token};
use serde::Deserialize;
use serde_json::json;
use tokio::runtime::Runtime;

use super::table::{Answers, Customers, Note, Row, Run};
use super::{CheckArgs, recorded};
use crate::cli::door::Door;
use crate::cli::failure::Failure;
use crate::cli::files;
use crate::cli::output::{Output, Verdict};
use crate::cli::progress;
use crate::cli::remote::{Remote, TlsArgs};

/// Customers asked about at once.
const CHUNK: usize = 4096;
/// Customers between two times that the answers are written out.
const FLUSH_EVERY: u64 = 64 * 1024;
/// The feed of millions of customers takes minutes.
const FED_WITHIN: Duration = Duration::from_secs(3600);
/// How long what was recorded may take to reach the ledger.
const DRAINED_WITHIN: Duration = Duration::from_secs(300);

/// What a server says of the tenant of a token.
#[derive(Deserialize)]
struct TenantKeys {
    id: TenantId,
    enterprise_key: PublicKey,
    operator_key: PublicKey,
}

/// Who answers.
pub(super) enum Asked {
    /// A replica in this process, fed by a server.
    Gate(Runtime, Gate),
    /// A ledger in this process.
    Ledger(Ledger, TenantId),
}

pub(super) fn run(args: &CheckArgs, csv: &Path, out: &Path, output: Output) -> Result<Verdict, Failure> {
    let customers = Customers::read(csv, &args.column)?;
    let question = args.facts(Some(&customers.first))?;
    let mut rest = customers.read_again()?;
    let run = args.record.then(|| Run::new(args.gate.clone())).transpose()?;
    let note = Note::new(&customers, &args.column, question.clone(), run);
    let mut answers = Answers::open(out, note, &mut rest)?;
    let before = answers.rows;
    let asked = Asked::open(args)?;

    let bar = progress::bar("check", customers.rows);
    bar.set_position(before);
    let begun = Instant::now();
    let progress = |rows| bar.set_position(rows);
    let done = if args.record {
        recorded::ask_all(&asked, &question, rest, &mut answers, progress)
    } else {
        ask_all(&asked, &question, rest, &mut answers, progress)
    };
    bar.finish_and_clear();
    let closed = asked.close();
    done?;
    closed?;
    let (rows, permitted) = (answers.rows, answers.permitted);
    answers.finish()?;

    let new = rows - before;
    #[allow(clippy::cast_precision_loss, reason = "rows far below 2^52")]
    let per_second = new as f64 / begun.elapsed().as_secs_f64();
    output.say(format!("{permitted} of {rows} customers: permitted; {} denied", rows - permitted));
    output
        .say(format!("{new} asked now, {before} before; {per_second:.0} rows/s; answers: {}", out.display()));
    output.result(&json!({
        "rows": rows,
        "permitted": permitted,
        "denied": rows - permitted,
        "asked": new,
        "rows_per_second": per_second,
        "out": out,
    }));
    Ok(Verdict::Yes)
}

/// What was answered before a failure stays in the table.
fn ask_all(
    asked: &Asked,
    question: &UseFacts,
    customers: impl Iterator<Item = Result<SubjectId, Failure>>,
    answers: &mut Answers,
    progress: impl Fn(u64),
) -> Result<(), Failure> {
    let mut customers = customers;
    let mut flushed = answers.rows;
    loop {
        let chunk = customers.by_ref().take(CHUNK).collect::<Result<Vec<_>, _>>()?;
        if chunk.is_empty() {
            return answers.flush();
        }
        for (sub, decision) in asked.about(question, chunk) {
            if let Some(reason) = passing(&decision) {
                return Err(stopped(answers, reason));
            }
            answers.write(&Row::of(&sub, &decision))?;
        }
        if answers.rows - flushed >= FLUSH_EVERY {
            answers.flush()?;
            flushed = answers.rows;
        }
        progress(answers.rows);
    }
}

/// The run ends before its last row.
pub(super) fn stopped(answers: &mut Answers, reason: DenialReason) -> Failure {
    let flushed = answers.flush();
    let (rows, what) = (answers.rows, reason.what());
    let stopped =
        format!("{reason} after {rows} rows: {what}; run the same command again to go on from there");
    flushed.err().unwrap_or(Failure::Fault(stopped))
}

/// A denial that says nothing of the customer.
fn passing(decision: &Decision) -> Option<DenialReason> {
    match decision {
        Decision::Denial(denial) => Some(denial.reason)
            .filter(|reason| matches!(reason, DenialReason::Stale | DenialReason::EvaluationError)),
        Decision::Permit(_) => None,
    }
}

impl Asked {
    fn open(args: &CheckArgs) -> Result<Self, Failure> {
        let door = args.door.open(false)?;
        let tenant = match &door {
            Door::Local(_) => Some(args.door.tenant(&door)?),
            Door::Remote(_) => None,
        };
        match (door, tenant) {
            (Door::Local(ledger), Some(tenant)) => Ok(Self::Ledger(ledger, tenant)),
            (Door::Remote(remote), _) => Self::fed_by(&remote, args),
            (Door::Local(_), None) => Err(Failure::input("expected --tenant UUID")),
        }
    }

    fn fed_by(remote: &Remote, args: &CheckArgs) -> Result<Self, Failure> {
        let TenantKeys { id, enterprise_key, operator_key } = remote.get_json("/v1/tenant")?;
        let parties =
            Parties { enterprise: enterprise_key.thumbprint(), operator: operator_key.thumbprint() };
        let vkey = match &args.vkey {
            Some(file) => files::read(file)?,
            None => remote.get("/log/vkey")?,
        };
        let vkey = String::from_utf8(vkey).unwrap_or_default();
        let log_keys = LogKeys::parse(&vkey).map_err(Failure::input)?;
        let token = Token::new(remote.token().ok_or_else(|| Failure::input("expected --token TOKEN"))?);
        let mut config = GateConfig {
            connect_within: FED_WITHIN,
            ..GateConfig::new(remote.base(), token, id, log_keys)
                .embedded(parties)
                .with_tls(TlsArgs::of_gates())
        };
        if let (Some(name), Some(key), Some(dir)) = (&args.gate, &args.gate_key, &args.spool) {
            config = config.named(name.clone()).spooled(SpoolConfig::new(dir, files::read_key(key)?));
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(Failure::fault)?;
        let feeding = progress::spinner("feed");
        let gate = runtime.block_on(Gate::connect(config)).map_err(Failure::fault);
        feeding.finish_and_clear();
        Ok(Self::Gate(runtime, gate?))
    }

    fn about(&self, question: &UseFacts, customers: Vec<SubjectId>) -> Vec<(SubjectId, Decision)> {
        match self {
            Self::Gate(_, gate) => {
                gate.filter(question, customers).map(|answer| (answer.item, answer.decision)).collect()
            }
            Self::Ledger(ledger, tenant) => {
                let decide = |sub: SubjectId| {
                    let facts = UseFacts { data_subject: sub.clone(), ..question.clone() };
                    (sub, ledger.decide(*tenant, &facts, None))
                };
                customers.into_iter().map(decide).collect()
            }
        }
    }

    fn close(self) -> Result<(), Failure> {
        match self {
            Self::Gate(runtime, gate) => {
                let flushed = runtime.block_on(gate.flush(DRAINED_WITHIN));
                drop(gate);
                runtime.shutdown_background();
                flushed.map_err(Failure::fault)
            }
            Self::Ledger(ledger, _) => ledger.close().map_err(Failure::fault),
        }
    }
}
