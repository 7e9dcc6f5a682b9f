use super::*;

fn overview(sandbox: bool) -> Overview {
    Overview {
        origin: "log.example/<script>".to_owned(),
        tree_size: 42,
        root: "MpIghwdLQvu/Ojo2cjqyeCX9m62x4pvd68P+qD6ewE0=".to_owned(),
        sandbox,
        base_url: "http://127.0.0.1:8460".to_owned(),
    }
}

fn render(sandbox: bool, language: Language) -> String {
    OverviewPage { overview: &overview(sandbox), language, text: language.text() }.render().unwrap()
}

#[test]
fn the_page_shows_the_log_and_escapes_what_it_shows() {
    for language in [Language::English, Language::Chinese] {
        let html = render(true, language);
        for expected in [
            "MpIghwdLQvu/Ojo2cjqyeCX9m62x4pvd68P+qD6ewE0=",
            ">42<",
            "href=\"/log/checkpoint\"",
            "href=\"/openapi.json\"",
            "href=\"/metrics\"",
            language.text().sandbox,
            language.text().lead,
            &format!("<html lang=\"{}\">", language.tag()),
        ] {
            assert!(html.contains(expected), "{expected} in {language:?}");
        }
        assert!(!html.contains("<script"), "escaped, and no scripts of our own");
        assert!(!html.contains("style=\""), "no inline styles: the policy forbids them");
        assert!(html.contains("-- check --sandbox"));
        let html = render(false, language);
        assert!(!html.contains("sandbox") && !html.contains(language.text().sandbox));
        assert!(html.contains("curl http://127.0.0.1:8460/log/checkpoint"));
    }
}

#[test]
fn headers_are_strict() {
    let response = front_page(&overview(true), Language::English);
    let policy = response.headers().get(header::CONTENT_SECURITY_POLICY).unwrap();
    assert!(policy.to_str().unwrap().starts_with("default-src 'none'; style-src 'self'"));
    assert_eq!(response.headers().get(header::CONTENT_LANGUAGE).unwrap(), "en");
    assert_eq!(response.headers().get(header::VARY).unwrap(), "accept-language");
}

#[test]
fn the_language_is_asked_for_or_preferred() {
    for (query, accepted, expected) in [
        (None, None, Language::English),
        (Some("lang=zh"), Some("en"), Language::Chinese),
        (Some("x=1&lang=zh-CN"), None, Language::Chinese),
        (Some("lang=en"), Some("zh-CN"), Language::English),
        (Some("lang=fr"), Some("zh"), Language::Chinese),
        (None, Some("zh-CN,zh;q=0.9,en;q=0.8"), Language::Chinese),
        (None, Some("de,en;q=0.5,zh;q=0.7"), Language::Chinese),
        (None, Some("en, zh;q=0.999"), Language::English),
        (None, Some("zh;q=0, en;q=0.1"), Language::English),
        (None, Some("de, fr"), Language::English),
        (None, Some(";;;,q=,zh;q=x"), Language::English),
    ] {
        let mut headers = HeaderMap::new();
        if let Some(accepted) = accepted {
            headers.insert(header::ACCEPT_LANGUAGE, accepted.parse().unwrap());
        }
        assert_eq!(Language::choose(query, &headers), expected, "{query:?} {accepted:?}");
    }
}
