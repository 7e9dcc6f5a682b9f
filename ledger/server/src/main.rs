//! The program `grantbook`: the server and the command line.

mod cli;
mod replay;

fn main() -> std::process::ExitCode {
    cli::main()
}
