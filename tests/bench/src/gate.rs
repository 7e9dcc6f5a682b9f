//! Decisions.
use crate::{Failure, report::Report};
#[derive(clap::Args)]
pub(crate) struct Options {}
pub(crate) fn run(_options: &Options) -> Result<Report, Failure> {
    Ok(Report::new("gate"))
}
