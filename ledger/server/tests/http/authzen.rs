//! AuthZEN as its specification says, against its own JSON schemas where they are at hand.

use std::path::Path;

use serde_json::{Value, json};

use crate::book::{Book, evaluation, facts};
use crate::client::Call;

/// The schemas of openid/authzen, kept outside this repository.
const SCHEMAS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/vectors/authzen");

/// `type`, `required` and `properties`: all that these schemas use.
fn conforms(schema: &Value, value: &Value, at: &str) {
    let matches = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        other => panic!("type {other:?} at {at}"),
    };
    assert!(matches, "{at} is no {}", schema["type"]);
    for name in schema["required"].as_array().into_iter().flatten() {
        assert!(value.get(name.as_str().unwrap()).is_some(), "{at} lacks {name}");
    }
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(member) = value.get(name) {
            conforms(inner, member, &format!("{at}.{name}"));
        }
    }
}

fn schema(name: &str) -> Option<Value> {
    let text = std::fs::read(Path::new(SCHEMAS).join(name)).ok()?;
    Some(serde_json::from_slice(&text).unwrap())
}

#[tokio::test]
async fn requests_and_answers_conform_to_the_schemas() {
    let (Some(request), Some(response)) =
        (schema("evaluation-request.schema.json"), schema("evaluation-response.schema.json"))
    else {
        println!("skipped: the schemas of openid/authzen are not at {SCHEMAS}");
        return;
    };
    let book = Book::open().await;
    let published = book.publish().await;
    let customer = book.customer("cs-00004", 1).await;
    book.grant(&customer, &published).await;
    let permit = evaluation(&facts("cs-00004", 2), "a");
    let denial = evaluation(&facts("cs-00005", 2), "b");
    // the specification's own example names nothing that we know
    let foreign = request["examples"][0].clone();
    for (ask, expected) in [(permit, true), (denial, false), (foreign, false)] {
        conforms(&request, &ask, "request");
        let answer = book.post("/access/v1/evaluation", &ask).await.expect(200).json();
        conforms(&response, &answer, "response");
        assert_eq!(answer["decision"], json!(expected));
    }
}

#[tokio::test]
async fn only_faults_of_the_protocol_are_problems() {
    let book = Book::open().await;
    let full = evaluation(&facts("cs-00004", 2), "a");
    let before = book.size_root();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut ask = full.clone();
        change(&mut ask);
        ask
    };
    let without = |name: &'static str| with(&move |ask| drop(ask.as_object_mut().unwrap().remove(name)));
    for (name, ask, status, reason) in [
        ("no grant", full.clone(), 200, "no_grant"),
        ("unknown members", with(&|a| a["evaluations"] = json!([{"null": null}])), 200, "no_grant"),
        (
            "unknown properties",
            with(&|a| a["subject"]["properties"] = json!({"ip_address": "192.0.2.1"})),
            200,
            "no_grant",
        ),
        ("context absent", without("context"), 200, "fact_missing"),
        ("other type of resource", with(&|a| a["resource"]["type"] = json!("book")), 200, "unknown_term"),
        ("other purpose", with(&|a| a["context"]["purpose"] = json!("world-peace")), 200, "unknown_term"),
        ("a position not reached", with(&|a| a["context"]["at_least"] = json!(1000)), 200, "behind"),
        ("subject absent", without("subject"), 400, "malformed-request"),
        ("action absent", without("action"), 400, "malformed-request"),
        ("resource absent", without("resource"), 400, "malformed-request"),
        (
            "subject's id absent",
            with(&|a| a["subject"] = json!({"type": "service"})),
            400,
            "malformed-request",
        ),
        ("subject's id a number", with(&|a| a["subject"]["id"] = json!(7)), 400, "malformed-request"),
        ("action's name absent", with(&|a| a["action"] = json!({})), 400, "malformed-request"),
        (
            "properties no object",
            with(&|a| a["resource"]["properties"] = json!([])),
            400,
            "malformed-request",
        ),
        ("context null", with(&|a| a["context"] = Value::Null), 400, "malformed-request"),
        ("no object", json!([1]), 400, "malformed-request"),
        ("oversize", with(&|a| a["x"] = json!("x".repeat(70_000))), 413, "too-large"),
    ] {
        let answer = book.post("/access/v1/evaluation", &ask).await;
        assert_eq!(answer.status.as_u16(), status, "{name}: {}", answer.text());
        if status == 200 {
            assert_eq!(answer.json()["decision"], json!(false), "{name}");
            assert_eq!(answer.json()["context"]["reason"], json!(reason), "{name}");
        } else {
            assert_eq!(answer.slug(), reason, "{name}");
        }
        assert_eq!(book.size_root(), before, "{name}");
    }
    let token = |call: Call| call.token(&book.service_token);
    for call in [
        Call::post("/access/v1/evaluation").bytes("text/plain", full.to_string()),
        Call::post("/access/v1/evaluation"),
        Call::post("/access/v1/evaluation").bytes("application/json", "{\"subject\":"),
    ] {
        let answer = book.send(token(call)).await;
        assert_eq!((answer.status.as_u16(), answer.slug().as_str()), (400, "malformed-request"));
    }
    let answer = book.send(token(Call::get("/access/v1/evaluation"))).await;
    assert_eq!(answer.status.as_u16(), 405);
}

#[tokio::test]
async fn the_request_id_is_echoed_and_names_the_use() {
    let book = Book::open().await;
    let published = book.publish().await;
    let customer = book.customer("cs-00004", 1).await;
    book.grant(&customer, &published).await;
    let mut ask = evaluation(&facts("cs-00004", 2), "a");
    ask["context"].as_object_mut().unwrap().remove("use_id");
    let send = |ask: &Value, id: &'static str| {
        book.send(
            Call::post("/access/v1/evaluation")
                .token(&book.service_token)
                .header("x-request-id", id)
                .json(ask),
        )
    };
    let first = send(&ask, "bfe9eb29-ab87-4ca3-be83-a1d5d8305716").await.expect(200);
    assert_eq!(first.header("x-request-id"), "bfe9eb29-ab87-4ca3-be83-a1d5d8305716");
    let again = send(&ask, "bfe9eb29-ab87-4ca3-be83-a1d5d8305716").await.expect(200);
    assert_eq!(first.json()["context"]["leaf_index"], again.json()["context"]["leaf_index"]);
    let other = send(&ask, "any text, as the specification says").await.expect(200);
    assert_eq!(other.header("x-request-id"), "any text, as the specification says");
    assert_ne!(first.json()["context"]["leaf_index"], other.json()["context"]["leaf_index"]);

    // the same id for another use contradicts the first
    let before = book.size_root();
    let mut contradiction = ask.clone();
    contradiction["resource"]["properties"]["fields"] = json!(["date"]);
    let answer = send(&contradiction, "bfe9eb29-ab87-4ca3-be83-a1d5d8305716").await;
    assert_eq!((answer.status.as_u16(), answer.slug().as_str()), (409, "use-conflict"));
    assert_eq!(book.size_root(), before);
    // errors echo it as well
    let answer =
        book.send(Call::post("/access/v1/evaluation").header("x-request-id", "r-7")).await.expect(401);
    assert_eq!(answer.header("x-request-id"), "r-7");
}

#[tokio::test]
async fn caps_hold_whoever_asks() {
    let book = Book::open().await;
    let published = book.publish().await;
    let customer = book.customer("cs-00004", 1).await;
    book.grant(&customer, &published).await;
    let ask = |number: usize| evaluation(&facts("cs-00004", 2), &format!("use-{number}"));
    let asked = futures_util::future::join_all((0..8).map(|number| {
        let ask = ask(number);
        let book = &book;
        async move { book.post("/access/v1/evaluation", &ask).await.expect(200).json() }
    }));
    let answers = asked.await;
    assert_eq!(answers.iter().filter(|answer| answer["decision"] == json!(true)).count(), 3);
    for denied in answers.iter().filter(|answer| answer["decision"] == json!(false)) {
        assert_eq!(denied["context"]["reason"], json!("cap"));
        assert_eq!(denied["context"]["detail"], json!({"cap": 3}));
    }
}
