//! Proofs about payouts: what making them costs, and verifying many of them together against the library's own
//! verification of the same proofs.

mod library;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use clap::Args;
use grantbook_compliance::range::{self, Bits, RangeStatement};
use grantbook_compliance::{
    Batch, Commitment, Head, OpenedTerm, Opening, StatementContext, Term, commit_batch,
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::Failure;
use crate::measure::{alone, cores, float, median, process_cpu};
use crate::report::{Beside, Report};

/// How much.
#[derive(Args)]
pub(crate) struct Options {
    /// Payouts that are proved, rounded up to whole statements of 1600; a hundred thousand take some 30 minutes of
    /// processor time
    #[arg(long, default_value_t = 6400)]
    payouts: usize,
}

/// Payouts of one statement: 25 aggregates of 64.
const STATEMENT: usize = 1600;
/// Minor units that every payout reaches.
const FLOOR: u32 = 80;
/// Times that everything is verified.
const ROUNDS: usize = 5;
const CONTEXT: StatementContext<'static> = StatementContext {
    spec_hash: [1; 32],
    origin: "bench.example",
    start: Head { size: 0, root: [2; 32] },
    end: Head { size: 1_000_000, root: [3; 32] },
    statement: "payout-floor",
    policy_hash: [4; 32],
    bundle_digest: [5; 32],
};

/// What is proved of each payout.
struct Case {
    name: &'static str,
    ratio: &'static str,
    shifts: &'static [u32],
}

const CASES: [Case; 3] = [
    // the statement "at least the floor" as it is specified
    Case { name: "floor", ratio: "proofs.verify_vs_crate", shifts: &[FLOOR] },
    Case { name: "range", ratio: "proofs.range_verify_vs_crate", shifts: &[0] },
    Case { name: "both", ratio: "proofs.both_verify_vs_crate", shifts: &[0, FLOOR] },
];

pub(crate) fn run(options: &Options) -> Result<Report, Failure> {
    let mut report = Report::new("proofs");
    let lists: Vec<_> = (0..options.payouts.max(1).div_ceil(STATEMENT)).map(payouts).collect();
    report.figure("payouts", float(lists.len() * STATEMENT), "payouts");
    for case in &CASES {
        measure(&mut report, case, &lists)?;
    }
    Ok(report)
}

/// The commitments and openings of one statement's payouts.
struct Payouts {
    commitments: Vec<Commitment>,
    openings: Vec<Opening>,
}

/// The payouts of one statement.
fn payouts(number: usize) -> Payouts {
    let mut rng = ChaCha20Rng::seed_from_u64(number as u64);
    let openings: Vec<_> =
        (0..STATEMENT as u64).map(|at| Opening::random(u64::from(FLOOR) + at * 7, &mut rng)).collect();
    Payouts { commitments: commit_batch(&openings), openings }
}

/// Each payout less each shift, and what that opens to.
fn terms(case: &Case, payouts: &Payouts) -> (Vec<Term>, Vec<OpenedTerm>) {
    let pairs = || payouts.commitments.iter().zip(&payouts.openings);
    let pairs = case.shifts.iter().flat_map(|shift| pairs().map(move |pair| (shift, pair)));
    pairs
        .filter_map(|(shift, (commitment, opening))| {
            let term = Term { parts: vec![(1, *commitment)], constant: -i64::from(*shift) };
            let opened = term.open(|_| Some(opening))?;
            Some((term, opened))
        })
        .unzip()
}

fn statement(terms: &[Term]) -> RangeStatement<'_> {
    RangeStatement { context: CONTEXT, terms, bits: Bits::ThirtyTwo }
}

fn measure(report: &mut Report, case: &Case, lists: &[Payouts]) -> Result<(), Failure> {
    let payouts = float(lists.len() * STATEMENT);
    let values = payouts * float(case.shifts.len());
    let lists: Vec<_> = lists.iter().map(|payouts| terms(case, payouts)).collect();
    let (begun_cpu, begun) = (process_cpu(), Instant::now());
    let proofs = prove(&lists)?;
    let (cpu, wall) = (process_cpu().saturating_sub(begun_cpu), begun.elapsed());
    report.figure(format!("{}.prove.cpu", case.name), cpu.as_secs_f64() * 1e3 / payouts, "ms/payout");
    report.figure(format!("{}.prove", case.name), values / wall.as_secs_f64(), "values/s");
    let bytes: usize = proofs.iter().map(Vec::len).sum();
    report.figure(format!("{}.size", case.name), float(bytes) / payouts, "B/payout");

    let statements: Vec<_> = lists.iter().map(|(terms, _)| statement(terms)).collect();
    let oracle = library::Oracle::new(&statements, &proofs)?;
    let (mut own, mut library, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let (own_cpu, _) = alone(1, |_| verify(&statements, &proofs))?;
        let (library_cpu, _) = alone(1, |_| oracle.verify(round))?;
        let per_payout = own_cpu / payouts;
        let library_per_payout = library_cpu / float(library::Oracle::VALUES) * float(case.shifts.len());
        ratios.push(library_per_payout / per_payout);
        own.push(per_payout);
        library.push(library_per_payout);
    }
    let own = median(own);
    report.figure(format!("{}.verify.cpu", case.name), own * 1e6, "µs/payout");
    report.figure(format!("{}.bulletproofs.verify.cpu", case.name), median(library) * 1e6, "µs/payout");
    let hundred_thousand = own * 1e5;
    report.figure_beside(
        format!("{}.verify.100k_payouts", case.name),
        hundred_thousand,
        "s",
        Beside::DownTo(5.0),
    );
    report.figure(format!("{}.name_a_false_proof", case.name), name_a_false_one(&statements, &proofs)?, "s");
    report.at_least(case.ratio, median(ratios), 10.0);
    Ok(())
}

/// A proof for each statement, made by all cores.
fn prove(lists: &[(Vec<Term>, Vec<OpenedTerm>)]) -> Result<Vec<Vec<u8>>, Failure> {
    let next = AtomicUsize::new(0);
    let made = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..cores() {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some((terms, openings)) = lists.get(at) else { break };
                    let mut rng = ChaCha20Rng::seed_from_u64(at as u64);
                    let proof = range::prove(&statement(terms), openings, &mut rng);
                    if let Ok(mut made) = made.lock() {
                        made.push((at, proof));
                    }
                }
            });
        }
    });
    let mut made = made.into_inner().unwrap_or_default();
    made.sort_by_key(|(at, _)| *at);
    made.into_iter().map(|(_, proof)| proof.map_err(Failure::from)).collect()
}

fn verify(statements: &[RangeStatement<'_>], proofs: &[Vec<u8>]) -> Result<(), Failure> {
    let mut batch = Batch::new();
    for (statement, proof) in statements.iter().zip(proofs) {
        batch.range(statement, proof)?;
    }
    Ok(batch.verify()?)
}

/// Seconds of processor time until the last statement's false proof is named.
fn name_a_false_one(statements: &[RangeStatement<'_>], proofs: &[Vec<u8>]) -> Result<f64, Failure> {
    let mut proofs = proofs.to_vec();
    let index = proofs.len().saturating_sub(1);
    // the lowest bit of the proof's last scalar
    let byte = proofs.last_mut().and_then(|proof| proof.iter_mut().rev().nth(31));
    *byte.ok_or("no proof was made")? ^= 1;
    let (cpu, _) = alone(1, |_| {
        let mut batch = Batch::new();
        let mut given = Ok(());
        for (statement, proof) in statements.iter().zip(&proofs) {
            given = given.and_then(|()| batch.range(statement, proof));
        }
        match given.and_then(|()| batch.verify()) {
            Err(refused) if refused.index == index => Ok(()),
            Err(refused) => Err(format!("a proof that is not false was named: {refused}").into()),
            Ok(()) => Err("a false proof verified".into()),
        }
    })?;
    Ok(cpu)
}
