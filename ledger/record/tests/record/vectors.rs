//! The frozen vectors, the pages' examples, and that between them every error is provoked.

use std::collections::BTreeSet;

use grantbook_record::encoding::{Bytes32, array_from_base64url, from_base64url};
use grantbook_record::entry::{self, LinkTarget, Salt, TagKey};
use grantbook_record::feed::Chain;
use grantbook_record::{Day, TenantId};
use grantbook_tlog::{Hash, LeafIndex};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::pages;
use crate::run::{FORMATS, Setup, run};

fn file(format: &str) -> Value {
    let path = pages::root().join(format!("tests/vectors/{format}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

#[test]
fn frozen_cases_are_accepted_and_refused_as_ever() {
    for format in FORMATS {
        let file = file(format);
        let setup = Setup::read(&file["setup"]);
        let cases = file["cases"].as_array().unwrap();
        let mut valid = 0;
        for case in cases {
            let got =
                run(format, &setup, &case["input"]).map_or_else(|refused| refused.text, |()| "ok".into());
            assert_eq!(got, case["expect"].as_str().unwrap(), "{format}: {}", case["name"]);
            valid += usize::from(got == "ok");
        }
        assert!(valid > 0 && cases.len() >= 2 * valid, "{format}: {valid} of {} are valid", cases.len());
    }
}

#[test]
fn every_error_is_provoked() {
    for (format, variants) in [
        (
            "event",
            "Schema/UnknownField Schema/DuplicateField Schema/MissingField Schema/Expected Version KindNotAccepted",
        ),
        (
            "envelope",
            "TooLarge PayloadTooLarge Framing SignatureCount Jws/NotCompact Jws/HeaderEncoding Jws/Header/UnknownField \
             Jws/Algorithm Jws/SignatureEncoding DifferentPayloads SameSigner UnknownKind PayloadEncoding \
             Event/Schema/UnknownField Event/Version Event/KindNotAccepted WrongAudience StaleIat Expired JtiTime \
             UnknownSigner BadSignature",
        ),
        ("entry", "Length Version Kind Class Currency"),
        (
            "use-batch",
            "BatchTooLarge HeadTooLarge Batch/UnknownField Jws/NotCompact Typ Head/UnknownField Version/Version \
             RecordTooLarge Record/UnknownField Count Sequence Root BadSignature",
        ),
        (
            "receipt",
            "TooLarge Schema/UnknownField Spelling Version ProofFile/Header Inclusion/Root Checkpoint/Note/Missing \
             Entry/Version Envelope/UnknownSigner Use/Root Mismatch",
        ),
        ("feed", "TooLarge Schema/UnknownField Spelling Sequence Receipt/Mismatch Chain About"),
        ("head", "TooLarge Schema/UnknownField Form BadSignature Origin Tenant Nonce"),
        (
            "lease",
            "TooLarge Jws/NotCompact Typ Payload/UnknownField Payload/Expected Version/Version BadSignature",
        ),
        ("asset", "Schema/UnknownField Schema/DuplicateField Schema/MissingField Schema/Expected Version"),
        (
            "audit",
            "RequestTooLarge AnswerTooLarge Schema/UnknownField Schema/MissingField Spelling Version Checkpoint/Size \
             Count",
        ),
        (
            "state-proof",
            "TooLarge Schema/UnknownField Schema/Expected Spelling Version Root/Mismatch Enrolment/Inclusion/Root Checkpoints \
             Kind NotFirst Size NotEnrolled Entries Map",
        ),
        (
            "archive",
            "Header/Mismatch Header/Version Header/Schema/UnknownField Header/Consistency/Root Header/StateProof/Map Record \
             End/Mismatch End/States CutShort GoesOn",
        ),
        (
            "attachment",
            "TooLarge Schema/UnknownField Version SamePasskey Assertion/ClientData Assertion/Type Assertion/Challenge \
             Assertion/Origin Assertion/CrossOrigin Assertion/AuthenticatorData Assertion/RelyingParty \
             Assertion/Flags Assertion/NotPresent Assertion/NotVerified Assertion/Signature",
        ),
    ] {
        let file = file(format);
        let setup = Setup::read(&file["setup"]);
        let mut inputs: Vec<Value> =
            file["cases"].as_array().unwrap().iter().map(|case| case["input"].clone()).collect();
        inputs.extend(oversize(format));
        if format == "audit" {
            inputs.push(json!({ "request": " ".repeat(256 * 1024 + 1) }));
        }
        let provoked: BTreeSet<String> = inputs
            .iter()
            .filter_map(|input| run(format, &setup, input).err())
            .map(|refused| refused.variant)
            .collect();
        for variant in variants.split_whitespace() {
            assert!(provoked.contains(variant), "{format}: nothing provokes {variant}, only {provoked:?}");
        }
    }
}

/// Inputs too large to keep in a file.
fn oversize(format: &str) -> Option<Value> {
    let spaces = |count: usize| " ".repeat(count);
    match format {
        "envelope" => Some(json!({ "envelope": "A".repeat(4 * 132 * 1024 / 3 + 4) })),
        "use-batch" => Some(json!({ "batch": spaces(4 * 1024 * 1024 + 1) })),
        "audit" => Some(json!({ "answer": spaces(2 * 1024 * 1024 + 1) })),
        "lease" => Some(json!({ "release": "A".repeat(64 * 1024 + 1) })),
        "receipt" => Some(json!({ "receipt": spaces(512 * 1024 + 1) })),
        "attachment" => {
            let envelope = file("attachment")["cases"][0]["input"]["envelope"].clone();
            Some(json!({ "envelope": envelope, "attachment": spaces(8 * 1024 + 1) }))
        }
        "state-proof" => Some(json!({ "state_proof": spaces(1024 * 1024 + 1) })),
        "feed" => Some(json!({ "frame": spaces(512 * 1024 + 1), "position": 0, "chain": Bytes32([0; 32]) })),
        _ => None,
    }
}

fn take<T: DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{value}: {error}"))
}

#[test]
fn digests_links_and_tags_are_derived_as_ever() {
    let derived = &file("entry")["derived"];
    for name in ["digest", "digest_with_attachments"] {
        let case = &derived[name];
        let attached: Option<(Salt, Vec<u8>)> = case["attachments"]
            .as_str()
            .map(|bytes| (take(&case["attachments_salt"]), from_base64url(bytes).unwrap()));
        let attached = attached.as_ref().map(|(salt, bytes)| entry::a32(salt, bytes));
        let got = entry::digest(&take(&case["salt"]), &take(&case["record_sha256"]), attached);
        assert_eq!(got, take::<Bytes32>(&case["digest"]), "{name}");
    }
    for name in ["link", "link_to_nothing"] {
        let case = &derived[name];
        let target: LinkTarget = take(&case["target"]);
        assert_eq!(target == LinkTarget::NONE, name == "link_to_nothing");
        let got = entry::link(&take(&case["salt"]), take(&case["group"]), &target);
        assert_eq!(got, take::<Bytes32>(&case["link"]), "{name}");
    }
    let case = &derived["tag"];
    let key = TagKey::from_bytes(array_from_base64url(case["tag_key"].as_str().unwrap()).unwrap());
    let day_key = key.day_key(take::<Day>(&case["day"]));
    assert_eq!(Bytes32(day_key.to_bytes()), take(&case["day_key"]));
    let tag = day_key.tag(case["origin"].as_str().unwrap(), LeafIndex(take(&case["leaf_index"])));
    assert_eq!(Some(tag), array_from_base64url(case["tag"].as_str().unwrap()));
}

#[test]
fn feeds_chain_as_ever() {
    let chains = &file("feed")["chains"];
    let tenant = TenantId::parse(chains["tenant"].as_str().unwrap()).unwrap();
    let mut chain = Chain::start(chains["origin"].as_str().unwrap(), tenant);
    assert_eq!(chain.value, take(&chains["start"]));
    for step in chains["after"].as_array().unwrap() {
        assert_eq!(chain.position, take(&step["seq"]));
        chain = chain.next(take(&step["leaf_index"]), &Hash(take::<Bytes32>(&step["leaf_hash"]).0));
        assert_eq!(chain.value, take(&step["chain"]));
    }
}

#[test]
fn the_pages_show_what_the_code_makes() {
    for format in FORMATS {
        let path = pages::path(format);
        let page =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(page.contains(" example="), "{format}: no example");
        assert_eq!(pages::refreshed(&page), page, "{format}: run the example make_vectors");
    }
}

#[test]
fn the_pages_state_the_limits_of_the_code() {
    use grantbook_record::{envelope, feed, head, jws, lease, receipt, state_proof, uses};
    for (format, limit) in [
        ("event", envelope::PAYLOAD_BYTES_MAX),
        ("envelope", envelope::ENVELOPE_BYTES_MAX),
        ("envelope", envelope::PAYLOAD_BYTES_MAX),
        ("envelope", jws::HEADER_BYTES_MAX),
        ("envelope", usize::try_from(envelope::IAT_DISTANCE_MAX).unwrap()),
        ("use-batch", uses::BATCH_BYTES_MAX),
        ("use-batch", uses::BATCH_RECORDS_MAX),
        ("use-batch", uses::BATCH_HEAD_BYTES_MAX),
        ("use-batch", uses::RECORD_BYTES_MAX),
        ("receipt", receipt::RECEIPT_BYTES_MAX),
        ("feed", feed::FRAME_BYTES_MAX),
        ("lease", lease::WANTS_MAX),
        ("lease", lease::RELEASE_BYTES_MAX),
        ("head", head::HEAD_BYTES_MAX),
        ("head", head::SIGNED_HEAD_BYTES_MAX),
        ("state-proof", state_proof::STATE_PROOF_BYTES_MAX),
        ("state-proof", state_proof::GRANTS_MAX),
    ] {
        let digits = limit.to_string();
        let grouped = digits.as_bytes().rchunks(3).rev().map(|three| std::str::from_utf8(three).unwrap());
        let grouped = grouped.collect::<Vec<_>>().join(",");
        let page = std::fs::read_to_string(pages::path(format)).unwrap();
        let (_, limits) = page.split_once("## Limits").unwrap();
        assert!(
            limits.contains(&format!("| {grouped} ")) || limits.contains(&format!(", {grouped} ")),
            "{format}: {grouped}"
        );
    }
}
