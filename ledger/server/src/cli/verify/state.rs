//! `verify state`.

use std::path::Path;

use grantbook_record::StateProof;
use grantbook_record::receipt::Trust;
use grantbook_record::state_proof::{GrantStatus, StateOfGrant, VerifiedState};
use grantbook_tlog::{Demands, LogKeys};
use serde_json::{Value, json};

use super::StateArgs;
use super::demands::NOT_WITNESSED;
use super::receipt::keys_beside;
use crate::cli::evidence::words::instant;
use crate::cli::failure::Failure;
use crate::cli::files;
use crate::cli::output::{Output, Verdict};

pub(super) fn run(args: &StateArgs, output: Output) -> Result<Verdict, Failure> {
    let keys = match args.keys.read()? {
        Some(keys) => keys,
        None => keys_beside(&args.file)?,
    };
    let demands = args.demands.read()?;
    // a file that cannot be read is bad input; one that does not verify is an answer
    let verified = verify(&files::read(&args.file)?, &keys, &demands).and_then(|verified| {
        if args.demands.must_be_witnessed() && verified.trust != Trust::Witnessed {
            return Err(NOT_WITNESSED.to_owned());
        }
        Ok(verified)
    });
    Ok(match verified {
        Ok(verified) => {
            for line in describe(&args.file, &verified) {
                output.say(line);
            }
            output.result(&valid(&verified));
            Verdict::Yes
        }
        Err(why) => {
            output.say(format!("{}: INVALID, {why}", args.file.display()));
            output.result(&json!({ "valid": false, "error": why }));
            Verdict::No
        }
    })
}

fn verify(json: &[u8], keys: &LogKeys, demands: &Demands) -> Result<VerifiedState, String> {
    StateProof::parse(json)
        .and_then(|proof| proof.verify_under(keys, demands))
        .map_err(|error| error.to_string())
}

fn describe(file: &Path, verified: &VerifiedState) -> Vec<String> {
    let mut lines = vec![format!(
        "{}: valid, under a checkpoint of {} entries, {}",
        file.display(),
        verified.tree_size,
        verified.trust.name()
    )];
    lines.push(format!(
        "customer {} of tenant {}, enrolled at entry {}",
        verified.sub.as_str(),
        verified.tenant,
        verified.enrolled
    ));
    lines.push(format!(
        "at size {} (root signed {} at entry {}):",
        verified.size,
        instant(verified.signed_at.0),
        verified.root_entry
    ));
    match &verified.states {
        None => lines.push("  never granted, or erased by then".to_owned()),
        Some(states) => lines.extend(states.grants().iter().map(|grant| format!("  {}", in_words(grant)))),
    }
    lines
}

fn in_words(grant: &StateOfGrant) -> String {
    let StateOfGrant { given, terms, status, since } = grant;
    let amended = if terms == given { String::new() } else { format!(", terms of entry {terms}") };
    match status {
        GrantStatus::Active if since == given => format!("grant of entry {given}: active{amended}"),
        GrantStatus::Active => format!("grant of entry {given}: active again since entry {since}{amended}"),
        status => format!("grant of entry {given}: {} at entry {since}{amended}", status.name()),
    }
}

fn valid(verified: &VerifiedState) -> Value {
    json!({
        "valid": true,
        "size": verified.size.0,
        "root_signed_at": verified.signed_at,
        "root_entry": verified.root_entry.0,
        "root_signed_by": verified.signed_by.thumbprint(),
        "tenant": verified.tenant.to_string(),
        "data_subject": verified.sub,
        "enrolled_entry": verified.enrolled.0,
        "grants": verified.states.as_ref().map_or(&[][..], |states| states.grants()),
        "tree_size": verified.tree_size.0,
        "trust": verified.trust.name(),
    })
}
