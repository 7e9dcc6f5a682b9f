//! The same question about many customers, each permit recorded as a use: what [`Gate::check`] does, row by row.
//!
//! A row's use has its id from the run and the row's number, so that a run which was cut off is gone on with and no use
//! counts twice. The ledger knows the ids of the uses that it records itself. Those of a spool it does not: a run that
//! goes on looks through what it has recorded since its last mark.

use std::borrow::Borrow;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::time::Duration;

use grantbook_plan::decide::Permission;
use grantbook_record::receipt::VerifiedContent;
use grantbook_record::terms::Obligation;
use grantbook_record::uses::{Outcome, UseFacts, UseId};
use grantbook_record::{DenialReason, Jti, SubjectId};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::check::CheckOptions;
use crate::denial::{Denial, LinkFault};
use crate::gate::{Gate, Recording};
use crate::spool::{Durability, UseRef};

/// Rows that are asked about side by side, so that one sync serves many records and one request many leases.
const CHUNK: usize = 1024;
/// How long the spool may take to make room, and at a start to reach the ledger.
const DRAINED_WITHIN: Duration = Duration::from_secs(60);

/// A run about many customers, and from where it goes on.
#[derive(Debug, Clone)]
pub struct BulkRun {
    /// Names the run: 1 to 100 visible ASCII characters. No two runs may have the same.
    pub id: String,
    /// The mark from which it goes on; `None` for a new run.
    pub from: Option<BulkMark>,
    /// When a permit may be given, as in [`CheckOptions::durability`].
    pub durability: Option<Durability>,
}

/// How far a run has come. Keep the first before the first row is asked about, and each later one once the answers
/// before it are kept: a run that is cut off goes on from the last that was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BulkMark {
    /// The first row that is not answered.
    pub row: u64,
    /// No use of this row or a later one has a lower number in the gate's spool; 0 without a spool.
    pub seq: u64,
}

/// A row's use, recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedUse {
    /// The grant under which it is permitted.
    pub grant: Jti,
    /// Names the use, to ask for its receipt: [`Gate::receipt`].
    pub use_ref: UseRef,
    /// What the user of the data must do.
    pub obligations: Vec<Obligation>,
}

/// A row and the answer.
#[derive(Debug)]
pub struct RecordedAnswer<T> {
    /// As it came.
    pub item: T,
    /// Its number.
    pub row: u64,
    /// The use, which counts, or why there is none.
    pub answer: Result<RecordedUse, Denial>,
}

/// Answers in the order of the rows, see [`Gate::filter_recorded`].
pub struct RecordedFilter<'g, I: Iterator> {
    gate: &'g Gate,
    facts: UseFacts,
    run: BulkRun,
    rows: std::iter::Fuse<I>,
    answered: VecDeque<RecordedAnswer<I::Item>>,
    /// Uses that the run has recorded before it was cut off.
    before: BTreeMap<UseId, Before>,
    mark: BulkMark,
    /// The first row that was not asked about.
    next_row: u64,
}

/// A use that was recorded before.
struct Before {
    use_ref: UseRef,
    grant: Jti,
    facts: UseFacts,
}

impl<I: Iterator> std::fmt::Debug for RecordedFilter<'_, I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordedFilter").field("run", &self.run).finish_non_exhaustive()
    }
}

impl Gate {
    /// Asks about each of these customers what [`Self::check`] asks about one, caps, rates and budgets included; a permit
    /// is recorded as a use and committed. Rows are those from the run's mark on, in the same order in every run.
    ///
    /// Rows are taken in chunks of 1,024, which are asked about side by side. Whatever was permitted of a chunk counts,
    /// also where its answers are never fetched.
    ///
    /// # Errors
    /// The id is malformed, or what a run has recorded before cannot be learnt.
    pub async fn filter_recorded<I>(
        &self,
        run: BulkRun,
        facts: &UseFacts,
        customers: I,
    ) -> Result<RecordedFilter<'_, I::IntoIter>, LinkFault>
    where
        I: IntoIterator,
        I::Item: Borrow<SubjectId>,
    {
        run.use_id(u64::MAX)?;
        let spool = self.0.recording.as_ref().filter(|_| run.durability != Some(Durability::Ledger));
        let next_seq = spool.map_or(0, |recording| recording.spool.shared.next_seq());
        let mark = run.from.unwrap_or(BulkMark { row: 0, seq: next_seq });
        let before = match spool {
            Some(recording) => self.recorded_by(&run.id, mark.seq..next_seq, recording).await?,
            None => BTreeMap::new(),
        };
        let (facts, rows, answered) = (facts.clone(), customers.into_iter().fuse(), VecDeque::new());
        let next_row = mark.row;
        Ok(RecordedFilter { gate: self, facts, run, rows, answered, before, mark, next_row })
    }

    /// Permitted uses of a run among the records of these numbers.
    async fn recorded_by(
        &self,
        run: &str,
        numbers: Range<u64>,
        recording: &Recording,
    ) -> Result<BTreeMap<UseId, Before>, LinkFault> {
        let mut recorded = BTreeMap::new();
        if numbers.is_empty() {
            return Ok(recorded);
        }
        let spool = &recording.spool.shared;
        let unsent = LinkFault::Deadline { deadline: DRAINED_WITHIN };
        spool.flush(DRAINED_WITHIN).await.map_err(|_| unsent)?;
        for seq in numbers {
            let use_ref = UseRef { gate: spool.gate.clone(), seq };
            let receipt = match self.receipt(&use_ref).await {
                // erased since: then nothing is permitted about that customer any more
                Err(LinkFault::Status { got: 410 }) => continue,
                receipt => receipt?,
            };
            let refused = |_| LinkFault::Receipt { expected: "one that verifies against the pinned keys" };
            let verified = receipt.verify(&self.0.log_keys).map_err(refused)?;
            let VerifiedContent::Use { record, .. } = verified.content else { continue };
            let of_run = record.use_id.filter(|id| row_of(run, id).is_some());
            if let (Some(id), Outcome::Permitted(permitted)) = (of_run, record.outcome) {
                recorded.insert(id, Before { use_ref, grant: permitted.grant, facts: record.facts });
            }
        }
        Ok(recorded)
    }

    /// A use that was recorded before, if it still would be permitted; its unit of a cap is its own.
    fn again(&self, before: Before) -> Result<RecordedUse, Denial> {
        let Before { use_ref, grant, facts } = before;
        let link = self.link().ok_or_else(|| Denial::by_gate(DenialReason::Stale, Some(grant)))?;
        let Permission { obligations, .. } =
            link.permit(|replica, now| replica.confirm(&facts, &grant, now))?;
        Ok(RecordedUse { grant, use_ref, obligations })
    }
}

impl BulkRun {
    fn use_id(&self, row: u64) -> Result<UseId, LinkFault> {
        UseId::try_from(format!("{}-{row}", self.id))
            .map_err(|_| LinkFault::Answer { expected: "a run's id of 1 to 100 visible ASCII characters" })
    }
}

/// The row whose use has this id.
fn row_of(run: &str, id: &UseId) -> Option<u64> {
    id.as_str().strip_prefix(run)?.strip_prefix('-')?.parse().ok()
}

impl<I> RecordedFilter<'_, I>
where
    I: Iterator,
    I::Item: Borrow<SubjectId>,
{
    /// The next row's answer; `None` after the last.
    ///
    /// # Errors
    /// A question was lost; what was recorded of the chunk is found by a run that goes on from the last mark.
    pub async fn next(&mut self) -> Result<Option<RecordedAnswer<I::Item>>, LinkFault> {
        if self.answered.is_empty() {
            self.ask().await?;
        }
        let answer = self.answered.pop_front();
        if self.answered.is_empty() {
            self.mark.row = self.next_row;
            // uses that were recorded before and are not given out again yet have lower numbers
            if let Some(recording) = self.gate.0.recording.as_ref().filter(|_| self.before.is_empty()) {
                self.mark.seq = recording.spool.shared.next_seq();
            }
        }
        Ok(answer)
    }

    /// How far the run has come, chunk by chunk: all rows before it were given out by [`Self::next`].
    pub fn mark(&self) -> BulkMark {
        self.mark
    }

    /// Asks about the next chunk.
    async fn ask(&mut self) -> Result<(), LinkFault> {
        let first = self.next_row;
        if let Some(recording) = &self.gate.0.recording {
            recording.spool.shared.has_room(DRAINED_WITHIN).await;
        }
        let (mut asked, mut rows) = (JoinSet::new(), Vec::new());
        for (row, item) in (first..).zip(self.rows.by_ref().take(CHUNK)) {
            let use_id = self.run.use_id(row)?;
            let facts = UseFacts { data_subject: item.borrow().clone(), ..self.facts.clone() };
            let before = self.before.remove(&use_id).filter(|before| before.facts == facts);
            let answer = before.map(|before| self.gate.again(before));
            if answer.is_none() {
                let options = CheckOptions {
                    use_id: Some(use_id),
                    durability: self.run.durability,
                    ..CheckOptions::default()
                };
                let (gate, at) = (self.gate.clone(), rows.len());
                asked.spawn(async move { (at, gate.check_with(&facts, &options).await) });
            }
            rows.push((item, answer));
        }
        while let Some(answer) = asked.join_next().await {
            // a task that panicked; its row is asked about again by a run that goes on
            let (at, answer) = answer.map_err(|_| LinkFault::Answer { expected: "one to each row" })?;
            let recorded = answer.map(|permit| RecordedUse {
                grant: permit.grant(),
                obligations: permit.obligations().to_vec(),
                use_ref: permit.commit(),
            });
            if let Some((_, slot)) = rows.get_mut(at) {
                *slot = Some(recorded);
            }
        }
        self.next_row = first.saturating_add(rows.len() as u64);
        let answers = (first..).zip(rows);
        let answers =
            answers.filter_map(|(row, (item, answer))| Some(RecordedAnswer { item, row, answer: answer? }));
        self.answered.extend(answers);
        Ok(())
    }
}
