//! The enterprise's desk over HTTP: who comes in, as whom, and for how long.

use grantbook_engine::Role;
use grantbook_record::event::Claims;
use grantbook_record::{Envelope, Kind, Signer, SubjectId, TenantId};
use serde_json::{Value, json};

use crate::book::{Book, facts, jti, signer};
use crate::client::{Answer, Call};
use crate::person::{Person, cookie_of, origin, signed_by};

fn form(book: &Book, path: &str, cookie: &str, body: String) -> Call {
    Call::post(path)
        .header("origin", origin(book))
        .header("cookie", cookie)
        .bytes("application/x-www-form-urlencoded", body)
}

async fn shown(book: &Book, token: &str, cookie: &str) -> Answer {
    book.send(form(book, "/company/sign-in", cookie, format!("token={token}"))).await
}

pub(crate) async fn signed_in(book: &Book, token: &str) -> String {
    let answer = shown(book, token, "").await.expect(303);
    assert_eq!(answer.header("location"), "/company");
    cookie_of(&answer)
}

async fn page(book: &Book, path: &str, cookie: &str) -> Answer {
    book.send(Call::get(path).header("cookie", cookie)).await
}

pub(crate) fn form_token(page: &Answer) -> String {
    let text = page.text();
    let (_, rest) = text.split_once("name=\"form_token\" value=\"").expect("a form");
    rest.split('"').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn uses_of_a_log_without_any_entry_are_none() {
    let book = Book::open().await;
    assert_eq!(book.size_root().0.0, 0);
    let listed = book.get("/v1/uses").await.expect(200).json();
    assert_eq!(listed["uses"].as_array().unwrap().len(), 0, "{listed}");
    let cookie = signed_in(&book, &book.service_token).await;
    page(&book, "/company/uses", &cookie).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_the_desk_of_its_own_enterprise_alone() {
    let book = Book::open().await;
    book.publish().await;
    for path in ["/company", "/company/requests", "/company/grants", "/company/uses", "/company/gates"] {
        let nobody = page(&book, path, "").await.expect(401);
        assert!(nobody.text().contains("href=\"/company/sign-in\""), "{path}");
    }
    let ours = signed_in(&book, &book.sandbox.token).await;
    let theirs = signed_in(&book, &book.stranger_token).await;
    for (cookie, name, has_template) in [(&ours, "sandbox", true), (&theirs, "stranger", false)] {
        let desk = page(&book, "/company", cookie).await.expect(200).text().to_owned();
        assert!(desk.contains(&format!("<h1>{name}</h1>")), "{desk}");
        let requests = page(&book, "/company/requests", cookie).await.expect(200).text().to_owned();
        assert_eq!(requests.contains("recommendations"), has_template, "{name}");
    }
    let preview = "/company/requests/preview?template=recommendations";
    page(&book, preview, &ours).await.expect(200);
    page(&book, preview, &theirs).await.expect(404);
    // a desk is no customer, and its cookie under the other name nobody
    page(&book, "/my", &ours).await.expect(403);
    page(&book, "/my", &ours.replace("__Host-desk", "__Host-session")).await.expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_none_opens_nothing() {
    let book = Book::open().await;
    let operator = book.ledger.create_token(book.tenant(), Role::Operator, "audits").unwrap().1;
    let mangled = book.service_token.replace("gbk_", "gbk-");
    for token in ["", "gbk_", mangled.as_str(), operator.as_str()] {
        let answer = shown(&book, token, "").await.expect(303);
        assert_eq!(answer.header("location"), "/company/sign-in?refused", "{token}");
        assert!(answer.headers.get("set-cookie").is_none());
    }
    let said = page(&book, "/company/sign-in?refused", "").await.expect(200).text().to_owned();
    assert!(said.contains("role=\"alert\"") && !said.contains("value=\"gbk_"), "{said}");
    let tries = async || shown(&book, "gbk_wrong", "").await.status.as_u16();
    let mut statuses = Vec::new();
    for _ in 0..12 {
        statuses.push(tries().await);
    }
    assert!(statuses.contains(&429), "{statuses:?}");
    // of another site, or not from a page at all
    for site in ["https://evil.example", "null"] {
        let call = Call::post("/company/sign-in")
            .header("origin", site)
            .bytes("application/x-www-form-urlencoded", format!("token={}", book.service_token));
        let refused = book.send(call).await;
        assert!([403, 429].contains(&refused.status.as_u16()), "{site}");
        assert!(refused.headers.get("set-cookie").is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_desk_ends_at_sign_out_with_its_token_and_where_another_begins() {
    let book = Book::open().await;
    let (info, token) = book.ledger.create_token(book.tenant(), Role::Admin, "desk").unwrap();
    let open = async |cookie: &str| page(&book, "/company", cookie).await.status.as_u16();

    let planted = format!("__Host-desk={}", "A".repeat(43));
    let first = cookie_of(&shown(&book, &token, &planted).await.expect(303));
    assert_ne!(first, planted);
    assert_eq!((open(&planted).await, open(&first).await), (401, 200));
    assert_eq!(open(&format!("{first}; {planted}")).await, 401, "one of two was planted");
    let second = cookie_of(&shown(&book, &token, &first).await.expect(303));
    assert_eq!((open(&first).await, open(&second).await), (401, 200));

    let own = form_token(&page(&book, "/company", &second).await.expect(200));
    let other = signed_in(&book, &book.stranger_token).await;
    let others = form_token(&page(&book, "/company", &other).await.expect(200));
    for wrong in ["", others.as_str()] {
        let refused = form(&book, "/company/sign-out", &second, format!("form_token={wrong}"));
        assert_eq!(book.send(refused).await.expect(403).slug(), "cross-site");
    }
    assert_eq!(open(&second).await, 200);
    let out = form(&book, "/company/sign-out", &second, format!("form_token={own}"));
    let out = book.send(out).await.expect(303);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(
        (open(&second).await, open(&other).await),
        (401, 200),
        "the server forgets it, not the browser alone"
    );

    let third = signed_in(&book, &token).await;
    assert_eq!(open(&third).await, 200);
    book.ledger.revoke_token(book.tenant(), &info.id).unwrap();
    assert_eq!(open(&third).await, 401, "what came of a revoked token ends with it");
}

/// A tenant that keeps its own key: a template, a notice and a customer of its own.
pub(crate) struct Stranger {
    pub(crate) id: TenantId,
    signer: Signer,
}

impl Stranger {
    pub(crate) async fn prepare(book: &Book) -> Self {
        let known = book.ledger.tenants().into_iter().find(|tenant| tenant.name == "stranger").unwrap();
        let stranger = Self { id: known.id, signer: signer(250) };
        let notice =
            json!({"id": "notice", "version": 1, "language": "en", "text": "We look at your purchases."});
        stranger.append(book, Kind::NoticePublished, &notice, &[]).await;
        let template = json!({"id": "offers", "version": 1,
            "text": [{"language": "en", "title": "Offers", "body": "Offers for you."}],
            "bounds": {"controllers": ["shop"], "recipients": ["shop"], "purposes": ["marketing"],
                "categories": ["purchases"], "validity_days_max": 30, "uses_max": 10,
                "price_min": {"currency": "CNY", "minor": 50}}});
        stranger.append(book, Kind::TemplatePublished, &template, &[]).await;
        let customer = signer(77);
        let enrolled = json!({"sub": "st-00001", "key": customer.public_key(), "evidence": "enterprise"});
        stranger.append(book, Kind::KeyEnrolled, &enrolled, &[&customer]).await;
        stranger
    }

    async fn append(&self, book: &Book, kind: Kind, event: &Value, more: &[&Signer]) {
        let mut signers = more.to_vec();
        signers.push(&self.signer);
        let payload = Claims::new(self.id, jti(), event).to_json();
        book.append(Envelope::sign(kind, &payload, &signers)).await.expect(201);
    }
}

pub(crate) const REQUESTED: &str =
    "template=offers&customer=st-00001&days=14&uses=5&price=0.75&without=purchases%2Fproduct";

#[tokio::test(flavor = "multi_thread")]
async fn a_company_signs_a_request_where_its_key_is_and_nobody_else_sees_it() {
    let book = Book::open().await;
    book.publish().await;
    let stranger = Stranger::prepare(&book).await;
    let desk = signed_in(&book, &book.stranger_token).await;
    let preview = page(&book, &format!("/company/requests/preview?{REQUESTED}"), &desk).await.expect(200);
    assert!(preview.text().contains("0.75") && preview.text().contains("Send this request"));
    let token = form_token(&preview);
    let send =
        async |cookie: &str, path: &str, body: String| book.send(form(&book, path, cookie, body)).await;
    let size = book.size_root().0.0;
    send(&desk, "/company/requests", format!("form_token=x&{REQUESTED}")).await.expect(403);
    let made = send(&desk, "/company/requests", format!("form_token={token}&{REQUESTED}")).await.expect(303);
    let prepared = made.header("location").to_owned();
    assert!(prepared.starts_with("/company/requests/prepared/"), "{prepared}");
    assert_eq!(book.size_root().0.0, size, "nothing is on the log that the enterprise has not signed");

    let payload = page(&book, &format!("{prepared}/payload"), &desk).await.expect(200);
    let ours = signed_in(&book, &book.sandbox.token).await;
    page(&book, &prepared, &ours).await.expect(404);
    page(&book, &format!("{prepared}/payload"), &ours).await.expect(404);

    let jws = |payload: &[u8], signer: &Signer| {
        let envelope = Envelope::sign(Kind::RequestMade, payload, &[signer]);
        Envelope::parse(&envelope).unwrap().first_jws().to_owned()
    };
    let other = String::from_utf8(payload.body.to_vec()).unwrap().replace("\"minor\":75", "\"minor\":76");
    for wrong in [
        "nonsense".to_owned(),
        jws(&payload.body, &signer(66)),
        // signed by the right key, but not what the page said
        jws(other.as_bytes(), &stranger.signer),
    ] {
        let refused = send(&desk, &prepared, format!("form_token={token}&jws={wrong}")).await.expect(303);
        assert!(refused.header("location").ends_with("?refused"), "{wrong}");
    }
    assert_eq!(book.size_root().0.0, size);
    let right = jws(&payload.body, &stranger.signer);
    let done = send(&desk, &prepared, format!("form_token={token}&jws={right}")).await.expect(303);
    assert_eq!(done.header("location"), format!("/company/requests?made={size}"));
    let sub = SubjectId::parse("st-00001").unwrap();
    assert_eq!(book.ledger.customer(stranger.id, &sub).unwrap().requests.len(), 1);
    page(&book, &prepared, &desk).await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_desk_lists_requests_that_wait_and_no_others() {
    let book = Book::open().await;
    let published = book.publish().await;
    let person = Person::enrolled(&book, "cs-00001", 1).await;
    let desk = signed_in(&book, &book.service_token).await;
    let listed = async || {
        let page = page(&book, "/company/requests", &desk).await.expect(200).text().to_owned();
        page.matches("<code>cs-00001</code>").count()
    };
    assert_eq!(listed().await, 0);
    let first = person.asked(&published).await;
    let second = person.asked(&published).await;
    person.asked(&published).await;
    assert_eq!(listed().await, 3);
    person.agrees(first).await;
    assert_eq!(listed().await, 2);
    let (_, prepared) = person.prepared(&format!("/my/requests/{second}/decline"), "").await;
    person.send(&signed_by(&prepared, &person.signer), None).await.expect(201);
    assert_eq!(listed().await, 1);
    // nothing of another enterprise's
    let others = signed_in(&book, &book.stranger_token).await;
    assert!(!page(&book, "/company/requests", &others).await.expect(200).text().contains("cs-00001"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_says_what_is_wrong_and_makes_nothing_of_it() {
    let book = Book::open().await;
    Stranger::prepare(&book).await;
    let desk = signed_in(&book, &book.stranger_token).await;
    let size = book.size_root().0.0;
    for (wrong, key) in [
        ("customer=nobody", "Name a customer"),
        ("customer=%00", "Name a customer"),
        ("customer=st-00001&days=31", "Days from 1"),
        ("customer=st-00001&uses=0", "Uses from 1"),
        ("customer=st-00001&price=0.49", "An amount"),
        ("customer=st-00001&price=-1", "An amount"),
        ("customer=st-00001&from=2025-09-30&to=2025-07-01", "Two days"),
        ("customer=st-00001&from=2025-02-30&to=2025-07-01", "Two days"),
        ("customer=st-00001&without=purchases", "Something of the data"),
        ("customer=st-00001&without=dreams", "Something of the data"),
        ("customer=st-00001&purpose=research", "The template names no such purpose"),
        ("customer=st-00001&recipient=everybody", "The template names no such recipient"),
        ("customer=st-00001&answer=91", "Days to answer"),
    ] {
        let query = format!("template=offers&{wrong}");
        let preview =
            page(&book, &format!("/company/requests/preview?{query}&lang=en"), &desk).await.expect(200);
        assert!(preview.text().contains(key), "{wrong}: {}", preview.text());
        assert!(!preview.text().contains("Send this request"), "{wrong}");
        let token = form_token(&preview);
        let sent = form(&book, "/company/requests", &desk, format!("form_token={token}&{query}"));
        let back = book.send(sent).await.expect(303);
        assert!(back.header("location").starts_with("/company/requests/preview?template=offers"), "{wrong}");
    }
    assert_eq!(book.size_root().0.0, size);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doors_of_a_sandbox_are_open_on_this_machine_alone() {
    let book = Book::open().await;
    grantbook_server::story::tell(&book.ledger).unwrap();
    let door = |book: &Book, name: &str| form(book, &format!("/sandbox/{name}"), "", String::new());
    let front = page(&book, "/", "").await.expect(200);
    assert!(front.text().contains("action=\"/sandbox/customer\""));

    let customer = cookie_of(&book.send(door(&book, "customer")).await.expect(303));
    let home = page(&book, "/my", &customer).await.expect(200);
    let request = home.text().split("href=\"/my/requests/").nth(1).unwrap().split('"').next().unwrap();
    let review = page(&book, &format!("/my/requests/{request}"), &customer).await.expect(200);
    // who only looks signs nothing
    let size = book.size_root().0.0;
    let agree = format!("/my/requests/{request}/agree");
    let agreed = form(&book, &agree, &customer, format!("form_token={}", form_token(&review)));
    assert_eq!(book.send(agreed).await.expect(303).header("location"), "/#own-key");
    assert_eq!(book.size_root().0.0, size);
    let again = cookie_of(&book.send(door(&book, "customer")).await.expect(303));
    page(&book, "/my", &again).await.expect(200);

    let company = cookie_of(&book.send(door(&book, "company")).await.expect(303));
    page(&book, "/company", &company).await.expect(200);
    page(&book, "/my", &company).await.expect(403);
    let own = book.send(door(&book, "own-key")).await.expect(303);
    assert!(own.header("location").starts_with("/i/"), "{}", own.header("location"));

    for name in ["customer", "company", "own-key"] {
        for proxy in ["x-forwarded-for", "forwarded", "x-real-ip"] {
            let through = door(&book, name).header(proxy, "192.0.2.7");
            book.send(through).await.expect(404);
        }
        let foreign = Call::post(format!("/sandbox/{name}")).header("origin", "https://evil.example");
        assert_eq!(book.send(foreign).await.expect(403).slug(), "cross-site");
    }

    // a browser that opens the number of this machine goes on under its name, where passkeys and forms work
    let opened =
        |host: String, mode: &str| Call::get("/?a=1").header("host", &host).header("sec-fetch-mode", mode);
    for number in ["127.0.0.1", "[::1]"] {
        let host = format!("{number}:{}", book.address.port());
        let to = book.send(opened(host.clone(), "navigate")).await.expect(307);
        assert_eq!(to.header("location"), format!("{}/?a=1", origin(&book)));
        book.send(opened(host, "no-cors")).await.expect(200);
    }
    // not who comes from elsewhere, or by another port, as through a tunnel
    for elsewhere in ["192.0.2.1:80", "127.0.0.1:1"] {
        book.send(opened(elsewhere.to_owned(), "navigate")).await.expect(200);
    }

    let closed = Book::open_with(|config| config.sandbox = false).await;
    let named =
        Book::open_with(|config| config.portal.origin = Some("https://portal.example".to_owned())).await;
    for (book, origin) in [(&closed, origin(&closed)), (&named, "https://portal.example".to_owned())] {
        grantbook_server::story::tell(&book.ledger).unwrap();
        let front = page(book, "/", "").await.expect(200);
        assert!(!front.text().contains("/sandbox/"), "{origin}");
        book.send(opened(book.address.to_string(), "navigate")).await.expect(200);
        for name in ["customer", "company", "own-key"] {
            let call = Call::post(format!("/sandbox/{name}")).header("origin", &origin);
            book.send(call).await.expect(404);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn long_lists_are_paged_and_nothing_is_left_out() {
    let book = Book::open().await;
    let published = book.publish().await;
    let customer = book.customer("cs-00001", 1).await;
    book.append(book.grant_event(&customer, published.terms(&json!({})))).await.expect(201);
    for _ in 0..130 {
        book.ledger.decide_and_record(book.tenant(), &facts("cs-00001", 2), None, None).unwrap();
    }
    let desk = signed_in(&book, &book.service_token).await;
    let (mut address, mut seen, mut pages) = ("/company/uses".to_owned(), 0, 0);
    loop {
        let shown = page(&book, &address, &desk).await.expect(200);
        let text = shown.text();
        seen += text.matches("<td data-label=\"Customer\"").count();
        pages += 1;
        let Some((_, next)) = text.split_once("class=\"button\" href=\"/company/uses?before=") else { break };
        address = format!("/company/uses?before={}", next.split('"').next().unwrap());
    }
    assert_eq!((seen, pages), (130, 2));
}
