//! A ledger in this process: which folders it has.

use std::path::PathBuf;

use clap::Args;
use grantbook_engine::{KeyringKind, Ledger, LedgerConfig, Pkcs11Token};

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
    #[command(flatten)]
    pub(crate) token: TokenArgs,
}

/// The PKCS#11 token that guards a keyring. The variables are those of the server's configuration.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Keyring in a PKCS#11 token")]
pub(crate) struct TokenArgs {
    /// Library of the token's maker
    #[arg(
        id = "pkcs11-module",
        long = "pkcs11-module",
        value_name = "FILE",
        requires = "pkcs11-token",
        env = "GRANTBOOK_KEYRING_PKCS11__MODULE",
        hide_env_values = true
    )]
    module: Option<PathBuf>,
    /// The token's label
    #[arg(
        id = "pkcs11-token",
        long = "pkcs11-token",
        value_name = "LABEL",
        requires = "pkcs11-module",
        env = "GRANTBOOK_KEYRING_PKCS11__TOKEN_LABEL",
        hide_env_values = true
    )]
    label: Option<String>,
    /// File with the PIN of the token's user [default: the variable GRANTBOOK_PKCS11_PIN]
    #[arg(
        id = "pkcs11-pin-file",
        long = "pkcs11-pin-file",
        value_name = "FILE",
        env = "GRANTBOOK_KEYRING_PKCS11__PIN_FILE",
        hide_env_values = true
    )]
    pin_file: Option<PathBuf>,
}

impl TokenArgs {
    /// What guards the keyring: the token, where one is named.
    pub(crate) fn keyring(&self) -> KeyringKind {
        match (&self.module, &self.label) {
            (Some(module), Some(label)) => KeyringKind::Pkcs11(Pkcs11Token {
                module: module.clone(),
                label: label.clone(),
                pin_file: self.pin_file.clone(),
            }),
            _ => KeyringKind::Files,
        }
    }
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
        config.keyring = self.token.keyring();
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
