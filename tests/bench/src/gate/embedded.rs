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
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore as _, SeedableRng as _};

use crate::Failure;
use crate::measure::{Samples, alone, float, folder_bytes, median, resident_bytes};
use crate::report::{Beside, Report};
use crate::world::{facts, grant_terms, new_jti};

/// Decisions that are timed together.
const BATCH: usize = 1000;
const BATCHES: usize = 301;
/// Decisions that are timed one by one.
const SINGLE: usize = 20_000;
const SMALL: usize = 1000;
const ORIGIN: &str = "grantbook.bench/log";
/// Far longer than a measurement takes: freshness is asked for each decision and always holds.
const BOUND: Duration = Duration::from_secs(86_400);

/// A replica in a folder of its own, without the log that its customers would come from.
struct Customers {
    dir: tempfile::TempDir,
    replica: Replica,
    questions: Vec<UseFacts>,
    now: BootTime,
}

impl Customers {
    fn new(count: usize, under: &Path) -> Result<Self, Failure> {
        let dir = tempfile::Builder::new().prefix("grantbook-bench-").tempdir_in(under)?;
        let mut replica = open(dir.path())?;
        let terms = grant_terms(&Bytes32([0; 32]))?;
        let at = Clock::system().now().seconds();
        for number in 0..count {
            let sub = SubjectId::parse(&name(number))?;
            let mut record = Record::default();
            give(&mut record.state, &sub, terms.clone(), at, number as u64);
            replica.holdings_mut().keep(&sub, &record)?;
        }
        let now = freshen(&mut replica)?;
        // asked in no order, so that the processor's caches do not hold the customers
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let questions = (0..BATCH * 20)
            .map(|_| facts(&name(usize::try_from(rng.next_u32())? % count)))
            .collect::<Result<_, Failure>>()?;
        Ok(Self { dir, replica, questions, now })
    }

    fn decide(&self, facts: &UseFacts) -> Decision {
        self.replica.decide(facts, None, self.now)
    }

    /// Processor time per decision in batches, seconds; an error if anything is denied.
    fn batched(&self) -> Result<f64, Failure> {
        let mut questions = self.questions.iter().cycle();
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

    /// Customers decided in a second when all of them are asked about at once.
    fn in_bulk(&self, count: usize) -> Result<f64, Failure> {
        let mut facts = self.questions.first().ok_or("no question")?.clone();
        let begun = Instant::now();
        let mut permits = 0;
        for first in (0..count).step_by(1024) {
            let customers = (first..count.min(first + 1024)).map(|number| SubjectId::parse(&name(number)));
            let customers: Vec<SubjectId> = customers.collect::<Result<_, _>>()?;
            let answers = self.replica.decide_each(&mut facts, customers, self.now);
            permits += answers.iter().filter(|one| matches!(one.decision, Decision::Permit(_))).count();
        }
        if permits != count {
            return Err("a denial where each customer has a grant".into());
        }
        Ok(float(count) / begun.elapsed().as_secs_f64())
    }

    /// Seconds to write a snapshot, and to be ready again from it.
    fn restart(self) -> Result<(f64, f64, f64), Failure> {
        let Self { dir, replica, questions, .. } = self;
        let begun = Instant::now();
        replica.snapshot().ok_or("a replica without a folder")?.save()?;
        let saved = begun.elapsed().as_secs_f64();
        let bytes = folder_bytes(dir.path());
        drop(replica);
        let begun = Instant::now();
        let mut replica = open(dir.path())?;
        let now = freshen(&mut replica)?;
        let question = questions.first().ok_or("no question")?;
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

fn name(number: usize) -> String {
    format!("cs-{number:08}")
}

fn give(customer: &mut CustomerState, sub: &SubjectId, terms: Terms, now: UnixSeconds, leaf_index: u64) {
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

#[cfg(feature = "peers")]
/// One customer with as many grants as a peer has policies; the last one permits.
pub(super) fn one_of_many(grants: usize) -> Result<(CustomerState, UseFacts, UnixSeconds), Failure> {
    let now = Clock::system().now().seconds();
    let sub = SubjectId::parse("cs-1")?;
    let mut customer = CustomerState::default();
    for number in 1..=grants {
        let leaf_index = number as u64;
        let mut terms = grant_terms(&Bytes32([0; 32]))?;
        if number < grants {
            terms.recipient = grantbook_record::Term::parse(&format!("recipient-{number}"))?;
        }
        give(&mut customer, &sub, terms, now, leaf_index);
    }
    Ok((customer, facts("cs-1")?, now))
}

pub(super) fn measure(report: &mut Report, customers: usize, dir: &Path) -> Result<(), Failure> {
    let before = resident_bytes();
    let large = Customers::new(customers, dir)?;
    let grown = resident_bytes() - before;
    let small = Customers::new(SMALL, dir)?;
    // turn by turn, so that a busy neighbour slows both
    let (mut at_small, mut at_large) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        at_small.push(small.batched()?);
        at_large.push(large.batched()?);
    }
    let (at_small, at_large) = (median(at_small), median(at_large));
    let single = large.questions.iter().cycle().take(SINGLE).map(|facts| {
        let begun = Instant::now();
        let _ = std::hint::black_box(large.decide(facts));
        begun.elapsed().as_secs_f64() * 1e6
    });
    let single = Samples::new(single.collect());
    let in_bulk = median([large.in_bulk(customers)?, large.in_bulk(customers)?, large.in_bulk(customers)?]);
    let per_grant = grown / float(customers);
    let (saved, restarted, folder) = large.restart()?;

    let named = crate::report::short(customers as u64);
    report.figure_beside("decision, 1k customers", at_small * 1e6, "µs", Beside::DownTo(1.0));
    report.figure_beside(format!("decision, {named} customers"), at_large * 1e6, "µs", Beside::DownTo(1.0));
    report.figure("decision, singly, p50", single.median(), "µs");
    report.figure("decision, singly, p99", single.percentile(0.99), "µs");
    report.figure("decision in bulk", in_bulk, "rows/s");
    report.figure_beside("memory per grant", per_grant, "bytes", Beside::DownTo(200.0));
    report.figure("on disk per grant", folder / float(customers), "bytes");
    report.figure("snapshot written", saved, "s");
    report.figure_beside("cold start from the snapshot", restarted, "s", Beside::DownTo(10.0));
    report.at_most(format!("gate.growth_1k_to_{named}"), at_large / at_small, 2.0);
    report.at_most("gate.decision_us", at_large * 1e6, 1.0);
    report.at_most("gate.bytes_per_grant", per_grant, 200.0);
    report.at_most("gate.cold_start_s", restarted, 10.0);

    #[cfg(feature = "peers")]
    super::peers::measure(report)?;
    Ok(())
}
