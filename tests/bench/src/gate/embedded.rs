//! The decision itself, over a map of customers like the one of an embedded gate.

use std::collections::HashMap;
use std::time::Instant;

use grantbook_engine::Clock;
use grantbook_plan::{Admitted, CustomerState, Decision, EntryRef, UseCount, Vocabulary, decide};
use grantbook_record::day::UnixSeconds;
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{Event, GrantGiven};
use grantbook_record::uses::UseFacts;
use grantbook_record::{SubjectId, Terms};
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore as _, SeedableRng as _};

use crate::Failure;
use crate::measure::{Samples, alone, float, median, resident_bytes};
use crate::report::{Beside, Report};
use crate::world::{facts, grant_terms, new_jti};

/// Decisions that are timed together.
const BATCH: usize = 1000;
const BATCHES: usize = 301;
/// Decisions that are timed one by one.
const SINGLE: usize = 20_000;
const SMALL: usize = 1000;

struct Customers {
    by_name: HashMap<SubjectId, CustomerState>,
    questions: Vec<UseFacts>,
    now: UnixSeconds,
}

impl Customers {
    fn new(count: usize) -> Result<Self, Failure> {
        let terms = grant_terms(&Bytes32([0; 32]))?;
        let now = Clock::system().now().seconds();
        let mut by_name = HashMap::with_capacity(count);
        for number in 0..count {
            let sub = SubjectId::parse(&name(number))?;
            let mut customer = CustomerState::default();
            give(&mut customer, &sub, terms.clone(), now);
            by_name.insert(sub, customer);
        }
        // asked in no order, so that the processor's caches do not hold the customers
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let questions = (0..BATCH * 20)
            .map(|_| facts(&name(usize::try_from(rng.next_u32())? % count)))
            .collect::<Result<_, Failure>>()?;
        Ok(Self { by_name, questions, now })
    }

    fn decide(&self, facts: &UseFacts) -> Decision {
        let customer = self.by_name.get(&facts.data_subject);
        decide(Vocabulary::builtin(), customer, |_| UseCount::default(), facts, self.now)
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
}

fn name(number: usize) -> String {
    format!("cs-{number:08}")
}

fn give(customer: &mut CustomerState, sub: &SubjectId, terms: Terms, now: UnixSeconds) {
    let event = Event::GrantGiven(GrantGiven {
        sub: sub.clone(),
        terms,
        request: None,
        birth_day: None,
        mandate: None,
    });
    let leaf_index = customer.grants.len() as u64;
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
        let mut terms = grant_terms(&Bytes32([0; 32]))?;
        if number < grants {
            terms.recipient = grantbook_record::Term::parse(&format!("recipient-{number}"))?;
        }
        give(&mut customer, &sub, terms, now);
    }
    Ok((customer, facts("cs-1")?, now))
}

pub(super) fn measure(report: &mut Report, customers: usize) -> Result<(), Failure> {
    let before = resident_bytes();
    let large = Customers::new(customers)?;
    let grown = resident_bytes() - before;
    let small = Customers::new(SMALL)?;
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

    let named = crate::report::short(customers as u64);
    report.figure_beside("decision, 1k customers", at_small * 1e6, "µs", Beside::DownTo(1.0));
    report.figure_beside(format!("decision, {named} customers"), at_large * 1e6, "µs", Beside::DownTo(1.0));
    report.figure("decision, singly, p50", single.median(), "µs");
    report.figure("decision, singly, p99", single.percentile(0.99), "µs");
    report.figure("memory per customer with a grant", grown / float(customers), "bytes");
    report.at_most(format!("gate.growth_1k_to_{named}"), at_large / at_small, 2.0);
    report.at_most("gate.decision_us", at_large * 1e6, 1.0);

    #[cfg(feature = "peers")]
    super::peers::measure(report)?;
    Ok(())
}
