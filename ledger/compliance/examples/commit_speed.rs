//! Microseconds of one core per commitment: the stock call beside this crate's, singly and in batches.
//! `cargo run --release -p grantbook-compliance --example commit_speed`

use std::hint::black_box;
use std::time::{Duration, Instant};

use bulletproofs::PedersenGens;
use curve25519_dalek::scalar::Scalar;
use grantbook_compliance::{Opening, commit, commit_batch};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

const COUNT: u32 = 512;
const ROUNDS: u32 = 40;

/// The best of several rounds: the least disturbed by whatever else the machine does.
fn report(name: &str, mut round: impl FnMut()) {
    let best = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            round();
            start.elapsed()
        })
        .min()
        .unwrap_or(Duration::ZERO);
    println!("{name:<28}{:>8.2} µs", best.as_secs_f64() * 1e6 / f64::from(COUNT));
}

fn main() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    // values of 32 bits, as nearly all in the log are
    let openings: Vec<Opening> =
        (0..COUNT).map(|i| Opening::random(u64::from(i.wrapping_mul(0x9E37_79B9)), &mut rng)).collect();
    let stock: Vec<(Scalar, Scalar)> =
        openings.iter().map(|opening| (Scalar::from(opening.value), Scalar::random(&mut rng))).collect();

    let start = Instant::now();
    black_box(openings.first().map(commit));
    println!("{:<28}{:>8.2} ms", "first call, builds tables", start.elapsed().as_secs_f64() * 1e3);

    let generators = PedersenGens::default();
    report("PedersenGens::commit", || {
        for (value, blinding) in &stock {
            black_box(generators.commit(*value, *blinding).compress());
        }
    });
    report("commit", || {
        for opening in &openings {
            black_box(commit(opening));
        }
    });
    report("commit_batch of 2", || {
        for pair in openings.chunks(2) {
            black_box(commit_batch(pair));
        }
    });
    report("commit_batch of 512", || {
        black_box(commit_batch(&openings));
    });
}
