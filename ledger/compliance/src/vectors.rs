//! The frozen vectors of `tests/vectors/commitment.json`: openings, and one proof of each kind made once.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use serde_json::Value;

use crate::transcript::GENERATORS_HASH;
use crate::{
    Bits, Blinding, Commitment, CommitmentError, Head, Opening, RangeStatement, StatementContext, Term,
    ZeroStatement, commit, commit_batch, range, verify_opening, zero,
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
        bundle_digest: bytes32(&value["bundle_digest"]),
    }
}

fn terms(value: &Value) -> Vec<Term> {
    let part = |part: &Value| {
        (text(&part["coefficient"]).parse().unwrap(), Commitment(bytes32(&part["commitment"])))
    };
    let term = |term: &Value| Term {
        parts: term["parts"].as_array().unwrap().iter().map(part).collect(),
        constant: text(&term["constant"]).parse().unwrap(),
    };
    value.as_array().unwrap().iter().map(term).collect()
}

#[test]
fn the_frozen_range_proofs_verify() {
    let vectors = vectors();
    for vector in vectors["range"].as_array().unwrap() {
        let (terms, proof) = (terms(&vector["terms"]), bytes(&vector["proof"]));
        let bits = if vector["bits"] == 32 { Bits::ThirtyTwo } else { Bits::SixtyFour };
        let statement = RangeStatement { context: context(&vector["context"]), terms: &terms, bits };
        assert_eq!(range::verify(&statement, &proof), Ok(()), "{}", vector["name"]);
        let mut other = terms.clone();
        other[0].constant += 1;
        assert!(range::verify(&RangeStatement { terms: &other, ..statement }, &proof).is_err());
    }
}

#[test]
fn the_frozen_proof_of_zero_verifies() {
    let vectors = vectors();
    let vector = &vectors["zero"];
    let (terms, proof) = (terms(&vector["terms"]), bytes(&vector["proof"]));
    let statement = ZeroStatement { context: context(&vector["context"]), terms: &terms };
    assert_eq!(zero::verify(&statement, &proof), Ok(()));
    assert!(zero::verify(&ZeroStatement { terms: &terms[1..], ..statement }, &proof).is_err());
}

/// Writes the proofs anew: `GRANTBOOK_VECTORS=write cargo test -p grantbook-compliance writes_the_proofs`.
#[test]
fn writes_the_proofs() {
    if std::env::var_os("GRANTBOOK_VECTORS").is_none_or(|asked| asked != "write") {
        return;
    }
    let mut vectors = vectors();
    let mut rng = ChaCha20Rng::seed_from_u64(41);
    let hex = |bytes: &[u8]| bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    let context_json = |statement: &str| {
        let mut context = vectors["zero"]["context"].clone();
        context["statement"] = statement.into();
        context["bundle_digest"] = hex(&[0x5A; 32]).into();
        context
    };
    let terms_json = |terms: &[Term]| -> Value {
        let part = |(coefficient, commitment): &(i64, Commitment)| serde_json::json!({"coefficient": coefficient.to_string(), "commitment": hex(&commitment.0)});
        let term = |term: &Term| {
            let parts: Vec<_> = term.parts.iter().map(part).collect();
            serde_json::json!({"parts": parts, "constant": term.constant.to_string()})
        };
        terms.iter().map(term).collect()
    };
    let openings: Vec<Opening> =
        [80, 80, 30, 1_000_000, 3_000_000].map(|value| Opening::random(value, &mut rng)).to_vec();
    let [price, payout, days, used, deleted] = [0, 1, 2, 3, 4].map(|at: usize| commit_batch(&openings)[at]);
    let term = |parts: &[(i64, Commitment)], constant| Term { parts: parts.to_vec(), constant };
    let floor = [Term::of(payout), term(&[(1, payout)], -80), term(&[(-1, payout)], 100)];
    let kept = [term(&[(86_400, days), (1, used), (-1, deleted)], 0)];
    let mut range = Vec::new();
    for (name, terms, bits) in
        [("payout-floor", &floor[..], Bits::ThirtyTwo), ("deleted-in-time", &kept, Bits::SixtyFour)]
    {
        let json = context_json(name);
        let statement = RangeStatement { context: context(&json), terms, bits };
        let proof = range::prove(&statement, &crate::samples::open(terms, &openings), &mut rng).unwrap();
        range.push(serde_json::json!({
            "name": name, "context": json, "bits": bits.count(), "terms": terms_json(terms), "proof": hex(&proof),
        }));
    }
    let equal = [term(&[(1, payout), (-1, price)], 0), term(&[(1, price), (-1, payout)], 0)];
    let json = context_json("payout-is-price");
    let statement = ZeroStatement { context: context(&json), terms: &equal };
    let proof = zero::prove(&statement, &crate::samples::open(&equal, &openings), &mut rng).unwrap();
    let zero = serde_json::json!({"context": json, "terms": terms_json(&equal), "proof": hex(&proof)});
    let all = vectors.as_object_mut().unwrap();
    all.remove("floor");
    all.insert("range".to_owned(), range.into());
    all.insert("zero".to_owned(), zero);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/commitment.json");
    std::fs::write(path, serde_json::to_string_pretty(&vectors).unwrap() + "\n").unwrap();
}
