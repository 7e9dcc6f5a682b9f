use serde_json::{Value, json};

use super::*;

fn terms() -> Terms {
    let hash = Bytes32([0; 32]);
    let terms = json!({
        "controller": "shop",
        "recipient": "recommender",
        "purpose": "service-personalisation",
        "scope": {
            "include": [{"category": "purchases", "period": {"from": "1997-01-01", "to": "1997-09-30"}}],
            "exclude": [{"category": "purchases", "fields": ["dollars"]}],
        },
        "validity": {"start": 1_759_276_800, "end": 1_790_812_800},
        "limits": {"uses": 10},
        "compensation": {"per_use": {"currency": "CNY", "minor": 80}},
        "notice": {"hash": hash, "language": "en", "shown_at": 1_759_276_800},
        "template": {"id": "shopping", "version": 1, "hash": hash},
    });
    serde_json::from_value(terms).unwrap()
}

#[allow(clippy::needless_pass_by_value, reason = "`json!` values read better unborrowed")]
fn case(name: &str, day: &str, fields: Value, more: Value) -> Case {
    let mut case = json!({
        "name": name,
        "use": {
            "data_subject": "anybody", "requester": "web", "recipient": "recommender",
            "purpose": "service-personalisation", "action": "profile", "categories": ["purchases"],
            "fields": fields, "data_period": {"from": day, "to": day},
        },
    });
    for (name, member) in more.as_object().unwrap() {
        case[name] = member.clone();
    }
    serde_json::from_value(case).unwrap()
}

#[test]
fn cases_that_come_out_as_expected_are_not_mentioned() {
    let denied = |reason: &str| json!({"expect": {"denial": reason}});
    let cases = [
        case("inside", "1997-09-30", json!(["date"]), json!({"expect": "permit"})),
        case("outside", "1997-10-01", json!(["date"]), denied("period")),
        case("money", "1997-09-30", json!(["dollars"]), denied("field")),
        case("tenth", "1997-09-30", json!(["date"]), json!({"uses_before": 9, "expect": "permit"})),
        case(
            "eleventh",
            "1997-09-30",
            json!(["date"]),
            json!({"uses_before": 10, "expect": {"denial": "cap"}}),
        ),
        case(
            "late",
            "1997-09-30",
            json!(["date"]),
            json!({"at": 1_790_812_800, "expect": {"denial": "expired"}}),
        ),
    ];
    assert_eq!(run(&terms(), &cases, Vocabulary::builtin()), []);
}

#[test]
fn the_others_say_what_came() {
    let cases = [
        case("too far", "1997-10-01", json!(["date"]), json!({"expect": "permit"})),
        case("money", "1997-09-30", json!(["dollars"]), json!({"expect": {"denial": "filter"}})),
        case("fine", "1997-09-30", json!(["date"]), json!({"expect": {"denial": "no_grant"}})),
    ];
    let failures = run(&terms(), &cases, Vocabulary::builtin());
    let lines: Vec<String> = failures.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "too far: got denial: period, expected permit",
            "money: got denial: field, expected denial: filter",
            "fine: got permit, expected denial: no_grant",
        ]
    );
}
