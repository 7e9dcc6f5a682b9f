//! `grantbook-connector`: copies views of a PostgreSQL database to customers' data spaces, and what customers wish to have
//! changed back to a table. Reference: `docs/reference/connector.md`.
//!
//! It keeps nothing on its own disk: the ledger keeps with each push how far the source is, so that after a crash both are
//! there, or neither.

mod config;
mod database;
mod ledger;
mod round;
mod rows;

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use grantbook_record::Signer;
use grantbook_record::encoding::{array_from_base64url, to_base64url};
use rand_core::{OsRng, RngCore as _};
use tracing_subscriber::filter::LevelFilter;
use zeroize::Zeroizing;

use config::{Config, ConfigError};
use database::Database;
use ledger::Ledger;
use round::{Memory, round};

/// Copies views of a PostgreSQL database to customers' data spaces
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make the source's key; prints the public one, which the enterprise's administrator registers
    Keygen {
        /// File for the private key, which must not be there yet
        file: PathBuf,
    },
    /// Copy until stopped
    Run {
        /// Configuration file
        config: PathBuf,
        /// Do one round and stop
        #[arg(long)]
        once: bool,
    },
}

/// Why it ends.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Config(#[from] ConfigError),
    #[error("{}: {source}", file.display())]
    File { file: PathBuf, source: std::io::Error },
    #[error("{}: expected {expected}", file.display())]
    Content { file: PathBuf, expected: &'static str },
    #[error(transparent)]
    Round(#[from] round::RoundError),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false);
    log.with_max_level(LevelFilter::INFO).init();
    let ended = match arguments.command {
        Command::Keygen { file } => keygen(&file),
        Command::Run { config, once } => run(&config, once),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            tracing::error!("{failure}");
            ExitCode::from(if matches!(failure, Failure::Round(_)) { 3 } else { 2 })
        }
    }
}

fn keygen(file: &Path) -> Result<(), Failure> {
    let mut seed = Zeroizing::new([0; 32]);
    let signer = loop {
        OsRng.fill_bytes(seed.as_mut());
        if let Some(signer) = Signer::from_seed(&seed) {
            break signer;
        }
    };
    let failed = |source| Failure::File { file: file.to_owned(), source };
    let mut open = std::fs::OpenOptions::new();
    let mut written = open.write(true).create_new(true).mode(0o600).open(file).map_err(failed)?;
    let text = Zeroizing::new(to_base64url(seed.as_ref()));
    writeln!(written, "{}", text.as_str()).and_then(|()| written.sync_all()).map_err(failed)?;
    println!("{}", serde_json::to_string(signer.public_key()).unwrap_or_default());
    Ok(())
}

fn secret(file: &Path) -> Result<Zeroizing<String>, Failure> {
    let text = std::fs::read_to_string(file).map(Zeroizing::new);
    let text = text.map_err(|source| Failure::File { file: file.to_owned(), source })?;
    Ok(Zeroizing::new(text.trim().to_owned()))
}

fn run(file: &Path, once: bool) -> Result<(), Failure> {
    let config = Config::read(file)?;
    let seed = secret(&config.key_file)?;
    let seed = array_from_base64url(&seed).map(Zeroizing::new);
    let key = seed.and_then(|seed| Signer::from_seed(&seed)).ok_or_else(|| Failure::Content {
        file: config.key_file.clone(),
        expected: "a key made by grantbook-connector keygen",
    })?;
    let token = secret(&config.token_file)?;
    let ledger = Ledger::new(&config.ledger, token, config.tenant, config.source.clone(), key);
    let mut memory = Memory::default();
    let mut database: Option<Database> = None;
    loop {
        let done = work(&config, &ledger, &mut database, &mut memory);
        match &done {
            Ok(done) => tracing::info!(
                pushed = done.pushed,
                malformed = done.malformed,
                wishes = done.wishes,
                decided = done.decided,
                "a round is done"
            ),
            Err(error) => {
                tracing::error!("{error}");
                // whatever the connection is in the middle of
                database = None;
            }
        }
        if once {
            return done.map(drop).map_err(Failure::Round);
        }
        std::thread::sleep(config.poll);
    }
}

fn work(
    config: &Config,
    ledger: &Ledger,
    database: &mut Option<Database>,
    memory: &mut Memory,
) -> Result<round::Done, round::RoundError> {
    let database = match database {
        Some(open) => open,
        None => database.insert(Database::connect(&config.database)?),
    };
    round(config, database, ledger, memory)
}
