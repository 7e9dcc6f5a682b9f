//! Several evaluations at once, and searches: what each records, and whose data they tell.

use grantbook_record::uses::{Outcome, UseId};
use grantbook_server::http::AuthzenSettings;
use serde_json::{Value, json};

use crate::book::{Book, Customer, evaluation, facts};
use crate::client::{Answer, Call};

const SEVERAL: &str = "/access/v1/evaluations";
const RESOURCE: &str = "/access/v1/search/resource";

/// A book with customers who have granted three uses each.
async fn granted(subs: &[&str]) -> (Book, Vec<Customer>) {
    let book = Book::open().await;
    let published = book.publish().await;
    let mut customers = Vec::new();
    for (seed, sub) in (1..).zip(subs) {
        let customer = book.customer(sub, seed).await;
        book.grant(&customer, &published).await;
        customers.push(customer);
    }
    (book, customers)
}

/// An evaluation without an id of its own.
fn unnamed(sub: &str) -> Value {
    let mut ask = evaluation(&facts(sub, 2), "x");
    ask["context"].as_object_mut().unwrap().remove("use_id");
    ask
}

fn decisions(answer: &Answer) -> Vec<bool> {
    let several = answer.json()["evaluations"].as_array().unwrap().clone();
    several.iter().map(|one| one["decision"].as_bool().unwrap()).collect()
}

fn use_ids(book: &Book) -> Vec<String> {
    let (uses, _) = book.ledger.uses(book.tenant(), None, 100).unwrap();
    let id = |id: Option<UseId>| id.map_or_else(String::new, |id| id.as_str().to_owned());
    uses.into_iter().map(|row| id(row.record.use_id)).collect()
}

async fn send(book: &Book, ask: &Value, id: &str) -> Answer {
    let call = Call::post(SEVERAL).token(&book.service_token).header("x-request-id", id);
    book.send(call.json(ask)).await.expect(200)
}

#[tokio::test]
async fn each_permit_of_a_batch_is_a_use_of_its_own() {
    let (book, _) = granted(&["cs-00001", "cs-00002"]).await;
    let mut ask = unnamed("cs-00001");
    ask["evaluations"] =
        json!([{}, {"resource": unnamed("cs-00002")["resource"]}, {"resource": {"id": "nobody"}}]);
    let first = send(&book, &ask, "r-1").await;
    assert_eq!(decisions(&first), [true, true, false]);
    let mut ids = use_ids(&book);
    ids.sort();
    assert_eq!(ids, ["r-1/0", "r-1/1"]);
    // the same again is the same uses, and another request is others
    let again = send(&book, &ask, "r-1").await.json();
    for at in 0..2 {
        let leaf = |answer: &Value| answer["evaluations"][at]["context"]["leaf_index"].clone();
        assert_eq!(leaf(&again), leaf(&first.json()));
    }
    send(&book, &ask, "r-2").await;
    assert_eq!(use_ids(&book).len(), 4);

    // an id for all of them is one for each; an item's own stays as it is
    ask["context"]["use_id"] = json!("order-7");
    let own = unnamed("cs-00002");
    ask["evaluations"][1] = json!({"resource": own["resource"], "context": own["context"]});
    ask["evaluations"][1]["context"]["use_id"] = json!("mine");
    assert_eq!(decisions(&send(&book, &ask, "r-3").await), [true, true, false]);
    let ids = use_ids(&book);
    assert!(ids.contains(&"order-7/0".to_owned()) && ids.contains(&"mine".to_owned()), "{ids:?}");
    // the grants are used up now, and what was permitted stays so
    let mut first = unnamed("cs-00001");
    assert_eq!(decisions(&send(&book, &json!({"evaluations": [first]}), "r-9").await), [false]);
    assert_eq!(decisions(&send(&book, &json!({"evaluations": [first]}), "r-1").await), [true]);
    first["context"]["use_id"] = json!("order-7/0");
    assert_eq!(book.post("/access/v1/evaluation", &first).await.expect(200).json()["decision"], json!(true));
}

#[tokio::test]
async fn what_fails_is_answered_in_its_place() {
    let (book, _) = granted(&["cs-00001"]).await;
    let named = |month: u8| evaluation(&facts("cs-00001", month), "the-same");
    let ask = json!({"evaluations": [
        named(2), named(3), {"subject": "alice"}, unnamed("cs-00001"), {"action": {"name": "read"}}],
        "options": {"another": 1}});
    let before = book.size_root().0.0;
    let answer = send(&book, &ask, "r-1").await;
    let decided = decisions(&answer);
    // of the two under one id, whichever came second contradicts the first
    assert_ne!(decided[0], decided[1]);
    assert_eq!(decided[2..], [false, true, false]);
    let of = |at: usize| answer.json()["evaluations"][at]["context"]["error"].clone();
    let conflict = if decided[0] { of(1) } else { of(0) };
    assert_eq!(conflict["status"], json!(409));
    assert!(conflict["type"].as_str().unwrap().ends_with("/use-conflict"));
    assert_eq!(of(2)["status"], json!(400));
    assert_eq!(of(2)["message"], json!("malformed subject, expected an object"));
    assert_eq!(of(4)["message"], json!("subject is missing, AuthZEN requires it"));
    assert_eq!(book.size_root().0.0, before + 2);
}

#[tokio::test]
async fn a_batch_ends_where_its_semantic_says() {
    let (book, _) = granted(&["cs-00001"]).await;
    let (yes, no) = (unnamed("cs-00001"), unnamed("nobody"));
    for (semantic, evaluations, expected, uses) in [
        (None, json!([no, yes, no]), vec![false, true, false], 1),
        (Some("execute_all"), json!([no, yes]), vec![false, true], 2),
        (Some("deny_on_first_deny"), json!([no, yes]), vec![false], 2),
        (Some("permit_on_first_permit"), json!([no, yes, yes, yes]), vec![false, true], 3),
        // nothing is left of the grant
        (Some("deny_on_first_deny"), json!([yes, {}]), vec![false], 3),
        (Some("deny_on_first_deny"), json!([{}, yes]), vec![false], 3),
    ] {
        let mut ask = json!({"evaluations": evaluations});
        if let Some(semantic) = semantic {
            ask["options"] = json!({"evaluations_semantic": semantic});
        }
        let id = format!("r-{semantic:?}-{}", expected.len());
        assert_eq!(decisions(&send(&book, &ask, &id).await), expected, "{semantic:?}");
        assert_eq!(use_ids(&book).len(), uses, "{semantic:?}");
    }
    let item = unnamed("nobody");
    for (name, ask) in [
        ("too many", json!({"evaluations": vec![item.clone(); 257]})),
        ("no array", json!({"evaluations": {"0": item}})),
        ("no objects", json!({"evaluations": [item, 1]})),
        ("semantic", json!({"evaluations": [item], "options": {"evaluations_semantic": "all"}})),
        ("semantic, one", json!({"options": {"evaluations_semantic": 1}})),
        ("options", json!({"evaluations": [item], "options": []})),
        ("default", json!({"evaluations": [item], "subject": "alice"})),
    ] {
        assert_eq!(book.post(SEVERAL, &ask).await.status.as_u16(), 400, "{name}");
    }
    let most = json!({"evaluations": vec![item; 256]});
    assert_eq!(decisions(&book.post(SEVERAL, &most).await.expect(200)), [false; 256]);
}

#[tokio::test]
async fn an_automatic_decision_is_recorded_with_where_it_came_from() {
    let (book, _) = granted(&["cs-00001"]).await;
    let mut ask = evaluation(&facts("cs-00001", 2), "u-1");
    ask["context"]["provenance"] = json!({"model": "ranker", "version": "3.1",
        "sources": [{"name": "purchases", "at": 1_700_000_000}], "confidence": 9_100,
        "input_sha256": "A".repeat(43), "review": {"approved": {"by": "merchandising"}}});
    ask["context"]["level"] = json!(2);
    let permit = book.post("/access/v1/evaluation", &ask).await.expect(200);
    assert_eq!(permit.json()["decision"], json!(true), "{}", permit.text());
    let (uses, _) = book.ledger.uses(book.tenant(), None, 10).unwrap();
    let record = &uses[0].record;
    assert!(matches!(record.outcome, Outcome::Permitted(_)));
    assert_eq!(record.facts.level.map(u64::from), Some(2));
    assert_eq!(json!(record.provenance), ask["context"]["provenance"]);
    // nobody consented to have it passed on
    ask["context"]["use_id"] = json!("u-2");
    ask["context"]["onward"] = json!(["printer"]);
    let denial = book.post("/access/v1/evaluation", &ask).await.expect(200).json();
    assert_eq!(denial["context"]["reason"], json!("onward"));
}

#[tokio::test]
async fn a_search_for_customers_tells_only_the_tenants_own_and_goes_on_where_it_stopped() {
    let subs = ["cs-00001", "cs-00002", "cs-00003", "cs-00004", "cs-00005"];
    let (book, customers) = granted(&subs).await;
    let second = book.ledger.customer(book.tenant(), &customers[1].sub).unwrap().grants[0].id;
    book.append(book.withdrawal(&customers[1], second)).await.expect(201);
    let mut ask = unnamed("anybody");
    ask["resource"].as_object_mut().unwrap().remove("id");
    book.all_acknowledged().await;
    let before = book.size_root();
    let all = book.post(RESOURCE, &ask).await.expect(200).json();
    let found = |answer: &Value| -> Vec<String> {
        let results = answer["results"].as_array().unwrap();
        results.iter().map(|result| result["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(found(&all), ["cs-00001", "cs-00003", "cs-00004", "cs-00005"]);
    assert_eq!(all.as_object().unwrap().len(), 1, "nothing was said of pages: {all}");
    let (mut pages, mut page) = (Vec::new(), json!({"limit": 2}));
    loop {
        ask["page"] = page.clone();
        let answer = book.post(RESOURCE, &ask).await.expect(200).json();
        pages.push(found(&answer));
        let token = answer["page"]["next_token"].as_str().unwrap().to_owned();
        if token.is_empty() {
            break;
        }
        page = json!({"limit": 2, "token": token});
    }
    assert_eq!(pages, [["cs-00001", "cs-00003"], ["cs-00004", "cs-00005"]]);
    assert_eq!(book.size_root(), before, "a search records nothing");

    // another tenant finds nobody, neither with its own search nor with a token of this one
    let stranger = |ask: &Value| Call::post(RESOURCE).token(&book.stranger_token).json(ask);
    let token = all_but_the_first_page(&book, &mut ask).await;
    ask["page"] = json!({"token": token});
    book.send(stranger(&ask)).await.expect(400);
    ask.as_object_mut().unwrap().remove("page");
    assert_eq!(book.send(stranger(&ask)).await.expect(200).json(), json!({"results": []}));
}

async fn all_but_the_first_page(book: &Book, ask: &mut Value) -> Value {
    ask["page"] = json!({"limit": 1});
    book.post(RESOURCE, ask).await.expect(200).json()["page"]["next_token"].clone()
}

#[tokio::test]
async fn what_is_found_is_permitted_and_what_is_permitted_is_found() {
    let (book, _) = granted(&["cs-00001", "cs-00002"]).await;
    for (sub, fields) in [("cs-00001", json!(["date"])), ("cs-00002", json!(["dollars"]))] {
        let mut ask = unnamed(sub);
        ask["resource"]["properties"]["fields"] = fields;
        let permitted = book.post("/access/v1/evaluation", &ask).await.expect(200).json()["decision"].clone();
        let actions = book.post("/access/v1/search/action", &ask).await.expect(200).json();
        let names: Vec<_> =
            actions["results"].as_array().unwrap().iter().map(|a| a["name"].clone()).collect();
        // a grant does not tell the vocabulary's actions apart
        let expected = if permitted == json!(true) {
            vec!["audit", "profile", "read", "share", "train"]
        } else {
            vec![]
        };
        assert_eq!(names, expected);
        let resources = book.post(RESOURCE, &ask).await.expect(200).json();
        let found = resources["results"].as_array().unwrap().iter().any(|result| result["id"] == json!(sub));
        assert_eq!(json!(found), permitted);
    }
}

#[tokio::test]
async fn settings_are_one_tenants_and_say_only_what_is_meant() {
    let settings = AuthzenSettings::parse(
        br#"{"context": {"recipient": "recommender", "purpose": "service-personalisation",
                "data_period": {"from": "1997-02-01", "to": "1997-02-28"}},
            "subjects": [{"type": "job", "id": "Nightly Ranking"}, {"type": "service", "id": "recommender"}],
            "words": [{"subject": {"type": "job"}, "means": {"requester": "ranking"}},
                {"resource": {"type": "shopper"}, "means": {"categories": ["purchases"], "fields": ["date"]}}]}"#,
    )
    .unwrap();
    let (book, _) = granted_with(settings).await;
    let ask = json!({"subject": {"type": "job", "id": "Nightly Ranking"}, "action": {"name": "read"},
        "resource": {"type": "shopper", "id": "cs-00001"}});
    let permit = book.post("/access/v1/evaluation", &ask).await.expect(200).json();
    assert_eq!(permit["decision"], json!(true), "{permit}");
    let (uses, _) = book.ledger.uses(book.tenant(), None, 10).unwrap();
    assert_eq!(uses[0].record.facts.requester.as_str(), "ranking");
    // what the request says goes before
    let mut other = ask.clone();
    other["context"] = json!({"purpose": "marketing"});
    let denial = book.post("/access/v1/evaluation", &other).await.expect(200).json();
    assert_eq!(denial["context"]["reason"], json!("no_grant"));
    let found = book.post("/access/v1/search/subject", &ask).await.expect(200).json();
    assert_eq!(found["results"], json!([{"type": "job", "id": "Nightly Ranking"}]));
    // of another tenant nothing of this is known
    let stranger = Call::post("/access/v1/evaluation").token(&book.stranger_token).json(&ask);
    let denial = book.send(stranger).await.expect(200).json();
    assert_eq!(denial["context"]["member"], json!("subject.type"));
}

async fn granted_with(settings: AuthzenSettings) -> (Book, Customer) {
    let book = Book::open_prepared(
        |_| {},
        |ledger, server| server.set_authzen(ledger.sandbox().unwrap().tenant.id, settings),
    )
    .await;
    let published = book.publish().await;
    let customer = book.customer("cs-00001", 1).await;
    book.grant(&customer, &published).await;
    (book, customer)
}

#[tokio::test]
async fn settings_in_a_file_must_be_of_tenants_that_are_there() {
    let place = tempfile::tempdir().unwrap();
    let settings = place.path().join("authzen.json");
    let bind = |text: String| {
        std::fs::write(&settings, text).unwrap();
        let flags = grantbook_server::Flags {
            listen: Some("127.0.0.1:0".parse().unwrap()),
            data_dir: Some(place.path().join("data")),
            ..grantbook_server::Flags::default()
        };
        let file = place.path().join("grantbook.toml");
        std::fs::write(&file, format!("authzen_settings = {settings:?}\n")).unwrap();
        let config = grantbook_server::ServerConfig::load(Some(&file), &flags).unwrap();
        async move {
            let ledger = grantbook_engine::Ledger::open(&config.ledger()).unwrap();
            let tenant = ledger.sandbox().unwrap().tenant.id;
            let bound = grantbook_server::Server::bind(ledger.clone(), config).await;
            ledger.close().unwrap();
            (tenant, bound.map(drop).map_err(|error| error.to_string()))
        }
    };
    let (tenant, _) = bind("{}".to_owned()).await;
    let (_, bound) =
        bind(json!({tenant.to_string(): {"context": {"purpose": "marketing"}}}).to_string()).await;
    assert_eq!(bound, Ok(()));
    for (text, expected) in [
        (json!({"5b9a3f0e-5e1c-4b3a-9a55-3f4d2a6d9b11": {}}).to_string(), "is no tenant of this ledger"),
        (
            json!({tenant.to_string(): {"context": {"purpose": "world-peace"}}}).to_string(),
            "world-peace is no purpose of the vocabulary",
        ),
        (json!({tenant.to_string(): {"contexts": {}}}).to_string(), "unknown field `contexts`"),
        ("[]".to_owned(), "refused settings"),
    ] {
        let (_, bound) = bind(text).await;
        assert!(bound.unwrap_err().contains(expected), "{expected}");
    }
}
