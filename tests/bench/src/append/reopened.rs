//! The memory of a ledger alone: in a process that has neither made the log nor holds its callers.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::{Args, Parser as _};
use grantbook_engine::LedgerConfig;
use grantbook_record::Terms;
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore as _, SeedableRng as _};
use serde::{Deserialize, Serialize};

use super::intake::Intake;
use super::{Options, WINDOW};
use crate::Failure;
use crate::measure::{float, resident_bytes};
use crate::world::{Customer, World, facts};

/// Customers about whom is asked.
const READS: usize = 200_000;
/// Callers at once.
const READERS: usize = 64;

/// The command that a bench runs itself with.
#[derive(Args)]
pub(crate) struct Reopened {
    data_dir: PathBuf,
    /// Customers in it, numbered from 0
    customers: usize,
    /// Terms of their grants, JSON; without them the state's store alone is opened
    terms: Option<String>,
}

/// Resident memory above that of a process which has opened nothing, bytes.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Memory {
    /// Of a process that has opened the state's store alone.
    pub(super) state: f64,
    pub(super) opened: f64,
    /// After decisions about customers chosen at random.
    pub(super) read: f64,
    /// After new customers, their grants and uses as well.
    pub(super) written: f64,
}

/// Runs this program again, and takes what it prints.
pub(super) fn in_a_process_of_its_own(
    data_dir: &Path,
    customers: usize,
    terms: &Terms,
) -> Result<Memory, Failure> {
    let run = |terms: Option<String>| {
        let program = std::env::current_exe()?;
        let mut command = Command::new(program);
        let output = command.arg("reopened").arg(data_dir).arg(customers.to_string()).args(terms).output()?;
        if output.status.success() {
            Ok(serde_json::from_slice(&output.stdout)?)
        } else {
            Err(Failure::from(String::from_utf8_lossy(&output.stderr)))
        }
    };
    let Memory { state, .. } = run(None)?;
    Ok(Memory { state, ..run(Some(serde_json::to_string(terms)?))? })
}

/// What that process does: the JSON of a [`Memory`].
pub(crate) fn run(arguments: &Reopened) -> Result<String, Failure> {
    let empty = resident_bytes();
    let Some(terms) = &arguments.terms else {
        let config = LedgerConfig::new(&arguments.data_dir);
        let path = arguments.data_dir.join("epochs/1/state");
        let state = sled::Config::default().path(path).cache_capacity(config.state_cache_bytes).open()?;
        let memory = Memory { state: resident_bytes() - empty, ..Memory::default() };
        drop(state);
        return Ok(serde_json::to_string(&memory)?);
    };
    let world = World::reopen(&arguments.data_dir, serde_json::from_str(terms)?)?;
    let opened = resident_bytes() - empty;
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let numbers: Vec<usize> = (0..READS)
        .map(|_| usize::try_from(rng.next_u32()).unwrap_or(0) % arguments.customers.max(1))
        .collect();
    let World { ledger, tenant, .. } = &world;
    crate::measure::callers(READERS, numbers.len(), None, |at| {
        let number = numbers.get(at).ok_or("a call too many")?;
        let _ = ledger.decide(*tenant, &facts(Customer::new(*number)?.sub.as_str())?, None);
        Ok(())
    })?;
    let read = resident_bytes() - empty;

    let options = OptionsOnly::try_parse_from(["grantbook-bench"])?.options;
    let mut intake = Intake::new(world, &options, arguments.customers);
    // each window is two entries of every customer, and as many uses again
    for _ in 0..4 {
        intake.enrol(WINDOW)?;
        intake.window()?;
        intake.uses(1)?;
    }
    let held = float(intake.made - arguments.customers) * float(size_of::<Customer>());
    let written = resident_bytes() - empty - held;
    intake.world.ledger.close()?;
    Ok(serde_json::to_string(&Memory { opened, read, written, ..Memory::default() })?)
}

/// The options as they are when nobody gives any.
#[derive(clap::Parser)]
struct OptionsOnly {
    #[command(flatten)]
    options: Options,
}
