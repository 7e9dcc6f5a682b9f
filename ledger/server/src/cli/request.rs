//! `request`: the enterprise's signature over a request, where its key is and no server.

use std::path::PathBuf;

use clap::Args;
use grantbook_record::{Envelope, Event, Kind};
use serde_json::json;

use super::failure::Failure;
use super::files;
use super::output::{Output, Verdict};

/// Arguments of `request`.
#[derive(Debug, Args)]
pub(crate) struct RequestArgs {
    /// What is to be signed, as the page gives it
    file: PathBuf,
    /// The enterprise's key file
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// File to write: one compact JWS
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Says what it signs: whoever has the key should not have to believe a page.
pub(crate) fn run(args: &RequestArgs, output: Output) -> Result<Verdict, Failure> {
    let payload = files::read(&args.file)?;
    let parsed = Event::parse(Kind::RequestMade, &payload)
        .map_err(|error| Failure::Input(format!("{}: {error}", args.file.display())))?;
    let Event::RequestMade(made) = &parsed.event else {
        return Err(Failure::input("expected a request.made"));
    };
    let signer = files::read_key(&args.key)?;
    let envelope = Envelope::sign(Kind::RequestMade, &payload, &[&signer]);
    let envelope = Envelope::parse(&envelope).map_err(Failure::fault)?;
    files::replace(&args.out, envelope.first_jws().as_bytes())?;
    output.say(format!(
        "Signed: {} is asked for data for {} by {}. It is in {}.",
        made.sub,
        made.terms.purpose,
        made.terms.recipient,
        args.out.display()
    ));
    output
        .result(&json!({ "jti": parsed.jti, "sub": made.sub, "key": signer.thumbprint(), "out": args.out }));
    Ok(Verdict::Yes)
}
