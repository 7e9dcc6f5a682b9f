//! The ledger's intake: what an append costs, against the sum of its parts timed singly in the same run.

mod intake;
mod kept;
mod parts;
mod reopened;

use std::path::PathBuf;

use clap::Args;

use crate::Failure;
use crate::measure::{Run, float};
use crate::report::{Beside, Report, short};
use crate::world::World;
use intake::Intake;
use parts::Parts;
pub(crate) use parts::of_a_permit;
pub(crate) use reopened::{Reopened, run as run_reopened};

/// How long and how much.
#[derive(Args)]
pub(crate) struct Options {
    /// Seconds that each intake is measured for, about
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Callers at once
    #[arg(long, default_value_t = 64)]
    callers: usize,
    /// Records of a use batch
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..=1024))]
    batch: u16,
    /// Gates that send use batches at once
    #[arg(long, default_value_t = 8)]
    gates: usize,
    /// Leaves to which the log is grown, a tenth of them enrolments, a tenth grants, the rest uses
    #[arg(long, value_name = "LEAVES")]
    growth: Option<u64>,
    /// Folder whose disk is measured
    #[arg(long, default_value_os_t = std::env::temp_dir(), value_name = "FOLDER")]
    dir: PathBuf,
}

/// Customers whose grants are one measurement of the growth.
const WINDOW: usize = 4096;
/// Withdrawals that are timed.
const WITHDRAWALS: usize = 200;

pub(crate) fn run(options: &Options) -> Result<Report, Failure> {
    let mut report = Report::new("append");
    let mut intake = Intake::new(World::new(&options.dir)?, options, 0);

    // warm, and the first point of the growth
    intake.enrol(WINDOW)?;
    let mut windows = vec![intake.window()?];
    let before = Parts::measure(&intake)?;
    let enrolled = intake.enrol_for(options.seconds)?;
    let grants = intake.grants()?;
    let (paced, uses) = (intake.paced(grants.run.per_second() / 2.0)?, intake.uses(options.seconds)?);
    if let Some(leaves) = options.growth {
        for size in [100_000, 1_000_000, 10_000_000].into_iter().filter(|size| *size < leaves).chain([leaves])
        {
            intake.grow(size)?;
            windows.push(intake.window()?);
        }
    } else {
        windows.push(intake.window()?);
    }
    let withdrawal = intake.withdrawals(WITHDRAWALS)?;
    let parts = before.with(Parts::measure(&intake)?);

    report.figure("enrolments, two signatures each", enrolled.per_second(), "1/s");
    let limit = parts.grants_limit(grants.batch);
    load(&mut report, "grants", &grants.run, limit, 8000.0);
    report.figure("grants.entries_per_fdatasync", grants.batch, "entries");
    report.figure("grants.waits_for_disk", grants.disk_share, "1");
    report.figure("grants.half_load.p50", paced.latency_ms.median(), "ms");
    report.figure_beside(
        "grants.half_load.p99",
        paced.latency_ms.percentile(0.99),
        "ms",
        Beside::DownTo(100.0),
    );
    parts.show_grants(&mut report);
    let uses_limit = parts.uses_limit();
    // a call is a batch; what counts is its records
    let per_batch = f64::from(options.batch);
    let uses_per_second = uses.run.per_second() * per_batch;
    report.figure_beside("uses", uses_per_second, "1/s", Beside::UpTo(uses_limit.per_second));
    report.figure("uses.cpu", uses.run.cpu_us() / per_batch, "µs");
    report.figure("uses.share_of_machine", uses.run.share_of_machine(), "1");
    report.figure("uses.waits_for_disk", uses.disk_share, "1");
    report.figure("uses.batch.p50", uses.run.latency_ms.median(), "ms");
    report.figure("uses.batch.p99", uses.run.latency_ms.percentile(0.99), "ms");
    parts.show_uses(&mut report);

    for window in &windows {
        report.figure(format!("growth.{}.grant_cpu", short(window.leaves)), window.run.cpu_us(), "µs");
        report.figure(
            format!("growth.{}.grant_p50", short(window.leaves)),
            window.run.latency_ms.median(),
            "ms",
        );
    }
    report.figure("withdrawal.to_denial.p50", withdrawal.denied_ms.median(), "ms");
    report.figure_beside(
        "withdrawal.to_denial.p99",
        withdrawal.denied_ms.percentile(0.99),
        "ms",
        Beside::DownTo(500.0),
    );
    report.figure("withdrawal.to_receipt.p99", withdrawal.answered_ms.percentile(0.99), "ms");

    report.at_least("append.grants_vs_parts", grants.run.per_second() / limit.per_second, 0.6);
    report.at_least("append.grants_cpu_vs_parts", limit.cpu_us / grants.run.cpu_us(), 0.6);
    report.at_least("append.uses_vs_parts", uses_per_second / uses_limit.per_second, 0.6);
    report.at_least("append.uses_cpu_vs_parts", uses_limit.cpu_us * per_batch / uses.run.cpu_us(), 0.6);
    // the first window warms caches and code; with --growth the second one is at 100k
    let from = usize::from(windows.len() > 2);
    if let (Some(first), Some(last)) = (windows.get(from), windows.last()) {
        let name = format!("append.growth_{}_to_{}", short(first.leaves), short(last.leaves));
        report.at_most(name, last.run.cpu_us() / first.run.cpu_us(), 1.1);
    }
    kept::show(&mut report, intake)?;
    Ok(report)
}

fn load(report: &mut Report, name: &str, run: &Run, limit: parts::Limit, goal: f64) {
    report.figure_beside(name, run.per_second(), "1/s", Beside::UpTo(limit.per_second));
    report.figure_beside(format!("{name}, of the goal"), run.per_second(), "1/s", Beside::UpTo(goal));
    report.figure(format!("{name}.cpu"), run.cpu_us(), "µs");
    report.figure(format!("{name}.share_of_machine"), run.share_of_machine(), "1");
    report.figure(format!("{name}.p50"), run.latency_ms.median(), "ms");
    report.figure(format!("{name}.p99"), run.latency_ms.percentile(0.99), "ms");
}

/// A mean of entries per commit.
fn per_commit(entries: usize, commits: u64) -> f64 {
    float(entries) / float(usize::try_from(commits).unwrap_or(usize::MAX).max(1))
}
