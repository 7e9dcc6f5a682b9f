//! One function for each parser: it takes any bytes, and must neither panic nor accept two spellings of one thing.
//!
//! Where a format has one spelling, formatting what was parsed gives the same bytes; elsewhere it gives bytes that
//! parse to the same value.

mod gate;
mod log;
mod record;

pub use gate::{compact_plan, fact_statement, house_rules};
pub use log::{
    bundle, checkpoint, log_keys, note, policy, proof_file, tile_path, vkey, witness_answer, witness_request,
};
pub use record::{
    archive, attachments, audit_answer, audit_request, entry, envelope, event, frame, head, jwk,
    lease_release, receipt, scope, signed_head, state_proof, terms, use_batch, use_record,
};

/// A parser's name and its function.
pub type Target = (&'static str, fn(&[u8]));

/// Every target by name.
pub const TARGETS: [Target; 31] = [
    ("envelope", envelope),
    ("event", event),
    ("entry", entry),
    ("use_batch", use_batch),
    ("use_record", use_record),
    ("lease_release", lease_release),
    ("receipt", receipt),
    ("attachments", attachments),
    ("archive", archive),
    ("state_proof", state_proof),
    ("audit_request", audit_request),
    ("audit_answer", audit_answer),
    ("frame", frame),
    ("head", head),
    ("signed_head", signed_head),
    ("scope", scope),
    ("terms", terms),
    ("jwk", jwk),
    ("note", note),
    ("checkpoint", checkpoint),
    ("tile_path", tile_path),
    ("proof_file", proof_file),
    ("bundle", bundle),
    ("vkey", vkey),
    ("log_keys", log_keys),
    ("policy", policy),
    ("witness_request", witness_request),
    ("witness_answer", witness_answer),
    ("house_rules", house_rules),
    ("fact_statement", fact_statement),
    ("compact_plan", compact_plan),
];
