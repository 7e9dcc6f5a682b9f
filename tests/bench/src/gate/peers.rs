//! Peers in the same process, on the same decision: 20 rules there, 20 grants of one customer here, and the last permits.
//!
//! Each peer gets its best: policies compiled and the request made beforehand. None of them leaves a receipt.

mod casbin;
mod cedar;
mod regorus;

use grantbook_plan::{Decision, UseCount, Vocabulary, decide};

use super::embedded::one_of_many;
use crate::Failure;
use crate::measure::{alone, float, median};
use crate::report::Report;

/// Rules of a peer, grants of one customer here.
const RULES: usize = 20;
/// Decisions that are timed together.
const BATCH: usize = 200;
const ROUNDS: usize = 5;

/// Asks a peer; true is a permit.
type Ask = Box<dyn FnMut() -> bool>;

pub(super) fn measure(report: &mut Report) -> Result<(), Failure> {
    let (customer, facts, now) = one_of_many(RULES)?;
    let mut asks: Vec<(&str, Ask)> = vec![
        ("cedar", cedar::ask(RULES)?),
        ("regorus", regorus::ask(RULES)?),
        ("casbin", casbin::ask(RULES)?),
        (
            "grantbook",
            Box::new(move || {
                let decision =
                    decide(Vocabulary::builtin(), Some(&customer), |_| UseCount::default(), &facts, now);
                matches!(decision, Decision::Permit(_))
            }),
        ),
    ];
    // turn by turn, so that a busy neighbour slows all
    let mut times = vec![Vec::new(); asks.len()];
    for _ in 0..ROUNDS {
        for ((_, ask), times) in asks.iter_mut().zip(&mut times) {
            times.push(batched(ask)?);
        }
    }
    let times: Vec<f64> = times.into_iter().map(median).collect();
    let ours = times.last().copied().unwrap_or(f64::NAN);
    for ((name, _), time) in asks.iter().zip(&times) {
        report.figure(format!("decision, {name}, {RULES} rules or grants"), time * 1e6, "µs");
    }
    for ((name, _), time) in asks.iter().zip(&times).filter(|((name, _), _)| *name != "grantbook") {
        report.at_least(format!("gate.vs_{name}"), time / ours, if *name == "cedar" { 20.0 } else { 1.0 });
    }
    Ok(())
}

/// Who receives the data under rule `number` of `rules`, from 1.
fn recipient(number: usize, rules: usize) -> String {
    if number < rules { format!("recipient-{number}") } else { "recommender".to_owned() }
}

/// Processor time of one permit, seconds.
fn batched(ask: &mut Ask) -> Result<f64, Failure> {
    let (cpu, _) = alone(51, |_| {
        if (0..BATCH).all(|_| ask()) { Ok(()) } else { Err("a denial where a permit was expected".into()) }
    })?;
    Ok(cpu / float(BATCH))
}
