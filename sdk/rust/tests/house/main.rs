//! What a gate does beside the decision: facts from sources that misbehave, the breaker, obligations on data.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

#[cfg(feature = "arrow")]
mod batches;
mod breaker;
mod due;
mod facts;
mod obligations;
mod source;

use grantbook_record::Term;
use grantbook_record::uses::UseFacts;
use serde_json::{Value, json};

fn term(text: &str) -> Term {
    Term::parse(text).unwrap()
}

/// A use by this requester of these fields.
fn use_of(requester: &str, fields: &[&str]) -> UseFacts {
    let facts: Value = json!({
        "data_subject": "cs-00004",
        "requester": requester,
        "recipient": "sure-insurance",
        "purpose": "insurance-underwriting",
        "action": "read",
        "categories": ["fast-charging", "driving", "contact"],
        "fields": fields,
        "data_period": {"from": "2025-07-01", "to": "2025-09-30"},
    });
    serde_json::from_value(facts).unwrap()
}
