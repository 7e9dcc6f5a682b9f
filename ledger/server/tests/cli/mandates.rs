//! Mandates from the command line: tried, given, used by an agent, handed on, withdrawn; and the folder is whole after it.

use grantbook_record::encoding::Bytes32;
use serde_json::{Value, json};

use crate::Place;

const RULES: &str = r#"{"depth": 1, "rules": [{"when": {"recipients": ["insurer"]}, "accept": {
    "price_min": [{"per_use": {"currency": "CNY", "minor": 80}}], "validity_days_max": 30,
    "never": [{"category": "fast-charging", "fields": ["work_order"]}], "consents": ["sensitive"]},
    "otherwise": "decline"}]}"#;

/// A ledger in which the enterprise has asked for a grant at 0.80 CNY and for one at 0.79 CNY.
fn asked(place: &Place) -> String {
    use grantbook_record::event::{Claims, RequestMade};
    use grantbook_record::{Envelope, Kind, Signer, SubjectId, Terms, UnixSeconds};

    let tenant = place.enterprise();
    place.run("keygen --out agent.key.json").ok();
    place.run("keygen --out other.key.json").ok();
    // the customer is enrolled with the first grant
    place
        .run(&format!(
            "grant --key alice.key.json --sub alice-7 --published published.json --days 10 --price 0.80~CNY \
             --without work_order --enterprise-key acme.key.json --tenant {tenant} --data-dir data --save grant.json"
        ))
        .ok();
    let receipt =
        grantbook_record::Receipt::parse(&std::fs::read(place.path("grant.json")).unwrap()).unwrap();
    let grantbook_record::receipt::Content::Event(content) = &receipt.content else { unreachable!() };
    let claims = Envelope::parse(&content.envelope.0).unwrap().event().unwrap();
    let terms = claims.event.granted_terms().unwrap();
    let key: Value = serde_json::from_slice(&std::fs::read(place.path("acme.key.json")).unwrap()).unwrap();
    let seed = grantbook_record::encoding::array_from_base64url(key["d"].as_str().unwrap()).unwrap();
    let enterprise = Signer::from_seed(&seed).unwrap();
    let config = grantbook_engine::LedgerConfig::new(place.path("data"));
    let ledger = grantbook_engine::Ledger::open(&config).unwrap();
    for minor in [80_u32, 79] {
        let mut asked = serde_json::to_value(terms).unwrap();
        asked["compensation"] = json!({"per_use": {"currency": "CNY", "minor": minor}});
        let terms: Terms = serde_json::from_value(asked).unwrap();
        let now = grantbook_engine::Clock::system().now();
        let expires = UnixSeconds(now.seconds().0 + 86_400);
        let event = RequestMade { sub: SubjectId::parse("alice-7").unwrap(), terms, expires };
        let salt = Bytes32::sha256(&minor.to_be_bytes());
        let jti = grantbook_record::Jti::new(now, *salt.0.first_chunk().unwrap());
        let payload = Claims::new(claims.aud, jti, event).to_json();
        let envelope = Envelope::sign(Kind::RequestMade, &payload, &[&enterprise]);
        ledger.append(claims.aud, &envelope).unwrap();
    }
    ledger.close().unwrap();
    tenant
}

/// Receipts say that an agent signed, and under which mandate.
fn says_the_mandate(place: &Place, mandate: &str) {
    let config = grantbook_engine::LedgerConfig::new(place.path("data"));
    let ledger = grantbook_engine::Ledger::open(&config).unwrap();
    let tenant = ledger.tenants()[0].id;
    let by_agent = ledger.grants(tenant, None, 10).unwrap().pop().unwrap();
    let receipt = ledger.receipt(tenant, by_agent.leaf_index).unwrap();
    place.write("by-agent.receipt", receipt.to_json());
    ledger.close().unwrap();
    drop(ledger);
    let words = format!("by an agent under mandate {mandate}");
    for (file, expected) in [("narrower.receipt", true), ("by-agent.receipt", true), ("grant.json", false)] {
        let verify = format!("verify receipt {file} --data-dir data");
        assert_eq!(place.run(&verify).ok().out.contains(&words), expected, "{file}");
        let result = place.run(&format!("{verify} --json")).ok().json();
        let named = &result["receipts"][0]["mandate"];
        assert_eq!(*named, if expected { json!(mandate) } else { Value::Null }, "{file}");
    }
}

#[test]
fn an_agent_answers_by_rules_that_were_tried_before_they_were_signed() {
    let place = Place::new();
    let tenant = asked(&place);
    place.write("rules.json", RULES);
    let end = format!("--sub alice-7 --tenant {tenant} --data-dir data --json");
    let simulated = place.run(&format!("mandate simulate rules.json {end}")).ok().json();
    let verdicts = |of: &Value| {
        let rows = of["requests"].as_array().unwrap().iter();
        rows.map(|row| row["answer"]["verdict"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(verdicts(&simulated), ["decline", "accept"]);
    let by_key = "--key alice.key.json";
    let give = format!("mandate give rules.json --days 20 --agent agent.key.json {end}");
    let given = place.run(&format!("{give} {by_key}")).ok().json();
    let mandate = given["mandate"].as_str().unwrap();
    // the customer's own key is no agent's
    place.run(&give.replace("--agent agent", "--agent alice").replace("--json", by_key)).is(1);

    let once = format!("agent --once --mandate {mandate} --key agent.key.json {end}");
    place.run(&once.replace("agent.key", "other.key")).is(2);
    let done = place.run(&once).ok().json();
    let count =
        |done: &Value| ["accepted", "declined", "left"].map(|name| done[name].as_array().unwrap().len());
    assert_eq!(count(&done), [1, 1, 0]);
    assert_eq!(count(&place.run(&once).ok().json()), [0, 0, 0], "nothing waits any more");

    // narrower is handed on, wider is not
    place.write("wider.json", RULES.replace("\"depth\": 1, ", "").replace(": 30", ": 31"));
    place.write("narrower.json", RULES.replace("\"depth\": 1, ", "").replace(": 30", ": 7"));
    let narrow = |file: &str| {
        format!(
            "mandate narrow {file} --mandate {mandate} --days 5 --agent other.key.json --key agent.key.json {end}"
        )
    };
    let wider = place.run(&narrow("wider.json")).is(1);
    assert!(wider.err.contains("wider than in the mandate above"), "{}", wider.err);
    place.run(&format!("{} --save narrower.receipt", narrow("narrower.json"))).ok();
    says_the_mandate(&place, mandate);
    let shown = place.run(&format!("mandate show {end}")).ok().json();
    assert_eq!(shown["mandates"].as_array().unwrap().len(), 2);

    // the grant stays when the mandate ends, unless it is to go as well
    let withdraw = format!("mandate withdraw --mandate {mandate} --with-grants {by_key} {end}");
    let withdrawn = place.run(&withdraw).ok().json();
    assert_eq!(withdrawn["grants"].as_array().unwrap().len(), 1);
    let shown = place.run(&format!("mandate show {end}")).ok().json();
    for row in shown["mandates"].as_array().unwrap() {
        assert_eq!((&row["in_force"], &row["grants"]), (&json!(false), &json!([])), "{row}");
    }
    place.run(&withdraw).is(1);
    place.run(&once).is(1);
    assert_eq!(place.run("fsck --data-dir data --json").ok().json()["clean"], true);
}
