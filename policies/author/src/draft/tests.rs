use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;

const HASH: &str = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";

fn template(patch: Value) -> TemplatePublished {
    let template = json!({
        "id": "charging",
        "version": 1,
        "text": [{"language": "en", "title": "Charging", "body": "What we ask for."}],
        "bounds": bounds(),
    });
    patched(template, patch)
}

fn bounds() -> Value {
    json!({
        "controllers": ["voltway"],
        "recipients": ["sure-insurance"],
        "purposes": ["insurance-underwriting"],
        "categories": ["fast-charging"],
        "validity_days_max": 365,
        "uses_max": 10,
    })
}

fn terms(patch: Value) -> Terms {
    let terms = json!({
        "controller": "voltway",
        "recipient": "sure-insurance",
        "purpose": "insurance-underwriting",
        "scope": {
            "include": [{"category": "fast-charging"}],
            "exclude": [{"category": "fast-charging", "fields": ["work_order"]}],
        },
        "validity": {"start": 1_759_276_800, "end": 1_790_812_800},
        "limits": {"uses": 10},
        "compensation": "none",
        "obligations": [{"mask": {"fields": ["station"]}}],
        "notice": {"hash": HASH, "language": "en", "shown_at": 1_759_276_800},
        "template": {"id": "charging", "version": 1, "hash": HASH},
    });
    patched(terms, patch)
}

/// Puts the members of `patch` in place of the value's own, one level deep.
#[allow(clippy::needless_pass_by_value, reason = "`json!` values read better unborrowed")]
fn patched<T: DeserializeOwned>(mut value: Value, patch: Value) -> T {
    for (name, member) in patch.as_object().unwrap() {
        value[name] = member.clone();
    }
    serde_json::from_value(value).unwrap()
}

/// The places and words of all problems, in order.
fn check(result: Result<(), Problems>, expected: &[(&str, &str)]) {
    let problems = result.err().map(|problems| problems.list().to_vec()).unwrap_or_default();
    let got: Vec<(&str, &str)> = problems.iter().map(|p| (p.at.as_str(), p.what.as_str())).collect();
    assert_eq!(got, expected);
}

#[test]
fn templates() {
    let builtin = Vocabulary::builtin();
    check(validate_template(&template(json!({})), builtin), &[]);

    let text = json!([
        {"language": "en", "title": "", "body": "x"},
        {"language": "en", "title": "Charging", "body": "x".repeat(TEXT_BYTES_MAX + 1)},
    ]);
    let mut wrong = bounds();
    wrong["purposes"] = json!(["underwriting"]);
    wrong["categories"] = json!(["fast-charging", "charging", "fast-charging"]);
    wrong["validity_days_max"] = json!(0);
    let draft = template(json!({"version": 0, "text": text, "bounds": wrong}));
    check(
        validate_template(&draft, builtin),
        &[
            ("version", "is 0, expected 1 for the first version"),
            ("text[0].title", "has 0 bytes, expected 1 to 16384"),
            ("text[1].body", "has 16385 bytes, expected 1 to 16384"),
            ("text[1]", "is the second text in one language, expected one for each"),
            ("bounds.categories[2]", "names `fast-charging` a second time"),
            (
                "bounds.purposes[0]",
                "unknown purpose `underwriting`, expected one of fraud-prevention, insurance-underwriting, \
             marketing, research, service-personalisation",
            ),
            (
                "bounds.categories[1]",
                "unknown category `charging`, expected one of battery-health, contact, driving, fast-charging, purchases",
            ),
            ("bounds.validity_days_max", "is 0, which no grant can satisfy, expected at least 1 day"),
        ],
    );
}

#[test]
fn bounds_alone() {
    let mut draft = bounds();
    draft["recipients"] = json!(["a", "b", "a"]);
    let draft: Bounds = serde_json::from_value(draft).unwrap();
    check(validate_bounds(&draft, Vocabulary::builtin()), &[("recipients[2]", "names `a` a second time")]);
}

#[test]
fn terms_by_the_vocabulary() {
    let builtin = Vocabulary::builtin();
    check(validate_terms(&terms(json!({})), None, builtin), &[]);

    let twice = json!([{"attribute": "city", "any_of": ["a"]}, {"attribute": "city", "any_of": ["b"]}]);
    let scope = json!({
        "include": [
            {"category": "charging", "fields": ["date"]},
            {"category": "fast-charging", "fields": ["date", "speed", "date"], "filter": twice},
        ],
        "exclude": [{"category": "driving"}],
    });
    let draft = terms(json!({
        "purpose": "war",
        "scope": scope,
        "obligations": [{"notify": {"party": "dpo"}}, {"generalise": {"field": "location", "to": "city"}}],
    }));
    check(
        validate_terms(&draft, None, builtin),
        &[
            (
                "purpose",
                "unknown purpose `war`, expected one of fraud-prevention, insurance-underwriting, marketing, \
             research, service-personalisation",
            ),
            (
                "scope.include[0].category",
                "unknown category `charging`, expected one of battery-health, contact, driving, fast-charging, purchases",
            ),
            ("scope.include[1].fields[2]", "names `date` a second time"),
            (
                "scope.include[1].fields[1]",
                "unknown field `speed`, expected one of date, duration_min, energy_kwh, soc, \
             station, work_order",
            ),
            (
                "scope.include[1].filter[1]",
                "is a second condition on `city`, expected one that lists all its values",
            ),
            ("scope.exclude[0]", "excludes `driving`, of which nothing is included"),
            ("obligations[1]", "names the field `location`, which no included category has"),
        ],
    );
}

#[test]
fn terms_by_their_template() {
    let bounds: Bounds = serde_json::from_value(bounds()).unwrap();
    let check_terms = |patch, expected: &[(&str, &str)]| {
        check(validate_terms(&terms(patch), Some(&bounds), Vocabulary::builtin()), expected);
    };
    check_terms(json!({}), &[]);
    check_terms(
        json!({"recipient": "another", "limits": {}, "validity": {"start": 1_759_276_800, "end": 1_795_000_000}}),
        &[
            ("recipient", "the recipient is outside the template, expected one that the template names"),
            (
                "validity",
                "the validity is outside the template, expected at most as long as the template allows",
            ),
            (
                "limits.uses",
                "the cap is outside the template, expected at most as many uses as the template allows",
            ),
        ],
    );
}

#[test]
fn problems_are_shown_one_a_line() {
    let draft = template(json!({"version": 0, "text": [{"language": "en", "title": "", "body": "x"}]}));
    let problems = validate_template(&draft, Vocabulary::builtin()).unwrap_err();
    let lines =
        "version: is 0, expected 1 for the first version\ntext[0].title: has 0 bytes, expected 1 to 16384";
    assert_eq!(problems.to_string(), lines);
    assert_eq!(
        serde_json::to_value(&problems).unwrap()[0],
        json!({"at": "version", "what": "is 0, expected 1 for the first version"})
    );
}

#[test]
fn a_draft_shows_consents_that_are_not_separate() {
    let vocabulary = Vocabulary::default();
    let hash = |text: &str| json!(grantbook_record::encoding::Bytes32::sha256(text.as_bytes()));
    let asked = |to: &str, sentence: &str| json!({"to": to, "sentence": hash(sentence)});
    let of = |consents: Value| terms(json!({"consents": consents}));
    let two = json!([asked("third-party", "One."), asked("sensitive", "Another.")]);
    check(validate_terms(&of(two), None, &vocabulary), &[]);
    let one = json!([asked("third-party", "One."), asked("sensitive", "One.")]);
    let what = "consents not given separately, expected a sentence of its own for each";
    check(validate_terms(&of(one), None, &vocabulary), &[("consents", what)]);
    // and those that the rules of the enterprise ask for
    let rules = json!({"version": 1, "protections": {"consents": ["sensitive", "third-party"]}, "rules": []});
    let rules = PolicyPlan::from_value(&rules).unwrap();
    check(
        validate_consents(&of(json!([asked("third-party", "One.")])), &rules, &vocabulary),
        &[("consents", "lack one to `sensitive`, which such terms need separately")],
    );
}

#[test]
fn a_notice_shows_all_that_it_lacks() {
    let contents = json!({
        "laws": ["dpdp"], "controller": "voltway", "identity": "Voltway", "purposes": ["insurance-underwriting"],
        "categories": ["fast-charging"], "recipients": ["sure-insurance"], "rights": "Ask us.",
    });
    let notice = json!({
        "id": "short", "version": 1, "language": "en", "text": "Voltway wants your data. Ask us.", "contents": contents});
    let notice: NoticePublished = serde_json::from_value(notice).unwrap();
    let lacking = |at, what| (at, what);
    check(
        validate_notice(&notice, None, &Vocabulary::default()),
        &[
            lacking("contents.withdrawal", "is missing, which dpdp s. 5(1)(ii), 6(4) asks for"),
            lacking("contents.complaint", "is missing, which dpdp s. 5(1)(iii) asks for"),
            lacking("contents.contact", "is missing, which dpdp s. 6(3) asks for"),
        ],
    );
}
