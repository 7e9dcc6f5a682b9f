//! Cases by format, and the ways in which they are spoilt.

use serde_json::{Value, json};

use crate::{
    cases_of_archives, cases_of_assets, cases_of_attachments, cases_of_audits, cases_of_events,
    cases_of_leases, cases_of_state_proofs, cases_of_the_log,
};

/// Name and input of a case.
pub(crate) type Case = (String, Value);

pub(crate) fn of(format: &str) -> Vec<Case> {
    match format {
        "event" => cases_of_events::events(),
        "envelope" => cases_of_events::envelopes(),
        "use-batch" => cases_of_events::batches(),
        "entry" => cases_of_the_log::entries(),
        "receipt" => cases_of_the_log::receipts(),
        "feed" => cases_of_the_log::frames(),
        "head" => cases_of_the_log::heads(),
        "lease" => cases_of_leases::releases(),
        "asset" => cases_of_assets::assets(),
        "state-proof" => cases_of_state_proofs::state_proofs(),
        "archive" => cases_of_archives::archives(),
        "audit" => cases_of_audits::audits(),
        "attachment" => cases_of_attachments::all(),
        other => panic!("no cases of {other}"),
    }
}

/// `text` with the first `from` replaced; panics where there is none.
pub(crate) fn with(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "no {from} in {text}");
    text.replacen(from, to, 1)
}

/// A case for each edit of one text, which is the member `member` of the input.
pub(crate) fn edited(base: &Value, member: &str, edits: &[(&str, &str, &str)]) -> Vec<Case> {
    let text = base[member].as_str().unwrap();
    edits
        .iter()
        .map(|(name, from, to)| {
            let mut input = base.clone();
            input[member] = json!(with(text, from, to));
            ((*name).to_owned(), input)
        })
        .collect()
}
