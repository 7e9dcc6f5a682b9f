//! Leases: slices of caps, rates and budgets that gates use up by themselves. Specification: `docs/spec/lease.md`.
//!
//! The book is in memory, and in a log of its own beside the journal: leases are no records, so nobody but the ledger and
//! the gate needs to see them, but they must outlive a crash before anybody hears of them. What uses have drawn is in the
//! log of records; each frame says how far along it the book had come, and a start takes in the rest.
//!
//! All of it happens in the sequencer's thread, after the batch before it is durable: a crash between the two leaves a
//! book that is behind the log, and the next start makes up for it. The last frame's number is kept outside the data
//! folder, too: a book that came out of a backup and is older leases nothing until whatever it does not know is settled.

mod book;
mod limit;
mod stored;
#[cfg(test)]
mod tests;

pub use book::{
    Ask, Budget, ChangedRows, Charged, GrantLimits, LEASES_PER_LIMIT_MAX, LeaseBook, LeaseRules, LimitKey,
    Outstanding, Taken,
};
pub(crate) use stored::{KeptLeases, forget, frame_place, keep, load, next_epoch, parse_mark};

use std::sync::{PoisonError, RwLockReadGuard, RwLockWriteGuard};

use grantbook_plan::decide::Permission;
use grantbook_plan::{Denial, GrantState, Status, UseCount};
use grantbook_record::day::{UnixMillis, UnixSeconds};
use grantbook_record::lease::{
    self, GrantLimit, LeaseRequest, LeaseResponse, Leased, LeasesReleased, Limit, OpenLeases, ProjectBudget,
    WANTS_MAX, Want,
};
use grantbook_record::list::List;
use grantbook_record::uses::UseFacts;
use grantbook_record::{Currency, DenialReason, EnvelopeError, GateId, Jti, MinorUnits, TenantId, Term};

use crate::admit::{self, TenantFacts};
use crate::error::AppendError;
use crate::ledger::{Inner, Ledger};
use crate::sequencer::{Job, Reply};
use crate::state::{Customer, CustomerKey};
use crate::store::Fault;

/// Projects of one tenant that may have a budget.
const BUDGETS_MAX: usize = 10_000;

/// What is asked of the book.
pub(crate) enum LeaseJob {
    Lease(TenantFacts, LeaseRequest, Reply<LeaseResponse>),
    Release(TenantFacts, LeasesReleased, Reply<()>),
    Budget(TenantFacts, Term, Currency, MinorUnits, Reply<()>),
}

impl Ledger {
    /// Gives a registered gate slices of limits: each one, or the reason why not, in the order of the wants.
    pub fn lease(&self, tenant: TenantId, request: LeaseRequest) -> Result<LeaseResponse, AppendError> {
        let (facts, known) = admit::tenant_facts(&self.inner.keyring, tenant)?;
        if !known.gates.iter().any(|gate| gate.id == request.gate) {
            return Err(AppendError::UnknownGate);
        }
        if request.wants.iter().any(|want| want.least == 0 || want.most < want.least) {
            return Err(AppendError::Want);
        }
        self.inner.submit(|reply| Job::Leases(Box::new(LeaseJob::Lease(facts, request, reply))))
    }

    /// Takes a gate's signed word for what it drew on leases.
    pub fn release_leases(&self, tenant: TenantId, compact: &str) -> Result<(), AppendError> {
        let (facts, known) = admit::tenant_facts(&self.inner.keyring, tenant)?;
        let (claims, signer) = lease::parse_release(compact)?;
        let gate = known.gates.iter().find(|gate| gate.id == claims.event.gate);
        let gate = gate.filter(|gate| gate.key.thumbprint() == signer).ok_or(AppendError::UnknownGate)?;
        let claims = lease::verify_release(compact, &gate.key)?;
        if claims.aud != tenant {
            return Err(EnvelopeError::WrongAudience.into());
        }
        claims.check(tenant, self.inner.clock.now().seconds())?;
        self.inner.submit(|reply| Job::Leases(Box::new(LeaseJob::Release(facts, claims.event, reply))))
    }

    /// A page of the leases that a registered gate may still account for, after this one.
    pub fn open_leases(
        &self,
        tenant: TenantId,
        gate: &GateId,
        after: Option<Jti>,
    ) -> Result<OpenLeases, AppendError> {
        let (facts, known) = admit::tenant_facts(&self.inner.keyring, tenant)?;
        if !known.gates.iter().any(|known| known.id == *gate) {
            return Err(AppendError::UnknownGate);
        }
        let (now, rules) = (self.inner.clock.now(), &self.inner.lease_rules);
        let mut rows =
            self.inner.leases().book.open_leases(facts.number, gate, after, WANTS_MAX + 1, now, rules);
        let is_last = rows.len() <= WANTS_MAX;
        rows.truncate(WANTS_MAX);
        let next = rows.last().map(|row| row.id).filter(|_| !is_last);
        Ok(OpenLeases { leases: List::new(rows).unwrap_or_default(), next })
    }

    /// Sets what a project may spend on payouts in all. Its currency stays once something is spent or leased.
    pub fn set_budget(
        &self,
        tenant: TenantId,
        project: Term,
        currency: Currency,
        minor: MinorUnits,
    ) -> Result<(), AppendError> {
        let (facts, _) = admit::tenant_facts(&self.inner.keyring, tenant)?;
        if currency == Currency::NONE {
            return Err(AppendError::Budget("no currency, expected one of ISO 4217"));
        }
        let job = |reply| Job::Leases(Box::new(LeaseJob::Budget(facts, project, currency, minor, reply)));
        self.inner.submit(job)
    }

    /// The budgets of a tenant's projects, by name.
    pub fn budgets(&self, tenant: TenantId) -> Result<Vec<Budget>, AppendError> {
        let (facts, _) = admit::tenant_facts(&self.inner.keyring, tenant)?;
        let now = self.inner.clock.now();
        Ok(self.inner.leases().book.budgets(facts.number, now, &self.inner.lease_rules))
    }

    /// Units of a limit that are charged though no record has arrived for them.
    pub fn charged(&self, tenant: TenantId, limit: &Limit) -> Result<Charged, AppendError> {
        let (facts, _) = admit::tenant_facts(&self.inner.keyring, tenant)?;
        let now = self.inner.clock.now();
        Ok(self.inner.leases().book.charged(
            &self.inner.limit_key(&facts, limit),
            now,
            &self.inner.lease_rules,
        ))
    }
}

impl Inner {
    pub(crate) fn leases(&self) -> RwLockReadGuard<'_, KeptLeases> {
        self.leases.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn leases_mut(&self) -> RwLockWriteGuard<'_, KeptLeases> {
        self.leases.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn limit_key(&self, tenant: &TenantFacts, limit: &Limit) -> LimitKey {
        match limit {
            Limit::Grant(GrantLimit { sub, grant }) => {
                grant_key(tenant.number, self.state.customer_key(tenant.id, sub), *grant)
            }
            Limit::Budget(ProjectBudget { project }) => {
                LimitKey::Budget { tenant: tenant.number, project: project.clone() }
            }
        }
    }

    /// How much of a customer's grant is used up, leased units among it.
    pub(crate) fn count_with_leases(
        &self,
        tenant: u32,
        name: CustomerKey,
        customer: &Customer,
        grant: &Jti,
        at: UnixSeconds,
    ) -> UseCount {
        let count = customer.count(grant);
        let leases = self.leases();
        if leases.book.is_empty() {
            return count;
        }
        let rate = customer.state.grant(grant).and_then(|grant| grant.terms.limits.rate);
        let now = UnixMillis(at.0.saturating_mul(1000));
        leases.book.count(&grant_key(tenant, name, *grant), count, rate.as_ref(), now)
    }

    /// Why the ledger's own gate does not permit what the decision does: the project's budget does not pay for it, or the
    /// book does not know all leases.
    pub(crate) fn denied_by_leases(
        &self,
        tenant: u32,
        customer: &Customer,
        permission: &Permission,
        facts: &UseFacts,
        now: UnixMillis,
    ) -> Option<Denial> {
        let denial = |reason| Some(Denial { grant: Some(permission.grant), ..Denial::of(reason) });
        let leases = self.leases();
        let payout = permission.payout;
        let limits = customer.state.grant(&permission.grant).map(|grant| grant.terms.limits);
        let is_limited = limits.is_some_and(|limits| limits.uses.is_some() || limits.rate.is_some());
        if leases.is_behind(now) && (is_limited || payout.minor > 0) {
            return denial(DenialReason::Unleased);
        }
        let key = LimitKey::Budget { tenant, project: facts.requester.clone() };
        if leases.book.pays(&key, payout.currency, payout.minor.into(), 0) {
            return None;
        }
        denial(DenialReason::Budget)
    }

    fn lease_one(
        &self,
        leases: &mut KeptLeases,
        tenant: &TenantFacts,
        gate: &GateId,
        want: &Want,
        now: UnixMillis,
    ) -> Result<Leased, Fault> {
        if leases.is_behind(now) {
            return Ok(Leased::Refused(DenialReason::Unleased));
        }
        let ask = Ask::of(want, gate, Jti::new(now, crate::random::bytes()), now);
        let key = self.limit_key(tenant, &want.of);
        let answer = match &want.of {
            Limit::Budget(_) => leases.book.lease_budget(&key, &ask, &self.lease_rules),
            Limit::Grant(GrantLimit { sub, grant: id }) => {
                let name = self.state.customer_key(tenant.id, sub);
                let customer = self.state.customer(name)?;
                let grant = customer.as_ref().and_then(|customer| customer.state.grant(id));
                let (Some(customer), Some(grant)) = (&customer, grant) else {
                    return Ok(Leased::Refused(DenialReason::NoGrant));
                };
                if let Some(reason) = why_closed(grant, now.seconds()) {
                    return Ok(Leased::Refused(reason));
                }
                if self.is_withdrawing(name, id) {
                    return Ok(Leased::Refused(DenialReason::Withdrawn));
                }
                let limits = GrantLimits {
                    cap: grant.terms.limits.uses.map(|cap| cap.get().into()),
                    rate: grant.terms.limits.rate,
                    count: customer.count(id),
                };
                leases.book.lease_grant(&key, &limits, &ask, &self.lease_rules)
            }
        };
        if let Leased::Lease(lease) = &answer {
            leases.until = leases.until.max(lease.expires);
        }
        Ok(answer)
    }
}

pub(crate) fn grant_key(tenant: u32, customer: CustomerKey, grant: Jti) -> LimitKey {
    LimitKey::Grant { tenant, customer: customer.bytes(), grant }
}

/// Why nothing is leased of a grant, whatever is left of it.
fn why_closed(grant: &GrantState, now: UnixSeconds) -> Option<DenialReason> {
    match grant.status {
        Status::Active if now < grant.starts => Some(DenialReason::NotStarted),
        Status::Active if now >= grant.terms.validity.end() => Some(DenialReason::Expired),
        Status::Active => None,
        Status::Withdrawn => Some(DenialReason::Withdrawn),
        Status::Revoked => Some(DenialReason::Revoked),
        Status::Superseded => Some(DenialReason::Superseded),
        Status::Paused => Some(DenialReason::Paused),
    }
}

/// An answer that goes out once the book is durable.
type Settled = Box<dyn FnOnce() + Send>;

/// The sequencer's part, after the batch before it: does what is asked, in order, keeps the book, then answers.
pub(crate) fn settle(inner: &Inner, jobs: Vec<LeaseJob>, now: UnixMillis) -> Result<(), Fault> {
    let asked = !jobs.is_empty();
    let mut answers: Vec<Settled> = Vec::with_capacity(jobs.len());
    for job in jobs {
        let mut leases = inner.leases_mut();
        match job {
            LeaseJob::Lease(tenant, LeaseRequest { gate, wants }, reply) => {
                let mut given = Vec::with_capacity(wants.len());
                for want in wants.iter() {
                    given.push(inner.lease_one(&mut leases, &tenant, &gate, want, now)?);
                }
                // as many as wants
                let Some(given) = List::new(given) else { continue };
                answers.push(Box::new(move || drop(reply.send(Ok(LeaseResponse { leases: given })))));
            }
            LeaseJob::Release(tenant, LeasesReleased { gate, releases }, reply) => {
                for release in releases.iter() {
                    leases.book.release(tenant.number, &gate, &release.lease, release.spent);
                }
                answers.push(Box::new(move || drop(reply.send(Ok(())))));
            }
            LeaseJob::Budget(tenant, project, currency, minor, reply) => {
                let refused = set_budget(&mut leases.book, &tenant, project, currency, minor);
                answers.push(Box::new(move || drop(reply.send(refused.map_or(Ok(()), Err)))));
            }
        }
    }
    stored::keep(inner, asked, now)?;
    for answer in answers {
        answer();
    }
    Ok(())
}

fn set_budget(
    book: &mut LeaseBook,
    tenant: &TenantFacts,
    project: Term,
    currency: Currency,
    minor: MinorUnits,
) -> Option<AppendError> {
    let key = LimitKey::Budget { tenant: tenant.number, project };
    let others = book.limits().filter(|limit| matches!(limit, LimitKey::Budget { .. }) && **limit != key);
    if others.filter(|limit| limit.tenant() == tenant.number).count() >= BUDGETS_MAX {
        return Some(AppendError::Budget("too many projects with a budget, expected at most 10000"));
    }
    if book.set_budget(&key, currency, minor) {
        return None;
    }
    let why = "another currency than what is spent or leased already, expected the same";
    Some(AppendError::Budget(why))
}
