//! Every page and form of the portal, asked by everybody who can ask about one customer's things: the golden table of what each gets.
//!
//! The list is taken from the sources that make the router, so a route that is new fails the test until it has a row.
//! `GRANTBOOK_GOLDEN=write` renews the table.

pub(crate) mod routes;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use grantbook_plan::Status;
use grantbook_record::event::RequestMade;
use grantbook_record::{Envelope, Jti, Kind, Terms, UnixSeconds};
use http_body_util::BodyExt as _;
use serde_json::json;

use self::routes::{Body, routes, turn};
use crate::book::{Book, Published, now, signer};
use crate::client::Call;
use crate::desk::{REQUESTED, Stranger, form_token, signed_in};
use crate::golden;
use crate::person::{Person, origin};
use crate::several;

/// Whose things are asked for.
const SUB: &str = "cs-00001";

/// What nobody else is paid for a use.
const PRICE: &str = "73.37";

/// Who asks, and how, in the order in which they ask. The customer's own browser is the first three's, and is signed in at the
/// enterprise's desk too.
const CALLERS: [&str; 9] = [
    "foreign site",
    "no token",
    "other's token",
    "visitor",
    "customer of B",
    "employee of B",
    "same tenant's",
    "employee of A",
    "customer",
];

/// A customer of tenant A with something of everything, one more of A, one of B; employees of both.
struct Stage<'b> {
    book: &'b Book,
    customer: Person<'b>,
    /// Cookies and forms' tokens of the customer, of the one of the same tenant, of the one of B, and of both desks.
    browsers: [(String, String); 5],
    request: Jti,
    grant: Jti,
    ended: Jti,
    prepared: String,
    /// The customer's one device.
    device: String,
    /// Somebody's key, for which the customer is to vouch.
    signature: String,
    /// What B waits to sign: the ledger signs for A itself.
    asked_by_b: String,
    leaf: u64,
    rule: Jti,
    /// What the customer complained of to A.
    complaint: Jti,
    asset: String,
}

impl<'b> Stage<'b> {
    async fn set(book: &'b Book, published: &Published) -> Self {
        let enterprise = Stranger::prepare(book).await;
        let customer = Person::enrolled(book, SUB, 1).await;
        let neighbour = Person::enrolled(book, "cs-00002", 2).await;
        let of_b = (book.stranger_token.as_str(), enterprise.id);
        let stranger = Person::joined_by(book, of_b, "st-00002", 3).await;
        let desk = signed_in(book, &book.service_token).await;
        let others_desk = signed_in(book, &book.stranger_token).await;

        let grant = customer.agrees(asked(&customer, published).await).await;
        let ended = customer.agrees(asked(&customer, published).await).await;
        let token = customer.form_token().await;
        customer.form(&format!("/my/grants/{ended}/stop"), &token, "").await.expect(303);
        let complaint = format!("&company={}&text=They+called.", book.tenant());
        customer.form("/my/account/complaints", &token, &complaint).await.expect(303);
        let complaint = book.ledger.open_complaints(book.tenant(), 1).unwrap().pop().unwrap().id;
        let request = asked(&customer, published).await;
        let (prepared, _) = customer.prepared(&format!("/my/requests/{request}/agree"), "").await;
        crate::mirror::mirrored(&book.ledger, book.tenant(), "crm", &signer(42), SUB);
        let preview = Call::get(format!("/company/requests/preview?{REQUESTED}"));
        let preview = book.send(preview.header("cookie", &others_desk)).await.expect(200);
        let made = Call::post("/company/requests")
            .header("origin", origin(book))
            .header("cookie", &others_desk)
            .bytes(FORM, format!("form_token={}&{REQUESTED}", form_token(&preview)));
        let made = book.send(made).await.expect(303);
        let asked_by_b = made.header("location").rsplit_once('/').unwrap().1.to_owned();

        let rule = customer.rules(book.tenant(), &signer(43), "&stands=90").await;
        book.all_acknowledged().await;
        // an archive has the next `state.root` signed where the last one does not show all
        let archive = format!("/my/account/data/{}/archive", book.tenant());
        customer.get(&archive).await.expect(200);
        let leaf = book.ledger.find_event(book.tenant(), &grant).unwrap().0;
        let me = customer.get("/account/me").await.expect(200).json();
        let device = me["devices"][0]["id"].as_str().unwrap().to_owned();
        let (_, signature) = several::comes(book, &several::invitation(&customer).await, 4).await;
        let front = book.send(Call::get("/")).await.expect(200).text().to_owned();
        let asset = front.split('"').find(|part| part.ends_with("/portal.css")).unwrap().to_owned();
        let mut browsers = Vec::new();
        for person in [&customer, &neighbour, &stranger] {
            browsers.push((person.cookie.clone(), person.form_token().await));
        }
        for cookie in [desk, others_desk] {
            let page = book.send(Call::get("/company").header("cookie", &cookie)).await.expect(200);
            browsers.push((cookie, form_token(&page)));
        }
        let browsers = browsers.try_into().unwrap();
        Self {
            book,
            customer,
            browsers,
            request,
            grant,
            ended,
            prepared,
            device,
            signature,
            asked_by_b,
            leaf,
            rule,
            complaint,
            asset,
        }
    }

    /// A route with the things of A and of its customer in its address.
    fn path(&self, route: &str) -> String {
        let Self {
            request,
            grant,
            ended,
            prepared,
            device,
            leaf,
            rule,
            complaint,
            asked_by_b,
            signature,
            ..
        } = self;
        let tenant = self.book.tenant().to_string();
        let secret = "A".repeat(43);
        let path = route
            .replace("/my/requests/{id}", &format!("/my/requests/{request}"))
            .replace("/my/grants/{id}/stopped", &format!("/my/grants/{ended}/stopped"))
            .replace("/my/grants/{id}/taken", &format!("/my/grants/{ended}/taken"))
            .replace("/my/grants/{id}", &format!("/my/grants/{grant}"))
            .replace("/my/account/devices/{id}", &format!("/my/account/devices/{device}"))
            .replace("/account/cosign/{id}", &format!("/account/cosign/{signature}"))
            .replace("/my/signatures/{id}", &format!("/my/signatures/{signature}"))
            .replace("/my/account/signers/{tenant}", &format!("/my/account/signers/{tenant}"))
            .replace("/my/account/data/{id}", &format!("/my/account/data/{tenant}"))
            .replace("/my/rules/{tenant}", &format!("/my/rules/{tenant}"))
            .replace("/company/complaints/{id}", &format!("/company/complaints/{complaint}"))
            .replace("{mandate}", &rule.to_string())
            .replace("/my/space/{tenant}/{id}", &format!("/my/space/{tenant}/ticket-1"))
            .replace("/account/prepared/{id}", &format!("/account/prepared/{prepared}"))
            .replace("/company/requests/prepared/{id}", &format!("/company/requests/prepared/{asked_by_b}"))
            .replace("{leaf}", &leaf.to_string())
            .replace("{secret}", &secret)
            .replace("{token}", &secret)
            .replace("{module}", "main.js");
        let path = match route {
            "/assets/{digest}/{*path}" => self.asset.clone(),
            "/company/requests/preview" => format!("{path}?template=recommendations&customer={SUB}"),
            _ => path,
        };
        assert!(!path.contains('{'), "{route}: say which of the customer's things is asked for");
        path
    }

    /// What a caller's browser sends along, and the token of one of its forms.
    fn browser(&self, caller: &str, route: &str) -> (String, &str) {
        let [customer, neighbour, stranger, desk, others_desk] = &self.browsers;
        let at_desk = route.starts_with("/company");
        let own = match caller {
            "visitor" => return (String::new(), ""),
            "customer of B" => stranger,
            "same tenant's" => neighbour,
            "customer" => customer,
            "employee of A" => desk,
            "employee of B" => others_desk,
            _ => {
                let token = match (caller, at_desk) {
                    ("no token", _) => "",
                    ("other's token", true) => &others_desk.1,
                    ("other's token", false) => &neighbour.1,
                    (_, true) => &desk.1,
                    (_, false) => &customer.1,
                };
                return (format!("{}; {}", customer.0, desk.0), token);
            }
        };
        (own.0.clone(), &own.1)
    }

    async fn asks(&self, caller: &str, method: &str, route: &str) -> (u16, String) {
        let path = self.path(route);
        let (cookie, token) = self.browser(caller, route);
        let call = match routes::body(method, route, self.book.tenant()) {
            Body::None => Call::get(&path),
            Body::Json(value) => Call::post(&path).json(&value),
            Body::Form(more) => Call::post(&path).bytes(FORM, format!("form_token={token}{more}")),
        };
        let from =
            if caller == "foreign site" { "https://evil.example".to_owned() } else { origin(self.book) };
        let mut call = call.header("origin", from);
        if !cookie.is_empty() {
            call = call.header("cookie", cookie);
        }
        let (parts, mut body) = call.open(self.book.address).await.into_parts();
        let mut bytes = Vec::new();
        // a page that waits for gates does not end by itself
        while let Ok(Some(Ok(frame))) = tokio::time::timeout(Duration::from_millis(500), body.frame()).await {
            bytes.extend(frame.into_data().unwrap_or_default());
        }
        (parts.status.as_u16(), String::from_utf8_lossy(&bytes).into_owned())
    }

    /// What nobody but the customer, and the enterprise on its own pages, may be told.
    fn words(&self) -> [String; 7] {
        let ids = [self.request, self.grant, self.ended, self.rule].map(|id| id.to_string());
        let [request, grant, ended, rule] = ids;
        [SUB.to_owned(), PRICE.to_owned(), crate::mirror::VALUE.to_owned(), request, grant, ended, rule]
    }

    /// An answer without the address that was asked: a page repeats its own, for the other language.
    fn told(&self, route: &str, text: &str) -> String {
        let path = self.path(route);
        let address = path.split('?').next().unwrap();
        text.replace(&format!("customer={SUB}"), "").replace(address, "")
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

/// A request to this person, at a price of their own.
async fn asked(person: &Person<'_>, published: &Published) -> Jti {
    let mut terms = serde_json::to_value(published.terms(&json!({"uses": 10}))).unwrap();
    terms["compensation"]["per_use"]["minor"] = json!(7337);
    let terms: Terms = serde_json::from_value(terms).unwrap();
    let expires = UnixSeconds(now().seconds().0 + 86_400);
    let event = RequestMade { sub: person.sub.clone(), terms, expires };
    let envelope = person.book.envelope(Kind::RequestMade, event, &[&person.book.sandbox.enterprise]);
    let id = Envelope::parse(&envelope).unwrap().event().unwrap().jti;
    person.book.append(envelope).await.expect(201);
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_and_form_by_everybody_is_the_golden_one() {
    let mut routes: Vec<_> = routes().into_iter().collect();
    routes.sort_by_key(|(method, route)| turn(method, route));
    let book = Book::open_with(|config| config.limits.account_requests_per_second = 100_000).await;
    let published = book.publish().await;
    let stage = Stage::set(&book, &published).await;
    let words = stage.words();
    let mut statuses: BTreeMap<(&str, &str), Vec<u16>> = BTreeMap::new();
    let mut told: BTreeSet<&str> = BTreeSet::new();
    let before = book.size_root();
    for caller in CALLERS {
        for (method, route) in &routes {
            // what is no form has no token: these would end the customer's own session
            let ends = matches!(route.as_str(), "/account/erase" | "/account/log-out");
            if ends && matches!(caller, "no token" | "other's token") {
                statuses.entry((method, route)).or_default().push(0);
                continue;
            }
            let (status, text) = stage.asks(caller, method, route).await;
            statuses.entry((method, route)).or_default().push(status);
            let text = stage.told(route, &text);
            match caller {
                "customer" => {
                    told.extend(words.iter().filter(|word| text.contains(*word)).map(String::as_str));
                }
                // the customer's own browser
                "foreign site" | "no token" | "other's token" => {}
                "employee of A" if route.starts_with("/company") => {}
                _ => {
                    for word in &words {
                        assert!(!text.contains(word), "{method} {route} tells {word} to {caller}: {text}");
                    }
                }
            }
        }
        if !matches!(caller, "same tenant's" | "employee of A" | "customer") {
            assert_eq!(book.size_root(), before, "{caller} changed the log");
        }
        if caller != "customer" {
            let known = book.ledger.customer(book.tenant(), &stage.customer.sub).unwrap();
            assert_eq!(known.grant(&stage.grant).unwrap().status, Status::Active, "{caller} stopped it");
            assert_eq!(known.requests.len(), 1, "{caller} answered it");
            stage.customer.get("/account/me").await.expect(200);
        }
        // signing in at a desk is bounded
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    // what the customer is not told either would not be missed elsewhere
    assert_eq!(told.len(), words.len(), "{told:?}");
    golden::check("pages.txt", &table(&routes, &statuses));
}

fn table(routes: &[(&str, String)], statuses: &BTreeMap<(&str, &str), Vec<u16>>) -> String {
    let mut table = format!("{:<6} {:<40}", "method", "route");
    for caller in CALLERS {
        write!(table, " {caller:>13}").unwrap();
    }
    table.push('\n');
    for (method, route) in routes {
        write!(table, "{method:<6} {route:<40}").unwrap();
        for status in &statuses[&(*method, route.as_str())] {
            let shown = if *status == 0 { "-".to_owned() } else { status.to_string() };
            write!(table, " {shown:>13}").unwrap();
        }
        table.push('\n');
    }
    table
}
