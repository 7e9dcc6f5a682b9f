//! A consent record of ISO/IEC TS 27560:2023 as JSON-LD, in the terms that the W3C Data Privacy Vocabulary's guide for it
//! names (`https://w3id.org/dpv/guides/consent-27560`): header, processing, parties, events.

use grantbook_record::archive::ArchivedGrant;
use grantbook_record::event::Law;
use grantbook_record::state_proof::GrantStatus;
use serde_json::{Value, json};

use super::{Context, Name, date_time, retention_days, was_ended};

/// Both languages of a name.
fn titles(name: &Name) -> Value {
    json!([
        { "@language": "en", "@value": name.english },
        { "@language": "zh-Hans", "@value": name.chinese },
    ])
}

fn node(kind: &str, name: &Name) -> Value {
    json!({ "@type": kind, "dct:identifier": name.id, "dct:title": titles(name) })
}

fn time(at: grantbook_record::UnixSeconds) -> Value {
    json!({ "@type": "xsd:dateTime", "@value": date_time(at) })
}

/// Consent, by the law that names it; where no law that has terms of its own applies, by the vocabulary's.
fn legal_basis(laws: &[Law]) -> Value {
    if laws.contains(&Law::Gdpr) {
        json!({ "@id": "eu-gdpr:A6-1-a" })
    } else {
        json!({ "@id": "dpv:ExplicitlyExpressedConsent" })
    }
}

/// Laws by the names that `docs/law.md` gives them.
pub(super) fn law_name(law: Law) -> &'static str {
    match law {
        Law::DataAct => "Regulation (EU) 2023/2854",
        Law::Dpdp => "Digital Personal Data Protection Act, 2023 (India)",
        Law::Gdpr => "Regulation (EU) 2016/679",
        Law::Pipl => "Personal Information Protection Law (China)",
    }
}

/// The record. A paused consent is still given: it can be resumed by the customer alone.
pub(super) fn record(context: &Context<'_>, grant: &ArchivedGrant) -> Value {
    let Context { header, laws, names } = context;
    let terms = &grant.terms;
    let status = match grant.state.status {
        GrantStatus::Active | GrantStatus::Paused => "dpv:ConsentGiven",
        GrantStatus::Withdrawn => "dpv:ConsentWithdrawn",
        // another one, or somebody else, took its place
        GrantStatus::Superseded | GrantStatus::Revoked => "dpv:ConsentRevoked",
    };
    let subject = header.subject.as_ref().map(grantbook_record::SubjectId::as_str).unwrap_or_default();
    let by =
        if grant.state.status == GrantStatus::Revoked { "dpv:DataController" } else { "dpv:DataSubject" };
    let event = |status: &str, at, by: &str| {
        json!({
            "@type": status,
            "dpv:isIndicatedAtTime": time(at),
            "dpv:isIndicatedBy": { "@id": by },
        })
    };
    let mut events = vec![event("dpv:ConsentGiven", grant.given_at, "dpv:DataSubject")];
    if was_ended(grant.state.status) {
        events.push(event(status, grant.since_at, by));
    }
    let mut process = json!({
        "@type": "dpv:Process",
        "dpv:hasPurpose": node("dpv:Purpose", &names.purpose),
        "dpv:hasPersonalData": names.data.iter().map(|name| node("dpv:PersonalData", name)).collect::<Vec<_>>(),
        "dpv:hasRecipient": node("dpv:Recipient", &names.recipient),
    });
    if let (Some(days), Some(process)) = (retention_days(terms), process.as_object_mut()) {
        let kept = json!({ "@type": "dpv:StorageDuration", "dpv:hasDuration": { "@type": "xsd:duration", "@value": format!("P{days}D") } });
        process.insert("dpv:hasStorageCondition".to_owned(), kept);
    }
    json!({
        "@context": {
            "dct": "http://purl.org/dc/terms/",
            "dpv": "https://w3id.org/dpv#",
            "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#",
            "xsd": "http://www.w3.org/2001/XMLSchema#",
        },
        "@id": format!("urn:uuid:{}", grant.id),
        "@type": "dpv:ConsentRecord",
        "dct:identifier": grant.id,
        "dct:created": time(grant.given_at),
        "dct:valid": format!("{}/{}", date_time(terms.validity.start()), date_time(terms.validity.end())),
        "dct:publisher": { "@id": format!("urn:uuid:{}", header.tenant.id), "dct:title": header.tenant.name },
        "dpv:hasApplicableLaw": laws.iter().map(|law| json!({ "dct:title": law_name(*law) })).collect::<Vec<_>>(),
        "dpv:hasConsentStatus": events,
        "dpv:hasDataController": node("dpv:DataController", &names.controller),
        "dpv:hasDataSubject": { "@type": "dpv:DataSubject", "dct:identifier": subject },
        "dpv:hasLegalBasis": legal_basis(laws),
        "dpv:hasNotice": {
            "@type": "dpv:ConsentNotice",
            "dct:identifier": format!("sha256:{:?}", terms.notice.hash),
            "dct:language": serde_json::to_value(terms.notice.language).unwrap_or_default(),
        },
        "dpv:hasProcess": process,
    })
}
