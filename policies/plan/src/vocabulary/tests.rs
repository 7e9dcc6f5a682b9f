use grantbook_record::terms::Language;
use serde_json::{Value, json};

use super::*;

fn term(text: &str) -> Term {
    Term::parse(text).unwrap()
}

#[test]
fn the_first_version_is_labelled_throughout_and_every_word_stands_for_something() {
    let builtin = Vocabulary::parse(include_bytes!("../../../vocabulary/core-v1.json")).unwrap();
    assert_eq!(&builtin, Vocabulary::builtin());
    assert_eq!(builtin.latest().number(), VocabularyVersion::FIRST);
    let Words { purposes, categories, actions, recipients, measures } = builtin.latest().words();
    let categories_labels = categories.values().map(|category| &category.label);
    let labels = [purposes, actions, recipients, measures].map(BTreeMap::values).into_iter().flatten();
    for label in labels.chain(categories_labels) {
        assert!(label.is_readable() && !label.text(Language::SimplifiedChinese).is_ascii(), "{label:?}");
        let iri = label.iri.as_ref().unwrap_or_else(|| panic!("{label:?}")).as_str();
        let known = ["https://w3id.org/dpv#", "https://w3id.org/dpv/pd#", "https://grantbook.example/ns/"];
        assert!(known.iter().any(|space| iri.starts_with(space)), "{iri}");
    }
    for field in categories.values().flat_map(|category| category.fields.values()) {
        assert!(field.is_readable() && !field.text(Language::SimplifiedChinese).is_ascii(), "{field:?}");
    }
    assert!(!recipients.is_empty() && !measures.is_empty());
}

#[test]
fn lookups() {
    let builtin = Vocabulary::builtin();
    for purpose in
        ["service-personalisation", "insurance-underwriting", "marketing", "research", "fraud-prevention"]
    {
        assert!(builtin.has_purpose(&term(purpose)), "{purpose}");
        assert!(!builtin.has_category(&term(purpose)) && !builtin.has_action(&term(purpose)));
    }
    for action in ["read", "profile", "share", "train", "audit"] {
        assert!(builtin.has_action(&term(action)), "{action}");
    }
    for (category, field, known) in [
        ("purchases", "dollars", true),
        ("purchases", "work_order", false),
        ("fast-charging", "work_order", true),
        ("driving", "location", true),
        ("contact", "email", true),
        ("dreams", "date", false),
        ("purchases", "purchases", false),
    ] {
        assert_eq!(builtin.has_field(&term(category), &term(field)), known, "{category}.{field}");
    }
    let sensitivity = |category, field| builtin.latest().sensitivity(&term(category), &term(field));
    assert_eq!(sensitivity("driving", "location"), Some(Sensitivity::Sensitive));
    assert_eq!(sensitivity("purchases", "date"), Some(Sensitivity::Ordinary));
    assert_eq!(sensitivity("dreams", "date"), None);
}

#[test]
fn unknown_and_malformed_members_are_refused() {
    for json in [
        r#"{"version":1,"purposes":{},"categories":{},"actions":{},"parties":{}}"#,
        r#"{"version":1,"purposes":{},"categories":{}}"#,
        r#"{"version":0,"purposes":{},"categories":{},"actions":{}}"#,
        r#"{"version":1,"purposes":{"Marketing":{"en":"m","zh-CN":"m"}},"categories":{},"actions":{}}"#,
        r#"{"version":1,"purposes":{"marketing":{"en":"m"}},"categories":{},"actions":{}}"#,
        r#"{"version":1,"purposes":{"marketing":{"en":"m","zh-CN":"m","iri":"dpv:M"}},"categories":{},"actions":{}}"#,
    ] {
        assert!(Vocabulary::parse(json.as_bytes()).is_err(), "{json}");
    }
}

fn event(members: Value) -> VocabularyPublished {
    serde_json::from_value(members).unwrap()
}

fn field(unit: Option<&str>) -> Value {
    let mut field = json!({"en": "Level", "zh-CN": "级别"});
    if let Some(unit) = unit {
        field["unit"] = json!(unit);
        field["range"] = json!({"min": 1, "max": 5});
    }
    field
}

fn label() -> Value {
    json!({"en": "Customers", "zh-CN": "客户", "iri": "https://w3id.org/dpv#Customer"})
}

fn customers(fields: &Value) -> Value {
    json!({"categories": {"customers": {"label": label(), "fields": fields}}})
}

fn column(system: &str, column: &str, rest: Value) -> Value {
    let mut mapping = rest;
    mapping["source"] = json!({"system": system, "table": "Accounts", "column": column});
    mapping["category"] = json!("customers");
    mapping
}

/// Version 2 with a category `customers` of two fields.
fn second() -> Vocabulary {
    let mut vocabulary = Vocabulary::default();
    let put = customers(&json!({"level": field(Some("steps")), "rating": field(None)}));
    vocabulary.publish(&event(json!({"version": 2, "put": put}))).unwrap();
    vocabulary
}

#[test]
fn versions_follow_each_other_and_keep_their_words() {
    let mut vocabulary = second();
    let next = event(json!({"version": 3, "drop": {"categories": ["driving"], "actions": ["train"]}}));
    vocabulary.publish(&next).unwrap();
    let has = |number, category: &str| {
        vocabulary.version(VocabularyVersion::new(number).unwrap()).unwrap().has_category(&term(category))
    };
    assert!(has(1, "driving") && has(2, "driving") && !has(3, "driving") && !has(1, "customers"));
    assert!(!vocabulary.has_action(&term("train")) && vocabulary.has_category(&term("customers")));
    assert_eq!(vocabulary.version(VocabularyVersion::new(4).unwrap()), None);
    let json = serde_json::to_string(&vocabulary).unwrap();
    assert_eq!(serde_json::from_str::<Vocabulary>(&json).unwrap(), vocabulary);
}

#[test]
fn what_no_version_may_be() {
    use VocabularyError as E;
    for (members, expected) in [
        (json!({"version": 4}), E::Version { expected: VocabularyVersion::new(3).unwrap() }),
        (json!({"version": 3, "drop": {"purposes": ["dreaming"]}}), E::NotThere { what: "a purpose" }),
        (
            json!({"version": 3, "put": {"purposes": {"p": {"en": "P", "zh-CN": "目的"}}}}),
            E::NoIri { what: "purpose" },
        ),
        (
            json!({"version": 3, "put": {"actions": {"a": {"en": " ", "zh-CN": "作", "iri": "https://w3id.org/dpv#Use"}}}}),
            E::Unreadable { what: "action" },
        ),
        (json!({"version": 3, "put": customers(&json!({}))}), E::NoFields),
        (json!({"version": 3, "map": [column("crm", "Gone", json!({"field": "colour"}))]}), E::NoSuchField),
        (
            json!({"version": 3, "map": [column("crm", "Lvl", json!({"field": "level"}))]}),
            E::OtherValues { what: "unit" },
        ),
        (
            json!({"version": 3, "map": [column("crm", "Lvl", json!({"field": "level", "unit": "steps", "range": {"min": 0, "max": 5}}))]}),
            E::OtherValues { what: "range" },
        ),
        (
            json!({"version": 3, "unmap": [{"system": "crm", "table": "Accounts", "column": "Lvl"}]}),
            E::NotThere { what: "the mapping of a column" },
        ),
    ] {
        let got = second().next(&event(members.clone())).unwrap_err();
        assert_eq!(got, expected, "{members}");
    }
}

/// "Customer level" of one system and of another are two things until somebody says that they are one.
#[test]
fn two_systems_columns_pass_for_one_field_only_where_somebody_says_so() {
    let crm = column("crm", "level", json!({"field": "rating"}));
    let erp = column("erp", "level", json!({"field": "rating"}));
    let same = json!({"system": "crm", "table": "Accounts", "column": "level"});
    let said = column("erp", "level", json!({"field": "rating", "same_as": same}));
    let other_unit = column("erp", "level", json!({"field": "rating", "same_as": same, "unit": "points"}));
    let map = |columns: Vec<Value>| second().next(&event(json!({"version": 3, "map": columns}))).map(|_| ());
    assert_eq!(map(vec![crm.clone()]), Ok(()));
    assert_eq!(map(vec![crm.clone(), erp]), Err(VocabularyError::NotTheSame));
    assert_eq!(map(vec![crm.clone(), said.clone()]), Ok(()));
    assert_eq!(map(vec![said]), Err(VocabularyError::NotTheSame), "the same as one that is not mapped");
    assert_eq!(map(vec![crm, other_unit]), Err(VocabularyError::OtherValues { what: "unit" }));
}

#[test]
fn a_field_that_is_gone_takes_no_column() {
    let mut vocabulary = second();
    let map = vec![column("crm", "level", json!({"field": "rating"}))];
    vocabulary.publish(&event(json!({"version": 3, "map": map}))).unwrap();
    let drop = json!({"categories": ["customers"]});
    let got = vocabulary.next(&event(json!({"version": 4, "drop": drop}))).unwrap_err();
    assert_eq!(got, VocabularyError::NoSuchField);
    let unmap = json!([{"system": "crm", "table": "Accounts", "column": "level"}]);
    vocabulary.next(&event(json!({"version": 4, "drop": drop, "unmap": unmap}))).unwrap();
}
