//! The signing page: one page and its modules, the same bytes for everybody, under a policy that lets nothing else run.
//!
//! Scripts run by their hashes alone, which the page's import map repeats for what modules import. No string becomes a
//! script or markup (Trusted Types, with no policy at all), nothing is fetched but from the portal, and no page frames it.
//! The hash of all files is on the log. What that does not protect from says `docs/threat-model.md`.

use std::fmt::Write as _;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use grantbook_record::encoding::{Bytes32, to_base64url};
use sha2::{Digest as _, Sha256};

use super::Portal;
use crate::failure::Failure;

const PAGE: &str = include_str!("../../templates/sign/page.html");
const STYLE: &str = include_str!("../../static/sign/sign.css");

/// Modules by name.
const MODULES: [(&str, &str); 17] = [
    ("account.js", include_str!("../../static/sign/account.js")),
    ("agent.js", include_str!("../../static/sign/agent.js")),
    ("bytes.js", include_str!("../../static/sign/bytes.js")),
    ("code.js", include_str!("../../static/sign/code.js")),
    ("consents.js", include_str!("../../static/sign/consents.js")),
    ("cosign.js", include_str!("../../static/sign/cosign.js")),
    ("devices.js", include_str!("../../static/sign/devices.js")),
    ("enrol.js", include_str!("../../static/sign/enrol.js")),
    ("jws.js", include_str!("../../static/sign/jws.js")),
    ("keys.js", include_str!("../../static/sign/keys.js")),
    ("main.js", include_str!("../../static/sign/main.js")),
    ("meaning.js", include_str!("../../static/sign/meaning.js")),
    ("only.js", include_str!("../../static/sign/only.js")),
    ("rules.js", include_str!("../../static/sign/rules.js")),
    ("screen.js", include_str!("../../static/sign/screen.js")),
    ("signers.js", include_str!("../../static/sign/signers.js")),
    ("words.js", include_str!("../../static/sign/words.js")),
];

/// The page as it is served.
pub(super) struct SigningPage {
    /// Modules by name: those above, and the words of the vocabulary.
    modules: Vec<(&'static str, String)>,
    html: String,
    policy: String,
}

impl SigningPage {
    /// Puts style, import map and hashes into the page.
    pub(super) fn new(vocabulary: &str) -> Self {
        let terms =
            format!("// Terms of the vocabulary in words.\nexport const TERMS = {};\n", vocabulary.trim());
        let mut modules: Vec<(&str, String)> =
            MODULES.map(|(name, module)| (name, module.to_owned())).to_vec();
        modules.push(("terms.js", terms));
        modules.sort();
        let integrity = |bytes: &str| format!("sha256-{}", STANDARD.encode(Sha256::digest(bytes)));
        let mut map = String::from("{\"integrity\":{");
        for (at, (name, module)) in modules.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            // writing to a string cannot fail
            let _ = write!(map, "{comma}\"/sign/{name}\":\"{}\"", integrity(module));
        }
        map.push_str("}}");
        let main = modules.iter().find(|(name, _)| *name == "main.js").map_or("", |(_, module)| module);
        let html = PAGE
            .replace("{style}", STYLE)
            .replace("{import_map}", &map)
            .replace("{integrity}", &integrity(main));
        let scripts = modules.iter().map(|(_, module)| module.as_str()).chain([map.as_str()]);
        let scripts: Vec<String> = scripts.map(|script| format!("'{}'", integrity(script))).collect();
        let policy = format!(
            "default-src 'none'; script-src {}; style-src '{}'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'; trusted-types 'none'; require-trusted-types-for 'script'",
            scripts.join(" "),
            integrity(STYLE),
        );
        Self { modules, html, policy }
    }

    /// SHA-256 of a line for each file: its own SHA-256 in base64url, a space, its path.
    pub(super) fn files_sha256(&self) -> Bytes32 {
        let mut list = String::new();
        let page = ("", self.html.as_str());
        let modules = self.modules.iter().map(|(name, module)| (*name, module.as_str()));
        for (name, bytes) in std::iter::once(page).chain(modules) {
            let _ = writeln!(list, "{} /sign/{name}", to_base64url(&Bytes32::sha256(bytes.as_bytes()).0));
        }
        Bytes32::sha256(list.as_bytes())
    }
}

pub(super) fn routes() -> Router<Portal> {
    Router::new()
        .route("/sign", get(async || Redirect::permanent("/sign/")))
        .route("/sign/", get(page))
        .route("/sign/{module}", get(module))
}

async fn page(State(portal): State<Portal>) -> Response {
    let SigningPage { html, policy, .. } = &portal.0.page;
    let mut response = (guarded("text/html; charset=utf-8"), html.clone()).into_response();
    if let Ok(policy) = HeaderValue::from_str(policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

async fn module(State(portal): State<Portal>, Path(name): Path<String>) -> Result<Response, Failure> {
    let found = portal.0.page.modules.iter().find(|(known, _)| *known == name).ok_or(Failure::NotFound)?;
    let mut response = (guarded("text/javascript; charset=utf-8"), found.1.clone()).into_response();
    let nothing = HeaderValue::from_static("default-src 'none'");
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, nothing);
    Ok(response)
}

fn guarded(media: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (header::CONTENT_TYPE, media),
        // whoever checks the files on the log checks what is served now
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        // for browsers that do not know `frame-ancestors`
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-embedder-policy"), "require-corp"),
        (
            HeaderName::from_static("permissions-policy"),
            "publickey-credentials-create=(self), publickey-credentials-get=(self), camera=(), geolocation=(), microphone=()",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
}
