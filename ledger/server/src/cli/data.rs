//! A ledger in this process: which folders it has.

use std::path::PathBuf;

use clap::Args;
use grantbook_engine::{Ledger, LedgerConfig};

use super::failure::Failure;

/// Where a ledger is.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Ledger in this process")]
pub(crate) struct DataArgs {
    /// Folder of the ledger's data
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Folder of its keys [default: the data folder with .keyring added]
    #[arg(long, value_name = "DIR", requires = "data_dir")]
    pub(crate) keyring_dir: Option<PathBuf>,
    /// File of its last signed checkpoint [default: the data folder with .anchor added]
    #[arg(long, value_name = "FILE", requires = "data_dir")]
    pub(crate) anchor: Option<PathBuf>,
}

impl DataArgs {
    /// What the engine needs.
    pub(crate) fn config(&self) -> Result<LedgerConfig, Failure> {
        let data_dir = self.data_dir.as_ref().ok_or_else(|| Failure::input("expected --data-dir DIR"))?;
        let mut config = LedgerConfig::new(data_dir);
        if let Some(dir) = &self.keyring_dir {
            config.keyring_dir.clone_from(dir);
        }
        if let Some(file) = &self.anchor {
            config.anchor.clone_from(file);
        }
        Ok(config)
    }

    /// Opens the ledger, or makes one.
    pub(crate) fn open_or_make(&self) -> Result<Ledger, Failure> {
        Ok(Ledger::open(&self.config()?)?)
    }

    /// What the engine needs of a ledger that must be there.
    pub(crate) fn config_of_present(&self) -> Result<LedgerConfig, Failure> {
        let config = self.config()?;
        if config.data_dir.is_dir() {
            return Ok(config);
        }
        let folder = config.data_dir.display();
        Err(Failure::Input(format!("{folder}: no such folder, expected a ledger's data folder")))
    }

    /// Opens a ledger that must be there.
    pub(crate) fn open(&self) -> Result<Ledger, Failure> {
        Ok(Ledger::open(&self.config_of_present()?)?)
    }
}
