//! Where a log and its keys are read from.

use std::path::{Path, PathBuf};

use clap::Args;
use grantbook_engine::Ledger;
use grantbook_tlog::tile::{BundleCoord, TileCoord, TileSource};
use grantbook_tlog::{LeafIndex, LogKeys};

use crate::cli::data::DataArgs;
use crate::cli::failure::Failure;
use crate::cli::files;
use crate::cli::remote::Remote;
use crate::cli::sandbox::{DEFAULT_FOLDER, Sandbox};

/// Which keys to trust.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The log's keys")]
pub(crate) struct KeyArgs {
    /// The log's keys, as `/log/vkey` gives them: kept by you, so that nobody can change them
    #[arg(long, value_name = "FILE", alias = "log-keys")]
    vkey: Option<PathBuf>,
    /// Address of the log; without --vkey its keys are taken from there, on the server's word
    #[arg(long, value_name = "URL")]
    log: Option<String>,
    /// The sandbox of a server on this machine
    #[arg(
        long,
        value_name = "DIR",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = DEFAULT_FOLDER,
        conflicts_with_all = ["log", "vkey", "data_dir"]
    )]
    sandbox: Option<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
}

/// Which log to read, and which keys to trust.
#[derive(Debug, Clone, Args)]
pub(crate) struct LogArgs {
    #[command(flatten)]
    keys: KeyArgs,
}

/// A log that can be read.
pub(crate) enum LogSource {
    /// From a server.
    Remote(Remote),
    /// In this process.
    Local(Ledger),
}

impl KeyArgs {
    /// The keys that were named, if any were.
    pub(crate) fn read(&self) -> Result<Option<LogKeys>, Failure> {
        if let Some(file) = &self.vkey {
            return read_vkey(file).map(Some);
        }
        if let Some(folder) = &self.sandbox {
            return read_vkey(&Sandbox::read(folder)?.vkey()).map(Some);
        }
        if let Some(url) = &self.log {
            return LogSource::Remote(Remote::new(url, None)?).keys().map(Some);
        }
        if self.data.data_dir.is_some() {
            let ledger = self.data.open()?;
            let keys = ledger.log_keys().clone();
            ledger.close().map_err(Failure::fault)?;
            return Ok(Some(keys));
        }
        Ok(None)
    }
}

/// Reads a file of the log's verifier keys.
pub(crate) fn read_vkey(file: &Path) -> Result<LogKeys, Failure> {
    let named = |why: &dyn std::fmt::Display| Failure::Input(format!("{}: {why}", file.display()));
    let text = String::from_utf8(files::read(file)?).map_err(|_| named(&"expected text"))?;
    LogKeys::parse(&text).map_err(|error| named(&error))
}

impl LogArgs {
    /// Opens the log, with the keys to trust.
    pub(super) fn open(&self) -> Result<(LogSource, LogKeys), Failure> {
        let KeyArgs { vkey, log, sandbox, data } = &self.keys;
        let source = match (log, sandbox, &data.data_dir) {
            (Some(url), None, None) => LogSource::Remote(Remote::new(url, None)?),
            (None, Some(folder), None) => {
                LogSource::Remote(Remote::new(&Sandbox::read(folder)?.server, None)?)
            }
            (None, None, Some(_)) => LogSource::Local(data.open()?),
            _ => return Err(Failure::input("expected one of --log URL, --data-dir DIR and --sandbox")),
        };
        let keys = match (vkey, sandbox) {
            (Some(file), _) => read_vkey(file)?,
            (None, Some(folder)) => read_vkey(&Sandbox::read(folder)?.vkey())?,
            (None, None) => source.keys()?,
        };
        Ok((source, keys))
    }
}

impl LogSource {
    pub(crate) fn keys(&self) -> Result<LogKeys, Failure> {
        match self {
            Self::Remote(remote) => {
                let text = String::from_utf8(remote.get("/log/vkey")?).map_err(Failure::no)?;
                LogKeys::parse(&text).map_err(Failure::no)
            }
            Self::Local(ledger) => Ok(ledger.log_keys().clone()),
        }
    }

    /// The latest checkpoint, a signed note.
    pub(crate) fn checkpoint(&self) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Remote(remote) => Ok(remote.get("/log/checkpoint")?),
            Self::Local(ledger) => Ok(ledger.publishable().map_err(Failure::fault)?.note.as_bytes().to_vec()),
        }
    }

    /// A bundle of entries.
    pub(crate) fn bundle(&self, coord: BundleCoord) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Remote(remote) => Ok(remote.get(&format!("/log/{coord}"))?),
            Self::Local(ledger) => ledger.bundle(&coord)?.ok_or_else(|| missing(&coord)),
        }
    }

    /// The receipt of a public entry.
    pub(crate) fn public_receipt(&self, leaf: LeafIndex) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Remote(remote) => Ok(remote.get(&format!("/log/public/{leaf}"))?),
            Self::Local(ledger) => Ok(ledger.public_receipt(leaf)?.to_json()),
        }
    }

    /// Ends reading in order.
    pub(crate) fn close(self) -> Result<(), Failure> {
        match self {
            Self::Remote(_) => Ok(()),
            Self::Local(ledger) => ledger.close().map_err(Failure::fault),
        }
    }
}

impl TileSource for LogSource {
    type Bytes = Vec<u8>;
    type Error = Failure;

    fn tile(&self, coord: TileCoord) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Remote(remote) => Ok(remote.get(&format!("/log/{coord}"))?),
            Self::Local(ledger) => ledger.tile(&coord)?.ok_or_else(|| missing(&coord)),
        }
    }
}

fn missing(coord: &impl std::fmt::Display) -> Failure {
    Failure::No(format!("{coord} is missing from the log"))
}
