//! Decisions: embedded, against peers in the same process, and over HTTP against a bare echo; permits with their record
//! on a disk; a withdrawal's way to many gates.

mod embedded;
mod feed;
mod http;
mod line;
mod load;
#[cfg(feature = "peers")]
mod peers;
mod policy;
mod questions;
mod served;
mod spool;
mod withdrawal;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::Failure;
use crate::report::Report;
pub(crate) use policy::{Options as PolicyOptions, run as run_policy};
pub(crate) use served::{Served, run as run_served};

/// How long and how much.
#[derive(Args)]
pub(crate) struct Options {
    /// What is measured
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Part::ALL)]
    only: Vec<Part>,
    /// Seconds of load over HTTP for each kind of request, and of permits into the spool while it is sent, about
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// Customers of the largest map of the embedded decision, one grant each
    #[arg(long, default_value_t = 1_000_000)]
    customers: usize,
    /// Connections over HTTP
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Gates that a withdrawal must reach
    #[arg(long, default_value_t = 100)]
    gates: usize,
    /// Withdrawals that are timed
    #[arg(long, default_value_t = 200)]
    withdrawals: usize,
    /// Withdrawals from gates that are cut off or delayed; each takes about twice the bound
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Folder whose disk snapshots, spools and ledgers are written to
    #[arg(long, default_value_os_t = std::env::temp_dir(), value_name = "FOLDER")]
    dir: PathBuf,
}

/// A part of the measurement.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Embedded,
    Http,
    Spool,
    Withdrawal,
}

impl Part {
    const ALL: [Self; 4] = [Self::Embedded, Self::Http, Self::Spool, Self::Withdrawal];
}

pub(crate) fn run(options: &Options) -> Result<Report, Failure> {
    let mut report = Report::new("gate");
    // the order in which they are written, whatever was asked for: memory is measured before anything else takes any
    for part in Part::ALL.into_iter().filter(|part| options.only.contains(part)) {
        match part {
            Part::Embedded => embedded::measure(&mut report, options.customers, &options.dir)?,
            Part::Http => http::measure(&mut report, options)?,
            Part::Spool => spool::measure(&mut report, options)?,
            Part::Withdrawal => withdrawal::measure(&mut report, options)?,
        }
    }
    Ok(report)
}
