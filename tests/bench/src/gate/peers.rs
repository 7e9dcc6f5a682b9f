//! Peers in the same process on the same decisions: as many policies there as there are recipients, and the grants as
//! data, one for each customer.
//!
//! Each peer gets its best: policies compiled, grants in its own form of data, requests made beforehand. None of them
//! leaves a receipt, and none of them knows how old its data is.

mod casbin;
mod cedar;
mod regorus;

use std::time::Instant;

use grantbook_plan::Decision;

use super::embedded::Customers;
use super::questions::{Question, RECIPIENTS, mixed};
use crate::Failure;
use crate::measure::{alone, float, median};
use crate::report::{Report, short};

/// Questions in a round.
const QUESTIONS: usize = 10_000;
const ROUNDS: usize = 5;
/// The data is valid for at least as long: a second within each grant's time, and the end of all.
const NOW: i64 = 1_800_000_000;
const END: i64 = 4_102_444_800;

/// Answers a question by its number; true is a permit.
type Ask<'a> = Box<dyn FnMut(usize) -> bool + 'a>;

/// Makes a peer with so many customers' grants, to be asked these questions.
type Peer = fn(usize, &[Question]) -> Result<Ask<'static>, Failure>;

const PEERS: [(&str, Peer, f64); 3] =
    [("cedar", cedar::ask, 20.0), ("regorus", regorus::ask, 1.0), ("casbin", casbin::ask, 1.0)];

/// Sizes are in rising order; the ratios are those of the last.
pub(super) fn measure(report: &mut Report, sizes: &[Customers]) -> Result<(), Failure> {
    for customers in sizes {
        let size = short(customers.count as u64);
        let questions = mixed(QUESTIONS, customers.count)?;
        let facts = questions.iter().map(Question::facts).collect::<Result<Vec<_>, _>>()?;
        let permits = |at: usize| {
            facts.get(at).is_some_and(|facts| matches!(customers.decide(facts), Decision::Permit(_)))
        };
        let expected: Vec<bool> = (0..QUESTIONS).map(permits).collect();
        let mut asks: Vec<(&str, Ask<'_>)> = vec![("grantbook", Box::new(permits))];
        for (name, peer, _) in PEERS {
            let begun = Instant::now();
            asks.push((name, peer(customers.count, &questions)?));
            report.figure(format!("{name}, made ready, {size} grants"), begun.elapsed().as_secs_f64(), "s");
        }
        // turn by turn, so that a busy neighbour slows all
        let mut times = vec![Vec::new(); asks.len()];
        for _ in 0..ROUNDS {
            for ((name, ask), times) in asks.iter_mut().zip(&mut times) {
                times.push(round(name, ask, &expected)?);
            }
        }
        let times: Vec<f64> = times.into_iter().map(median).collect();
        for ((name, _), time) in asks.iter().zip(&times) {
            let title = format!("{name}, {RECIPIENTS} policies, {size} grants");
            report.figure(title, time * 1e6, "µs");
        }
        let ours = times.first().copied().unwrap_or(f64::NAN);
        if sizes.last().is_some_and(|last| last.count == customers.count) {
            for ((name, _, goal), time) in PEERS.iter().zip(times.iter().skip(1)) {
                report.at_least(format!("gate.vs_{name}"), time / ours, *goal);
            }
        }
    }
    Ok(())
}

/// Processor time of one decision, seconds; an error if one is not as expected.
fn round(name: &str, ask: &mut Ask<'_>, expected: &[bool]) -> Result<f64, Failure> {
    let (cpu, _) = alone(1, |_| match (0..).zip(expected).find(|(at, permit)| ask(*at) != **permit) {
        None => Ok(()),
        Some((at, permit)) => {
            Err(format!("{name} answers question {at} with {}, expected {permit}", !permit).into())
        }
    })?;
    Ok(cpu / float(expected.len()))
}
