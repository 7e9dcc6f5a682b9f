//! The way of one question: who is stopped, the replica, facts, limits, the record, the permit.
//!
//! Deny beats allow at every step, and what was drawn from a lease for a use that is not permitted goes back.

use std::sync::Arc;

use grantbook_plan::decide::{Denial as Decided, Permission};
use grantbook_record::feed::FeedPosition;
use grantbook_record::lease::{GrantLimit, Limit, ProjectBudget};
use grantbook_record::list::List;
use grantbook_record::provenance::Provenance;
use grantbook_record::terms::Obligation;
use grantbook_record::uses::{Outcome, Permitted, ReliedFact, UseFacts, UseId, UseRecord};
use grantbook_record::{Currency, DenialReason, Jti, Price, UnixSeconds};
use grantbook_tlog::LeafIndex;
use tokio::time::{sleep, timeout};

use crate::authzen::{Answer, EVALUATION, Evaluation, Recorded as ByLedger};
use crate::clock::BootTime;
use crate::denial::{Denial, LinkFault, Source};
use crate::gate::{Gate, Recording, machine_time, random};
use crate::leases::{Drawn, Leasing};
use crate::link::Link;
use crate::permit::{Permit, Recorded};
use crate::replica::{Replica, UsedUp};
use crate::spool::Durability;

/// Between two tries of one question.
const RETRY_AFTER: std::time::Duration = std::time::Duration::from_millis(50);

/// What a question may demand beside the facts.
#[derive(Debug, Clone, Default)]
pub struct CheckOptions {
    /// The use's id: asking again with it is the same use, recorded once. Without it each question has a new one.
    pub use_id: Option<UseId>,
    /// The decision must rest on a state that has this entry.
    pub at_least: Option<LeafIndex>,
    /// When the permit may be given; absent: [`Durability::Disk`] with a spool, otherwise [`Durability::Ledger`].
    pub durability: Option<Durability>,
    /// The automatic decision for which the data is used; recorded with the use.
    pub provenance: Option<Box<Provenance>>,
}

/// Units that a use has drawn, until it is known whether they are used.
#[derive(Debug)]
pub(crate) struct Units {
    leasing: Arc<Leasing>,
    drawn: Vec<Drawn>,
}

impl Units {
    fn leases(&self) -> List<Jti, 0, 2> {
        List::new(self.drawn.iter().filter_map(|drawn| drawn.lease).collect()).unwrap_or_default()
    }

    /// The use was not made.
    pub(crate) fn give_back(self) {
        self.drawn.iter().for_each(|drawn| self.leasing.give_back(drawn));
    }
}

/// What the replica permits, and the frames and the second that it permits it as of.
struct Answered {
    permission: Permission,
    as_of: (FeedPosition, Option<UnixSeconds>),
}

impl Gate {
    /// May this use go on? A permit's use is recorded before this returns; whatever goes wrong is a denial.
    pub async fn check(&self, facts: &UseFacts) -> Result<Permit, Denial> {
        self.check_with(facts, &CheckOptions::default()).await
    }

    /// The same with an id of the caller's own, resting on a state that has a certain entry, or recorded otherwise.
    pub async fn check_with(&self, facts: &UseFacts, options: &CheckOptions) -> Result<Permit, Denial> {
        let spooled = self.0.link.as_ref().zip(self.0.recording.as_ref());
        let answer = match (options.durability, spooled) {
            (None | Some(Durability::Ledger), None) | (Some(Durability::Ledger), Some(_)) => {
                self.check_by_ledger(facts, options).await
            }
            // what cannot be recorded as was demanded is not permitted; and if it is denied anyway, that is why
            (Some(Durability::Disk | Durability::Process), None) => {
                let decided = self.0.link.as_ref();
                let decided = decided.map(|link| self.decided(facts, options, link, &UsedUp::default()));
                let grant = decided.transpose()?.map(|answered| answered.permission.grant);
                Err(Denial::by_gate(DenialReason::SpoolFull, grant))
            }
            (durability, Some((link, recording))) => {
                let durability = durability.unwrap_or(Durability::Disk);
                self.check_by_spool(facts, options, durability, link, recording).await
            }
        };
        if let (Err(denial), Some((link, recording))) = (&answer, spooled)
            && recording.denials
        {
            recording.record(facts, denial, link);
        }
        answer
    }

    /// The ledger decides again and records.
    async fn check_by_ledger(&self, facts: &UseFacts, options: &CheckOptions) -> Result<Permit, Denial> {
        if let Some(link) = &self.0.link {
            let Answered { permission, as_of } = self.decided(facts, options, link, &UsedUp::default())?;
            self.judged(facts, Some(&permission), permission.payout, as_of.1).await?;
        } else {
            // these come early in the order of reasons; the rest only the ledger can tell, which records in the same step
            self.unsuspended(facts)?;
            // by the machine's clock: there is no head to go by; and of the payout only the ledger knows
            let nothing = Price { currency: Currency::NONE, minor: 0 };
            self.judged(facts, None, nothing, Some(machine_time().seconds())).await?;
        }
        let use_id = match &options.use_id {
            Some(use_id) => use_id.clone(),
            None => new_use_id()?,
        };
        let sent = BootTime::now();
        let recorded = self.record(facts, &use_id, options).await?;
        let ByLedger { grant, leaf_index, mut obligations, receipt, use_ref } = recorded;
        let mut expires = sent.after(self.0.bound);
        if let Some(link) = &self.0.link {
            // deny beats allow: a withdrawal may have come in meanwhile; and the obligations are those that were signed
            let (permission, fresh_until) = link.permit(|replica, now| {
                let permission = replica.confirm(facts, &grant, now)?;
                Ok((permission, replica.fresh_until(now)))
            })?;
            let Permission { obligations: signed, .. } = permission;
            obligations = signed;
            expires = fresh_until.map_or(expires, |until| until.min(expires));
        }
        // the ledger may have permitted it under another grant than the replica, and without one nothing was asked yet;
        // the use is recorded and charged, but what nobody can carry out must not be used
        self.supported(&grant, &obligations)?;
        let recorded = Recorded::Ledger { receipt, leaf_index };
        Ok(Permit { grant, obligations, expires, use_ref, recorded })
    }

    /// The replica decides, and the use is recorded in the spool.
    async fn check_by_spool(
        &self,
        facts: &UseFacts,
        options: &CheckOptions,
        durability: Durability,
        link: &Link,
        recording: &Recording,
    ) -> Result<Permit, Denial> {
        let spool = &recording.spool.shared;
        let mut used_up = UsedUp::default();
        let (permission, as_of, mut record, units) = loop {
            let Answered { permission, as_of } = self.decided(facts, options, link, &used_up)?;
            let outcome = Outcome::Permitted(Permitted::committed(permission.grant));
            let mut record = UseRecord::new(spool.gate.clone(), 0, UnixSeconds(0), facts.clone(), outcome);
            record.use_id.clone_from(&options.use_id);
            record.provenance.clone_from(&options.provenance);
            // asked for again: it rests on what it rested on then
            if spool.knows(&record) {
                break (permission, as_of, record, None);
            }
            record.relied_on = self.judged(facts, Some(&permission), permission.payout, as_of.1).await?;
            match draw(&recording.leasing, facts, &permission).await {
                Ok(units) => {
                    record.leases = units.leases();
                    break (permission, as_of, record, Some(units));
                }
                // another of the customer's grants may have some left
                Err(reason) if used_up.note(permission.grant, reason) => {}
                Err(reason) => return Err(Denial::by_gate(reason, Some(permission.grant))),
            }
        };
        let grant = permission.grant;
        // what was decided in the same second on the same frames holds, unless the head has become old or the customer was
        // forgotten since
        let holds = |replica: &Replica, now| {
            let same = (replica.position(), replica.time_at(now)) == as_of
                && replica.fresh_until(now).is_some()
                && replica.knows(&facts.data_subject);
            if same { Ok(()) } else { replica.confirm(facts, &grant, now).map(|_| ()) }
        };
        let placed = async {
            // within one look at the replica, so that a customer who is forgotten by it gets no record afterwards
            let (placed, until) = link.permit(|replica, now| {
                holds(replica, now)?;
                let stale = || Decided::of(DenialReason::Stale);
                let until = replica.fresh_until(now).ok_or_else(stale)?.min(now.after(self.0.bound));
                record.at = replica.time_at(now).ok_or_else(stale)?;
                record.position = Some(replica.position());
                Ok((spool.place(record, until, durability), until))
            })?;
            let mut placed = placed.map_err(|unplaced| Denial::by_gate(unplaced.reason(), Some(grant)))?;
            if !placed.durable().await {
                return Err(Denial::by_gate(DenialReason::SpoolFull, Some(grant)));
            }
            // deny beats allow: a withdrawal may have come in meanwhile, and then the record says that nothing was used
            link.permit(holds)?;
            placed.hand_out();
            Ok((placed, until))
        };
        match placed.await {
            Ok((placed, until)) => {
                let Permission { obligations, .. } = permission;
                let use_ref = placed.use_ref();
                let recorded = Recorded::Spool { placed, units };
                Ok(Permit { grant, obligations, expires: until, use_ref, recorded })
            }
            Err(denial) => {
                if let Some(units) = units {
                    units.give_back();
                }
                Err(denial)
            }
        }
    }

    /// What the replica says, and before that whether the requester is stopped: in the order of the reasons.
    fn decided(
        &self,
        facts: &UseFacts,
        options: &CheckOptions,
        link: &Link,
        used_up: &UsedUp,
    ) -> Result<Answered, Denial> {
        let decided = link.permit(|replica, now| {
            let permission = replica.permit(facts, options.at_least, now, used_up)?;
            Ok(Answered { permission, as_of: (replica.position(), replica.time_at(now)) })
        });
        match decided {
            Err(denial) if denial.reason < DenialReason::Suspended => Err(denial),
            decided => {
                self.unsuspended(facts)?;
                decided
            }
        }
    }

    fn unsuspended(&self, facts: &UseFacts) -> Result<(), Denial> {
        match &self.0.house {
            Some(house) if house.is_suspended(&facts.requester) => {
                Err(Denial::by_gate(DenialReason::Suspended, None))
            }
            _ => Ok(()),
        }
    }

    /// Facts from outside on which the decision rests, and whether the gate can carry the obligations out.
    async fn judged(
        &self,
        facts: &UseFacts,
        permission: Option<&Permission>,
        payout: Price,
        now: Option<UnixSeconds>,
    ) -> Result<List<ReliedFact, 0, 8>, Denial> {
        let grant = permission.map(|permission| permission.grant);
        let relied = match (&self.0.house, now) {
            (None, _) => Ok(List::default()),
            (Some(_), None) => Err(Denial::by_gate(DenialReason::Stale, grant)),
            (Some(house), Some(now)) => house
                .judge(facts, payout, now)
                .await
                .map_err(|denial| Denial::decided(Decided { grant, ..denial }, Source::Gate)),
        };
        let supported = permission
            .map_or(Ok(()), |permission| self.supported(&permission.grant, &permission.obligations));
        match (relied, supported) {
            (Err(fact), Err(obligation)) => {
                Err(if fact.reason <= obligation.reason { fact } else { obligation })
            }
            (Err(denial), Ok(())) | (Ok(_), Err(denial)) => Err(denial),
            (Ok(relied), Ok(())) => Ok(relied),
        }
    }

    /// Whether the gate has the means to carry these out, where it is told which it has.
    fn supported(&self, grant: &Jti, obligations: &[Obligation]) -> Result<(), Denial> {
        let Some(means) = &self.0.means else { return Ok(()) };
        means.support(obligations).map_err(|error| Denial::by_gate(error.reason(), Some(*grant)))
    }

    /// Has the ledger decide and record; passing faults are tried again under the same id until the deadline.
    async fn record(
        &self,
        facts: &UseFacts,
        use_id: &UseId,
        options: &CheckOptions,
    ) -> Result<ByLedger, Denial> {
        let question = Evaluation::of(facts, use_id, options);
        let deadline = self.0.deadline;
        let tries = async {
            loop {
                match self.0.http.ask::<Answer>(EVALUATION, &question).await {
                    Err(fault) if fault.is_passing() => sleep(RETRY_AFTER).await,
                    answer => return answer,
                }
            }
        };
        let answer = timeout(deadline, tries).await.map_err(|_| LinkFault::Deadline { deadline })??;
        answer.verify(facts, use_id, self.0.tenant, &self.0.log_keys)
    }
}

/// Draws what the use needs of the grant's cap and rate, and of the project's budget.
async fn draw(
    leasing: &Arc<Leasing>,
    facts: &UseFacts,
    permission: &Permission,
) -> Result<Units, DenialReason> {
    let mut limits = Vec::with_capacity(2);
    if permission.limited {
        let limit = GrantLimit { sub: facts.data_subject.clone(), grant: permission.grant };
        limits.push((Limit::Grant(limit), 1));
    }
    if permission.payout.minor > 0 {
        let project = facts.requester.clone();
        limits.push((Limit::Budget(ProjectBudget { project }), u64::from(permission.payout.minor)));
    }
    let drawn = if limits.is_empty() { Vec::new() } else { leasing.draw(&limits).await? };
    let currency = permission.payout.currency;
    let pays = drawn.iter().filter_map(|drawn| drawn.currency).all(|of_budget| of_budget == currency);
    let units = Units { leasing: Arc::clone(leasing), drawn };
    if !pays {
        units.give_back();
        return Err(DenialReason::Budget);
    }
    Ok(units)
}

impl Link {
    /// Asks the replica, and names it and the age of its head where it denies.
    pub(crate) fn permit<T>(
        &self,
        ask: impl FnOnce(&Replica, BootTime) -> Result<T, Decided>,
    ) -> Result<T, Denial> {
        let now = BootTime::now();
        let answer = self.read(|replica| (ask(replica, now), replica.head_age(now)));
        let unusable = (Err(Decided::of(DenialReason::EvaluationError)), None);
        let (answer, head_age) = answer.unwrap_or(unusable);
        answer.map_err(|denial| Denial::decided(denial, Source::Replica { head_age }))
    }
}

/// A UUIDv7.
fn new_use_id() -> Result<UseId, LinkFault> {
    UseId::try_from(Jti::new(machine_time(), random()?).to_string()).map_err(|_| LinkFault::Random)
}
