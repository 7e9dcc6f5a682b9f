//! What is refused, with the construct and its line.

use std::collections::BTreeMap;

use grantbook_author::cedar::lower;
use grantbook_plan::Vocabulary;

use super::{file, policy};

fn refusal(text: String) -> String {
    match lower(&[file(text)], BTreeMap::new(), Vocabulary::builtin()) {
        Ok(_) => "lowered".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_cannot_be_lowered_is_refused_with_its_construct_and_line() {
    for (line, construct, condition) in [
        (
            4,
            "the function `datetime` cannot be lowered",
            "true &&\n datetime(\"2026-01-01\") < datetime(\"2026-01-02\")",
        ),
        (4, "the function `isLoopback` cannot be lowered", "true &&\n ip(\"127.0.0.1\").isLoopback()"),
        (3, "an attribute of what was computed cannot be lowered", "{a: context.now}.a == 1"),
        (
            4,
            "`resource` itself cannot be lowered, expected one of its attributes",
            "context.now > 1 &&\n resource == Customer::\"cs-1\"",
        ),
        (
            4,
            "`resource` itself cannot be lowered, expected one of its attributes",
            "context.now > 1 &&\n Customer::\"cs-1\" == resource",
        ),
        (3, "a set of anything but words cannot be lowered", "[context.now, 7].contains(7)"),
        (3, "`like` cannot be lowered", "\"a\" like \"b*\""),
        (3, "`context.grant` cannot be lowered", "context.grant == context.grant"),
        (
            3,
            "compares Purpose with Category, expected one type",
            "context.now > 1 || context.purpose in Category::\"driving\"",
        ),
    ] {
        let text = policy("p", &format!("forbid (principal, action, resource)\nwhen {{ {condition} }};"));
        let refused = refusal(text);
        assert_eq!(refused, format!("test.cedar, line {line}, policy p: {construct}"));
    }
}

#[test]
fn what_cedar_refuses_is_refused_with_its_line() {
    for (line, condition) in [
        (3, "context.purpose == Purpose::\"dreaming\""),
        // never true, which Cedar says of the policy as a whole
        (1, "context.purpose == Category::\"driving\""),
        (4, "true &&\n context.level > 3"),
        (4, "true &&\n context.weather == 3"),
        (3, "context.grant.consents.contains(Consent::\"anything\")"),
    ] {
        let text = policy("p", &format!("forbid (principal, action, resource)\nwhen {{ {condition} }};"));
        let refused = refusal(text);
        assert!(refused.starts_with(&format!("test.cedar, line {line}, policy p: ")), "{refused}");
    }
    let refused = refusal(policy("p", "forbid (principal, action, resource)\nwhen { context.now < };"));
    assert!(refused.starts_with("test.cedar, line 3: "), "{refused}");
}

#[test]
fn annotations_are_asked_for() {
    let bare = "permit (principal, action, resource);";
    for (text, expected) in [
        (bare.to_owned(), "test.cedar, line 1: a policy without @id(\"...\")"),
        (format!("\n@id(\"p\") {bare}"), "test.cedar, line 2: a policy without @en(\"...\")"),
        (policy("Not a term", bare), "test.cedar, line 1: @id: malformed term"),
        (policy("p", bare) + &policy("p", bare), "test.cedar, line 3: two policies p, expected each id once"),
        (
            policy("p", "permit (principal == ?principal, action, resource);"),
            "test.cedar, line 1: a template",
        ),
    ] {
        let refused = refusal(text);
        assert!(refused.starts_with(expected), "{refused}");
    }
}
