//! Grants that an agent signed, at a gate that believes nobody.

use grantbook_record::event::{Event, GrantGiven, MandateGiven, MandateWithdrawn};
use grantbook_record::{DenialReason, Jti, Signer};
use grantbook_sdk::{BootTime, Decision};
use serde_json::{Value, json};

use crate::book::{Book, NOW, facts, signer, sub};

fn boot(seconds: u64) -> BootTime {
    BootTime(std::time::Duration::from_secs(seconds))
}

fn mandate(customer: &Signer, agent: &Signer, patch: &Value) -> Event {
    let mut members = json!({
        "sub": "anna", "from": {"key": customer.thumbprint()}, "agent": agent.public_key(),
        "until": NOW + 10 * 86_400, "depth": 1,
        "rules": [{"when": {"recipients": ["lab"]}, "accept": {"validity_days_max": 31}}],
    });
    members.as_object_mut().unwrap().extend(patch.as_object().unwrap().clone());
    Event::MandateGiven(serde_json::from_value::<MandateGiven>(members).unwrap())
}

fn granted(book: &mut Book, mandate: Option<Jti>, key: &Signer) -> Jti {
    let terms = book.terms();
    let event = GrantGiven { sub: sub("anna"), terms, request: None, birth_day: None, mandate };
    book.append(&Event::GrantGiven(event), &[key])
}

/// The decision of a gate that was fed the book.
fn decided(book: &Book) -> Result<Jti, DenialReason> {
    match book.replica(boot(100)).decide(&facts("anna"), None, boot(101)) {
        Decision::Permit(permission) => Ok(permission.grant),
        Decision::Denial(denial) => Err(denial.reason),
    }
}

fn book() -> (Book, Signer, Signer) {
    let (mut book, key) = (Book::new(), signer(20));
    book.enrol("anna", &key);
    (book, key, signer(21))
}

#[test]
fn a_grant_within_its_mandate_permits() {
    let (mut book, key, agent) = book();
    let given = book.append(&mandate(&key, &agent, &json!({})), &[&key]);
    let grant = granted(&mut book, Some(given), &agent);
    assert_eq!(decided(&book), Ok(grant));
    // handed on, and used by the other agent
    let other = signer(22);
    let narrower = json!({"from": {"mandate": given}, "agent": other.public_key(), "depth": 0});
    let narrower = book.append(&mandate(&key, &other, &narrower), &[&agent]);
    granted(&mut book, Some(narrower), &other);
    assert_eq!(decided(&book), Ok(grant));
    // the mandate ends, what was given under it stays
    let ended = MandateWithdrawn { sub: sub("anna"), mandate: given, channel: None };
    book.append(&Event::MandateWithdrawn(ended), &[&key]);
    assert_eq!(decided(&book), Ok(grant));
    // a ledger that takes in what comes after it is not believed
    granted(&mut book, Some(narrower), &other);
    assert_eq!(decided(&book), Err(DenialReason::Blocked));
}

#[test]
fn a_grant_beyond_its_mandate_blocks() {
    let blocked = Err(DenialReason::Blocked);
    for patch in [
        json!({"rules": [{"when": {"recipients": ["lab"]}, "accept": {"validity_days_max": 30}}]}),
        json!({"rules": [{"when": {"recipients": ["shop"]}, "accept": {}}]}),
        json!({"rules": [{"accept": {}}, {"when": {"purposes": ["research"]}, "otherwise": "decline"}]}),
        json!({"until": NOW - 86_400}),
    ] {
        let (mut book, key, agent) = book();
        let given = book.append(&mandate(&key, &agent, &patch), &[&key]);
        granted(&mut book, Some(given), &agent);
        assert_eq!(decided(&book), blocked, "{patch}");
    }
    let (mut book, key, agent) = book();
    let given = book.append(&mandate(&key, &agent, &json!({})), &[&key]);
    granted(&mut book, Some(given), &signer(23));
    assert_eq!(decided(&book), blocked, "by another key");
}

/// Whoever has an agent's key and no mandate gives no grant, whatever the ledger took in.
#[test]
fn an_agents_key_without_a_mandate_blocks() {
    let (mut book, key, agent) = book();
    book.append(&mandate(&key, &agent, &json!({})), &[&key]);
    granted(&mut book, None, &agent);
    assert_eq!(decided(&book), Err(DenialReason::Blocked));
    let (mut book, key, agent) = self::book();
    // a mandate that somebody else has signed
    let given = book.append(&mandate(&key, &agent, &json!({})), &[&agent]);
    granted(&mut book, Some(given), &agent);
    assert_eq!(decided(&book), Err(DenialReason::Blocked));
}
