//! `grantbook-bench`: measures Grantbook against the limits of its parts and against peers, in one run.
//!
//! Every goal is a ratio of two things measured in that run, so that a slow or busy machine changes both. What each
//! figure means: `docs/reference/bench.md`.

mod append;
mod gate;
mod measure;
mod proofs;
mod report;
mod world;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Why a measurement could not be made.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Measures Grantbook against its limits and peers, in one run
#[derive(Parser)]
#[command(name = "grantbook-bench", version)]
struct Cli {
    #[command(subcommand)]
    bench: Bench,
    /// Print one JSON object as the last line
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Bench {
    /// The ledger's intake: grants, uses, growth, withdrawal, size, restart
    Append(append::Options),
    /// Decisions: embedded, against peers, over HTTP, with durable uses; a withdrawal's way to many gates
    Gate(gate::Options),
    /// Rules of law and of the house: publishing two hundred, and deciding with them
    Policy(gate::PolicyOptions),
    /// Proofs that payouts reach a floor: making and verifying them, against the library's verifier
    Proofs(proofs::Options),
    /// Reopens a ledger of a run and prints its memory; the benches call it
    #[command(hide = true)]
    Reopened(append::Reopened),
    /// Serves a ledger until its input ends; the benches call it
    #[command(hide = true)]
    Served(gate::Served),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let report = match &cli.bench {
        Bench::Append(options) => append::run(options),
        Bench::Gate(options) => gate::run(options),
        Bench::Policy(options) => gate::run_policy(options),
        Bench::Served(arguments) => return done(gate::run_served(arguments)),
        Bench::Proofs(options) => proofs::run(options),
        Bench::Reopened(arguments) => {
            return done(append::run_reopened(arguments).map(|line| println!("{line}")));
        }
    };
    done(report.map(|report| {
        if cli.json {
            println!("{}", report.to_json());
        } else {
            print!("{}", report.to_table());
        }
    }))
}

fn done(outcome: Result<(), Failure>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("grantbook-bench: {error}");
            ExitCode::from(3)
        }
    }
}
