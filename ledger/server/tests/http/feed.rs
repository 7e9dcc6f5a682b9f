//! The feed: complete, resumable, live, and over when the server stops.

use std::time::Duration;

use grantbook_record::Receipt;
use grantbook_record::feed::{Chain, Frame};
use grantbook_tlog::LogKeys;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::timeout;

use crate::book::Book;
use crate::client::Call;

/// Reads server-sent events line by line.
struct Events {
    body: Incoming,
    text: String,
}

/// One event.
#[derive(Debug)]
struct Event {
    id: String,
    frame: Frame,
}

impl Events {
    async fn open(book: &Book, call: Call) -> Self {
        let response = call.token(&book.service_token).open(book.address).await;
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body(), text: String::new() }
    }

    /// The next event; `None` when the feed has ended.
    async fn next(&mut self) -> Option<Event> {
        timeout(Duration::from_secs(10), self.read()).await.expect("an event within ten seconds")
    }

    async fn read(&mut self) -> Option<Event> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                let field =
                    |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
                let event = field("event:").map(|kind| {
                    assert_eq!(kind, "frame");
                    let frame = serde_json::from_str(field("data:").unwrap()).unwrap();
                    Event { id: field("id:").unwrap().to_owned(), frame }
                });
                if event.is_some() {
                    return event;
                }
                continue;
            }
            let data = self.body.frame().await?.unwrap().into_data().unwrap();
            self.text.push_str(std::str::from_utf8(&data).unwrap());
        }
    }
}

#[tokio::test]
async fn frames_come_complete_and_in_order_and_go_on_live() {
    let book = Book::open().await;
    let keys = LogKeys::parse(book.send(Call::get("/log/vkey")).await.text()).unwrap();
    book.publish().await;
    let mut events = Events::open(&book, Call::get("/v1/feed")).await;
    let mut chain = Chain::start(book.ledger.origin(), book.tenant());
    for seq in 0..20_u8 {
        if seq >= 2 {
            book.customer(&format!("cs-{seq}"), seq).await;
        }
        let Event { id, frame } = events.next().await.unwrap();
        assert_eq!((id, frame.seq.0), (seq.to_string(), u64::from(seq)));
        let verified = Receipt::verify(&frame.receipt, &keys).unwrap();
        chain = chain.next(verified.leaf_index.0, &verified.leaf_hash);
        assert_eq!(frame.chain, chain.value);
    }
    assert_eq!(chain, book.ledger.feed_end(book.tenant()).unwrap());
}

#[tokio::test]
async fn a_reader_goes_on_where_it_stopped() {
    let book = Book::open().await;
    book.publish().await;
    // more than the server reads at once
    for number in 0..40_u8 {
        book.customer(&format!("cs-{number}"), number + 1).await;
    }
    for (name, call, first) in [
        ("from the start", Call::get("/v1/feed"), 0),
        ("from a position", Call::get("/v1/feed?from=17"), 17),
        ("after an event", Call::get("/v1/feed").header("last-event-id", "30"), 31),
        (
            "the event goes before the position",
            Call::get("/v1/feed?from=0").header("last-event-id", "40"),
            41,
        ),
    ] {
        let mut events = Events::open(&book, call).await;
        for seq in first..42 {
            assert_eq!(events.next().await.unwrap().frame.seq.0, seq, "{name}");
        }
    }
    // at the end: nothing yet, then what comes
    let mut events = Events::open(&book, Call::get("/v1/feed?from=42")).await;
    assert!(timeout(Duration::from_millis(100), events.read()).await.is_err());
    book.customer("cs-late", 200).await;
    assert_eq!(events.next().await.unwrap().frame.seq.0, 42);
}

#[tokio::test]
async fn a_reader_that_takes_nothing_holds_up_nobody() {
    let book = Book::open().await;
    book.publish().await;
    let _asleep = Events::open(&book, Call::get("/v1/feed")).await;
    for number in 0..60_u8 {
        book.customer(&format!("cs-{number}"), number + 1).await;
    }
    let mut awake = Events::open(&book, Call::get("/v1/feed?from=61")).await;
    assert_eq!(awake.next().await.unwrap().frame.seq.0, 61);
}

#[tokio::test]
async fn the_feed_of_another_tenant_is_another_feed() {
    let book = Book::open().await;
    book.publish().await;
    let response = Call::get("/v1/feed").token(&book.stranger_token).open(book.address).await;
    let mut events = Events { body: response.into_body(), text: String::new() };
    assert!(timeout(Duration::from_millis(200), events.read()).await.is_err(), "nothing in it");
}

#[tokio::test]
async fn stopping_ends_feeds_and_finishes_requests() {
    let mut book = Book::open().await;
    book.publish().await;
    let mut events = Events::open(&book, Call::get("/v1/feed?from=2")).await;
    let started = std::time::Instant::now();
    book.begin_to_stop();
    assert!(events.next().await.is_none());
    book.stop().await;
    assert!(started.elapsed() < Duration::from_secs(5), "no waiting for the grace period");
    assert!(tokio::net::TcpStream::connect(book.address).await.is_err(), "no longer listening");
}
