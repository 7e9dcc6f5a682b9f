//! `verify receipt`.

use std::path::Path;

use grantbook_record::event::{Event, MandateGiven, MandateSource};
use grantbook_record::receipt::{Trust, VerifiedContent, VerifiedReceipt};
use grantbook_record::{Jti, Receipt};
use grantbook_tlog::{Demands, LogKeys};
use serde_json::{Value, json};

use super::ReceiptArgs;
use super::demands::NOT_WITNESSED;
use super::source::read_vkey;
use crate::cli::failure::Failure;
use crate::cli::files;
use crate::cli::output::{Output, Verdict};
use crate::cli::progress;

/// Name of the keys' file beside receipts.
const VKEY_FILE: &str = "vkey";

pub(super) fn run(args: &ReceiptArgs, output: Output) -> Result<Verdict, Failure> {
    let keys = args.keys.read()?;
    let demands = args.demands.read()?;
    let bar = progress::bar("receipts", args.files.len() as u64);
    let mut results = Vec::new();
    let mut invalid = 0_u64;
    for file in &args.files {
        let keys = match &keys {
            Some(keys) => keys.clone(),
            None => keys_beside(file)?,
        };
        // a file that cannot be read is bad input; one that does not verify is an answer
        let verified = verify(&files::read(file)?, &keys, &demands).and_then(|verified| {
            if args.demands.must_be_witnessed() && verified.trust != Trust::Witnessed {
                return Err(NOT_WITNESSED.to_owned());
            }
            Ok(verified)
        });
        let result = match verified {
            Ok(verified) => {
                output.say(format!("{}: valid, {}", file.display(), describe(&verified)));
                valid(file, &verified)
            }
            Err(why) => {
                invalid += 1;
                output.say(format!("{}: INVALID, {why}", file.display()));
                json!({ "file": file, "valid": false, "error": why })
            }
        };
        results.push(result);
        bar.inc(1);
    }
    bar.finish_and_clear();
    output.result(&json!({ "valid": invalid == 0, "invalid": invalid, "receipts": results }));
    Ok(if invalid == 0 { Verdict::Yes } else { Verdict::No })
}

/// The keys in the file beside a receipt or a proof.
pub(super) fn keys_beside(file: &Path) -> Result<LogKeys, Failure> {
    let vkey = file.with_file_name(VKEY_FILE);
    if !vkey.exists() {
        return Err(Failure::input(
            "expected --vkey FILE, --log URL, --data-dir DIR or --sandbox for the log's keys",
        ));
    }
    read_vkey(&vkey)
}

/// Verifies a receipt's bytes.
fn verify(json: &[u8], keys: &LogKeys, demands: &Demands) -> Result<VerifiedReceipt, String> {
    Receipt::parse(json)
        .and_then(|receipt| receipt.verify_under(keys, demands))
        .map_err(|error| error.to_string())
}

/// The mandate under which an agent signed, as it states: that it was the agent's key, the ledger and every gate check.
fn mandate(verified: &VerifiedReceipt) -> Option<Jti> {
    let VerifiedContent::Event { claims, .. } = &verified.content else { return None };
    match &claims.event {
        Event::GrantGiven(event) => event.mandate,
        Event::RequestDeclined(event) => event.mandate,
        Event::MandateGiven(MandateGiven { from: MandateSource::Mandate(above), .. }) => Some(*above),
        _ => None,
    }
}

fn describe(verified: &VerifiedReceipt) -> String {
    let by_agent = mandate(verified).map(|mandate| format!(", by an agent under mandate {mandate}"));
    format!(
        "{}{} at entry {} under a checkpoint of {} entries, {}",
        verified.entry.kind,
        by_agent.unwrap_or_default(),
        verified.leaf_index,
        verified.tree_size,
        verified.trust.name()
    )
}

fn valid(file: &Path, verified: &VerifiedReceipt) -> Value {
    let committed =
        verified.quantities.iter().map(|(quantity, value)| (quantity.name().to_owned(), json!(value)));
    json!({
        "file": file,
        "valid": true,
        "kind": verified.entry.kind.to_string(),
        "mandate": mandate(verified),
        "leaf_index": verified.leaf_index.0,
        "tree_size": verified.tree_size.0,
        "root": verified.root.to_string(),
        "trust": verified.trust.name(),
        "committed": committed.collect::<serde_json::Map<_, _>>(),
    })
}
