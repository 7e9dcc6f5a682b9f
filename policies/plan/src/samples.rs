//! A sample of each thing that the tests of this crate vary: one agreement, a use under it, and the parties.

use grantbook_record::day::{UnixMillis, UnixSeconds};
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{Bounds, Event, GrantGiven};
use grantbook_record::uses::UseFacts;
use grantbook_record::{Jti, Signer, SubjectId, Terms};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::customer::{Admitted, CustomerState, EntryRef};

/// 2025-10-01T00:00:00Z, first second of the sample's validity.
pub(crate) const START: UnixSeconds = UnixSeconds(1_759_276_800);
/// 2026-10-01T00:00:00Z, first second after it.
pub(crate) const END: UnixSeconds = UnixSeconds(1_790_812_800);
/// A day within it.
pub(crate) const NOW: UnixSeconds = UnixSeconds(START.0 + 86_400);

/// "Fast-charging records of 2025 Q3, for insurance underwriting, without work-order details", with this merge patch.
pub(crate) fn terms(patch: Value) -> Terms {
    let terms = json!({
        "controller": "voltway",
        "recipient": "sure-insurance",
        "purpose": "insurance-underwriting",
        "scope": {
            "include": [{"category": "fast-charging", "period": {"from": "2025-07-01", "to": "2025-09-30"}}],
            "exclude": [{"category": "fast-charging", "fields": ["work_order"]}],
        },
        "validity": {"start": START, "end": END},
        "limits": {"uses": 10, "retention_days": 30},
        "compensation": {"per_use": {"currency": "CNY", "minor": 80}},
        "obligations": [{"mask": {"fields": ["station"]}}],
        "notice": {"hash": Bytes32::sha256(b"notice"), "language": "en", "shown_at": START},
        "template": {"id": "charging", "version": 1, "hash": Bytes32::sha256(b"template")},
    });
    patched(terms, patch)
}

/// A use that the sample's terms permit, with this merge patch.
pub(crate) fn facts(patch: Value) -> UseFacts {
    let facts = json!({
        "data_subject": "cs-00004",
        "requester": "pricing",
        "recipient": "sure-insurance",
        "purpose": "insurance-underwriting",
        "action": "read",
        "categories": ["fast-charging"],
        "fields": ["date", "energy_kwh"],
        "data_period": {"from": "2025-07-01", "to": "2025-07-31"},
    });
    patched(facts, patch)
}

/// Bounds that the sample's terms keep, with this merge patch.
pub(crate) fn bounds(patch: Value) -> Bounds {
    let bounds = json!({
        "controllers": ["voltway"],
        "recipients": ["sure-insurance", "safe-insurance"],
        "purposes": ["insurance-underwriting", "research"],
        "categories": ["fast-charging", "driving"],
        "validity_days_max": 365,
        "uses_max": 10,
        "retention_days_max": 30,
        "price_min": {"currency": "CNY", "minor": 50},
    });
    patched(bounds, patch)
}

/// The key pair of this number.
pub(crate) fn signer(n: u8) -> Signer {
    Signer::from_seed(&[n; 32]).unwrap()
}

pub(crate) fn subject() -> SubjectId {
    SubjectId::parse("cs-00004").unwrap()
}

/// The id of the `n`th event.
pub(crate) fn jti(n: u8) -> Jti {
    Jti::new(UnixMillis(START.0 * 1000), [n; 10])
}

/// The `n`th event's place, `at` seconds after the start.
pub(crate) fn admitted(n: u8, at: u64) -> Admitted {
    let entry = EntryRef { leaf_index: n.into(), leaf_hash: Bytes32::sha256(&[n]) };
    Admitted { jti: jti(n), entry, at: UnixSeconds(START.0 + at), group: n.into() }
}

pub(crate) fn given(terms: Terms) -> Event {
    Event::GrantGiven(GrantGiven { sub: subject(), terms, request: None, birth_day: None, mandate: None })
}

/// A customer who has given these terms, at the leaf indexes 0, 1, 2 …, which also make the grants' ids.
pub(crate) fn customer_with(all_terms: impl IntoIterator<Item = Terms>) -> CustomerState {
    let mut customer = CustomerState::default();
    for (n, terms) in (0..).zip(all_terms) {
        customer.apply(&given(terms), &admitted(n, 0));
    }
    customer
}

/// These consents, each given by an act of its own.
pub(crate) fn consents(kinds: &[&str]) -> Value {
    let given = (1..).zip(kinds).map(|(at, to)| {
        let sentence = Bytes32::sha256(format!("A sentence that asks for {to} alone.").as_bytes());
        json!({"to": to, "sentence": sentence, "given_at": START.0 * 1000 + at})
    });
    given.collect()
}

fn patched<T: DeserializeOwned>(mut value: Value, patch: Value) -> T {
    merge(&mut value, patch);
    serde_json::from_value(value).unwrap()
}

/// RFC 7396.
fn merge(target: &mut Value, patch: Value) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => {
            for (name, value) in patch {
                if value.is_null() {
                    target.remove(&name);
                } else {
                    merge(target.entry(name).or_insert(Value::Null), value);
                }
            }
        }
        (target, patch) => *target = patch,
    }
}
