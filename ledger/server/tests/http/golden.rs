//! Golden files: the interface document and the headers of every kind of answer. `GRANTBOOK_GOLDEN=write` renews them.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::book::Book;
use crate::client::Call;

pub(crate) fn check(name: &str, got: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var("GRANTBOOK_GOLDEN").is_ok_and(|value| value == "write") {
        std::fs::write(&path, got).unwrap();
        return;
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(golden == got, "{name} differs; look at the change, then run with GRANTBOOK_GOLDEN=write\n{got}");
}

#[tokio::test]
async fn the_interface_document_is_the_golden_one() {
    let book = Book::open().await;
    let document = book.send(Call::get("/openapi.json")).await.expect(200);
    assert_eq!(document.json()["openapi"], "3.1.0");
    let value = document.json();
    let operations =
        value["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values());
    let mut names = std::collections::BTreeSet::new();
    for operation in operations {
        assert!(names.insert(operation["operationId"].as_str().unwrap()), "{operation} has another's name");
    }
    check("openapi.json", &format!("{}\n", document.text()));
}

#[tokio::test]
async fn every_kind_of_answer_has_its_headers() {
    let book = Book::open().await;
    book.publish().await;
    let token = |call: Call| call.token(&book.service_token);
    let front = book.send(Call::get("/")).await.expect(200);
    let sheet = front.text().split('"').find(|part| part.ends_with("/portal.css")).unwrap();
    let mut golden = String::new();
    for (name, call) in [
        ("GET /log/checkpoint", Call::get("/log/checkpoint")),
        ("GET /log/vkey", Call::get("/log/vkey")),
        ("GET /log/tile/0/000.p/2", Call::get("/log/tile/0/000.p/2")),
        ("GET /log/tile/entries/000.p/2", Call::get("/log/tile/entries/000.p/2")),
        ("GET /log/tile/0/000", Call::get("/log/tile/0/000")),
        ("GET /log/public/0", Call::get("/log/public/0")),
        ("POST /v1/events (empty)", Call::post("/v1/events").bytes("application/octet-stream", "")),
        ("GET /v1/grants", token(Call::get("/v1/grants"))),
        ("GET /v1/grants (no token)", Call::get("/v1/grants")),
        ("GET /v1/uses", token(Call::get("/v1/uses"))),
        ("DELETE /v1/uses", token(Call::new(hyper::Method::DELETE, "/v1/uses"))),
        ("GET /v1/receipts/0", token(Call::get("/v1/receipts/0"))),
        (
            "POST /v1/heads",
            token(Call::post("/v1/heads")).json(&serde_json::json!({"nonce": "A".repeat(43)})),
        ),
        ("GET /.well-known/authzen-configuration", Call::get("/.well-known/authzen-configuration")),
        ("GET /openapi.json", Call::get("/openapi.json")),
        ("GET /healthz", Call::get("/healthz")),
        ("GET /readyz", Call::get("/readyz")),
        ("GET /metrics", Call::get("/metrics")),
        ("GET /", Call::get("/").header("accept-language", "zh-CN")),
        ("GET the style sheet", Call::get(sheet)),
        ("GET the style sheet as it is not", Call::get("/assets/0/portal/static/portal.css")),
        ("GET /my (nobody)", Call::get("/my").header("accept-language", "en")),
        ("GET /nowhere", Call::get("/nowhere")),
    ] {
        record(&mut golden, name, &call.header("x-request-id", "r-1").open(book.address).await);
    }
    let feed = token(Call::get("/v1/feed").header("x-request-id", "r-1")).open(book.address).await;
    record(&mut golden, "GET /v1/feed", &feed);
    check("headers.txt", &golden);
}

fn record<B>(golden: &mut String, name: &str, response: &hyper::Response<B>) {
    writeln!(golden, "{name}\n{}", response.status()).unwrap();
    let mut lines: Vec<String> = response
        .headers()
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "date" | "content-length"))
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    lines.sort();
    writeln!(golden, "{}\n", lines.join("\n")).unwrap();
}

#[tokio::test]
async fn the_front_page_shows_the_log() {
    let book = Book::open().await;
    book.publish().await;
    let (size, root) = book.size_root();
    let page = book.send(Call::get("/?lang=en")).await.expect(200);
    for expected in ["ledger.test/log", &size.0.to_string(), &root.to_string(), "sandbox"] {
        assert!(page.text().contains(expected), "{expected}");
    }
    let page = book.send(Call::get("/?lang=zh")).await.expect(200);
    assert!(page.text().contains("沙盒"));
    let book = Book::open_with(|config| config.sandbox = false);
    // without the sandbox tenant there is nobody to sign for, but the page says nothing of one
    let page = book.await.send(Call::get("/?lang=en")).await.expect(200);
    assert!(!page.text().contains("sandbox"));
}
