//! Obligations on records, with a reference for what may be seen of them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use grantbook_plan::Vocabulary;
use grantbook_record::day::UnixMillis;
use grantbook_record::terms::Obligation;
use grantbook_record::uses::{UseFacts, UseId};
use grantbook_record::{DenialReason, Jti, UnixSeconds};
use grantbook_sdk::obligations::due::DueList;
use grantbook_sdk::obligations::notify::{FileNotifier, Notice, Notifier, NotifyError};
use grantbook_sdk::obligations::{
    Context, Mask, Means, ObligationError, Places, Table, WATERMARK, carry_out, carry_out_table,
};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

use crate::{term, use_of};

const NOW: UnixSeconds = UnixSeconds(1_795_000_000);
const DAY: u64 = 86_400;

fn obligations(list: Value) -> Vec<Obligation> {
    serde_json::from_value(list).unwrap()
}

fn grant() -> Jti {
    Jti::new(UnixMillis(1_795_000_000_000), [1; 10])
}

fn quote() -> UseId {
    UseId::try_from("quote-41".to_owned()).unwrap()
}

fn run(means: &Means, facts: &UseFacts, list: Value, records: Value) -> Result<Value, ObligationError> {
    let use_ref = quote();
    let context = Context {
        means,
        vocabulary: Vocabulary::builtin(),
        facts,
        grant: grant(),
        use_ref: &use_ref,
        at: NOW,
        retention_days: None,
    };
    let Value::Array(records) = records else { panic!("records") };
    carry_out(&obligations(list), &context, records).map(Value::Array)
}

#[allow(clippy::needless_pass_by_value, reason = "`json!` values read better unborrowed")]
fn seen(fields: &[&str], list: Value, record: Value) -> Value {
    run(&Means::default(), &use_of("pricing", fields), list, json!([record])).unwrap()[0].take()
}

#[test]
fn each_obligation_on_a_record() {
    let charging = || {
        json!({
            "date": "2025-07-03", "energy_kwh": 23.5, "station": {"id": "cp-17", "lat": 31.2},
            "work_order": "brakes", "customer": "Li Wei", "_grantbook": "forged",
        })
    };
    let three = ["date", "energy_kwh", "station"];
    for (list, expected) in [
        // what the use does not name is never seen
        (
            json!([]),
            json!({"date": "2025-07-03", "energy_kwh": 23.5, "station": {"id": "cp-17", "lat": 31.2}}),
        ),
        (
            json!([{"mask": {"fields": ["station", "soc"]}}]),
            json!({"date": "2025-07-03", "energy_kwh": 23.5, "station": null}),
        ),
        (json!([{"keep_fields": {"fields": ["date", "work_order"]}}]), json!({"date": "2025-07-03"})),
        (json!([{"keep_fields": {"fields": ["date"]}}, {"keep_fields": {"fields": ["station"]}}]), json!({})),
        (
            json!([
                {"generalise": {"field": "date", "to": "month"}},
                {"generalise": {"field": "date", "to": "quarter"}},
                {"generalise": {"field": "energy_kwh", "to": "bands-of-10"}},
                {"generalise": {"field": "soc", "to": "bands-of-10"}},
                {"mask": {"fields": ["station"]}},
            ]),
            json!({"date": "2025-Q3", "energy_kwh": "20..30", "station": null}),
        ),
        // masking comes first: there is nothing left that could fail to be generalised
        (
            json!([{"generalise": {"field": "station", "to": "month"}}, {"mask": {"fields": ["station"]}}]),
            json!({"date": "2025-07-03", "energy_kwh": 23.5, "station": null}),
        ),
        (
            json!([{"keep_fields": {"fields": ["date"]}}, {"watermark": {"label": "b"}}, {"watermark": {"label": "a"}}]),
            json!({"date": "2025-07-03",
                "_grantbook": {"labels": ["a", "b"], "grant": grant(), "use": "quote-41"}}),
        ),
    ] {
        assert_eq!(seen(&three, list.clone(), charging()), expected, "{list}");
    }
}

#[test]
fn fields_are_found_at_any_depth() {
    let record = json!({
        "trip": {"date": "2025-07-03", "driver": "Li Wei", "stops": [
            {"location": {"lat": 31.2, "email": "x@example.com", "note": "home"}, "speed": 50},
            {"driver": "Wang Fang"},
        ]},
    });
    let expected =
        json!({"trip": {"date": "2025-07-03", "stops": [{"location": {"lat": 31.2, "note": "home"}}]}});
    assert_eq!(seen(&["date", "location"], json!([]), record.clone()), expected);
    // a masked field that the use does not name takes all that it holds with it
    assert_eq!(seen(&["email"], json!([{"mask": {"fields": ["location"]}}]), record.clone()), json!({}));
    let masked = json!({"trip": {"stops": [{"location": null}]}});
    assert_eq!(seen(&["location"], json!([{"mask": {"fields": ["location"]}}]), record), masked);
}

#[test]
fn what_is_not_understood_denies() {
    let facts = use_of("pricing", &["date", "energy_kwh"]);
    let refused = |list: Value, records: Value| {
        let error = run(&Means::default(), &facts, list, records).unwrap_err();
        (error.reason(), error.to_string())
    };
    let month = || json!([{"generalise": {"field": "date", "to": "month"}}]);
    for (list, records, reason, expected) in [
        (
            month(),
            json!([{"date": "2025-07-03"}, {"date": "soon"}]),
            DenialReason::EvaluationError,
            "value of date in record 1 cannot be generalised to month",
        ),
        (
            month(),
            json!([{"date": {"year": 2025}}]),
            DenialReason::EvaluationError,
            "value of date in record 0",
        ),
        (month(), json!(["2025-07-03"]), DenialReason::EvaluationError, "record 0 is no object"),
        (
            json!([{"generalise": {"field": "date", "to": "century"}}]),
            json!([]),
            DenialReason::UnknownObligation,
            "unknown level century",
        ),
        // also of a field that the use does not name
        (
            json!([{"generalise": {"field": "station", "to": "city"}}]),
            json!([]),
            DenialReason::UnknownObligation,
            "unknown level city",
        ),
        (
            json!([{"generalise": {"field": "date", "to": "month"}}, {"generalise": {"field": "date", "to": "bands-of-5"}}]),
            json!([]),
            DenialReason::UnknownObligation,
            "date is to be generalised to levels",
        ),
        (
            json!([{"notify": {"party": "auditor"}}]),
            json!([]),
            DenialReason::UnknownObligation,
            "somebody is to be told",
        ),
        (
            json!([{"delete_by": {"days": 30}}]),
            json!([]),
            DenialReason::UnknownObligation,
            "data is to be deleted",
        ),
    ] {
        let (got, message) = refused(list.clone(), records);
        assert_eq!(got, reason, "{list}");
        assert!(message.starts_with(expected), "{message}, expected {expected}");
    }
    let mut deep = json!({"date": 1});
    for _ in 0..100 {
        deep = json!({"more": deep});
    }
    assert!(refused(json!([]), json!([deep])).1.starts_with("record 0 is nested deeper than 64"));
}

/// Keeps what it was told, or fails.
#[derive(Default)]
struct Told {
    notices: Mutex<Vec<Notice>>,
    fails: bool,
}

impl Notifier for Told {
    fn notify(&self, notice: &Notice) -> Result<(), NotifyError> {
        if self.fails {
            return Err(NotifyError { party: notice.party.clone(), cause: "no post today".to_owned() });
        }
        self.notices.lock().unwrap().push(notice.clone());
        Ok(())
    }
}

#[test]
fn deletion_is_noted_and_parties_are_told_once_for_a_use() {
    let told = Arc::new(Told::default());
    let due = Arc::new(DueList::in_memory());
    let means =
        Means { notifier: Some(Arc::clone(&told) as _), due: Some(Arc::clone(&due)), ..Means::default() };
    let facts = use_of("pricing", &["date"]);
    let list = json!([
        {"delete_by": {"days": 30}}, {"notify": {"party": "auditor"}},
        {"delete_by": {"days": 7}}, {"notify": {"party": "auditor"}}, {"notify": {"party": "customer-care"}},
    ]);
    run(&means, &facts, list.clone(), json!([{"date": 1}, {"date": 2}])).unwrap();
    let parties: Vec<String> =
        told.notices.lock().unwrap().iter().map(|notice| notice.party.to_string()).collect();
    assert_eq!(parties, ["auditor", "customer-care"]);
    assert_eq!(told.notices.lock().unwrap()[0].use_ref, quote());
    assert_eq!(due.next(), Some(UnixSeconds(NOW.0 + 7 * DAY)));
    // the use tried again is the same use
    run(&means, &facts, list, json!([{"date": 1}])).unwrap();
    assert_eq!(due.due(UnixSeconds(u64::MAX)).len(), 1);

    // nobody is told, and nothing is noted, of data that nobody gets
    let due = Arc::new(DueList::in_memory());
    let told = Arc::new(Told::default());
    let means =
        Means { notifier: Some(Arc::clone(&told) as _), due: Some(Arc::clone(&due)), ..Means::default() };
    let list = json!([
        {"delete_by": {"days": 30}}, {"notify": {"party": "auditor"}}, {"generalise": {"field": "date", "to": "month"}},
    ]);
    run(&means, &facts, list, json!([{"date": 1}])).unwrap_err();
    assert!(due.next().is_none() && told.notices.lock().unwrap().is_empty());
}

#[test]
fn failing_to_notify_denies() {
    let means =
        Means { notifier: Some(Arc::new(Told { fails: true, ..Told::default() })), ..Means::default() };
    let facts = use_of("pricing", &["date"]);
    let error =
        run(&means, &facts, json!([{"notify": {"party": "auditor"}}]), json!([{"date": 1}])).unwrap_err();
    assert_eq!(error.reason(), DenialReason::EvaluationError);
    assert_eq!(error.to_string(), "auditor was not told of the use: no post today");
}

#[test]
fn the_grants_retention_is_noted_where_there_is_a_list() {
    let due = Arc::new(DueList::in_memory());
    let means = Means { due: Some(Arc::clone(&due)), ..Means::default() };
    let facts = use_of("pricing", &["date"]);
    let use_ref = quote();
    let mut context = Context {
        means: &means,
        vocabulary: Vocabulary::builtin(),
        facts: &facts,
        grant: grant(),
        use_ref: &use_ref,
        at: NOW,
        retention_days: Some(3),
    };
    let list = obligations(json!([{"delete_by": {"days": 30}}]));
    carry_out(&list, &context, vec![]).unwrap();
    assert_eq!(due.next(), Some(UnixSeconds(NOW.0 + 3 * DAY)));
    let none = Means::default();
    context.means = &none;
    carry_out(&[], &context, vec![]).unwrap();
}

#[test]
fn a_file_keeps_notices_line_by_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notices.jsonl");
    let facts = use_of("pricing", &["date"]);
    let tell = || {
        let means =
            Means { notifier: Some(Arc::new(FileNotifier::open(&path).unwrap())), ..Means::default() };
        run(&means, &facts, json!([{"notify": {"party": "auditor"}}]), json!([])).unwrap();
    };
    tell();
    // a crash cut a line short
    let mut half = std::fs::read(&path).unwrap();
    half.extend(b"{\"party\":\"aud");
    std::fs::write(&path, half).unwrap();
    tell();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("cs-00004"), "no word of the customer");
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let lines: Vec<Value> = lines.collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1]["use"], "quote-41");
}

#[test]
fn a_table_is_redacted_column_by_column() {
    let places = json!({"version": 1, "levels": ["stop", "city"], "places": [
        {"name": "cp-17", "level": "stop", "within": "上海"}, {"name": "上海", "level": "city"},
    ]});
    let places = Places::parse(places.to_string().as_bytes()).unwrap();
    let means = Means { mask: Mask::Mark("***".into()), places, ..Means::default() };
    let facts = use_of("pricing", &["date", "station", "energy_kwh", "soc"]);
    let use_ref = quote();
    let context = Context {
        means: &means,
        vocabulary: Vocabulary::builtin(),
        facts: &facts,
        grant: grant(),
        use_ref: &use_ref,
        at: NOW,
        retention_days: None,
    };
    let list = obligations(json!([
        {"mask": {"fields": ["soc", "name"]}}, {"generalise": {"field": "station", "to": "city"}},
        {"generalise": {"field": "energy_kwh", "to": "bands-of-10"}}, {"watermark": {"label": "copy"}},
    ]));
    let text = |cells: &[&str]| cells.iter().map(ToString::to_string).collect::<Vec<_>>();
    let columns = text(&["name", "station", "energy_kwh", "soc", "work_order", "date"]);
    let table = Table {
        columns: columns.clone(),
        rows: vec![
            text(&["Li Wei", "cp-17", "23.5", "80", "brakes", "2025-07-03"]),
            text(&["Li Wei", "", "", "", "", ""]),
        ],
    };
    let redacted = carry_out_table(&list, &context, table).unwrap();
    assert_eq!(redacted.columns, ["station", "energy_kwh", "soc", "date", WATERMARK]);
    let mark = format!(r#"{{"grant":"{}","labels":["copy"],"use":"quote-41"}}"#, grant());
    assert_eq!(redacted.rows[0], ["上海", "20..30", "***", "2025-07-03", &mark]);
    assert_eq!(redacted.rows[1], ["", "", "***", "", &mark]);
    assert_eq!(carry_out_table(&list, &context, redacted.clone()).unwrap(), redacted, "said again");

    for (columns, row, expected) in [
        (text(&["date", "date"]), text(&["1", "2"]), "two columns of one name"),
        (text(&["date", "soc"]), text(&["1"]), "row 0 has 1 cells, expected 2"),
        (text(&["station"]), text(&["cp-18"]), "value of station in record 0 cannot be generalised to city"),
    ] {
        let error = carry_out_table(&list, &context, Table { columns, rows: vec![row] }).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}

/// Fields of the vocabulary, and names that are none.
const FIELDS: &[&str] = &["date", "station", "email", "location", "energy_kwh"];
const NAMES: &[&str] =
    &["date", "station", "email", "location", "energy_kwh", "detail", "lat", "items", WATERMARK];

/// A record whose every leaf is a value of its own.
fn record() -> impl Strategy<Value = Value> {
    let leaf = Just(json!(0));
    let value = leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            prop::collection::btree_map(select(NAMES), inner, 0..4).prop_map(object),
        ]
    });
    prop::collection::btree_map(select(NAMES), value, 0..6).prop_map(|members| {
        let mut record = object(members);
        number(&mut record, &mut 0);
        record
    })
}

fn object(members: std::collections::BTreeMap<&str, Value>) -> Value {
    Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
}

fn number(value: &mut Value, next: &mut u32) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| number(item, next)),
        Value::Object(members) => members.values_mut().for_each(|member| number(member, next)),
        leaf => {
            *leaf = json!(format!("leaf-{next}-"));
            *next += 1;
        }
    }
}

/// Each leaf with the names above it.
fn leaves(value: &Value, above: &[String], found: &mut Vec<(Vec<String>, String)>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| leaves(item, above, found)),
        Value::Object(members) => {
            for (name, member) in members {
                leaves(member, &[above, std::slice::from_ref(name)].concat(), found);
            }
        }
        leaf => found.push((above.to_vec(), leaf.as_str().unwrap_or_default().to_owned())),
    }
}

fn some_fields() -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(FIELDS, 1..=FIELDS.len())
}

fn obligation_list() -> impl Strategy<Value = Vec<Value>> {
    let one = prop_oneof![
        3 => some_fields().prop_map(|fields| json!({"mask": {"fields": fields}})),
        1 => some_fields().prop_map(|fields| json!({"keep_fields": {"fields": fields}})),
        1 => select(&["a", "b"][..]).prop_map(|label| json!({"watermark": {"label": label}})),
    ];
    prop::collection::vec(one, 0..4)
}

fn named(list: &[Value], kind: &str) -> Vec<BTreeSet<String>> {
    let lists = list.iter().filter_map(|obligation| obligation.get(kind));
    lists.map(|named| serde_json::from_value(named["fields"].clone()).unwrap()).collect()
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    /// Exactly those leaves are seen whose nearest field is named by the use and by each `keep_fields`, and above which
    /// no masked field stands. Searched for in the text, so anywhere.
    #[test]
    fn masked_and_unnamed_values_are_nowhere(
        record in record(), fields in some_fields(), list in obligation_list(), mark in any::<bool>(),
    ) {
        let mask = if mark { Mask::Mark("***".into()) } else { Mask::Null };
        let means = Means { mask, ..Means::default() };
        let seen = run(&means, &use_of("pricing", &fields), json!(list), json!([record])).unwrap();
        let text = seen.to_string();
        let masked: BTreeSet<String> = named(&list, "mask").into_iter().flatten().collect();
        let kept = named(&list, "keep_fields");
        let mut all = Vec::new();
        leaves(&record, &[], &mut all);
        for (above, leaf) in all {
            let nearest = above.iter().rev().find(|name| FIELDS.contains(&name.as_str()));
            let is_named = nearest.is_some_and(|field| {
                fields.contains(&field.as_str()) && kept.iter().all(|kept| kept.contains(field))
            });
            let is_masked = above.iter().any(|name| masked.contains(name));
            let is_forged = above.first().is_some_and(|name| name == WATERMARK);
            let visible = is_named && !is_masked && !is_forged;
            prop_assert_eq!(text.contains(&leaf), visible, "{} under {:?} in {}", leaf, above, text);
        }
    }

    /// Obligations may stand in any order, and may be carried out again.
    #[test]
    fn order_and_repetition_change_nothing(
        record in record(), fields in some_fields(), list in obligation_list(), dates in prop::collection::vec(select(&["day", "year", "month"][..]), 0..3),
    ) {
        let facts = use_of("pricing", &fields);
        let mut list = list;
        list.extend(dates.into_iter().map(|to| json!({"generalise": {"field": "date", "to": to}})));
        let mut record = record;
        if let Some(members) = record.as_object_mut() {
            members.clear();
            members.insert("date".to_owned(), json!("2025-07-03"));
            members.insert("detail".to_owned(), json!({"date": ["2024-12-31"], "email": "x"}));
        }
        let once = run(&Means::default(), &facts, json!(list), json!([record])).unwrap();
        let mut backwards = list.clone();
        backwards.reverse();
        prop_assert_eq!(&run(&Means::default(), &facts, json!(backwards), json!([record])).unwrap(), &once);
        prop_assert_eq!(&run(&Means::default(), &facts, json!(list), once.clone()).unwrap(), &once);
    }

    /// Masked records may be redacted again, too, whatever their shape.
    #[test]
    fn redacting_again_changes_nothing(record in record(), fields in some_fields(), list in obligation_list()) {
        let facts = use_of("pricing", &fields);
        let once = run(&Means::default(), &facts, json!(list), json!([record])).unwrap();
        prop_assert_eq!(&run(&Means::default(), &facts, json!(list), once.clone()).unwrap(), &once);
    }

    /// A row says no more than the record of its cells.
    #[test]
    fn tables_agree_with_records(cells in prop::collection::btree_map(select(NAMES), "[a-z]{1,6}", 0..6), fields in some_fields(), list in obligation_list()) {
        let facts = use_of("pricing", &fields);
        let (means, use_ref) = (Means::default(), quote());
        let context = Context { means: &means, vocabulary: Vocabulary::builtin(), facts: &facts, grant: grant(), use_ref: &use_ref, at: NOW, retention_days: None };
        let table = Table {
            columns: cells.keys().map(ToString::to_string).collect(),
            rows: vec![cells.values().cloned().collect()],
        };
        let table = carry_out_table(&obligations(json!(list)), &context, table).unwrap();
        let record = run(&means, &facts, json!(list), json!([cells])).unwrap();
        let record = record[0].as_object().unwrap();
        prop_assert_eq!(record.len(), table.columns.len());
        for (name, cell) in table.columns.iter().zip(&table.rows[0]) {
            let member = match &record[name] {
                Value::String(text) => text.clone(),
                Value::Null => String::new(),
                other => other.to_string(),
            };
            prop_assert_eq!(&member, cell);
        }
    }
}

#[test]
fn the_terms_of_a_field_may_be_any_word() {
    // a use may name a field that the vocabulary does not have, where another vocabulary decided
    let facts = use_of("pricing", &["wallbox"]);
    assert_eq!(facts.fields[0], term("wallbox"));
    let seen = run(&Means::default(), &facts, json!([]), json!([{"wallbox": 1, "other": 2}])).unwrap();
    assert_eq!(seen, json!([{"wallbox": 1}]));
}

/// A field of a later version within one that is kept is a field by itself, as those of the first version are.
#[test]
fn members_are_fields_by_the_tenants_own_vocabulary() {
    let mut later = Vocabulary::default();
    let (category, field) = (
        json!({"en": "Charging at home", "zh-CN": "家庭充电", "iri": "https://w3id.org/dpv#PersonalData"}),
        json!({"en": "Wallbox", "zh-CN": "充电桩"}),
    );
    let event = json!({"version": 2, "put": {"categories": {
        "charging-at-home": {"label": category, "fields": {"wallbox": field}}}}});
    later.publish(&serde_json::from_value(event).unwrap()).unwrap();
    let (means, facts, use_ref) = (Means::default(), use_of("pricing", &["station"]), quote());
    let records = vec![json!({"station": {"id": "cp-17", "email": "a@b.example", "wallbox": {"serial": 7}}})];
    let seen = |vocabulary: &Vocabulary| {
        let context = Context {
            means: &means,
            vocabulary,
            facts: &facts,
            grant: grant(),
            use_ref: &use_ref,
            at: NOW,
            retention_days: None,
        };
        carry_out(&[], &context, records.clone()).unwrap()[0]["station"].clone()
    };
    assert_eq!(seen(Vocabulary::builtin()), json!({"id": "cp-17", "wallbox": {"serial": 7}}));
    assert_eq!(seen(&later), json!({"id": "cp-17"}));
}
