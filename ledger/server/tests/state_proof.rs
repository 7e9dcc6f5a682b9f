//! `verify state` over the frozen proofs of the format.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets what it does not expect shall fail there and then"
)]

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/state-proof.json");

/// Verifies the frozen proof of this name: exit status, what people are told, and what machines are.
fn verify(name: &str) -> (i32, String, Value) {
    let vectors: Value = serde_json::from_str(&fs::read_to_string(VECTORS).unwrap()).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    let case = cases.iter().find(|case| case["name"] == name).unwrap();
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("vkey"), vectors["setup"]["log_keys"].as_str().unwrap()).unwrap();
    fs::write(place.path().join("proof.json"), case["input"]["state_proof"].as_str().unwrap()).unwrap();
    let run = |json: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_grantbook"));
        command.current_dir(place.path()).args(["verify", "state", "proof.json"]).args(json).output().unwrap()
    };
    let (text, machine) = (run(&[]), run(&["--json"]));
    assert_eq!(text.status.code(), machine.status.code());
    let text = String::from_utf8(text.stdout).unwrap();
    let machine = String::from_utf8(machine.stdout).unwrap();
    (run(&[]).status.code().unwrap(), text, serde_json::from_str(machine.lines().last().unwrap()).unwrap())
}

#[test]
fn a_grant_is_shown_as_it_came_to_at_the_roots_size() {
    let (status, text, machine) = verify("withdrawn at entry 7, at size 8");
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("at size 8 (root signed 2026-11-18"), "{text}");
    assert!(text.contains("grant of entry 3: withdrawn at entry 7\n"), "{text}");
    assert_eq!(
        (&machine["valid"], &machine["size"], &machine["trust"]),
        (&json!(true), &json!(8), &json!("signed"))
    );
    assert_eq!(machine["grants"], json!([{ "given": 3, "terms": 3, "status": "withdrawn", "since": 7 }]));
    let (_, text, _) = verify("active, at size 7");
    assert!(text.contains("grant of entry 3: active\n"), "{text}");
}

#[test]
fn absence_is_said_and_a_false_proof_refused() {
    let (status, text, machine) = verify("never granted, at size 3");
    assert_eq!((status, &machine["grants"]), (0, &json!([])), "{text}");
    assert!(text.contains("at size 3") && text.contains("never granted, or erased by then"), "{text}");
    let (status, text, machine) = verify("absence claimed for a present key");
    assert_eq!((status, &machine["valid"]), (1, &json!(false)));
    assert!(text.contains("INVALID, proof of the map does not lead to the signed root"), "{text}");
}
