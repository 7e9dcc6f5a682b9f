//! OpenID's certification scenario for the Authorization API 1.0 (openid/authzen,
//! `certification/authorization-api-1_0-scenario.md`), every level of it, on ordinary grants.
//!
//! The tests bear the scenario's numbers. The grants, templates and settings are those of
//! `fixtures/authzen-certification.json`, and each of them is there for a decision: taking any one away fails something.

use grantbook_server::Fixture;
use hyper::Method;
use serde_json::{Value, json};

use crate::book::Book;
use crate::client::Call;

const FIXTURE: &str = include_str!("../../fixtures/authzen-certification.json");
const ONE: &str = "/access/v1/evaluation";
const SEVERAL: &str = "/access/v1/evaluations";
const SUBJECT: &str = "/access/v1/search/subject";
const RESOURCE: &str = "/access/v1/search/resource";
const ACTION: &str = "/access/v1/search/action";

/// What an answer must be.
enum Expect {
    /// One decision.
    Decision(bool),
    /// As many decisions, those that are given as given.
    Decisions(&'static [Option<bool>]),
    /// At least these results, all of the type that was sought.
    Results(&'static [&'static str]),
    /// No result.
    Nothing,
    /// 400.
    Refused,
}
use Expect::{Decision, Decisions, Nothing, Refused, Results};

fn user(id: &str) -> Value {
    json!({"type": "user", "id": id})
}

fn record(id: &str) -> Value {
    json!({"type": "record", "id": id})
}

fn record_with(id: &str, status: &str) -> Value {
    json!({"type": "record", "id": id, "properties": {"status": status}})
}

fn admin(id: &str) -> Value {
    json!({"type": "user", "id": id, "properties": {"role": "admin"}})
}

fn ask(subject: &Value, action: &Value, resource: &Value) -> Value {
    json!({"subject": subject, "action": action, "resource": resource})
}

fn named(name: &str) -> Value {
    json!({"name": name})
}

fn delete(soft: bool) -> Value {
    json!({"name": "delete", "properties": {"soft": soft}})
}

fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

/// Section 2 of the scenario: one evaluation.
fn basic() -> Vec<(&'static str, &'static str, Value, Expect)> {
    let (alice, bob) = (user("alice"), user("bob"));
    let (read, write, first) = (named("read"), named("write"), record("record-1"));
    let permitted = || ask(&alice, &read, &first);
    vec![
        ("1.4 rule 1, 2.2.1", ONE, permitted(), Decision(true)),
        ("1.4 rule 2", ONE, ask(&alice, &write, &first), Decision(true)),
        ("1.4 rule 3", ONE, ask(&bob, &read, &first), Decision(true)),
        ("1.4 rule 4, 2.2.2", ONE, ask(&bob, &write, &first), Decision(false)),
        (
            "2.2.3",
            ONE,
            with(permitted(), "context", json!({"time": "2025-06-27T18:03-07:00", "ip": "192.168.1.1"})),
            Decision(true),
        ),
        (
            "1.4 rule 5, 2.2.4",
            ONE,
            ask(&alice, &write, &record_with("record-2", "archived")),
            Decision(false),
        ),
        (
            "1.4 rule 5, elsewhere",
            ONE,
            ask(&alice, &write, &record_with("record-1", "archived")),
            Decision(false),
        ),
        // it is the status that denies, not the record
        ("1.4 rule 5, active", ONE, ask(&alice, &write, &record_with("record-2", "active")), Decision(true)),
        (
            "1.4 rule 6, 2.2.5",
            ONE,
            ask(&admin("bob"), &write, &record_with("record-2", "archived")),
            Decision(true),
        ),
        (
            "1.4 rule 6, anybody",
            ONE,
            ask(&admin("alice"), &write, &record_with("record-2", "archived")),
            Decision(true),
        ),
        ("1.4 rule 7, 2.2.6", ONE, ask(&alice, &delete(true), &first), Decision(true)),
        ("1.4 rule 8, 2.2.7", ONE, ask(&alice, &delete(false), &first), Decision(false)),
        (
            "2.2.8",
            ONE,
            json!({
                "subject": {"type": "user", "id": "alice",
                    "properties": {"department": "Sales", "role": "manager"}},
                "action": {"name": "read", "properties": {"method": "GET"}},
                "resource": {"type": "record", "id": "record-1",
                    "properties": {"status": "active", "owner": "bob"}}
            }),
            Decision(true),
        ),
        (
            "2.2.9",
            ONE,
            with(with(permitted(), "foo", json!("bar")), "futureField", json!({"nested": true})),
            Decision(true),
        ),
    ]
}

/// Section 2.4: what is refused.
fn refused() -> Vec<(&'static str, &'static str, Value, Expect)> {
    let (alice, read, first) = (user("alice"), named("read"), record("record-1"));
    let all = ask(&alice, &read, &first);
    let without = |name: &str| {
        let mut body = all.clone();
        body.as_object_mut().unwrap().remove(name);
        body
    };
    let with = |name: &str, value: Value| with(all.clone(), name, value);
    let subject_search = json!({"subject": {"type": "user"}, "action": read, "resource": first});
    let resource_search = json!({"subject": alice, "action": read, "resource": {"type": "record"}});
    let less = |body: &Value, name: &str| {
        let mut body = body.clone();
        body.as_object_mut().unwrap().remove(name);
        body
    };
    vec![
        ("2.4.1 subject", ONE, without("subject"), Refused),
        ("2.4.1 action", ONE, without("action"), Refused),
        ("2.4.1 resource", ONE, without("resource"), Refused),
        ("2.4.2 subject.type", ONE, with("subject", json!({"id": "alice"})), Refused),
        ("2.4.2 subject.id", ONE, with("subject", json!({"type": "user"})), Refused),
        ("2.4.2 action.name", ONE, with("action", json!({})), Refused),
        ("2.4.2 resource.type", ONE, with("resource", json!({"id": "record-1"})), Refused),
        ("2.4.2 resource.id", ONE, with("resource", json!({"type": "record"})), Refused),
        ("2.4.6 subject", ONE, with("subject", json!("alice")), Refused),
        ("2.4.6 action.name", ONE, with("action", json!({"name": 123})), Refused),
        ("4.7.1 subject search", SUBJECT, less(&subject_search, "action"), Refused),
        ("4.7.1 resource search", RESOURCE, less(&resource_search, "subject"), Refused),
        ("4.7.1 action search", ACTION, json!({"subject": alice}), Refused),
        (
            "4.7.2 subject search",
            SUBJECT,
            json!({"subject": {"type": "user"}, "action": read, "resource": {"type": "record"}}),
            Refused,
        ),
        (
            "4.7.2 resource search",
            RESOURCE,
            json!({"subject": {"type": "user"}, "action": read, "resource": {"type": "record"}}),
            Refused,
        ),
    ]
}

/// Section 3: several evaluations.
fn batch() -> Vec<(&'static str, &'static str, Value, Expect)> {
    let (alice, bob, read, write) = (user("alice"), user("bob"), named("read"), named("write"));
    let (first, second) = (record("record-1"), record("record-2"));
    let time = |time: &str| json!({"time": time});
    vec![
        (
            "3.2.1",
            SEVERAL,
            json!({"subject": alice, "action": read, "evaluations": [{"resource": first}, {"resource": second}]}),
            Decisions(&[None, None]),
        ),
        (
            "3.2.2",
            SEVERAL,
            json!({"subject": bob, "resource": first, "evaluations": [{"action": read}, {"action": write}]}),
            Decisions(&[Some(true), Some(false)]),
        ),
        (
            "3.2.3",
            SEVERAL,
            json!({"subject": alice, "action": write, "evaluations": [
                {"resource": record_with("record-1", "active")},
                {"resource": record_with("record-2", "archived")}]}),
            Decisions(&[Some(true), Some(false)]),
        ),
        (
            "3.2.4",
            SEVERAL,
            json!({"action": write, "resource": record_with("record-2", "archived"),
                "evaluations": [{"subject": alice}, {"subject": admin("bob")}]}),
            Decisions(&[Some(false), Some(true)]),
        ),
        (
            "3.2.5",
            SEVERAL,
            json!({"evaluations": [ask(&alice, &read, &first), ask(&bob, &write, &first)]}),
            Decisions(&[Some(true), Some(false)]),
        ),
        (
            "3.2.6",
            SEVERAL,
            json!({"subject": alice, "action": read, "context": time("2025-06-27T18:03-07:00"), "evaluations": [
                {"resource": first},
                {"resource": second,
                    "context": {"time": "2025-06-27T19:00-07:00", "source": "batch-override"}}]}),
            Decisions(&[None, None]),
        ),
        (
            "3.2.7",
            SEVERAL,
            json!({"subject": alice, "action": write, "resource": {"type": "record"}, "evaluations": [
                {"resource": {"id": "record-1", "properties": {"status": "active"}}},
                {"resource": record_with("record-2", "archived")}]}),
            Decisions(&[Some(true), Some(false)]),
        ),
        (
            "3.4.1",
            SEVERAL,
            json!({"subject": alice, "action": read, "evaluations": [{"resource": first}, {}]}),
            Decisions(&[Some(true), Some(false)]),
        ),
        ("3.4.2", SEVERAL, ask(&alice, &read, &first), Decision(true)),
        ("3.4.3", SEVERAL, with(ask(&alice, &read, &first), "evaluations", json!([])), Decision(true)),
    ]
}

/// Section 4: searches.
fn search() -> Vec<(&'static str, &'static str, Value, Expect)> {
    let (alice, read, write) = (user("alice"), named("read"), named("write"));
    let (first, archived) = (record("record-1"), record_with("record-2", "archived"));
    let users = json!({"type": "user"});
    let records = json!({"type": "record"});
    let context = json!({"time": "2025-06-27T18:03-07:00"});
    let readers = ask(&users, &read, &first);
    let alices = json!({"subject": alice, "resource": first});
    vec![
        ("4.2.1", SUBJECT, readers.clone(), Results(&["alice", "bob"])),
        ("4.2.2", SUBJECT, with(readers.clone(), "context", context.clone()), Results(&["alice", "bob"])),
        // whatever is there in the place of what is sought is ignored
        ("4.2.3", SUBJECT, ask(&json!({"type": "user", "id": 7}), &read, &first), Results(&["alice", "bob"])),
        ("4.2.4", SUBJECT, ask(&users, &write, &archived), Results(&["bob"])),
        ("4.3.1", RESOURCE, ask(&alice, &read, &records), Results(&["record-1"])),
        ("4.3.2", RESOURCE, ask(&alice, &read, &record("record-9")), Results(&["record-1"])),
        ("4.3.3", RESOURCE, ask(&admin("bob"), &write, &records), Results(&["record-2"])),
        ("4.4.1", ACTION, alices.clone(), Results(&["read", "write"])),
        ("4.4.2", ACTION, with(alices, "context", context), Results(&["read", "write"])),
        ("4.4.3", ACTION, json!({"subject": admin("bob"), "resource": archived}), Results(&["write"])),
        ("4.6.1", ACTION, json!({"subject": user("nonexistent-user"), "resource": first}), Nothing),
        ("4.6.2", SUBJECT, ask(&json!({"type": "spaceship"}), &read, &first), Nothing),
        ("4.6.2 resource", RESOURCE, ask(&alice, &read, &json!({"type": "spaceship"})), Nothing),
    ]
}

/// A server with a fixture, under an address with TLS as far as clients know.
async fn with_fixture(fixture: &Fixture) -> Book {
    let change = |config: &mut grantbook_server::ServerConfig| {
        config.public_url = Some("https://ledger.test".to_owned());
    };
    Book::open_prepared(change, |ledger, server| {
        let loaded = fixture.load(ledger, crate::book::jti).unwrap();
        server.set_authzen(loaded.tenant, fixture.authzen().clone());
    })
    .await
}

/// Every test that fails, by its number.
async fn failures(book: &Book) -> Vec<&'static str> {
    let mut failed = Vec::new();
    for (name, path, body, expect) in [basic(), refused(), batch(), search()].concat_all() {
        let answer = book.post(path, &body).await;
        if !meets(&expect, path, &body, &answer) {
            failed.push(name);
        }
    }
    failed
}

trait ConcatAll<T> {
    fn concat_all(self) -> Vec<T>;
}

impl<T, const N: usize> ConcatAll<T> for [Vec<T>; N] {
    fn concat_all(self) -> Vec<T> {
        self.into_iter().flatten().collect()
    }
}

fn meets(expect: &Expect, path: &str, body: &Value, answer: &crate::client::Answer) -> bool {
    if matches!(expect, Refused) {
        return answer.status.as_u16() == 400;
    }
    if answer.status.as_u16() != 200 || answer.header("content-type") != "application/json" {
        return false;
    }
    let said = answer.json();
    let decides = |said: &Value, expected: Option<bool>| {
        let context = said.get("context");
        said["decision"].is_boolean()
            && expected.is_none_or(|expected| said["decision"] == json!(expected))
            && context.is_none_or(Value::is_object)
    };
    match expect {
        Decision(expected) => decides(&said, Some(*expected)),
        Decisions(expected) => {
            let several = said["evaluations"].as_array().unwrap();
            said.get("decision").is_none()
                && several.len() == expected.len()
                && several.iter().zip(*expected).all(|(said, expected)| decides(said, *expected))
        }
        Results(expected) => {
            let (sought, name) = match path {
                SUBJECT => (Some("subject"), "id"),
                RESOURCE => (Some("resource"), "id"),
                _ => (None, "name"),
            };
            let results = said["results"].as_array().unwrap();
            results.iter().all(|result| {
                result[name].is_string() && sought.is_none_or(|sought| result["type"] == body[sought]["type"])
            }) && expected.iter().all(|wanted| results.iter().any(|result| result[name] == json!(wanted)))
        }
        Nothing => said == json!({"results": []}),
        Refused => false,
    }
}

#[tokio::test]
async fn every_test_of_the_scenario_passes() {
    let fixture = Fixture::parse(FIXTURE.as_bytes()).unwrap();
    let book = with_fixture(&fixture).await;
    assert_eq!(failures(&book).await, Vec::<&str>::new());
    // the records that the decisions left are of the right kind: one for each permit, none for a search
    let before = book.size_root();
    for (_, path, body, _) in search() {
        book.post(path, &body).await.expect(200);
    }
    assert_eq!(book.size_root(), before, "searches record nothing");
}

#[tokio::test]
async fn bodies_and_headers_of_the_scenario() {
    let book = with_fixture(&Fixture::parse(FIXTURE.as_bytes()).unwrap()).await;
    let permitted = ask(&user("alice"), &named("read"), &record("record-1"));
    let call = |path: &str| Call::post(path).token(&book.service_token);
    for path in [ONE, SEVERAL, SUBJECT, RESOURCE, ACTION] {
        for (name, call) in [
            ("2.4.3", call(path).bytes("text/plain", permitted.to_string())),
            ("2.4.3, none", call(path)),
            ("2.4.4", call(path).bytes("application/json", "{\"subject\": {")),
            ("2.4.5", call(path).bytes("application/json", "")),
            ("an array", call(path).bytes("application/json", format!("[{permitted}]"))),
            ("twice", call(path).bytes("application/json", r#"{"subject":{},"subject":{}}"#)),
        ] {
            let answer = book.send(call.header("x-request-id", "r 7")).await;
            assert_eq!(answer.status.as_u16(), 400, "{name} at {path}");
            assert_eq!(answer.header("content-type"), "application/problem+json");
            assert_eq!(answer.header("x-request-id"), "r 7", "2.5.1, in errors too");
        }
        let answer = book.send(Call::post(path).json(&permitted)).await.expect(401);
        assert!(answer.header("www-authenticate").starts_with("Bearer "));
        assert_eq!(book.send(Call::new(Method::GET, path).token(&book.service_token)).await.status, 405);
    }
    let same = book.send(call(ONE).header("x-request-id", "7a0f").json(&permitted)).await.expect(200);
    assert_eq!(same.header("x-request-id"), "7a0f", "2.5.1");
    // 2.6: the same again is the same answer, with an id and without
    for _ in 0..3 {
        let again = book.send(call(ONE).header("x-request-id", "7a0f").json(&permitted)).await.expect(200);
        assert_eq!(again.json()["context"]["leaf_index"], same.json()["context"]["leaf_index"]);
        assert_eq!(book.post(ONE, &permitted).await.expect(200).json()["decision"], json!(true));
    }
}

#[tokio::test]
async fn pages_of_the_scenario() {
    let book = with_fixture(&Fixture::parse(FIXTURE.as_bytes()).unwrap()).await;
    let search = ask(&json!({"type": "user"}), &named("read"), &record("record-1"));
    let first = with(search.clone(), "page", json!({"limit": 1}));
    let first = book.post(SUBJECT, &first).await.expect(200).json();
    assert_eq!(first["results"], json!([user("alice")]), "4.5.1");
    let token = first["page"]["next_token"].as_str().unwrap();
    assert!(!token.is_empty());
    let second = with(search.clone(), "page", json!({"token": token}));
    let second = book.post(SUBJECT, &second).await.expect(200).json();
    assert_eq!(second["results"], json!([user("bob")]), "4.5.2");
    assert_eq!(second["page"], json!({"next_token": "", "count": 1}), "4.5.3");
    // a token of one search is none of another
    let other = ask(&json!({"type": "user"}), &named("write"), &record("record-1"));
    book.post(SUBJECT, &with(other, "page", json!({"token": token}))).await.expect(400);
    for page in
        [json!({"limit": -1}), json!({"limit": "1"}), json!({"limit": 1.5}), json!({"token": 7}), json!(1)]
    {
        book.post(SUBJECT, &with(search.clone(), "page", page)).await.expect(400);
    }
    // a whole number is one however it is written, and nothing is wanted where nothing is asked for
    for (limit, count) in [(json!(2.0), 2), (json!(1_000_000_000), 2), (json!(0), 0)] {
        let page =
            book.post(SUBJECT, &with(search.clone(), "page", json!({"limit": limit}))).await.expect(200);
        assert_eq!(page.json()["results"].as_array().unwrap().len(), count);
    }
}

#[tokio::test]
async fn discovery_of_the_scenario() {
    let book = with_fixture(&Fixture::parse(FIXTURE.as_bytes()).unwrap()).await;
    let answer = book.send(Call::get("/.well-known/authzen-configuration")).await.expect(200);
    assert_eq!(answer.header("content-type"), "application/json");
    let metadata = answer.json();
    assert_eq!(metadata["policy_decision_point"], json!("https://ledger.test"));
    for (name, path) in [
        ("access_evaluation_endpoint", ONE),
        ("access_evaluations_endpoint", SEVERAL),
        ("search_subject_endpoint", SUBJECT),
        ("search_resource_endpoint", RESOURCE),
        ("search_action_endpoint", ACTION),
    ] {
        assert_eq!(metadata[name], json!(format!("https://ledger.test{path}")));
    }
    assert_eq!(metadata.as_object().unwrap().len(), 6, "what has no value is left out");
}

/// Every fixture that lacks one thing, with its name.
fn mutations() -> Vec<(String, Value)> {
    let whole: Value = serde_json::from_str(FIXTURE).unwrap();
    let mut mutations = Vec::new();
    for (list, name) in [
        ("/grants", "grant"),
        ("/templates", "template"),
        ("/authzen/subjects", "subject"),
        ("/authzen/words", "word"),
    ] {
        for at in 0..whole.pointer(list).unwrap().as_array().unwrap().len() {
            let mut less = whole.clone();
            let removed = less.pointer_mut(list).unwrap().as_array_mut().unwrap().remove(at);
            if list == "/templates" {
                // nobody can grant under what is not published
                less["grants"].as_array_mut().unwrap().retain(|grant| grant["template"] != removed["id"]);
            }
            mutations.push((format!("{name} {at}"), less));
        }
    }
    let mut less = whole.clone();
    less["authzen"].as_object_mut().unwrap().remove("context");
    mutations.push(("context".to_owned(), less));
    let mut less = whole;
    less["notices"] = json!([]);
    less["grants"] = json!([]);
    mutations.push(("notice".to_owned(), less));
    mutations
}

#[tokio::test]
async fn each_grant_policy_and_word_of_the_fixture_is_there_for_a_decision() {
    for (name, less) in mutations() {
        let fixture = Fixture::parse(less.to_string().as_bytes()).unwrap();
        let book = with_fixture(&fixture).await;
        let failed = failures(&book).await;
        assert!(!failed.is_empty(), "without {name} nothing fails");
        println!("without {name}: {}", failed.join(", "));
    }
}

#[tokio::test]
async fn loading_again_changes_nothing() {
    let fixture = Fixture::parse(FIXTURE.as_bytes()).unwrap();
    let book = with_fixture(&fixture).await;
    let before = book.size_root();
    let again = fixture.load(&book.ledger, crate::book::jti).unwrap();
    assert_eq!((again.appended, again.grants.len(), book.size_root()), (0, 6, before));
    // a grant that was withdrawn stays so
    let customer = crate::book::Customer {
        sub: grantbook_record::SubjectId::parse("record-1").unwrap(),
        signer: again.customers.values().next().unwrap().clone(),
    };
    book.append(book.withdrawal(&customer, again.grants[0])).await.expect(201);
    assert_eq!(fixture.load(&book.ledger, crate::book::jti).unwrap().appended, 0);
    assert!(failures(&book).await.contains(&"1.4 rule 1, 2.2.1"));
}

#[test]
fn fixtures_that_do_not_hold_together_are_refused() {
    let whole: Value = serde_json::from_str(FIXTURE).unwrap();
    let changed = |pointer: &str, value: Value| {
        let mut fixture = whole.clone();
        *fixture.pointer_mut(pointer).unwrap() = value;
        Fixture::parse(fixture.to_string().as_bytes())
    };
    for (pointer, value, expected) in [
        ("/v", json!(2), "unknown version 2, expected v 1"),
        (
            "/templates/0/id",
            json!("others"),
            "grant 0 of record-1: names a template that the fixture does not have",
        ),
        ("/notices", json!([]), "grant 0 of record-1: names a notice that the fixture does not have"),
        ("/grants/0/terms/limits", json!(1), ""),
        ("/authzen/words/0/means/recipient", json!("With Space"), ""),
    ] {
        let mut fixture = whole.clone();
        if pointer == "/grants/0/terms/limits" {
            fixture["grants"][0]["terms"]["limits"] = value.clone();
            assert!(Fixture::parse(fixture.to_string().as_bytes()).is_err());
            continue;
        }
        let error = changed(pointer, value).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

/// The first example in JSON of a page, after the text `after`.
fn example<'a>(page: &'a str, after: &str) -> &'a str {
    let (_, rest) = page.split_once(after).unwrap();
    rest.split_once("```json\n").unwrap().1.split_once("```").unwrap().0
}

#[tokio::test]
async fn the_examples_of_the_pages_are_what_they_say() {
    let fixture = example(include_str!("../../../../docs/reference/fixture.md"), "# Fixtures");
    let fixture = Fixture::parse(fixture.as_bytes()).unwrap();
    let book = with_fixture(&fixture).await;
    let ask = json!({"subject": {"type": "service", "id": "web-shop"}, "action": named("read"),
        "resource": {"type": "customer_data", "id": "cs-00004",
            "properties": {"categories": ["purchases"], "fields": ["date"]}},
        "context": {"data_period": {"from": "2025-01-01", "to": "2025-01-31"}}});
    assert_eq!(book.post(ONE, &ask).await.expect(200).json()["decision"], json!(true));
    let settings = example(include_str!("../../../../docs/spec/authzen.md"), "## Settings");
    let settings = grantbook_server::http::AuthzenSettings::parse(settings.as_bytes()).unwrap();
    settings.check_words(&book.ledger.tenant_state(book.tenant()).unwrap().vocabulary).unwrap();
}

#[tokio::test]
async fn a_fixture_that_contradicts_the_ledger_is_refused() {
    let whole: Value = serde_json::from_str(FIXTURE).unwrap();
    let book = with_fixture(&Fixture::parse(FIXTURE.as_bytes()).unwrap()).await;
    let before = book.size_root();
    for (pointer, value, expected) in [
        ("/templates/0/bounds/validity_days_max", json!(100), "this version is published with other bounds"),
        ("/grants/1", whole["grants"][0].clone(), "grant 1 of record-1: is the same as one before it"),
        ("/grants/0/terms/recipient", json!("marketing"), "outside the template"),
        ("/grants/0/days", json!(0), "is valid for no time"),
        (
            "/authzen/words/2/means/purpose",
            json!("world-peace"),
            "world-peace is no purpose of the vocabulary",
        ),
    ] {
        let mut fixture = whole.clone();
        *fixture.pointer_mut(pointer).unwrap() = value;
        let fixture = Fixture::parse(fixture.to_string().as_bytes()).unwrap();
        let error = fixture.load(&book.ledger, crate::book::jti).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(book.size_root(), before);
    }
}
