//! Over every screen of the gallery, in both languages: what holds of a page without a browser.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails says where")]

use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, header};
use tower::ServiceExt as _;

use crate::{assets, gallery};

async fn get(address: &str) -> Response<Body> {
    let request = Request::get(address).body(Body::empty()).unwrap();
    gallery::router().oneshot(request).await.unwrap()
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap()
}

/// Every page: its name and its HTML.
async fn pages() -> Vec<(String, String)> {
    let mut pages = Vec::new();
    for (screen, state) in gallery::screens() {
        for language in ["en", "zh-CN"] {
            let name = format!("/gallery/{screen}/{state}?lang={language}");
            pages.push((name.clone(), text(get(&name).await).await));
        }
    }
    pages
}

#[tokio::test]
async fn what_others_wrote_is_escaped_wherever_it_is_shown() {
    let mut seen = 0;
    for (name, html) in pages().await {
        for forbidden in ["<script>", "<img", "onerror=alert(1)>", " style=\"", "javascript:"] {
            let harmless = html.replace("onerror=alert(1)&#62;", "");
            assert!(!harmless.contains(forbidden), "{forbidden} in {name}");
        }
        if name.contains("/hostile") {
            assert!(html.contains("&#60;script&#62;fetch(&#39;//evil&#39;)"), "{name} shows the name");
            seen += 1;
        }
    }
    assert!(seen >= 16, "hostile screens: {seen}");
}

#[tokio::test]
async fn nothing_is_ticked_or_chosen_beforehand() {
    for (name, html) in pages().await {
        // what they have chosen themselves is shown as chosen
        let tried = name.contains("/rule/") && !name.contains("/rule/new");
        if tried || name.contains("/mail/confirmed") || name.contains("/mail/asked") {
            continue;
        }
        for tag in html.split('<').filter_map(|tag| tag.split('>').next()) {
            for forbidden in [" checked", " selected", " autofocus"] {
                let is_input = ["input", "option", "button"].iter().any(|name| tag.starts_with(name));
                assert!(!(is_input && tag.contains(forbidden)), "{tag} in {name}");
            }
        }
    }
}

#[tokio::test]
async fn the_first_view_is_light() {
    let sheet = text(get(&assets::address("portal.css")).await).await.len();
    let scripts = ["words.js", "receipt.js", "log.js", "consistency.js", "live.js", "bundle.js", "mark.svg"];
    let mut largest = 0;
    for script in scripts {
        largest += text(get(&assets::address(script)).await).await.len();
    }
    for (name, html) in pages().await {
        let bytes = html.len() + sheet + largest;
        assert!(bytes <= 100_000, "{name}: {bytes} bytes with everything that any page loads at first");
    }
}

#[tokio::test]
async fn every_page_says_its_language_and_forbids_what_it_does_not_need() {
    for (screen, state) in gallery::screens() {
        let response = get(&format!("/gallery/{screen}/{state}?lang=zh-CN")).await;
        let headers = response.headers();
        assert_eq!(headers[header::CONTENT_LANGUAGE], "zh-CN");
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"), "{policy}");
        assert!(!policy.contains("unsafe") && policy.contains("trusted-types 'none'"), "{policy}");
        let html = text(response).await;
        assert!(
            html.contains("<html lang=\"zh-CN\">") && html.contains("lang=en\" hreflang=\"en\""),
            "{screen}/{state}"
        );
    }
}

#[tokio::test]
async fn assets_are_cached_for_ever_under_their_digest_and_are_not_there_under_another() {
    let address = assets::address("portal.css");
    let response = get(&address).await;
    assert_eq!(response.headers()[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/css; charset=utf-8");
    let other = address.replace("/assets/", "/assets/0");
    assert_eq!(get(&other).await.status(), 404);
}

#[tokio::test]
async fn pages_that_cannot_be_shown_say_so_with_the_right_status() {
    for (state, status) in [
        ("sign-in", 401),
        ("not-yours", 403),
        ("company-sign-in", 401),
        ("not-a-company", 403),
        ("not-found", 404),
        ("erased", 410),
        ("unavailable", 503),
        ("no-key", 409),
    ] {
        assert_eq!(get(&format!("/gallery/fault/{state}")).await.status(), status, "{state}");
    }
}
