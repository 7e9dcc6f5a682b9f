//! `check --csv --record`: each row that is permitted is recorded as a use, once, however often the run is cut off.

use std::cell::RefCell;

use grantbook_engine::{Ledger, Recorded};
use grantbook_record::receipt::VerifiedContent;
use grantbook_record::uses::{UseFacts, UseId};
use grantbook_record::{DenialReason, SubjectId, TenantId};
use grantbook_sdk::{BulkMark, BulkRun, Gate, UseRef};

use super::bulk::{Asked, stopped};
use super::table::{Answers, Row};
use crate::cli::failure::Failure;

/// Rows of a ledger in this process between two times that they are kept.
const KEEP_EVERY: u64 = 1024;

pub(super) fn ask_all(
    asked: &Asked,
    question: &UseFacts,
    customers: impl Iterator<Item = Result<SubjectId, Failure>>,
    answers: &mut Answers,
    progress: impl Fn(u64),
) -> Result<(), Failure> {
    match asked {
        Asked::Gate(runtime, gate) => {
            runtime.block_on(ask_gate(gate, question, customers, answers, progress))
        }
        Asked::Ledger(ledger, tenant) => ask_ledger(ledger, *tenant, question, customers, answers, progress),
    }
}

async fn ask_gate(
    gate: &Gate,
    question: &UseFacts,
    customers: impl Iterator<Item = Result<SubjectId, Failure>>,
    answers: &mut Answers,
    progress: impl Fn(u64),
) -> Result<(), Failure> {
    let (id, from) = answers.run();
    let unreadable = RefCell::new(None);
    let customers = customers.map_while(|row| row.map_err(|error| unreadable.replace(Some(error))).ok());
    let run = BulkRun { id, from, durability: None };
    let mut rows = gate.filter_recorded(run, question, customers).await.map_err(Failure::fault)?;
    let mut mark = rows.mark();
    // before anything is recorded, so that a run which goes on knows where to look
    answers.keep(mark)?;
    while let Some(row) = rows.next().await.map_err(Failure::fault)? {
        match &row.answer {
            Ok(used) => answers.write(&Row {
                sub: &row.item,
                grant: Some(used.grant),
                reason: None,
                used: Some(&used.use_ref),
            })?,
            Err(denial) if is_passing(denial.reason) => return Err(stopped(answers, denial.reason)),
            Err(denial) => answers.write(&Row {
                sub: &row.item,
                grant: denial.grant,
                reason: Some(denial.reason),
                used: None,
            })?,
        }
        if rows.mark() != mark {
            mark = rows.mark();
            answers.keep(mark)?;
            progress(answers.rows);
        }
    }
    unreadable.into_inner().map_or(Ok(()), Err)
}

/// A denial that says nothing of the customer.
fn is_passing(reason: DenialReason) -> bool {
    matches!(
        reason,
        DenialReason::Stale
            | DenialReason::EvaluationError
            | DenialReason::SpoolFull
            | DenialReason::Unleased
            | DenialReason::Behind
    )
}

fn ask_ledger(
    ledger: &Ledger,
    tenant: TenantId,
    question: &UseFacts,
    customers: impl Iterator<Item = Result<SubjectId, Failure>>,
    answers: &mut Answers,
    progress: impl Fn(u64),
) -> Result<(), Failure> {
    let (id, _) = answers.run();
    for sub in customers {
        let (sub, row) = (sub?, answers.rows);
        if row % KEEP_EVERY == 0 {
            answers.keep(BulkMark { row, seq: 0 })?;
            progress(row);
        }
        let facts = UseFacts { data_subject: sub.clone(), ..question.clone() };
        let use_id = UseId::try_from(format!("{id}-{row}")).map_err(Failure::fault)?;
        // an id that the ledger knows is the same use
        match ledger.decide_and_record(tenant, &facts, Some(use_id), None)? {
            Recorded::Permit { permission, receipt, .. } => {
                let verified = receipt.verify(ledger.log_keys()).map_err(Failure::fault)?;
                let VerifiedContent::Use { record, .. } = verified.content else {
                    return Err(Failure::fault("a receipt of no use, expected that of the use"));
                };
                let used = UseRef { gate: record.gate, seq: record.seq };
                let grant = Some(permission.grant);
                answers.write(&Row { sub: &sub, grant, reason: None, used: Some(&used) })?;
            }
            Recorded::Denial(denial) if is_passing(denial.reason) => {
                return Err(stopped(answers, denial.reason));
            }
            Recorded::Denial(denial) => {
                answers.write(&Row {
                    sub: &sub,
                    grant: denial.grant,
                    reason: Some(denial.reason),
                    used: None,
                })?;
            }
        }
    }
    answers.keep(BulkMark { row: answers.rows, seq: 0 })
}
