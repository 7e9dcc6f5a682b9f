//! The enterprise's desk over HTTP: who comes in, as whom, and for how long.

use grantbook_engine::Role;

use crate::book::Book;
use crate::client::{Answer, Call};
use crate::person::{cookie_of, origin};

fn form(book: &Book, path: &str, cookie: &str, body: String) -> Call {
    Call::post(path)
        .header("origin", origin(book))
        .header("cookie", cookie)
        .bytes("application/x-www-form-urlencoded", body)
}

async fn shown(book: &Book, token: &str, cookie: &str) -> Answer {
    book.send(form(book, "/company/sign-in", cookie, format!("token={token}"))).await
}

async fn signed_in(book: &Book, token: &str) -> String {
    let answer = shown(book, token, "").await.expect(303);
    assert_eq!(answer.header("location"), "/company");
    cookie_of(&answer)
}

async fn page(book: &Book, path: &str, cookie: &str) -> Answer {
    book.send(Call::get(path).header("cookie", cookie)).await
}

fn form_token(page: &Answer) -> String {
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
        let desk = page(&book, "/company", cookie).await.expect(200).text();
        assert!(desk.contains(&format!("<h1>{name}</h1>")), "{desk}");
        let requests = page(&book, "/company/requests", cookie).await.expect(200).text();
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
    let said = page(&book, "/company/sign-in?refused", "").await.expect(200).text();
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
