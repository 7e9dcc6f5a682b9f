//! The decision itself, by the replica of an embedded gate; what it takes in memory, and how soon it is there again.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use grantbook_engine::Clock;
use grantbook_plan::compact::Record;
use grantbook_plan::{Admitted, CustomerState, Decision, EntryRef};
use grantbook_record::day::UnixSeconds;
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{Event, GrantGiven};
use grantbook_record::feed::Chain;
use grantbook_record::head::{Head, SignedHead};
use grantbook_record::uses::UseFacts;
use grantbook_record::{GateId, Signer, SubjectId, TenantId, Terms};
use grantbook_sdk::{BootTime, LogKeys, Parties, Pins, Question, Replica, StateFolder};
use grantbook_tlog::{Hash, SignatureKind, SigningKey, TreeSize};

use super::questions;
use crate::Failure;
use crate::measure::{Samples, alone, float, folder_bytes, median, resident_bytes};
use crate::report::{Beside, Report, short};
use crate::world::new_jti;

/// Decisions that are timed together.
const BATCH: usize = 1000;
const BATCHES: usize = 301;
/// Decisions that are timed one by one.
const SINGLE: usize = 20_000;
/// Grants of the replicas that the largest one is held against.
const SIZES: [usize; 3] = [1000, 10_000, 100_000];
const ORIGIN: &str = "grantbook.bench/log";
/// Far longer than a measurement takes: freshness is asked for each decision and always holds.
const BOUND: Duration = Duration::from_secs(86_400);

/// A replica in a folder of its own, without the log that its customers would come from.
pub(super) struct Customers {
    dir: tempfile::TempDir,
    replica: Replica,
    /// How many; each has one grant.
    pub(super) count: usize,
    /// What they have granted, in no order.
    permitted: Vec<UseFacts>,
    now: BootTime,
}

impl Customers {
    fn new(count: usize, under: &Path) -> Result<Self, Failure> {
        let dir = tempfile::Builder::new().prefix("grantbook-bench-").tempdir_in(under)?;
        let mut replica = open(dir.path())?;
        let terms = questions::all_terms()?;
        let at = Clock::system().now().seconds();
        for (number, terms) in (0..count).zip(terms.iter().cycle()) {
            let sub = SubjectId::parse(&questions::customer(number))?;
            let mut record = Record::default();
            give(&mut record.state, &sub, terms.clone(), at, number as u64);
            replica.holdings_mut().keep(&sub, &record)?;
        }
        let now = freshen(&mut replica)?;
        let permitted = questions::granted(BATCH * 20, count)?;
        let permitted = permitted.iter().map(questions::Question::facts).collect::<Result<_, _>>()?;
        Ok(Self { dir, replica, count, permitted, now })
    }

    pub(super) fn decide(&self, facts: &UseFacts) -> Decision {
        self.replica.decide(facts, None, self.now)
    }

    /// Processor time per decision in batches, seconds; an error if anything is denied.
    fn batched(&self) -> Result<f64, Failure> {
        let mut questions = self.permitted.iter().cycle();
        let (cpu, _) = alone(BATCHES, |_| {
            let permits = questions
                .by_ref()
                .take(BATCH)
                .filter(|facts| matches!(self.decide(facts), Decision::Permit(_)))
                .count();
            if permits == BATCH { Ok(()) } else { Err("a denial where each customer has a grant".into()) }
        })?;
        Ok(cpu / float(BATCH))
    }

    /// Customers decided in a second when one recipient asks about all of them at once.
    fn in_bulk(&self) -> Result<f64, Failure> {
        let mut facts = questions::Question::granted(0).facts()?;
        let begun = Instant::now();
        let mut permits = 0;
        for first in (0..self.count).step_by(1024) {
            let numbers = first..self.count.min(first + 1024);
            let customers = numbers.map(|number| SubjectId::parse(&questions::customer(number)));
            let customers: Vec<SubjectId> = customers.collect::<Result<_, _>>()?;
            let answers = self.replica.decide_each(&mut facts, customers, self.now);
            permits += answers.iter().filter(|one| matches!(one.decision, Decision::Permit(_))).count();
        }
        if permits != self.count.div_ceil(questions::RECIPIENTS) {
            return Err("as many permits as customers who granted it to the recipient, expected".into());
        }
        Ok(float(self.count) / begun.elapsed().as_secs_f64())
    }

    /// Seconds to write a snapshot, and to be ready again from it.
    fn restart(self) -> Result<(f64, f64, f64), Failure> {
        let Self { dir, replica, permitted, .. } = self;
        let begun = Instant::now();
        replica.snapshot().ok_or("a replica without a folder")?.save()?;
        let saved = begun.elapsed().as_secs_f64();
        let bytes = folder_bytes(dir.path());
        drop(replica);
        let begun = Instant::now();
        let mut replica = open(dir.path())?;
        let now = freshen(&mut replica)?;
        let question = permitted.first().ok_or("no question")?;
        if !matches!(replica.decide(question, None, now), Decision::Permit(_)) {
            return Err("a denial after the restart".into());
        }
        Ok((saved, begun.elapsed().as_secs_f64(), bytes))
    }
}

fn tenant() -> TenantId {
    TenantId::from_bytes([7; 16])
}

fn open(folder: &Path) -> Result<Replica, Failure> {
    let log = SigningKey::from_seed(ORIGIN, SignatureKind::Ed25519, &[1; 32])?;
    let clock = SigningKey::from_seed(&format!("{ORIGIN}/clock"), SignatureKind::Cosignature, &[2; 32])?;
    let log_keys = LogKeys::new(log.verifier_key().clone(), clock.verifier_key().clone())?;
    let party = Signer::from_seed(&[3; 32]).ok_or("a seed gives a weak key")?.thumbprint();
    let pins = Pins { tenant: tenant(), log_keys, parties: Parties { enterprise: party, operator: party } };
    let gate = GateId::parse("bench")?;
    let folder = Arc::new(StateFolder::open(folder, &pins, &gate, &[4; 32], 1)?);
    match Replica::open(pins, BOUND, folder)? {
        (replica, None) => Ok(replica),
        (_, Some(refused)) => Err(refused.into()),
    }
}

/// Gives the replica a head over no frames, which is as far as it is.
fn freshen(replica: &mut Replica) -> Result<BootTime, Failure> {
    let head = Head {
        origin: ORIGIN.to_owned(),
        tenant: tenant(),
        size: TreeSize(0),
        root: Hash(Bytes32::sha256(b"").0),
        feed: Chain::start(ORIGIN, tenant()),
        time: Clock::system().now(),
        nonces: Hash([0; 32]),
    };
    let (nonce, clock) = ([5; 32], Signer::from_seed(&[2; 32]).ok_or("a seed gives a weak key")?);
    let now = BootTime::now();
    let head = SignedHead::sign(head, &[nonce], &clock).pop().ok_or("no head")?;
    replica.take_head(&head, Question::new(nonce, now), now)?;
    Ok(now)
}

pub(super) fn give(
    customer: &mut CustomerState,
    sub: &SubjectId,
    terms: Terms,
    now: UnixSeconds,
    leaf_index: u64,
) {
    let event = Event::GrantGiven(GrantGiven {
        sub: sub.clone(),
        terms,
        request: None,
        birth_day: None,
        mandate: None,
    });
    let entry = EntryRef { leaf_index, leaf_hash: Bytes32([0; 32]) };
    customer.apply(&event, &Admitted { jti: new_jti(), entry, at: now, group: 0 });
}

pub(super) fn measure(report: &mut Report, customers: usize, dir: &Path) -> Result<(), Failure> {
    let before = resident_bytes();
    let large = Customers::new(customers, dir)?;
    let per_grant = (resident_bytes() - before) / float(customers);
    let smaller = SIZES.into_iter().filter(|size| *size < customers);
    let mut all = smaller.map(|size| Customers::new(size, dir)).collect::<Result<Vec<_>, _>>()?;
    all.push(large);
    // turn by turn, so that a busy neighbour slows all
    let mut times = vec![Vec::new(); all.len()];
    for _ in 0..5 {
        for (customers, times) in all.iter().zip(&mut times) {
            times.push(customers.batched()?);
        }
    }
    let times: Vec<f64> = times.into_iter().map(|times| median(times) * 1e6).collect();
    for (customers, time) in all.iter().zip(&times) {
        let name = format!("decision, {} grants", short(customers.count as u64));
        report.figure_beside(name, *time, "µs", Beside::DownTo(1.0));
    }
    let large = all.last().ok_or("no size")?;
    let single = large.permitted.iter().cycle().take(SINGLE).map(|facts| {
        let begun = Instant::now();
        let _ = std::hint::black_box(large.decide(facts));
        begun.elapsed().as_secs_f64() * 1e6
    });
    let single = Samples::new(single.collect());
    report.figure_beside("decision, singly, p50", single.median(), "µs", Beside::DownTo(1.0));
    report.figure("decision, singly, p99", single.percentile(0.99), "µs");
    let in_bulk = (0..3).map(|_| large.in_bulk()).collect::<Result<Vec<_>, _>>()?;
    report.figure("decision in bulk", median(in_bulk), "rows/s");
    report.figure_beside("memory per grant", per_grant, "bytes", Beside::DownTo(200.0));
    if let (Some(first), Some(last)) = (times.first(), times.last()) {
        let [from, to] = [all.first(), all.last()].map(|one| short(one.map_or(0, |one| one.count as u64)));
        report.at_most(format!("gate.growth_{from}_to_{to}"), last / first, 2.0);
        report.at_most("gate.decision_us", *last, 1.0);
    }
    #[cfg(feature = "peers")]
    super::peers::measure(report, &all)?;

    let large = all.pop().ok_or("no size")?;
    drop(all);
    let (saved, restarted, folder) = large.restart()?;
    report.figure("on disk per grant", folder / float(customers), "bytes");
    report.figure("snapshot written", saved, "s");
    report.figure_beside("cold start from the snapshot", restarted, "s", Beside::DownTo(10.0));
    report.at_most("gate.bytes_per_grant", per_grant, 200.0);
    report.at_most("gate.cold_start_s", restarted, 10.0);
    Ok(())
}
