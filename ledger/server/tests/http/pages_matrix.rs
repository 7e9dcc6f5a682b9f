//! Every page and form of the portal, asked by everybody who can ask: the golden table of what each gets.
//!
//! The list is taken from the sources that make the router, so a route that is new fails the test until it has a row.
//! `GRANTBOOK_GOLDEN=write` renews the table.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use grantbook_plan::Status;
use grantbook_record::Jti;
use grantbook_record::encoding::to_base64url;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use crate::book::{Book, Published};
use crate::client::Call;
use crate::golden;
use crate::person::{Person, invited, origin};

/// Whose things are asked for.
const SUB: &str = "cs-00001";

/// Who asks, and how. All but the last are refused what is `SUB`'s.
const CALLERS: [&str; 8] =
    ["visitor", "service", "neighbour", "stranger", "foreign site", "no token", "other's token", "customer"];

/// A customer with something of everything; one of the same enterprise, and one of another.
struct Stage<'b> {
    book: &'b Book,
    customer: Person<'b>,
    neighbour: Person<'b>,
    stranger: Person<'b>,
    request: Jti,
    grant: Jti,
    ended: Jti,
    prepared: String,
    leaf: u64,
    asset: String,
}

/// What is sent.
enum Body {
    None,
    Form(&'static str),
    Json(Value),
}

impl<'b> Stage<'b> {
    async fn set(book: &'b Book, published: &Published) -> Self {
        let customer = Person::enrolled(book, SUB, 1).await;
        let neighbour = Person::enrolled(book, "cs-00002", 2).await;
        let mut stranger = Person::joined(book, "cs-00003", 3).await;
        let other = book.stranger_token.clone();
        let invitation = invited(book, &other, &json!({"data_subject": "x-1"})).await;
        stranger.post("/account/join", &json!({"invitation": invitation})).await.expect(200);
        // a session of somebody who is at home elsewhere alone
        stranger.sub = grantbook_record::SubjectId::parse("x-1").unwrap();
        let grant = customer.agrees(customer.asked(published).await).await;
        let ended = customer.agrees(customer.asked(published).await).await;
        let token = customer.form_token().await;
        customer.form(&format!("/my/grants/{ended}/stop"), &token, "").await.expect(303);
        let request = customer.asked(published).await;
        let (prepared, _) = customer.prepared(&format!("/my/requests/{request}/agree"), "").await;
        let leaf = book.ledger.find_event(book.tenant(), &grant).unwrap().0;
        let front = book.send(Call::get("/")).await.expect(200).text().to_owned();
        let asset = front.split('"').find(|part| part.ends_with("/portal.css")).unwrap().to_owned();
        Self { book, customer, neighbour, stranger, request, grant, ended, prepared, leaf, asset }
    }

    /// What a route is asked about the customer's things; `None` for a route that nobody has thought of.
    fn row(&self, method: &str, route: &str) -> Option<(String, Body)> {
        let Self { request, grant, ended, prepared, leaf, .. } = self;
        let secret = to_base64url(&[9; 32]);
        let path = route
            .replace("/my/requests/{id}", &format!("/my/requests/{request}"))
            .replace("/my/grants/{id}/stopped", &format!("/my/grants/{ended}/stopped"))
            .replace("/my/grants/{id}/taken", &format!("/my/grants/{ended}/taken"))
            .replace("/my/grants/{id}", &format!("/my/grants/{grant}"))
            .replace("/account/prepared/{id}", &format!("/account/prepared/{prepared}"))
            .replace("{leaf}", &leaf.to_string())
            .replace("{secret}", &secret)
            .replace("{token}", &secret)
            .replace("{module}", "main.js");
        let path = if route.starts_with("/assets/") { self.asset.clone() } else { path };
        let path = if route == "/company/requests/preview" {
            format!("{path}?template=recommendations")
        } else {
            path
        };
        let body = match (method, route) {
            ("GET", _) => Body::None,
            ("POST", "/my/grants/{id}/change") => Body::Form("&uses=3"),
            ("POST", "/my/account/notifications") => Body::Form("&address=&language=en&digest=off"),
            (
                "POST",
                "/my/notifications/seen"
                | "/mail/confirm/{secret}"
                | "/mail/unsubscribe/{secret}"
                | "/my/requests/{id}/agree"
                | "/my/requests/{id}/decline"
                | "/my/grants/{id}/pause"
                | "/my/grants/{id}/resume"
                | "/my/grants/{id}/stop",
            ) => Body::Form(""),
            ("POST", "/account/challenge") => Body::Json(json!({"purpose": "step_up"})),
            ("POST", "/account/log-out" | "/account/erase") => Body::Json(json!({})),
            ("POST", "/account/invitation" | "/account/join") => Body::Json(json!({"invitation": secret})),
            ("POST", "/account/enrol") => {
                Body::Json(json!({"tenant": self.book.tenant(), "envelope": to_base64url(b"none")}))
            }
            ("POST", "/account/recover") => {
                Body::Json(json!({"code": crate::person::code(90), "next": crate::person::code(91)}))
            }
            ("POST", "/account/register" | "/account/recovered" | "/account/log-in" | "/account/step-up") => {
                // what these take is tried one by one in `portal`
                Body::Json(json!({}))
            }
            _ => return None,
        };
        (!path.contains('{')).then_some((path, body))
    }

    async fn asks(&self, caller: &str, method: &str, route: &str) -> (u16, String) {
        let row = self.row(method, route);
        let (path, body) =
            row.unwrap_or_else(|| panic!("{method} {route} has no row: write what it is asked"));
        let who = match caller {
            "visitor" | "service" => None,
            "neighbour" => Some(&self.neighbour),
            "stranger" => Some(&self.stranger),
            _ => Some(&self.customer),
        };
        let mut call = if method == "GET" { Call::get(&path) } else { Call::post(&path) };
        let token = match (who, caller) {
            (None, _) | (_, "no token") => String::new(),
            (_, "other's token") => self.neighbour.form_token().await,
            (Some(who), _) => who.form_token().await,
        };
        if let Some(who) = who {
            call = call.header("cookie", &who.cookie);
        }
        let from =
            if caller == "foreign site" { "https://evil.example".to_owned() } else { origin(self.book) };
        call = call.header("origin", from);
        if caller == "service" {
            call = call.token(&self.book.service_token);
        }
        call = match body {
            Body::None => call,
            Body::Form(more) => {
                call.bytes("application/x-www-form-urlencoded", format!("form_token={token}{more}"))
            }
            Body::Json(value) => call.json(&value),
        };
        let (parts, mut body) = call.open(self.book.address).await.into_parts();
        let mut bytes = Vec::new();
        // a page that waits for gates does not end by itself
        while let Ok(Some(Ok(frame))) = tokio::time::timeout(Duration::from_millis(500), body.frame()).await {
            bytes.extend(frame.into_data().unwrap_or_default());
        }
        (parts.status.as_u16(), String::from_utf8_lossy(&bytes).into_owned())
    }
}

fn sources(folder: &Path, into: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "gallery") {
            sources(&path, into);
        } else if path.extension().is_some_and(|kind| kind == "rs")
            && !path.ends_with("gallery.rs")
            && !path.ends_with("tests.rs")
        {
            into.push(std::fs::read_to_string(path).unwrap());
        }
    }
}

/// Method and path of every route that the portal's sources name.
fn routes() -> BTreeSet<(&'static str, String)> {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../portal/src"), &mut files);
    let mut routes = BTreeSet::new();
    for file in &files {
        for rest in file.split(".route(").skip(1) {
            let rest = rest.trim_start();
            let (path, handlers) = match rest.strip_prefix('"') {
                Some(rest) => rest.split_once('"').unwrap(),
                // the one that is a constant
                None => ("/assets/{digest}/{*path}", rest),
            };
            let handlers = handlers.split(".route(").next().unwrap().split(".layer(").next().unwrap();
            let handlers = handlers.trim_start_matches(',').trim_start();
            let posts = handlers.starts_with("post(") || handlers.contains(").post(");
            let gets = !handlers.starts_with("post(");
            routes.extend(gets.then(|| ("GET", path.to_owned())));
            routes.extend(posts.then(|| ("POST", path.to_owned())));
        }
    }
    assert!(routes.len() > 50, "{routes:?}");
    routes
}

/// What ends the customer's session or things is asked after everything else.
fn turn(route: &str) -> u8 {
    match route {
        "/my/grants/{id}/stop" => 1,
        "/account/log-out" => 2,
        "/account/erase" => 3,
        _ => 0,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_and_form_by_everybody_is_the_golden_one() {
    let mut routes: Vec<_> = routes().into_iter().collect();
    routes.sort_by_key(|(_, route)| turn(route));
    let mut statuses: BTreeMap<(&str, &str), Vec<u16>> = BTreeMap::new();
    let book = Book::open().await;
    let published = book.publish().await;
    let stage = Stage::set(&book, &published).await;
    let words = [SUB.to_owned(), stage.request.to_string(), stage.grant.to_string(), stage.ended.to_string()];
    for caller in CALLERS {
        for (method, route) in &routes {
            // these end the session that asks, whosever it is
            if matches!(caller, "neighbour" | "stranger" | "no token" | "other's token") && turn(route) > 1 {
                statuses.entry((method, route)).or_default().push(0);
                continue;
            }
            let (status, text) = stage.asks(caller, method, route).await;
            statuses.entry((method, route)).or_default().push(status);
            if ["visitor", "service", "neighbour", "stranger"].contains(&caller) {
                // addresses are what was asked: a page repeats its own for the other language
                let shown = text.replace(&format!("/my/requests/{}", stage.request), "");
                let shown = shown.replace(&format!("/my/grants/{}", stage.grant), "");
                let shown = shown.replace(&format!("/my/grants/{}", stage.ended), "");
                for word in &words {
                    assert!(!shown.contains(word), "{method} {route} tells {word} to {caller}: {shown}");
                }
            }
        }
        if caller == "other's token" {
            let known = book.ledger.customer(book.tenant(), &stage.customer.sub).unwrap();
            assert_eq!(known.grant(&stage.grant).unwrap().status, Status::Active, "nobody has stopped it");
            assert_eq!(known.requests.len(), 1, "nobody has answered it");
        }
    }
    let mut table = format!("{:<6} {:<34}", "method", "route");
    for caller in CALLERS {
        write!(table, " {caller:>13}").unwrap();
    }
    table.push('\n');
    for (method, route) in &routes {
        write!(table, "{method:<6} {route:<34}").unwrap();
        for status in &statuses[&(*method, route.as_str())] {
            let shown = if *status == 0 { "-".to_owned() } else { status.to_string() };
            write!(table, " {shown:>13}").unwrap();
        }
        table.push('\n');
    }
    golden::check("pages.txt", &table);
}
