//! Passphrases: from a file or the terminal, never from the command line, which other users of the machine can read.

use std::path::PathBuf;

use clap::Args;
use zeroize::Zeroizing;

use super::failure::Failure;
use super::files;

/// Where a passphrase comes from.
#[derive(Debug, Args)]
pub(crate) struct PassphraseArgs {
    /// File with the passphrase [default: the terminal asks for it]
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl PassphraseArgs {
    /// The passphrase, without the end of the line. A new one is asked for twice.
    pub(crate) fn read(&self, new: bool) -> Result<Zeroizing<Vec<u8>>, Failure> {
        if let Some(path) = &self.passphrase_file {
            let mut bytes = Zeroizing::new(files::read(path)?);
            while bytes.last().is_some_and(|last| [b'\n', b'\r'].contains(last)) {
                bytes.pop();
            }
            return Ok(bytes);
        }
        let first = ask("Passphrase: ")?;
        if new && *ask("The same again: ")? != *first {
            return Err(Failure::input("the two passphrases differ, expected the same one twice"));
        }
        Ok(Zeroizing::new(first.as_bytes().to_vec()))
    }
}

fn ask(prompt: &str) -> Result<Zeroizing<String>, Failure> {
    rpassword::prompt_password(prompt).map(Zeroizing::new).map_err(|error| {
        Failure::Input(format!("no terminal to ask ({error}), expected --passphrase-file FILE"))
    })
}
