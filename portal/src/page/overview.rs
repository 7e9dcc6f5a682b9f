//! The front page.

use askama::Template;
use axum::response::Response;

use super::{Page, respond};
use crate::view::overview::Overview;

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewTemplate<'a> {
    page: &'a Page,
    view: &'a Overview,
}

/// What this server is, and the state of its log.
pub fn overview(page: &Page, view: &Overview) -> Response {
    respond(page, &OverviewTemplate { page, view })
}
