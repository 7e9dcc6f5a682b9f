//! An audit from the command line: regulator, operator, regulator.

use std::fs;

use serde_json::Value;

use super::{CHECK, Place};

const NONCE: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

#[test]
fn a_regulator_draws_the_operator_opens_and_what_is_wrong_is_found() {
    let place = Place::new();
    let tenant = place.enterprise();
    place
        .run(&format!(
            "grant --key alice.key.json --sub alice-7 --published published.json --from 2025-07-01 \
             --to 2025-09-30 --uses 9 --price 0.80~CNY --tenant {tenant} --data-dir data \
             --enterprise-key acme.key.json"
        ))
        .ok();
    place.run(&format!("{CHECK} --tenant {tenant} --save use.json")).ok();
    // a receipt's proof ends with the checkpoint
    let receipt: Value = serde_json::from_slice(&fs::read(place.path("use.json")).unwrap()).unwrap();
    let (_, note) = receipt["proof"].as_str().unwrap().split_once("\n\n").unwrap();
    place.write("checkpoint", note);
    let size: u64 = note.lines().nth(1).unwrap().parse().unwrap();

    let draw = format!("audit draw --checkpoint checkpoint --nonce {NONCE} --data-dir data");
    place.run(&format!("{draw} --count {}", size + 1)).is(2);
    let drawn = place.run(&format!("{draw} --count {size} --json")).ok().json();
    assert_eq!(drawn["drawn"].as_array().unwrap().len() as u64, size);
    place.run(&format!("{draw} --count {size}")).is(2);
    let open = "audit open --request request.json --out answers.jsonl --data-dir data --json";
    assert_eq!(place.run(open).ok().json()["entries"], size);
    place.run(open).is(2);

    let verify = |answers: &str| {
        place.run(&format!("audit verify --request request.json --answers {answers} --data-dir data --json"))
    };
    let report = verify("answers.jsonl").ok().json();
    assert_eq!(report["opened"], size, "{report}");
    assert_eq!(report["findings"], serde_json::json!([]), "{report}");
    assert!(report["false_per_million_below"].as_u64().unwrap() > 0);

    // without one line, with one for another entry, and for other dice
    let answers = fs::read_to_string(place.path("answers.jsonl")).unwrap();
    let (first, rest) = answers.split_once('\n').unwrap();
    place.write("fewer.jsonl", rest);
    assert_eq!(verify("fewer.jsonl").is(1).json()["findings"][0]["check"], "missing");
    let index = &drawn["drawn"][0];
    let other =
        first.replacen(&format!("\"index\":{index},"), &format!("\"index\":{},", &drawn["drawn"][1]), 1);
    place.write("swapped.jsonl", format!("{other}\n{rest}"));
    let checks: Vec<Value> = verify("swapped.jsonl").is(1).json()["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["check"].clone())
        .collect();
    assert!(checks.contains(&"receipt".into()) && checks.contains(&"missing".into()), "{checks:?}");
    let dice = NONCE.replace("00", "ff");
    place
        .run(&format!(
            "audit draw --checkpoint checkpoint --nonce {dice} --data-dir data --count 1 --out other.json"
        ))
        .ok();
    place.run("audit verify --request other.json --answers answers.jsonl --data-dir data").is(1);
    // nobody has cosigned it
    place.write("w.policy", "quorum none\n");
    place.run(&format!("{draw} --count 1 --out w.json --witnessed")).is(2);
}
