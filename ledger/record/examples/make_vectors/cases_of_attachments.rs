//! Cases of attachments.

use grantbook_record::encoding::{Base64Bytes, to_base64url};
use grantbook_record::webauthn::Assertion;
use serde_json::{Value, json};

use crate::cases::{Case, edited};
use crate::passkey::{
    assertion, attachments, authenticator_data, client_data, envelope, first, with_other_s,
};

fn input(attachment: &str) -> Value {
    json!({ "envelope": to_base64url(envelope().as_bytes()), "attachment": attachment })
}

fn of(assertions: &[Assertion]) -> Value {
    input(&String::from_utf8(attachments(assertions).to_json()).unwrap())
}

fn attachments_of(data: &str, authenticator: &[u8]) -> Value {
    of(&[assertion(5, data, authenticator)])
}

fn attachments_with_signature(signature: Vec<u8>) -> Value {
    of(&[Assertion { signature: Base64Bytes(signature), ..first() }])
}

fn cases_of_client_data() -> Vec<Case> {
    let good = client_data(envelope().first_jws());
    let of_it = |name: &str, from: &str, to: &str| {
        assert!(good.contains(from), "no {from}");
        let data = good.replacen(from, to, 1);
        (name.to_owned(), attachments_of(&data, &authenticator_data("portal.example", 0x05)))
    };
    let long = format!(r#""crossOrigin":false,"x":"{}""#, "x".repeat(1024));
    vec![
        of_it(
            "a member that browsers add",
            "\"crossOrigin\":false",
            "\"crossOrigin\":false,\"extra\":[1,{}]",
        ),
        of_it("no crossOrigin, as older browsers", ",\"crossOrigin\":false", ""),
        of_it("a registration", "webauthn.get", "webauthn.create"),
        of_it("a payment", "webauthn.get", "payment.get"),
        of_it("no type", "\"type\":\"webauthn.get\",", ""),
        of_it("a type that comes twice", "\"type\"", "\"type\":\"webauthn.get\",\"type\""),
        of_it("another origin", "https://portal.example", "https://portal.example.evil"),
        of_it("the origin's host as a prefix", "https://portal.example", "https://portal.exampl"),
        of_it("an origin with a port", "https://portal.example", "https://portal.example:8443"),
        of_it("an origin without TLS", "https://portal.example", "http://portal.example"),
        of_it("a subdomain", "https://portal.example", "https://a.portal.example"),
        of_it("an origin in capitals", "https://portal.example", "https://PORTAL.example"),
        of_it("in a frame of another origin", "\"crossOrigin\":false", "\"crossOrigin\":true"),
        of_it("crossOrigin null", "\"crossOrigin\":false", "\"crossOrigin\":null"),
        of_it("a top origin", "\"crossOrigin\":false", "\"topOrigin\":\"https://portal.example\""),
        of_it("token binding", "\"crossOrigin\":false", "\"tokenBinding\":{\"status\":\"supported\"}"),
        of_it("no challenge", "\"challenge\"", "\"challenges\""),
        of_it("client data too long", "\"crossOrigin\":false", &long),
        of_it("bytes after the object", "false}", "false}}"),
        (
            "another message: a replay".to_owned(),
            attachments_of(
                &client_data(&envelope().first_jws().replace('A', "B")),
                &authenticator_data("portal.example", 0x05),
            ),
        ),
        (
            "a challenge with padding".to_owned(),
            attachments_of(
                &good.replacen("\",\"origin\"", "=\",\"origin\"", 1),
                &authenticator_data("portal.example", 0x05),
            ),
        ),
    ]
}

fn cases_of_authenticator_data() -> Vec<Case> {
    let good = client_data(envelope().first_jws());
    let flags = |name: &str, flags: u8| {
        (name.to_owned(), attachments_of(&good, &authenticator_data("portal.example", flags)))
    };
    let bytes = |name: &str, bytes: &[u8]| (name.to_owned(), attachments_of(&good, bytes));
    let whole = authenticator_data("portal.example", 0x05);
    vec![
        flags("present and verified", 0x05),
        flags("a passkey that may be backed up", 0x0d),
        flags("user not present", 0x04),
        flags("user not verified", 0x01),
        flags("no flag", 0x00),
        flags("backed up and not eligible", 0x15),
        flags("attested credential data", 0x45),
        flags("extension data", 0x85),
        flags("the first reserved flag", 0x07),
        flags("the second reserved flag", 0x25),
        bytes("another relying party", &authenticator_data("portal.example.evil", 0x05)),
        bytes("no authenticator data", &[]),
        bytes("authenticator data without its last byte", &whole[..36]),
        bytes("a byte after the authenticator data", &[whole.as_slice(), &[0]].concat()),
        bytes("extension data without its flag", &[whole.as_slice(), &[0xa0]].concat()),
    ]
}

fn cases_of_signatures() -> Vec<Case> {
    let signature = first().signature.0;
    let with = |name: &str, signature: Vec<u8>| (name.to_owned(), attachments_with_signature(signature));
    let mut zero_in_front = signature.clone();
    // a number with a zero that it does not need, whether or not it needs one
    let length = signature[3];
    zero_in_front[1] += 1;
    zero_in_front[3] = length + 1;
    zero_in_front.insert(4, 0);
    let mut other_bit = signature.clone();
    *other_bit.last_mut().unwrap() ^= 1;
    let mut long_length = signature.clone();
    long_length.splice(1..2, [0x81, signature[1]]);
    vec![
        ("the other value of s".to_owned(), of(&[with_other_s(&first())])),
        with("no signature", vec![]),
        with("another bit in s", other_bit),
        with("a byte after the signature", [signature.as_slice(), &[0]].concat()),
        with("a signature without its last byte", signature[..signature.len() - 1].to_vec()),
        with("a zero in front of r", zero_in_front),
        with("a length in two bytes", long_length),
        with("r and s of 32 bytes, without DER", [7; 64].to_vec()),
        with("r and s zero", vec![0x30, 6, 2, 1, 0, 2, 1, 0]),
        ("by another passkey".to_owned(), of(&[Assertion { key: assertion(6, "", &[]).key, ..first() }])),
    ]
}

pub(crate) fn all() -> Vec<Case> {
    let good = of(&[first()]);
    let second =
        assertion(6, &client_data(envelope().first_jws()), &authenticator_data("portal.example", 0x05));
    let mut cases = vec![
        ("an assertion".to_owned(), good.clone()),
        ("two assertions".to_owned(), of(&[first(), second.clone()])),
        ("the same passkey twice".to_owned(), of(&[second.clone(), second])),
    ];
    cases.extend(edited(
        &good,
        "attachment",
        &[
            ("version 2", "\"v\":1", "\"v\":2"),
            ("no version", "\"v\":1,", ""),
            ("an unknown member", "\"v\":1", "\"v\":1,\"note\":1"),
            ("another key type", "\"kty\":\"EC\"", "\"kty\":\"OKP\""),
            ("another curve", "\"crv\":\"P-256\"", "\"crv\":\"P-384\""),
            ("a private key", "\"kty\":\"EC\"", "\"kty\":\"EC\",\"d\":\"AA\""),
            ("a point that is not of the curve", "\"y\":\"", "\"y\":\"AAAA"),
            ("null for the assertions", "\"assertions\":[", "\"assertions\":null,\"x\":["),
        ],
    ));
    let mut off_curve: Value = serde_json::from_str(good["attachment"].as_str().unwrap()).unwrap();
    let x = off_curve["assertions"][0]["key"]["x"].clone();
    off_curve["assertions"][0]["key"]["y"] = x;
    cases.push(("x for y".to_owned(), input(&off_curve.to_string())));
    cases.push(("no assertion".to_owned(), input(r#"{"v":1,"assertions":[]}"#)));
    cases.extend(cases_of_client_data());
    cases.extend(cases_of_authenticator_data());
    cases.extend(cases_of_signatures());
    cases
}
