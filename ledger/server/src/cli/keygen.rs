//! `keygen`: a new signing key in a file of its own.

use std::path::PathBuf;

use clap::Args;
use grantbook_record::Signer;
use serde_json::json;
use zeroize::Zeroizing;

use super::clock;
use super::failure::Failure;
use super::files;
use super::output::{Output, Verdict};

/// Arguments of `keygen`.
#[derive(Debug, Args)]
pub(crate) struct KeygenArgs {
    /// File to write; must not be there yet
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// A fresh key.
pub(crate) fn fresh() -> Result<Signer, Failure> {
    Signer::from_seed(&Zeroizing::new(clock::random_bytes())).ok_or_else(|| Failure::fault("made a weak key"))
}

pub(crate) fn run(args: &KeygenArgs, output: Output) -> Result<Verdict, Failure> {
    let signer = fresh()?;
    files::write_key(&args.out, &signer)?;
    output.say(format!("{}: a new Ed25519 key, {}", args.out.display(), signer.thumbprint()));
    output.say("Keep the file: whoever has it signs in your name.");
    output.result(&json!({
        "file": args.out,
        "thumbprint": signer.thumbprint(),
        "public_key": signer.public_key(),
    }));
    Ok(Verdict::Yes)
}
