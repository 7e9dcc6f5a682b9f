//! The portal's routes as its sources name them, and what is sent to each.

use std::collections::BTreeSet;
use std::path::Path;

use grantbook_record::TenantId;
use grantbook_record::encoding::to_base64url;
use serde_json::{Value, json};

use crate::person::code;

/// What is sent.
pub(super) enum Body {
    None,
    /// The fields that follow the form's token.
    Form(String),
    Json(Value),
}

fn form(more: &str) -> Body {
    Body::Form(more.to_owned())
}

/// What is sent to a route; a form that nobody has thought of fails the test.
pub(super) fn body(method: &str, route: &str, tenant: TenantId) -> Body {
    let secret = "A".repeat(43);
    match (method, route) {
        ("GET", _) => Body::None,
        ("POST", "/my/grants/{id}/change") => form("&uses=3"),
        ("POST", "/my/account/complaints") => form(&format!("&company={tenant}&text=They+called.")),
        ("POST", "/company/complaints/{id}") => form("&text=We+are+sorry."),
        ("POST", "/my/rules/{tenant}") => form("&stands=90"),
        ("POST", "/my/account/notifications") => form("&address=&language=en&digest=off"),
        ("POST", "/my/space/{tenant}/{id}/wish") => form("&field=phone&value=140"),
        ("POST", "/my/space/{tenant}/{id}/confirm") => form("&milestone=phase-1"),
        ("POST", "/company/requests") => form("&template=recommendations&customer=cs-00002&days=14&uses=5"),
        ("POST", "/company/requests/prepared/{id}") => form("&jws=a.b.c"),
        ("POST", "/company/sign-in") => form("&token=gbk_none"),
        (
            "POST",
            "/my/notifications/seen"
            | "/mail/confirm/{secret}"
            | "/mail/unsubscribe/{secret}"
            | "/my/requests/{id}/agree"
            | "/my/requests/{id}/decline"
            | "/my/grants/{id}/pause"
            | "/my/grants/{id}/resume"
            | "/my/grants/{id}/stop"
            | "/my/signatures/{id}/drop"
            | "/my/account/data/{id}/erase"
            | "/my/rules/{tenant}/{mandate}/end"
            | "/company/sign-out"
            | "/sandbox/customer"
            | "/sandbox/company"
            | "/sandbox/own-key",
        ) => form(""),
        ("POST", "/account/challenge") => Body::Json(json!({"purpose": "step_up"})),
        ("POST", "/account/invitation" | "/account/join") => Body::Json(json!({"invitation": secret})),
        ("POST", "/account/enrol") => {
            Body::Json(json!({"tenant": tenant, "envelope": to_base64url(b"none")}))
        }
        ("POST", "/my/account/devices/{id}/name") => form("&name=kitchen"),
        ("POST", "/account/devices/look" | "/account/devices/step" | "/account/devices/finish") => {
            Body::Json(json!({"token": secret}))
        }
        ("POST", "/account/devices/join") => {
            Body::Json(json!({"token": secret, "name": "x", "commitment": secret}))
        }
        ("POST", "/account/cosign" | "/account/cosign/{id}/sign") => {
            Body::Json(json!({"envelope": to_base64url(b"none")}))
        }
        ("POST", "/account/signers/invite") => Body::Json(json!({"tenant": tenant, "name": "x"})),
        ("POST", "/my/account/signers/{tenant}") => form(&format!("&needed=1&key={secret}")),
        ("POST", "/account/devices/end") => Body::Json(json!({"device": "none"})),
        ("POST", "/account/recover") => Body::Json(json!({"code": code(90), "next": code(91)})),
        // what these take is tried one by one in `portal` and `recovering`
        (
            "POST",
            "/account/log-out"
            | "/account/erase"
            | "/account/register"
            | "/account/recovered"
            | "/account/log-in"
            | "/account/step-up"
            | "/account/devices/offer",
        ) => Body::Json(json!({})),
        _ => panic!("{method} {route} has no row: write what is sent there"),
    }
}

/// What changes or ends what others are asked about comes after them.
pub(super) fn turn(method: &str, route: &str) -> u8 {
    match (method, route) {
        (
            "POST",
            "/my/signatures/{id}/drop" | "/my/grants/{id}/stop" | "/my/rules/{tenant}/{mandate}/end",
        ) => 1,
        ("POST", "/my/account/data/{id}/erase") => 2,
        ("GET", "/my/account/data/{id}/erased") => 3,
        (_, "/account/erase") => 4,
        (_, "/account/log-out" | "/company/sign-out") => 5,
        _ => 0,
    }
}

fn sources(folder: &Path, into: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap();
        if name == "gallery" || name == "tests" {
            continue;
        }
        if path.is_dir() {
            sources(&path, into);
        } else {
            into.push(std::fs::read_to_string(path).unwrap());
        }
    }
}

/// Method and path of every route that the portal's sources name.
pub(crate) fn routes() -> BTreeSet<(&'static str, String)> {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../portal/src"), &mut files);
    let mut routes = BTreeSet::new();
    for file in &files {
        for rest in file.split(".route(").skip(1) {
            let (path, handlers) = rest.split_once(',').unwrap();
            let path = match path.trim() {
                "assets::ROUTE" => "/assets/{digest}/{*path}".to_owned(),
                path => {
                    let path = path.strip_prefix('"').and_then(|path| path.strip_suffix('"'));
                    path.expect("a route's path in quotes").to_owned()
                }
            };
            let handlers = handlers.trim_start();
            // `open!`, `mine!` and `ours!` are for GET alone
            let named =
                [("GET", "get("), ("GET", "open!("), ("GET", "mine!("), ("GET", "ours!("), ("POST", "post(")];
            let first = named.iter().find(|(_, call)| handlers.starts_with(call));
            let (method, _) = first.unwrap_or_else(|| panic!("{path} is of a method that nobody asks with"));
            assert!(routes.insert((*method, path.clone())), "{method} {path} twice");
        }
        for other in [".route_service(", ".nest(", ").post(", ").get(", ").put("] {
            assert!(!file.contains(other), "routes by `{other}` are not in the list");
        }
    }
    assert!(routes.len() > 70, "{routes:?}");
    routes
}
