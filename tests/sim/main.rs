//! A deterministic simulation: a seed decides what is sent to a ledger, when its clock jumps, and how its store fails;
//! after every start, named invariants are checked.
//!
//! ```console
//! $ cargo test -p grantbook-tests --test sim                                       # 200 seeds
//! $ GRANTBOOK_SIM_SEEDS=10000 GRANTBOOK_SIM_FIRST=0 cargo test -p grantbook-tests --test sim
//! $ GRANTBOOK_SIM_SEEDS=1 GRANTBOOK_SIM_FIRST=17 cargo test -p grantbook-tests --test sim   # the run that failed
//! ```
//!
//! One caller sends and waits, and the archiver works between batches, so a seed gives the same run each time; keys and
//! salts are random, and nothing turns on them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails says where"
)]

mod callers;
mod dice;
mod disk;
mod epochs;
mod failure;
mod invariants;
mod leases;
mod model;
mod run;
mod site;
mod starts;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use grantbook_tests::Tally;
use invariants::Broken;
use run::{Run, Struck};
use site::Site;

const SEEDS: u64 = 200;

fn number(name: &str, otherwise: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}: expected a number")),
        Err(_) => otherwise,
    }
}

/// Runs a seed; what it did, and why it failed if it did.
fn run_seed(site: &Site, seed: u64) -> (Vec<String>, Result<(Struck, u64), Broken>) {
    let mut trace = Vec::new();
    let ran = catch_unwind(AssertUnwindSafe(|| Run::of(site, seed, &mut trace)));
    let panicked = |_| Broken { invariant: "no_panic", why: "see above".to_owned() };
    (trace, ran.map_err(panicked).and_then(|ran| ran))
}

#[test]
fn every_seed_keeps_the_invariants() {
    let (first, count) = (number("GRANTBOOK_SIM_FIRST", 0), number("GRANTBOOK_SIM_SEEDS", SEEDS));
    let site = Site::new();
    let next = AtomicU64::new(first);
    let (all, failed) = (Mutex::new(Struck::new()), Mutex::new(Vec::new()));
    let reopened = AtomicU64::new(0);
    let begun = Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= first + count || failed.lock().unwrap().len() >= 5 {
                        return;
                    }
                    match run_seed(&site, seed) {
                        (_, Ok((struck, again))) => {
                            reopened.fetch_add(again, Ordering::SeqCst);
                            let mut all = all.lock().unwrap();
                            for (fault, results) in struck {
                                for (result, count) in results {
                                    *all.entry(fault.clone()).or_default().entry(result).or_default() +=
                                        count;
                                }
                            }
                        }
                        (trace, Err(broken)) => failed.lock().unwrap().push((seed, trace, broken)),
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    for (seed, trace, Broken { invariant, why }) in &failed {
        println!("seed {seed}:");
        for step in trace {
            println!("  {step}");
        }
        println!("seed {seed}: `{invariant}` does not hold: {why}");
        println!(
            "again: GRANTBOOK_SIM_SEEDS=1 GRANTBOOK_SIM_FIRST={seed} cargo test -p grantbook-tests --test sim\n"
        );
    }
    let all = all.into_inner().unwrap();
    let faults: u64 = all.values().flat_map(|results| results.values()).sum();
    println!(
        "{count} seeds from {first}, {faults} faults, {} starts, {:.1} seeds a second",
        reopened.into_inner(),
        f64::from(u32::try_from(count).unwrap()) / begun.elapsed().as_secs_f64()
    );
    let mut tally = Tally::new("sim");
    for (fault, results) in &all {
        println!("{fault}: {results:?}");
        for (result, count) in results {
            tally.count(fault, result, *count, "");
        }
    }
    // a run of a few seeds is for looking at them
    if count >= SEEDS && failed.is_empty() {
        tally.write();
    }
    let broken: Vec<_> = failed.iter().map(|(seed, _, broken)| (seed, broken.invariant)).collect();
    assert!(failed.is_empty(), "{broken:?}");
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let site = Site::new();
    for seed in 0..8 {
        let (one, other) = (run_seed(&site, seed).0, run_seed(&site, seed).0);
        assert_eq!(one, other, "seed {seed}");
    }
}

/// Seeds that once found something, beyond those of every run.
const FOUND: [u64; 1] = [
    // a torn bundle, believed behind a gap that a trimming cut short had left in the journal
    6008,
];

#[test]
fn seeds_that_once_found_something_find_nothing() {
    let site = Site::new();
    for seed in FOUND {
        let (trace, result) = run_seed(&site, seed);
        let broken = result.err().map(|Broken { invariant, why }| format!("{invariant}: {why}"));
        assert_eq!(broken, None, "seed {seed}: {trace:#?}");
    }
}
