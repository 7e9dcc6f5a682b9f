//! A consent receipt by the Kantara Initiative's specification 1.1.0 (2018-02-20), section 4 and the schema of its appendix.
//!
//! What it demands and the ledger does not know, such as a controller's telephone number, is said to be unknown.

use grantbook_record::archive::ArchivedGrant;
use grantbook_record::event::Law;
use serde_json::{Value, json};

use super::{Context, date_time, retention_days};

const UNKNOWN: &str = "not recorded";

/// Where the laws hold, as the specification wants to be told.
fn jurisdiction(laws: &[Law]) -> String {
    let mut places: Vec<&str> = laws
        .iter()
        .map(|law| match law {
            Law::DataAct | Law::Gdpr => "EU",
            Law::Dpdp => "IN",
            Law::Pipl => "CN",
        })
        .collect();
    places.sort_unstable();
    places.dedup();
    if places.is_empty() { UNKNOWN.to_owned() } else { places.join(", ") }
}

/// The receipt.
pub(super) fn receipt(context: &Context<'_>, grant: &ArchivedGrant) -> Value {
    let Context { header, laws, names } = context;
    let terms = &grant.terms;
    let sensitive = terms.consents.iter().any(|consent| consent.to.as_str().starts_with("sensitive"));
    let categories: Vec<&str> = names.data.iter().map(|name| name.english.as_str()).collect();
    let until = date_time(terms.validity.end());
    let termination = match retention_days(terms) {
        Some(days) => format!("{until}; data is deleted {days} days after each use"),
        None => until,
    };
    let third_party = terms.recipient != terms.controller;
    let mut purpose = json!({
        "purpose": names.purpose.english,
        "purposeCategory": [terms.purpose],
        "consentType": "EXPLICIT",
        "piiCategory": categories,
        "primaryPurpose": true,
        "termination": termination,
        "thirdPartyDisclosure": third_party,
    });
    if let (true, Some(purpose)) = (third_party, purpose.as_object_mut()) {
        purpose.insert("thirdPartyName".to_owned(), json!(names.recipient.english));
    }
    json!({
        "version": "KI-CR-v1.1.0",
        "jurisdiction": jurisdiction(laws),
        "consentTimestamp": grant.given_at.0,
        "collectionMethod": "grant signed with the customer's own key",
        "consentReceiptID": grant.id,
        "language": serde_json::to_value(terms.notice.language).unwrap_or_default(),
        "piiPrincipalId": header.subject.as_ref().map(grantbook_record::SubjectId::as_str).unwrap_or_default(),
        "piiControllers": [{
            "piiController": names.controller.english,
            "contact": header.tenant.name,
            "address": UNKNOWN,
            "email": UNKNOWN,
            "phone": UNKNOWN,
        }],
        "policyUrl": format!("urn:sha256:{:?}", terms.notice.hash),
        "services": [{ "service": header.tenant.name, "purposes": [purpose] }],
        "sensitive": sensitive,
        "spiCat": if sensitive { categories } else { Vec::new() },
    })
}
