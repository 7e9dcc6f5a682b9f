//! Cases of data assets: issued, transferred, licensed.

use grantbook_record::Kind;
use serde_json::{Value, json};

use crate::cases::{Case, edited, with};
use crate::story::{licence, sample, terms};

fn event(kind: Kind) -> Value {
    json!({ "kind": kind.name(), "payload": String::from_utf8(sample(kind).payload).unwrap() })
}

/// The story's grant as a licence of its asset.
fn licensed() -> Value {
    let mut input = event(Kind::GrantGiven);
    let licence = serde_json::to_string(&licence()).unwrap();
    let consents = serde_json::to_string(&terms().consents).unwrap();
    let consents = format!("\"consents\":{consents}");
    input["payload"] = json!(with(
        input["payload"].as_str().unwrap(),
        &consents,
        &format!("{consents},\"licence\":{licence}")
    ));
    input
}

pub(crate) fn assets() -> Vec<Case> {
    let (issued, transferred, licensed) =
        (event(Kind::AssetIssued), event(Kind::AssetTransferred), licensed());
    let mut cases = vec![
        ("issued".to_owned(), issued.clone()),
        ("transferred".to_owned(), transferred.clone()),
        ("licensed".to_owned(), licensed.clone()),
    ];
    let offer = r#","licence":{"price":{"currency":"CNY","minor":250},"purposes":["insurance-underwriting"],"until":1802776000}"#;
    let source = serde_json::to_string(&licence().ends_with).unwrap();
    let source = source.as_str();
    cases.extend(edited(
        &issued,
        "payload",
        &[
            ("of the enterprise", "\"owner\":\"customer\"", "\"owner\":\"enterprise\""),
            ("bound to its owner", "\"transferable_to\":[\"enterprise\"],", ""),
            ("for use by nobody else", offer, ""),
            ("owned by nobody known", "\"owner\":\"customer\"", "\"owner\":\"broker\""),
            ("without an owner", "\"owner\":\"customer\",", ""),
            ("owned twice", "\"owner\":\"customer\",", "\"owner\":\"customer\",\"owner\":\"enterprise\","),
            ("derived from nothing", source, "[]"),
            ("derived from a leaf index", source, "[30]"),
            ("derived from 17 grants", source, &format!("[{}]", [&source[1..39]; 17].join(","))),
            ("without a hash", "\"hash\":\"", "\"sha1\":\""),
            ("hash too long", "\"hash\":\"", "\"hash\":\"A"),
            ("with its report", "\"hash\":", "\"report\":\"AA\",\"hash\":"),
            ("priced with a fraction", "\"minor\":250", "\"minor\":250.5"),
            ("priced at 2^32", "\"minor\":250", "\"minor\":4294967296"),
            ("licensed for nothing", "[\"insurance-underwriting\"],\"until\"", "[],\"until\""),
            ("licensed for ever", ",\"until\":1802776000", ""),
            ("transferable to three", "[\"enterprise\"]", "[\"enterprise\",\"customer\",\"enterprise\"]"),
            ("transferable as a flag", "[\"enterprise\"]", "true"),
            ("outliving as a number", "\"terms\":{", "\"terms\":{\"outlives_grants\":1,"),
            ("version 2", "\"v\":1", "\"v\":2"),
        ],
    ));
    cases.extend(edited(
        &transferred,
        "payload",
        &[
            ("transferred to somebody else", "\"to\":\"enterprise\"", "\"to\":\"cs-00005\""),
            ("transferred to nobody", ",\"to\":\"enterprise\"", ""),
            ("transferred by its hash", "\"asset\":\"01a1ee56", "\"asset\":\"01A1EE56"),
            ("transferred for a price", "\"to\":", "\"price\":1,\"to\":"),
        ],
    ));
    cases.extend(edited(
        &licensed,
        "payload",
        &[
            ("licensed whatever ends", &format!(",\"ends_with\":{source}"), ""),
            ("licensed without an asset", "\"licence\":{\"asset\"", "\"licence\":{\"report\""),
            ("licence with a member too many", "\"licence\":{", "\"licence\":{\"resale\":true,"),
            ("licence as a list", "\"licence\":{", "\"licence\":[{"),
        ],
    ));
    cases
}
