//! Stages of rules that do not come into force as they are published.

use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{PolicyPublished, Stage};
use grantbook_record::strict_json;
use serde_json::{Value, json};

fn read(plan: &Value, stage: &Value) -> Option<PolicyPublished> {
    let sources = Bytes32::sha256(b"sources");
    let mut event = json!({"version": 1, "from": 1, "sources": sources});
    for (name, value) in [("plan", plan), ("stage", stage)] {
        if !value.is_null() {
            event[name] = value.clone();
        }
    }
    let json = serde_json::to_vec(&event).unwrap();
    let read: PolicyPublished = strict_json::parse(&json).ok()?;
    assert_eq!(serde_json::to_value(&read).unwrap(), event, "written as it was read");
    Some(read)
}

#[test]
fn every_stage_is_read_in_its_one_spelling() {
    let plan = json!({"version": 1, "rules": []});
    for stage in [
        Value::Null,
        json!({"shadow": {"hours": 1}}),
        json!({"shadow": {"hours": 65_535}}),
        json!({"promoted": {}}),
        json!({"promoted": {"early": "incident"}}),
    ] {
        assert_eq!(read(&plan, &stage).unwrap().stage.is_some(), !stage.is_null(), "{stage}");
    }
    let dropped = read(&Value::Null, &json!("dropped")).unwrap();
    assert_eq!((dropped.plan, dropped.stage), (Value::Null, Some(Stage::Dropped)));
    for stage in [
        json!("shadow"),
        json!({"shadow": {}}),
        json!({"shadow": {"hours": 0}}),
        json!({"shadow": {"hours": 65_536}}),
        json!({"shadow": {"hours": 1, "days": 1}}),
        json!({"shadow": {"hours": 1}, "promoted": {}}),
        json!("promoted"),
        json!({"promoted": {"early": "Not a term"}}),
        json!({"dropped": {}}),
        json!({}),
    ] {
        assert_eq!(read(&plan, &stage), None, "{stage}");
    }
}
