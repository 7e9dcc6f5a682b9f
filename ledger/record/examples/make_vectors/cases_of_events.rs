//! Cases of payloads, envelopes and batches of uses.

use grantbook_record::encoding::to_base64url;
use grantbook_record::event::Claims;
use grantbook_record::uses::{UseBatch, WireBatch, sign_batch};
use grantbook_record::{Envelope, Kind, Signer, jws};
use serde_json::{Value, json};

use crate::cases::{Case, edited, with};
use crate::cases_of_mandates;
use crate::story::{
    FIRST, NOW, SAMPLES, batch, customer, enterprise, gate, jti, record, salt, sample, second_key, signer,
    tenant,
};

fn payload(kind: Kind) -> String {
    String::from_utf8(sample(kind).payload).unwrap()
}

pub(crate) fn events() -> Vec<Case> {
    let mut cases = of_claims();
    cases.extend(of_terms());
    cases.extend(edited(
        &event(Kind::KeyEnrolled),
        "payload",
        &[
            ("key of another curve", "\"Ed25519\"", "\"X25519\""),
            ("key with its private half", "\"kty\":\"OKP\"", "\"kty\":\"OKP\",\"d\":\"AA\""),
            ("key with padding", "\"}", "=\"}"),
            (
                "key of small order",
                &to_base64url(customer().public_key().as_bytes()),
                &to_base64url(&[0; 32]),
            ),
            ("evidence unknown", "\"enterprise\"", "\"hearsay\""),
        ],
    ));
    cases.extend(edited(
        &event(Kind::OperatorActed),
        "payload",
        &[
            ("act with a number", "\"gate_registered\"", "{\"epoch_rolled\":{\"epoch\":2}}"),
            ("act unknown", "\"gate_registered\"", "\"tea_made\""),
            ("act without its number", "\"gate_registered\"", "\"epoch_rolled\""),
            (
                "act with a member too many",
                "\"gate_registered\"",
                "{\"epoch_rolled\":{\"epoch\":2,\"sub\":1}}",
            ),
        ],
    ));
    cases.extend(edited(
        &event(Kind::ProofPublished),
        "payload",
        &[
            ("proof of a day that is none", "\"day\":", "\"day\":7"),
            ("proof of a tree of negative size", "\"size\":9", "\"size\":-9"),
            ("proof that names its enterprise", "\"size\":9", "\"size\":9,\"tenant\":1"),
            ("proof about nobody", "\"about\":", "\"around\":"),
        ],
    ));
    cases.extend(edited(
        &event(Kind::ClientPublished),
        "payload",
        &[
            ("client without its hash", "\"files_sha256\":", "\"files\":"),
            ("client of nobody", "\"relying_party\":{", "\"relying_party\":null,\"x\":{"),
            ("client without an origin", "\"origin\":", "\"origins\":"),
        ],
    ));
    cases.extend(edited(
        &event(Kind::RecipientAcknowledged),
        "payload",
        &[
            ("acknowledged by the recipient", "{\"gates\":3}", "\"recipient\""),
            ("acknowledged by no gate", "{\"gates\":3}", "{\"gates\":0}"),
            ("acknowledged by gates without their number", "{\"gates\":3}", "\"gates\""),
            ("acknowledged by 2^32 gates", "{\"gates\":3}", "{\"gates\":4294967296}"),
            ("acknowledged by nobody known", "{\"gates\":3}", "\"hearsay\""),
        ],
    ));
    cases.extend(edited(
        &event(Kind::DataDeleted),
        "payload",
        &[
            ("deleted without a use", "\"through\":{\"gate\":\"underwriting-1\",\"seq\":42},", ""),
            ("deleted through a leaf index", "{\"gate\":\"underwriting-1\",\"seq\":42}", "42"),
            ("deleted through a negative number", "\"seq\":42", "\"seq\":-42"),
        ],
    ));
    cases.extend(of_money());
    cases.extend(of_words_and_bounds());
    cases.extend(cases_of_mandates::of_mandates());
    for kind in [Kind::UseRecorded, Kind::PolicyPublished, Kind::SubjectErased] {
        let input = json!({ "kind": kind.name(), "payload": payload(Kind::GrantPaused) });
        cases.push((format!("kind {kind}, which no envelope carries"), input));
    }
    cases
}

pub(crate) fn event(kind: Kind) -> Value {
    json!({ "kind": kind.name(), "payload": payload(kind) })
}

fn of_claims() -> Vec<Case> {
    let mut cases: Vec<Case> = SAMPLES
        .iter()
        .map(|kind| (kind.to_string(), json!({ "kind": kind.name(), "payload": payload(*kind) })))
        .collect();
    cases.extend(edited(
        &event(Kind::GrantPaused),
        "payload",
        &[
            ("white space and an escape", "{\"v\":1,", "{ \"\\u0076\" : 1 ,\n"),
            ("members in another order", "{\"v\":1,", "{\"exp\":1795000001,\"v\":1,"),
            ("unknown member of the claims", "\"v\":1,", "\"v\":1,\"nbf\":1,"),
            ("unknown member of the event", "\"sub\":", "\"note\":\"\",\"sub\":"),
            ("unknown member whose name is nobody's business", "\"sub\":", "\"13912345678\":1,\"sub\":"),
            ("member missing", "\"v\":1,", ""),
            ("member twice", "\"v\":1,", "\"v\":1,\"v\":1,"),
            ("member twice, once escaped", "\"v\":1,", "\"v\":1,\"\\u0076\":1,"),
            ("version 2", "\"v\":1", "\"v\":2"),
            ("version as text", "\"v\":1", "\"v\":\"1\""),
            ("iat with a fraction", "\"iat\":1795000000", "\"iat\":1795000000.0"),
            ("iat with an exponent", "\"iat\":1795000000", "\"iat\":1795e6"),
            ("iat below zero", "\"iat\":1795000000", "\"iat\":-1"),
            ("iat as minus zero", "\"iat\":1795000000", "\"iat\":-0"),
            ("exp null", "\"v\":1,", "\"v\":1,\"exp\":null,"),
            (
                "aud without hyphens",
                "07070707-0707-4707-8707-070707070707",
                "07070707070747078707070707070707",
            ),
            ("jti of version 4", "-7a0a-", "-4a0a-"),
            ("sub with a space", "cs-00004", "cs 00004"),
            ("sub of 65 characters", "cs-00004", &"c".repeat(65)),
            ("sub empty", "cs-00004", ""),
            ("something after the end", "}}", "}}{}"),
            ("byte order mark", "{\"v\"", "\u{feff}{\"v\""),
            ("end missing", "}}", "}"),
            ("array in place of an object", "{\"sub\":\"cs-00004\"", "[{\"sub\":\"cs-00004\""),
        ],
    ));
    cases
}

fn of_words_and_bounds() -> Vec<Case> {
    let mut cases = Vec::new();
    cases.extend(edited(
        &event(Kind::VocabularyPublished),
        "payload",
        &[
            ("version 0 of the vocabulary", "\"version\":2", "\"version\":0"),
            ("a word without a label in Chinese", ",\"zh-CN\":\"维修\"", ""),
            (
                "an IRI that is no https address",
                "https://w3id.org/dpv#RepairImpairments",
                "dpv:RepairImpairments",
            ),
            ("a range whose end lies before its start", "\"min\":0,\"max\":600", "\"min\":601,\"max\":600"),
            ("a column without its system", "\"system\":\"telematics\",", ""),
            ("an unknown sensitivity", "\"fields\":", "\"sensitivity\":\"secret\",\"fields\":"),
        ],
    ));
    cases.extend(edited(
        &event(Kind::SourceOwned),
        "payload",
        &[
            ("an owner period without its end", ",\"to\":\"2025-09-30\"", ""),
            ("an owner period without its start", "\"from\":\"2024-03-01\",", ""),
            ("a source without categories", "[\"driving\",\"fast-charging\"]", "[]"),
        ],
    ));
    cases.extend(edited(&event(Kind::TierAgreed), "payload", &[("an unknown tier", "growth", "platinum")]));
    cases.extend(edited(
        &event(Kind::MilestoneConfirmed),
        "payload",
        &[
            ("a milestone whose title hides something", "Phase 1", "Phase\u{202e} 1"),
            ("a milestone on no day of a calendar", "2026-10-30", "2026-02-30"),
            ("a milestone without its record", "\"record\":\"contract-12\",", ""),
        ],
    ));
    cases.extend(edited(
        &event(Kind::TemplatePublished),
        "payload",
        &[
            (
                "a template for an organisation",
                "\"version\":1,",
                "\"version\":1,\"audience\":\"organisation\",",
            ),
            ("a template that restores another", "\"version\":1,", "\"version\":3,\"restores\":1,"),
            ("a template of an unknown phase", "\"version\":1,", "\"version\":1,\"phase\":\"divorce\","),
            ("bounds of a level above 4", "\"bounds\":{", "\"bounds\":{\"level_max\":5,"),
            ("bounds that no key signs", "\"bounds\":{", "\"bounds\":{\"signatures_min\":0,"),
        ],
    ));
    cases.extend(edited(
        &event(Kind::GrantGiven),
        "payload",
        &[
            ("terms in words of version 2", "\"terms\":{", "\"terms\":{\"vocabulary\":2,"),
            ("terms in words of version 0", "\"terms\":{", "\"terms\":{\"vocabulary\":0,"),
        ],
    ));
    cases
}

fn of_money() -> Vec<Case> {
    let mut cases = edited(
        &event(Kind::RevenueDeclared),
        "payload",
        &[
            ("revenue of 2^50 - 1", "120050", "1125899906842623"),
            ("revenue of 2^50", "120050", "1125899906842624"),
            ("revenue below zero", "120050", "-1"),
            ("revenue of a period of text", "\"period\":3", "\"period\":\"3\""),
        ],
    );
    cases.extend(edited(
        &event(Kind::PayoutAccrued),
        "payload",
        &[
            (
                "accrued once for the grant",
                "{\"share\":{\"uses\":2,\"of_uses\":7,\"pool\":6002}}",
                "\"per_grant\"",
            ),
            (
                "accrued by tiers",
                "{\"share\":{\"uses\":2,\"of_uses\":7,\"pool\":6002}}",
                "{\"tiers\":{\"uses\":5,\"committed\":400,\"worth\":460}}",
            ),
            (
                "accrued without a basis",
                ",\"basis\":{\"share\":{\"uses\":2,\"of_uses\":7,\"pool\":6002}}",
                "",
            ),
            ("accrued amount of 2^32", "\"minor\":1715", "\"minor\":4294967296"),
            ("accrued in no currency", "\"CNY\"", "\"\""),
        ],
    ));
    cases.extend(edited(
        &event(Kind::SettlementPosted),
        "payload",
        &[
            ("posted without revenue", "\"revenue\":120050,", ""),
            ("posted without a pool", ",\"pool\":6002", ""),
        ],
    ));
    cases.extend(edited(
        &event(Kind::PayoutOrdered),
        "payload",
        &[
            ("ordered for a country in lower case", "\"CN\"", "\"cn\""),
            ("ordered with a name", "\"gross\"", "\"name\":\"x\",\"gross\""),
        ],
    ));
    cases.extend(edited(
        &event(Kind::PayoutReversed),
        "payload",
        &[
            (
                "an accrual reversed",
                "{\"use\":{\"gate\":\"underwriting-1\",\"seq\":41}}",
                "{\"accrual\":\"01a1ee56-5e18-7818-9818-181818181818\"}",
            ),
            ("a leaf reversed", "{\"use\":{\"gate\":\"underwriting-1\",\"seq\":41}}", "{\"leaf\":41}"),
        ],
    ));
    cases
}

fn of_terms() -> Vec<Case> {
    edited(
        &event(Kind::GrantGiven),
        "payload",
        &[
            ("no money", "{\"per_use\":{\"currency\":\"CNY\",\"minor\":80}}", "\"none\""),
            (
                "a share of revenue",
                "{\"per_use\":{\"currency\":\"CNY\",\"minor\":80}}",
                "{\"revenue_share\":{\"currency\":\"CNY\",\"basis_points\":1500}}",
            ),
            ("no money as an object", "{\"per_use\":{\"currency\":\"CNY\",\"minor\":80}}", "{\"none\":null}"),
            (
                "two compensations",
                "\"compensation\":{",
                "\"compensation\":{\"per_grant\":{\"currency\":\"CNY\",\"minor\":80},",
            ),
            ("unknown compensation", "per_use", "per_month"),
            ("price as an array", "{\"currency\":\"CNY\",\"minor\":80}", "[\"CNY\",80]"),
            ("price of 2^32", "\"minor\":80", "\"minor\":4294967296"),
            ("currency unknown", "\"CNY\"", "\"XXX\""),
            (
                "share of 10001 basis points",
                "{\"per_use\":{\"currency\":\"CNY\",\"minor\":80}}",
                "{\"revenue_share\":{\"currency\":\"CNY\",\"basis_points\":10001}}",
            ),
            (
                "a price that rises",
                "{\"per_use\":{\"currency\":\"CNY\",\"minor\":80}}",
                "{\"tiered_price\":{\"currency\":\"CNY\",\"minor\":80,\"tiers\":[{\"from\":11,\"minor\":100}],\"minimum\":200,\"maximum\":2000}}",
            ),
            (
                "a price that falls",
                "{\"per_use\":{\"currency\":\"CNY\",\"minor\":80}}",
                "{\"tiered_price\":{\"currency\":\"CNY\",\"minor\":80,\"tiers\":[{\"from\":11,\"minor\":79}]}}",
            ),
            (
                "a share that rises",
                "{\"per_use\":{\"currency\":\"CNY\",\"minor\":80}}",
                "{\"tiered_share\":{\"currency\":\"CNY\",\"basis_points\":500,\"tiers\":[{\"above\":1000000,\"basis_points\":800}]}}",
            ),
            (
                "a minimum above the maximum",
                "{\"per_use\":{\"currency\":\"CNY\",\"minor\":80}}",
                "{\"tiered_share\":{\"currency\":\"CNY\",\"basis_points\":500,\"minimum\":2,\"maximum\":1}}",
            ),
            (
                "a better rate, no money",
                "{\"per_use\":{\"currency\":\"CNY\",\"minor\":80}}",
                "{\"benefit\":{\"what\":\"better-rate\"}}",
            ),
            ("nothing included", "\"include\":[{", "\"include\":[],\"exclude\":[],\"x\":[{"),
            (
                "17 clauses included",
                "\"include\":[",
                &format!("\"include\":[{}", "{\"category\":\"a\"},".repeat(16)),
            ),
            ("period that ends before it begins", "\"to\":\"2025-09-30\"", "\"to\":\"2025-06-30\""),
            ("30 February", "2025-07-01", "2025-02-30"),
            ("date without leading zero", "2025-07-01", "2025-7-01"),
            ("term in upper case", "\"voltway\"", "\"Voltway\""),
            ("field list empty", "[\"work_order\"]", "[]"),
            ("attribute value with a zero-width space", "\"depot\"", "\"depot\\u200b\""),
            ("attribute value with a direction mark", "\"depot\"", "\"\\u202etoped\""),
            ("validity that ends when it starts", "\"end\":1802776000", "\"end\":1795000000"),
            ("validity before 2020", "\"start\":1795000000", "\"start\":1577836799"),
            ("cap of 0", "\"limits\":{\"uses\":10", "\"limits\":{\"uses\":0"),
            ("cap that stands for none", "\"limits\":{\"uses\":10", "\"limits\":{\"uses\":4294967295"),
            ("level 5", "\"retention_days\":30", "\"retention_days\":30,\"level\":5"),
            ("unknown obligation", "\"mask\"", "\"shred\""),
            ("language unknown", "\"en\"", "\"xx\""),
            ("hash of 33 bytes", "\"hash\":\"", "\"hash\":\"A"),
        ],
    )
}

/// A JWS with any header.
fn jws_with(header: &str, payload: &[u8], signer: &Signer) -> String {
    let mut text = format!("{}.{}", to_base64url(header.as_bytes()), to_base64url(payload));
    let signature = signer.sign(text.as_bytes());
    text.push('.');
    text.push_str(&to_base64url(&signature));
    text
}

fn framed<T: AsRef<[u8]>>(texts: &[T]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for text in texts {
        bytes.extend_from_slice(&u32::try_from(text.as_ref().len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(text.as_ref());
    }
    bytes
}

pub(crate) fn envelopes() -> Vec<Case> {
    let mut cases: Vec<(String, Vec<u8>)> =
        SAMPLES.iter().map(|kind| (kind.to_string(), sample(*kind).envelope())).collect();
    let mut add = |name: &str, bytes: Vec<u8>| cases.push((name.to_owned(), bytes));
    let kind = Kind::GrantPaused;
    let (good, body) = (sample(kind).envelope(), payload(kind));
    let of = |body: &str| Envelope::sign(kind, body.as_bytes(), &[&customer()]);
    let thumbprint = customer().thumbprint();
    let typ = "grantbook-grant.paused+jwt";
    let header = format!(r#"{{"alg":"Ed25519","typ":"{typ}","kid":"{thumbprint}"}}"#);
    let under = |header: &str| framed(&[jws_with(header, body.as_bytes(), &customer())]);
    let text = jws_with(&header, body.as_bytes(), &customer());
    let at = |seconds: u64| {
        let id = grantbook_record::Jti::new(grantbook_record::UnixMillis(seconds * 1000), [10; 10]);
        let body = with(&body, &jti(10).to_string(), &id.to_string());
        with(&body, "1795000000", &seconds.to_string())
    };
    let day = 86_400;

    add("signed a day ago", of(&at(NOW.0 - day)));
    add("signed a day ahead", of(&at(NOW.0 + day)));
    let offline = with(&at(NOW.0 - 30 * day), "\"event\"", &format!("\"exp\":{},\"event\"", NOW.0 + 1));
    add("signed a month ago, to be sent in by now", of(&offline));
    add(
        "header in another order, with white space",
        under(&format!(r#"{{ "kid":"{thumbprint}","alg":"Ed25519","typ":"{typ}" }}"#)),
    );

    add("nothing", vec![]);
    add("half a length", vec![0]);
    add("length past the end", good[..good.len() - 1].to_vec());
    add("a byte after the end", [good.as_slice(), b"."].concat());
    add("a signature of no bytes", framed(&[""]));
    add("not text", framed(&[&[0xff, 0xfe][..]]));
    add("five signatures", framed(&[&text, &text, &text, &text, &text]));
    add("two segments", framed(&[text.rsplit_once('.').unwrap().0]));
    add("four segments", framed(&[format!("{text}.AA")]));
    add("padded header", framed(&[with(&text, ".", "=.")]));
    add("header of 257 bytes", under(&(header.clone() + &" ".repeat(257 - header.len()))));
    add("header without kid", under(&format!(r#"{{"alg":"Ed25519","typ":"{typ}"}}"#)));
    add("header with a further member", under(&with(&header, "{", "{\"crit\":[],")));
    add("header as an array", under(&format!(r#"["Ed25519","{typ}","{thumbprint}"]"#)));
    add("header with alg twice", under(&with(&header, "{", "{\"alg\":\"none\",")));
    add("alg EdDSA", under(&with(&header, "\"Ed25519\"", "\"EdDSA\"")));
    add("alg none", under(&with(&header, "\"Ed25519\"", "\"none\"")));
    add("signature of 63 bytes", framed(&[&text[..text.len() - 2]]));
    add("signature with stray bits at its end", framed(&[stray_bits(&text)]));
    add("typ of no kind", under(&with(&header, "paused", "forgotten")));
    add("typ without its end", under(&with(&header, "+jwt", "")));
    add("typ of another kind than the event", under(&with(&header, "paused", "given")));
    add("typ of a kind that no envelope carries", under(&with(&header, "grant.paused", "use.recorded")));
    let second = |payload: &str| {
        jws_with(
            &with(&header, &thumbprint.to_string(), &second_key().thumbprint().to_string()),
            payload.as_bytes(),
            &second_key(),
        )
    };
    add("second signature over another payload", framed(&[&text, &second(&at(NOW.0 + 1))]));
    add("two signatures by one key", framed(&[&text, &text]));
    add("payload not base64url", framed(&[with(&text, ".ey", ".+y")]));
    add("payload of 24577 bytes", of(&(body.clone() + &" ".repeat(24_577 - body.len()))));
    add("unknown version", of(&with(&body, "\"v\":1", "\"v\":2")));
    add("aud of another tenant", of(&with(&body, "07070707-0707-4707", "07070707-0707-4708")));
    add("jti of another second", of(&with(&body, "\"iat\":1795000000", "\"iat\":1795000001")));
    add("signed a second more than a day ago", of(&at(NOW.0 - day - 1)));
    add("signed a second more than a day ahead", of(&at(NOW.0 + day + 1)));
    let late = with(&at(NOW.0 - 30 * day), "\"event\"", &format!("\"exp\":{},\"event\"", NOW.0));
    add("signed a month ago, to be sent in before now", of(&late));
    let early = with(&at(NOW.0 + 2 * day), "\"event\"", &format!("\"exp\":{},\"event\"", NOW.0 + 3 * day));
    add("signed two days ahead, with an exp", of(&early));
    add("by a key that is not known", Envelope::sign(kind, body.as_bytes(), &[&signer(9)]));
    add("by another key than kid names", framed(&[jws_with(&header, body.as_bytes(), &enterprise())]));
    let (signed, signature) = text.rsplit_once('.').unwrap();
    let other = jws_with(&header, at(NOW.0 + 1).as_bytes(), &customer());
    let (_, other_signature) = other.rsplit_once('.').unwrap();
    assert_ne!(signature, other_signature);
    add("signature of another envelope", framed(&[format!("{signed}.{other_signature}")]));
    add("signature with S not reduced", framed(&[format!("{signed}.{}", not_reduced(signature))]));
    cases.into_iter().map(|(name, bytes)| (name, json!({ "envelope": to_base64url(&bytes) }))).collect()
}

/// The same text with one of the four bits set that 64 bytes leave unused in 86 characters.
fn stray_bits(text: &str) -> String {
    let next = match text.chars().last().unwrap() {
        'A' => 'B',
        'Q' => 'R',
        'g' => 'h',
        _ => 'x',
    };
    format!("{}{next}", &text[..text.len() - 1])
}

/// S + L in place of S: the signature that a lax reader takes for a second one.
fn not_reduced(signature: &str) -> String {
    const L: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut bytes = grantbook_record::encoding::from_base64url(signature).unwrap();
    let mut carry = 0_u16;
    for (byte, add) in bytes[32..].iter_mut().zip(L) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = u8::try_from(sum & 0xff).unwrap();
        carry = sum >> 8;
    }
    to_base64url(&bytes)
}

pub(crate) fn batches() -> Vec<Case> {
    let text = |wire: &WireBatch| serde_json::to_string(wire).unwrap();
    let input = |batch: String| json!({ "batch": batch });
    let good = text(&batch());
    let of = |records: &[_], signer: &Signer| {
        sign_batch(&Claims::new(tenant(), jti(41), ()), records, signer).unwrap()
    };
    let mut cases = vec![
        ("three records".to_owned(), input(good.clone())),
        ("one record".to_owned(), input(text(&of(&[(record(FIRST), salt("one"))], &gate())))),
        ("white space".to_owned(), input(with(&good, "{", " {\n"))),
    ];
    let mut add = |name: &str, wire: &WireBatch| cases.push((name.to_owned(), input(text(wire))));
    let head = |edit: &dyn Fn(&str) -> String, typ: &str| {
        let parsed = UseBatch::from_wire(batch()).unwrap();
        let payload = String::from_utf8(parsed.claims.to_json()).unwrap();
        WireBatch { head: jws::sign(typ, edit(&payload).as_bytes(), &gate()), ..batch() }
    };
    let typ = grantbook_record::uses::BATCH_TYP;

    let mut swapped = batch();
    swapped.records.swap(0, 1);
    add("two records swapped", &swapped);
    let mut short = batch();
    short.records.pop();
    add("a record missing", &short);
    add("a record missing that the head does not count", &{
        let mut wire = head(&|head| with(head, "\"count\":3", "\"count\":2"), typ);
        wire.records.pop();
        wire
    });
    let mut none = head(&|head| with(head, "\"count\":3", "\"count\":0"), typ);
    none.records.clear();
    add("no record", &none);
    let mut resalted = batch();
    resalted.records[1].salt = salt("other");
    add("another salt", &resalted);
    let mut reworded = batch();
    reworded.records[1].record = with(&reworded.records[1].record, "energy_kwh", "duration_min");
    add("another field", &reworded);
    let mut spaced = batch();
    spaced.records[1].record.push(' ');
    add("a space after a record", &spaced);
    for (name, from, to) in [
        ("a record with an unknown member", "{\"v\":1", "{\"v\":1,\"note\":0"),
        (
            "a record with a row attribute twice",
            "{\"site\":\"public\"",
            "{\"site\":\"depot\",\"site\":\"public\"",
        ),
        ("a record of version 2", "{\"v\":1", "{\"v\":2"),
        ("a record of another gate", "underwriting-1", "underwriting-2"),
        (
            "a record with an unknown reason",
            "\"permitted\":{\"grant\"",
            "\"denied\":{\"reason\":\"mood\",\"grant\"",
        ),
        ("a record with a space in its use id", "quote-41", "quote 41"),
    ] {
        let mut wire = batch();
        wire.records[0].record = with(&wire.records[0].record, from, to);
        add(name, &wire);
    }
    let mut large = batch();
    large.records[0].record.push_str(&" ".repeat(8192));
    add("a record of more than 8192 bytes", &large);
    add(
        "sequence numbers that the head does not name",
        &head(&|head| with(head, "\"first\":41", "\"first\":40"), typ),
    );
    add("head of version 2", &head(&|head| with(head, "\"v\":1", "\"v\":2"), typ));
    add("head with an unknown member", &head(&|head| with(head, "\"v\":1", "\"v\":1,\"x\":1"), typ));
    add("head that is no JSON", &head(&|_| String::new(), typ));
    add("head of an event's typ", &head(&str::to_owned, "grantbook-use.recorded+jwt"));
    add("head of more than 2048 bytes", &head(&|head| head.to_owned() + &" ".repeat(2048), typ));
    add(
        "head without signature",
        &WireBatch { head: batch().head.rsplit_once('.').unwrap().0.to_owned(), ..batch() },
    );
    add("signed by another than kid names", &{
        let head = batch().head;
        let (signed, _) = head.rsplit_once('.').unwrap();
        let signature = to_base64url(&enterprise().sign(signed.as_bytes()));
        WireBatch { head: format!("{signed}.{signature}"), ..batch() }
    });
    add("signed by a key that is not the gate's", &of(&[(record(FIRST), salt("one"))], &signer(9)));
    cases.extend(edited(
        &json!({ "batch": good }),
        "batch",
        &[
            ("unknown member of the batch", "{\"head\"", "{\"x\":1,\"head\""),
            ("a batch as an array", "{\"head\":", "[{\"head\":"),
            ("records that are an object", "\"records\":[", "\"records\":{\"0\":["),
        ],
    ));
    cases
}
