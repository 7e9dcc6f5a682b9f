//! Style sheet, modules and the second verifier: in the binary, under addresses that change with their bytes.
//!
//! All of them share one prefix with the digest of everything, and keep their paths in the source tree behind it. So
//! modules import one another by the relative paths that they have on disk, and any of them may be cached for ever.

use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};
use sha2::{Digest as _, Sha256};

#[derive(RustEmbed)]
#[folder = "static/"]
struct Portal;

#[derive(RustEmbed)]
#[folder = "../sdk/verifier/src/"]
#[include = "*.js"]
struct Verifier;

const PORTAL: &str = "portal/static/";
const VERIFIER: &str = "sdk/verifier/src/";

/// The route of [`serve`].
pub(crate) const ROUTE: &str = "/assets/{digest}/{*path}";

fn digest() -> &'static str {
    static DIGEST: LazyLock<String> = LazyLock::new(|| {
        let mut names: Vec<_> = Portal::iter().map(|name| (PORTAL, name)).collect();
        names.extend(Verifier::iter().map(|name| (VERIFIER, name)));
        names.sort();
        let mut digest = Sha256::new();
        for (folder, name) in names {
            let hash = find(&format!("{folder}{name}")).map(|file| file.metadata.sha256_hash());
            digest.update(folder);
            digest.update(name.as_bytes());
            digest.update([0]);
            digest.update(hash.unwrap_or_default());
        }
        let mut text = String::new();
        for byte in digest.finalize().iter().take(12) {
            let _ = write!(text, "{byte:02x}"); // writing to a string does not fail
        }
        text
    });
    &DIGEST
}

fn find(path: &str) -> Option<EmbeddedFile> {
    match path.strip_prefix(PORTAL) {
        Some(name) => Portal::get(name),
        None => Verifier::get(path.strip_prefix(VERIFIER)?),
    }
}

/// The address of one of the portal's own files.
pub(crate) fn address(name: &str) -> String {
    format!("/assets/{}/{PORTAL}{name}", digest())
}

pub(crate) async fn serve(Path((of, path)): Path<(String, String)>) -> Response {
    // an address of other bytes would be cached for ever with these
    let Some(file) = (of == digest()).then(|| find(&path)).flatten() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let kind = match path.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, file.data).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_under_their_paths_in_the_source_tree() {
        assert!(address("portal.css").starts_with("/assets/") && find("portal/static/portal.css").is_some());
        assert!(find("sdk/verifier/src/index.js").is_some());
        for path in
            ["portal/static/../Cargo.toml", "sdk/verifier/src/", "portal.css", "sdk/verifier/package.json"]
        {
            assert!(find(path).is_none(), "{path}");
        }
    }
}
