//! Having everything erased at one enterprise.

use askama::Template;
use axum::response::Response;

use super::{Page, respond};
use crate::view::erasure::{ErasureReport, ErasureReview, ErasureState};

#[derive(Template)]
#[template(path = "customer/erase.html")]
struct ReviewTemplate<'a> {
    page: &'a Page,
    view: &'a ErasureReview,
}

/// What it means, and the button that does it.
pub fn review(page: &Page, view: &ErasureReview) -> Response {
    respond(page, &ReviewTemplate { page, view })
}

#[derive(Template)]
#[template(path = "customer/erased.html")]
struct ReportTemplate<'a> {
    page: &'a Page,
    view: &'a ErasureReport,
}

/// How far it is.
pub fn report(page: &Page, view: &ErasureReport) -> Response {
    respond(page, &ReportTemplate { page, view })
}
