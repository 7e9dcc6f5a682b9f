//! Pages for regulators and auditors: public, and checked by the reader's own browser.

use askama::Template;
use axum::response::Response;

use super::laws::{Profile, profiles};
use super::{Page, respond};
use crate::view::regulator::LogState;

#[derive(Template)]
#[template(path = "regulator/log.html")]
struct LogTemplate<'a> {
    page: &'a Page,
    view: &'a LogState,
    base_url: &'a str,
    /// Witnesses that have cosigned.
    signed: usize,
    profiles: Vec<Profile>,
}

/// The log as it stands.
pub fn log(page: &Page, view: &LogState, base_url: &str) -> Response {
    let signed = view.witnesses.iter().filter(|(_, signed)| *signed).count();
    respond(page, &LogTemplate { page, view, base_url, signed, profiles: profiles(page) })
}

#[derive(Template)]
#[template(path = "regulator/bundle.html")]
struct BundleTemplate<'a> {
    page: &'a Page,
}

/// Where the browser verifies bundles of proofs.
pub fn bundle(page: &Page) -> Response {
    respond(page, &BundleTemplate { page })
}
