//! Decisions: embedded, against a peer in the same process, and over HTTP against a bare echo.

mod embedded;
mod feed;
mod http;
mod load;
#[cfg(feature = "peers")]
mod peers;
mod spool;

use std::path::PathBuf;

use clap::Args;

use crate::Failure;
use crate::report::Report;

/// How long and how much.
#[derive(Args)]
pub(crate) struct Options {
    /// Seconds of load over HTTP, for each kind of request, about
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// Customers of the largest map of the embedded decision, one grant each
    #[arg(long, default_value_t = 1_000_000)]
    customers: usize,
    /// Connections over HTTP
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Leave the load over HTTP out
    #[arg(long)]
    embedded_only: bool,
    /// Folder whose disk snapshots and the permits over HTTP are written to
    #[arg(long, default_value_os_t = std::env::temp_dir(), value_name = "FOLDER")]
    dir: PathBuf,
}

pub(crate) fn run(options: &Options) -> Result<Report, Failure> {
    let mut report = Report::new("gate");
    embedded::measure(&mut report, options.customers, &options.dir)?;
    if !options.embedded_only {
        http::measure(&mut report, options)?;
        spool::measure(&mut report, options)?;
    }
    Ok(report)
}
