//! `bench`: runs `grantbook-bench` beside this program, and ends as it does.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use clap::Args;

use super::failure::Failure;

/// The program that measures; a package of its own, since it also builds what it compares with.
const PROGRAM: &str = "grantbook-bench";

/// Arguments of `bench`.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Name of the benchmark and its options
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "NAME")]
    rest: Vec<OsString>,
}

pub(crate) fn run(args: &BenchArgs, json: bool) -> Result<ExitCode, Failure> {
    let this = std::env::current_exe().map_err(Failure::fault)?;
    let program = this.with_file_name(PROGRAM);
    if !program.is_file() {
        return Err(Failure::Fault(format!(
            "{}: not there, expected the program that `cargo build --release -p {PROGRAM}` makes",
            program.display()
        )));
    }
    let mut command = Command::new(&program);
    command.args(&args.rest);
    if json {
        command.arg("--json");
    }
    let status =
        command.status().map_err(|error| Failure::Fault(format!("{}: {error}", program.display())))?;
    // ended by a signal: a fault of the system
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(3);
    Ok(ExitCode::from(code))
}
