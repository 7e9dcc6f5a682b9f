//! The frozen vectors of `tests/vectors/commitment.json`: openings, and one proof of each kind made once.

use serde_json::Value;

use crate::transcript::GENERATORS_HASH;
use crate::{
    Blinding, Commitment, CommitmentError, Head, Listed, Opening, StatementContext, commit, floor,
    verify_opening, zero,
};

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../tests/vectors/commitment.json")).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn number(value: &Value) -> u64 {
    text(value).parse().unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    let digits = text(value);
    (0..digits.len()).step_by(2).map(|i| u8::from_str_radix(&digits[i..i + 2], 16).unwrap()).collect()
}

fn bytes32(value: &Value) -> [u8; 32] {
    bytes(value).try_into().unwrap()
}

fn opening(entry: &Value) -> Result<Opening, CommitmentError> {
    let blinding = Blinding::from_bytes(bytes32(&entry["blinding"]))?;
    Ok(Opening { value: number(&entry["value"]), blinding })
}

fn check(entry: &Value) -> Result<(), CommitmentError> {
    verify_opening(&Commitment(bytes32(&entry["commitment"])), &opening(entry)?)
}

#[test]
fn the_generators_are_the_frozen_ones() {
    let vectors = vectors();
    let generators = bulletproofs::PedersenGens::default();
    assert_eq!(generators.B.compress().to_bytes(), bytes32(&vectors["generators"]["B"]));
    assert_eq!(generators.B_blinding.compress().to_bytes(), bytes32(&vectors["generators"]["B_blinding"]));
    assert_eq!(GENERATORS_HASH, bytes32(&vectors["generators"]["hash"]));
}

#[test]
fn valid_openings_are_accepted() {
    for entry in vectors()["valid"].as_array().unwrap() {
        assert_eq!(check(entry), Ok(()), "{}", entry["name"]);
        assert_eq!(commit(&opening(entry).unwrap()).0, bytes32(&entry["commitment"]), "{}", entry["name"]);
    }
}

#[test]
fn invalid_openings_are_refused_for_the_stated_reason() {
    for entry in vectors()["invalid"].as_array().unwrap() {
        let expected = match text(&entry["error"]) {
            "mismatch" => CommitmentError::Mismatch,
            "encoding" => CommitmentError::Encoding,
            "identity" => CommitmentError::Identity,
            "blinding_encoding" => CommitmentError::NonCanonicalBlinding,
            "blinding_zero" => CommitmentError::ZeroBlinding,
            other => panic!("unknown error {other}"),
        };
        assert_eq!(check(entry), Err(expected), "{}", entry["name"]);
    }
}

fn head(value: &Value) -> Head {
    Head { size: number(&value["size"]), root: bytes32(&value["root"]) }
}

fn context(value: &Value) -> StatementContext<'_> {
    StatementContext {
        spec_hash: bytes32(&value["spec_hash"]),
        origin: text(&value["origin"]),
        start: head(&value["start"]),
        end: head(&value["end"]),
        statement: text(&value["statement"]),
        policy_hash: bytes32(&value["policy_hash"]),
    }
}

fn list(value: &Value) -> Vec<Listed> {
    let listed = |entry: &Value| Listed {
        leaf_index: number(&entry["leaf_index"]),
        field: entry["field"].as_u64().unwrap().try_into().unwrap(),
        commitment: Commitment(bytes32(&entry["commitment"])),
    };
    value.as_array().unwrap().iter().map(listed).collect()
}

#[test]
fn the_frozen_floor_proof_verifies() {
    let vectors = vectors();
    let vector = &vectors["floor"];
    let (payouts, proof) = (list(&vector["payouts"]), bytes(&vector["proof"]));
    let floor = vector["floor"].as_u64().unwrap().try_into().unwrap();
    assert_eq!(floor::verify(&context(&vector["context"]), &payouts, floor, &proof), Ok(()));
    assert!(floor::verify(&context(&vector["context"]), &payouts, floor + 1, &proof).is_err());
}

#[test]
fn the_frozen_proof_of_zero_verifies() {
    let vectors = vectors();
    let vector = &vectors["zero"];
    let (derived, proof) = (list(&vector["derived"]), bytes(&vector["proof"]));
    let target = derived[1].commitment.minus(&derived[0].commitment).unwrap();
    assert_eq!(target.0, bytes32(&vector["target"]));
    assert_eq!(zero::verify(&context(&vector["context"]), &derived, &target, &proof), Ok(()));
    assert!(zero::verify(&context(&vectors["floor"]["context"]), &derived, &target, &proof).is_err());
}
