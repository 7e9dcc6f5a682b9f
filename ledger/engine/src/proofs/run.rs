//! Proving one day: what the ledger has, the prover over as many threads as are given, and what is kept of it.
//!
//! The order of what is written: the day's files → the sums, in the keyring → the chain → the event. After a crash the
//! sums say how far the days are proved: a bundle beyond them is made again, and a chain that is behind them is brought up
//! by verifying the bundles. So an acknowledged day is never proved twice, and the event of one that is done is put on the
//! log by the next run.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use grantbook_proof::prove::{DayInput, Finished, Job, ProverError, SecretSums, Violation};
use grantbook_proof::{Chain, ProofError, Prover, Report, Statement, StatementPolicy, StatementPolicyError};
use grantbook_record::encoding::Bytes32;
use grantbook_record::{Day, TenantId};
use grantbook_tlog::{Demands, LeafIndex};

use super::{DayMaterial, KeptSums, ProofShelf, date_of};
use crate::error::{AppendError, ReadError};
use crate::ledger::Ledger;
use crate::store::Fault;

/// Seconds after a day's end until nothing of that day is on its way to the log any more.
const SETTLES_SECONDS: u64 = 60;

/// A day that is to be proved.
#[derive(Debug, Clone, Copy)]
pub struct DayRequest<'a> {
    /// The enterprise.
    pub tenant: TenantId,
    /// The UTC day.
    pub day: Day,
    /// The statement policy, as the regulator gave it.
    pub policy: &'a [u8],
    /// Entries that are to be excepted. Those of other days are left to them.
    pub exceptions: &'a BTreeSet<(u64, Statement)>,
    /// Threads that may prove at once.
    pub threads: NonZeroUsize,
}

/// A day that is proved.
#[derive(Debug, Clone)]
pub struct ProvedDay {
    /// What its verification says.
    pub report: Report,
    /// SHA-256 of the bundle.
    pub bundle_sha256: Bytes32,
    /// Where `proof.published` stands.
    pub leaf_index: LeafIndex,
}

/// Why a day was not proved.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// No such enterprise.
    #[error("no such tenant")]
    UnknownTenant,
    /// The day may still get entries.
    #[error("{} is not over yet, expected a day that ended a minute ago or earlier", date_of(*.0))]
    NotOver(Day),
    /// The enterprise has no entry that could be proved.
    #[error("the enterprise has no entry, expected one")]
    Nothing,
    /// A chain of days has no gaps and does not go back.
    #[error("{} is not the next day, expected {}", date_of(*got), date_of(*expected))]
    Order {
        /// The day that was asked for.
        got: Day,
        /// The next one that has entries and is not proved.
        expected: Day,
    },
    /// Every day that has entries is proved.
    #[error("{} has no entries that are not proved", date_of(*.0))]
    NoEntries(Day),
    /// An exception is about an entry that is in no day yet to be proved.
    #[error("leaf {leaf} cannot be excepted from {statement}, expected an entry that is known")]
    Exception {
        /// The entry.
        leaf: u64,
        /// The statement.
        statement: Statement,
    },
    /// The policy cannot be used.
    #[error(transparent)]
    Policy(#[from] StatementPolicyError),
    /// Entries do not comply, or the day cannot be proved.
    #[error(transparent)]
    Prover(#[from] ProverError),
    /// It was asked to stop. Proofs that are done are taken again.
    #[error("stopped before it was done")]
    Stopped,
    /// Reading the log.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Putting the proof on record.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// Files or the keyring.
    #[error(transparent)]
    Store(#[from] Fault),
}

impl ProveError {
    /// Entries that do not comply and are not excepted.
    pub fn violations(&self) -> &[Violation] {
        match self {
            Self::Prover(ProverError::Violations(violations)) => violations,
            _ => &[],
        }
    }
}

/// How far a run is: terms that are proved, and terms of all statements. To answer `false` stops it.
pub type OnProgress<'a> = dyn Fn(u64, u64) -> bool + Sync + 'a;

impl Ledger {
    /// The next day of a tenant to be proved: the first with entries that no bundle covers; `None` if there is none that is
    /// over. Puts the last day's event on the log, if a crash came before that.
    pub fn next_day_to_prove(&self, files: &ProofShelf, tenant: TenantId) -> Result<Option<Day>, ProveError> {
        let (chain, _) = self.kept_proofs(files, tenant)?;
        self.publish_last(files, tenant, &chain)?;
        let day = self.day_after(tenant, &chain)?;
        Ok(day.filter(|day| self.is_over(*day)))
    }

    /// Proves a day and keeps its bundle. One run at a time may be under way for a tenant.
    pub fn prove_day(
        &self,
        files: &ProofShelf,
        request: &DayRequest<'_>,
        progress: &OnProgress<'_>,
    ) -> Result<ProvedDay, ProveError> {
        let DayRequest { tenant, day, .. } = *request;
        let policy = StatementPolicy::parse(request.policy)?;
        if !self.is_over(day) {
            return Err(ProveError::NotOver(day));
        }
        let (chain, sums) = self.kept_proofs(files, tenant)?;
        match self.day_after(tenant, &chain)? {
            None if chain.day().is_none() => return Err(ProveError::Nothing),
            None => return Err(ProveError::NoEntries(day)),
            Some(expected) if expected != day => return Err(ProveError::Order { got: day, expected }),
            Some(_) => {}
        }
        let material = self.day_to_prove(tenant, day)?;
        let end = material.end();
        // from here on erasures wait: what this day leaves open, the next ones must show something about
        self.keep_sums(tenant, &material, None)?;
        let Finished { bundle, report, chain, sums } =
            self.finish_day(files, request, &policy, (&material, &chain, &sums), progress)?;
        files.keep(day, request.policy, &report.to_json(), &bundle)?;
        self.keep_sums(tenant, &material, Some((&chain, sums)))?;
        files.keep_chain(&chain)?;
        files.drop_parts()?;
        let bundle_sha256 = Bytes32::sha256(&bundle);
        let leaf_index = self.publish_proof(tenant, day, end, bundle_sha256)?;
        Ok(ProvedDay { report, bundle_sha256, leaf_index })
    }

    fn finish_day(
        &self,
        files: &ProofShelf,
        request: &DayRequest<'_>,
        policy: &StatementPolicy,
        (material, chain, sums): (&DayMaterial, &Chain, &SecretSums),
        progress: &OnProgress<'_>,
    ) -> Result<Finished, ProveError> {
        let end = material.end();
        let days = material.start.size().0..end;
        let exceptions = request.exceptions.iter().copied();
        let exceptions = exceptions
            .filter(|(leaf, statement)| days.contains(leaf) || (*leaf < end && is_about_earlier(*statement)))
            .collect();
        let input = DayInput {
            policy,
            origin: self.origin(),
            day: material.day,
            tag_key: &material.tag_key,
            start: &material.start,
            entries: &material.entries,
            groups: &material.groups,
            exceptions: &exceptions,
        };
        let secrets = self.secrets(request.tenant)?;
        let prover = Prover::new(&input, chain, sums, &secrets);
        if let Some(fault) = secrets.fault() {
            return Err(fault.into());
        }
        let prover = prover.map_err(|error| match error {
            ProverError::Day(ProofError::Exception { leaf, statement, .. }) => {
                ProveError::Exception { leaf, statement }
            }
            other => other.into(),
        })?;
        let proofs = prove_all(&prover, files, request.threads, progress)?;
        let close = self.close_of(end)?;
        Ok(prover.finish(&proofs, &close, self.log_keys(), &Demands::default())?)
    }

    /// The chain and the openings of its sums, of one and the same day.
    fn kept_proofs(&self, files: &ProofShelf, tenant: TenantId) -> Result<(Chain, SecretSums), ProveError> {
        if self.tenant(tenant).is_none() {
            return Err(ProveError::UnknownTenant);
        }
        let kept = self.inner.keyring.cases()?.proofs.into_iter().find(|kept| kept.tenant == tenant);
        let (after, sums) = kept.map(|kept| (kept.after, kept.sums)).unwrap_or_default();
        Ok((files.chain(after, self.log_keys())?, sums))
    }

    fn keep_sums(
        &self,
        tenant: TenantId,
        material: &DayMaterial,
        proved: Option<(&Chain, SecretSums)>,
    ) -> Result<(), Fault> {
        self.inner.keyring.change_cases(|cases| {
            let at = cases.proofs.iter().position(|kept| kept.tenant == tenant);
            let mut kept = match at {
                Some(at) => cases.proofs.swap_remove(at),
                None => KeptSums {
                    tenant,
                    from: material.start.size().0,
                    size: material.start.size().0,
                    after: None,
                    sums: SecretSums::default(),
                },
            };
            if let Some((chain, sums)) = proved {
                kept.size = material.end();
                kept.after = chain.digest().map(Bytes32);
                kept.sums = sums;
            }
            cases.proofs.push(kept);
            Ok(())
        })
    }

    fn day_after(&self, tenant: TenantId, chain: &Chain) -> Result<Option<Day>, ReadError> {
        match chain.end() {
            Some(end) => self.day_at(end.size),
            None => self.first_day(tenant),
        }
    }

    /// Whether nothing of a day is on its way to the log any more.
    pub(crate) fn is_over(&self, day: Day) -> bool {
        let now = self.inner.clock.now().seconds().0.saturating_sub(SETTLES_SECONDS);
        grantbook_record::UnixSeconds(now).day() > day
    }

    fn publish_last(&self, files: &ProofShelf, tenant: TenantId, chain: &Chain) -> Result<(), ProveError> {
        if let (Some(day), Some(end)) = (chain.day(), chain.end())
            && let Some(bundle) = files.bundle(day)?
        {
            self.publish_proof(tenant, day, end.size, Bytes32::sha256(&bundle))?;
        }
        Ok(())
    }
}

/// Whether a statement can be about an entry of a day before.
fn is_about_earlier(statement: Statement) -> bool {
    matches!(statement, Statement::DeletedInTime | Statement::KeptInTime | Statement::UnacknowledgedYoung)
}

/// Proves every statement, the largest first; each proof is kept as soon as it is there.
fn prove_all(
    prover: &Prover<'_>,
    files: &ProofShelf,
    threads: NonZeroUsize,
    progress: &OnProgress<'_>,
) -> Result<BTreeMap<Statement, Vec<u8>>, ProveError> {
    let digest = prover.digest();
    let total: u64 = prover.jobs().iter().map(|job| job.terms).sum();
    let mut proofs = files.parts(&digest, prover.jobs().iter().map(|job| job.statement))?;
    proofs.retain(|statement, proof| prover.is_proof(*statement, proof));
    let is_done = |job: &&Job| proofs.contains_key(&job.statement);
    let before = prover.jobs().iter().filter(is_done).map(|job| job.terms).sum();
    let mut jobs: Vec<Job> = prover.jobs().iter().filter(|job| !is_done(job)).copied().collect();
    jobs.sort_by_key(|job| std::cmp::Reverse(job.terms));

    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(!progress(before, total)));
    let done = Mutex::new((before, proofs));
    let work = || -> Result<(), ProveError> {
        while !stop.load(Ordering::Relaxed)
            && let Some(Job { statement, terms }) = jobs.get(next.fetch_add(1, Ordering::Relaxed))
        {
            let proof = crate::random::with(|rng| prover.prove(*statement, rng))?;
            files.keep_part(&digest, *statement, &proof)?;
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            done.0 += *terms;
            done.1.insert(*statement, proof);
            if !progress(done.0, total) {
                stop.store(true, Ordering::Relaxed);
            }
        }
        Ok(())
    };
    let work = || work().inspect_err(|_| stop.store(true, Ordering::Relaxed));
    std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..threads.get().min(jobs.len().max(1))).map(|_| scope.spawn(work)).collect();
        let own = work();
        // a helper that panicked leaves its statement without a proof, which is found when the bundle is put together
        let others = helpers.into_iter().map(|helper| helper.join().unwrap_or(Ok(())));
        others.fold(own, Result::and)
    })?;
    let (_, proofs) = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    if proofs.len() < prover.jobs().len() && stop.into_inner() {
        return Err(ProveError::Stopped);
    }
    Ok(proofs)
}
