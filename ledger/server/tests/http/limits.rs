//! Places, deadlines and rates: a full server says so and goes on.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::book::{Book, evaluation, facts, record, signer};
use crate::client::Call;

/// A request whose body never comes.
async fn stalled(book: &Book) -> TcpStream {
    let mut stream = TcpStream::connect(book.address).await.unwrap();
    let head = format!(
        "POST /v1/heads HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: 20\r\n\r\n",
        book.service_token
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn a_full_server_refuses_but_answers_who_watches_it() {
    let book = Book::open_with(|config| config.limits.requests_max = 1).await;
    let stalled = stalled(&book).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let answer = book.get("/v1/grants").await;
    assert_eq!((answer.status.as_u16(), answer.slug().as_str()), (503, "busy"));
    assert_eq!(answer.header("retry-after"), "1");
    for path in ["/healthz", "/readyz", "/metrics"] {
        book.send(Call::get(path)).await.expect(200);
    }
    drop(stalled);
    for _ in 0..100 {
        if book.get("/v1/grants").await.status.as_u16() == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the place was not given back");
}

#[tokio::test]
async fn a_request_that_stalls_is_ended() {
    let book = Book::open_with(|config| config.limits.request_deadline_ms = 200).await;
    let mut stalled = stalled(&book).await;
    let mut text = [0; 512];
    let count = stalled.read(&mut text).await.unwrap();
    let text = String::from_utf8_lossy(&text[..count]);
    assert!(text.starts_with("HTTP/1.1 503"), "{text}");
    assert!(text.contains("retry-after: 1"), "{text}");
}

#[tokio::test]
async fn feeds_have_places_of_their_own() {
    let book = Book::open_with(|config| {
        config.limits.feed_subscribers_max = 1;
        config.limits.requests_max = 1;
    })
    .await;
    let feed = Call::get("/v1/feed").token(&book.service_token);
    let open = feed.clone().open(book.address).await;
    let answer = book.send(feed.clone()).await;
    assert_eq!((answer.status.as_u16(), answer.slug().as_str()), (503, "busy"));
    book.get("/v1/grants").await.expect(200);
    let metrics = book.send(Call::get("/metrics")).await.expect(200);
    assert!(metrics.text().contains("grantbook_feed_subscribers 1\n"), "{}", metrics.text());
    drop(open);
}

#[tokio::test]
async fn a_tenant_that_takes_its_share_leaves_the_others_theirs() {
    let book = Book::open_with(|config| {
        config.limits.tenant_requests_max = 1;
        config.limits.tenant_feed_subscribers_max = 1;
    })
    .await;
    let stalled = stalled(&book).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let refused = book.get("/v1/grants").await;
    assert_eq!((refused.status.as_u16(), refused.slug().as_str()), (429, "tenant-limit"));
    assert_eq!(refused.header("retry-after"), "1");
    let feed = |token: &str| Call::get("/v1/feed").token(token);
    let open = feed(&book.service_token).open(book.address).await;
    let refused = book.send(feed(&book.service_token)).await;
    assert_eq!((refused.status.as_u16(), refused.slug().as_str()), (429, "tenant-limit"));
    // others, those who need no token, and the tenant's own customers go on
    book.send(Call::get("/v1/grants").token(&book.stranger_token)).await.expect(200);
    assert_eq!(feed(&book.stranger_token).open(book.address).await.status().as_u16(), 200);
    book.send(Call::get("/openapi.json")).await.expect(200);
    book.customer("cs-00004", 1).await;
    drop((stalled, open));
    for _ in 0..100 {
        if book.get("/v1/grants").await.status.as_u16() == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the place was not given back");
}

#[tokio::test]
async fn what_a_tenant_sends_is_bounded_by_the_second() {
    let book = Book::open_with(|config| config.limits.tenant_events_per_second = 2).await;
    let published = book.publish().await;
    let customer = book.customer("cs-00004", 1).await;
    let grant = book.grant(&customer, &published).await;
    let gate = signer(40);
    let id = grantbook_record::GateId::parse("gate").unwrap();
    book.ledger.register_gate(book.tenant(), &id, *gate.public_key()).unwrap();
    let ask = |token: &str| {
        let asked = evaluation(&facts("cs-00004", 12), "a");
        book.send(Call::post("/access/v1/evaluation").token(token).json(&asked))
    };
    // a batch is one request and counts by its records
    let records: Vec<_> = (0..6_u8)
        .map(|n| {
            let salt = grantbook_record::Salt(grantbook_record::encoding::Bytes32([n; 32]));
            (record("gate", u64::from(n), facts("cs-00004", 12), None), salt)
        })
        .collect();
    let claims = grantbook_record::event::Claims::new(book.tenant(), crate::book::jti(), ());
    let batch = grantbook_record::uses::sign_batch(&claims, &records, &gate).unwrap();
    book.post("/v1/uses", &serde_json::to_value(batch).unwrap()).await.expect(201);
    for refused in [
        ask(&book.service_token).await,
        ask(&book.sandbox.token).await,
        book.send(Call::post("/v1/events").token(&book.service_token).bytes("application/octet-stream", "x"))
            .await,
    ] {
        assert_eq!((refused.status.as_u16(), refused.slug().as_str()), (429, "tenant-limit"));
        assert_eq!(refused.header("retry-after"), "1");
    }
    ask(&book.stranger_token).await.expect(200);
    // the customer withdraws all the same
    book.append(book.withdrawal(&customer, grant)).await.expect(201);
}

#[tokio::test]
async fn events_without_a_token_are_bounded_by_address() {
    let book = Book::open_with(|config| config.limits.events_per_second = 2).await;
    let send = || Call::post("/v1/events").bytes("application/octet-stream", "x");
    let mut slugs = Vec::new();
    for _ in 0..3 {
        slugs.push(book.send(send()).await.slug());
    }
    assert_eq!(slugs, ["malformed-envelope", "malformed-envelope", "too-many-requests"]);
    let answer = book.send(send().token(&book.service_token)).await;
    assert_eq!(answer.slug(), "malformed-envelope", "a token lifts the limit of the address");
}

#[tokio::test]
async fn metrics_count_what_happened_and_name_nobody() {
    let book = Book::open().await;
    let published = book.publish().await;
    let customer = book.customer("cs-00004", 1).await;
    let grant = book.grant(&customer, &published).await;
    book.get(&format!("/v1/grants/{grant}")).await.expect(200);
    book.post("/access/v1/evaluation", &json!({})).await.expect(400);
    let ask = crate::book::evaluation(&crate::book::facts("cs-00004", 2), "a");
    book.post("/access/v1/evaluation", &ask).await.expect(200);
    let ask = crate::book::evaluation(&crate::book::facts("cs-00004", 12), "b");
    book.post("/access/v1/evaluation", &ask).await.expect(200);
    let metrics = book.send(Call::get("/metrics")).await.expect(200);
    assert_eq!(metrics.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let text = metrics.text();
    for expected in [
        "grantbook_appended_total{kind=\"grant.given\"} 1\n",
        "grantbook_appended_total{kind=\"use.recorded\"} 1\n",
        "grantbook_decisions_total{decision=\"permit\"} 1\n",
        "grantbook_decisions_total{decision=\"period\"} 1\n",
        "grantbook_http_requests_total{method=\"GET\",route=\"/v1/grants/{jti}\",status=\"200\"} 1\n",
        "grantbook_http_requests_total{method=\"POST\",route=\"/access/v1/evaluation\",status=\"400\"} 1\n",
        "grantbook_http_request_duration_seconds_count{method=\"POST\",route=\"/v1/events\"} 4\n",
        "grantbook_commit_seconds_total ",
        "grantbook_tree_size 5\n",
        "grantbook_stopped 0\n",
        "grantbook_feed_subscribers 0\n",
    ] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    assert!(text.ends_with("# EOF\n"));
    assert!(!text.contains("cs-0") && !text.contains(&grant.to_string()), "{text}");
}

#[tokio::test]
async fn one_address_tries_only_so_many_logins_a_second() {
    let book = Book::open_with(|config| config.limits.account_requests_per_second = 3).await;
    for path in ["/account/me", "/sign-in", "/i/none", "/mail/confirm/none"] {
        let mut statuses = Vec::new();
        for _ in 0..6 {
            statuses.push(book.send(Call::get(path)).await.status.as_u16());
        }
        assert_eq!(statuses.last(), Some(&429), "{path}: {statuses:?}");
        // pages and withdrawals go on
        book.send(Call::get("/my")).await.expect(401);
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
        assert_ne!(book.send(Call::get(path)).await.status.as_u16(), 429, "{path} a second later");
    }
}
