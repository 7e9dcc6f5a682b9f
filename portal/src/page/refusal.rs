//! Customers' refusals, as the enterprise that asked sees them.

use askama::Template;
use axum::response::Response;

use super::{Page, respond};
use crate::view::refusal::{Refusal, Unless};

#[derive(Template)]
#[template(path = "company/refusals.html")]
struct RefusalsTemplate<'a> {
    page: &'a Page,
    view: &'a [Refusal],
}

/// The latest of them.
pub fn refusals(page: &Page, view: &[Refusal]) -> Response {
    respond(page, &RefusalsTemplate { page, view })
}

impl Page {
    /// What a customer would accept, part by part.
    pub fn unless(&self, unless: &Unless) -> Vec<String> {
        let without = unless.without.iter().map(|name| self.with("refusal-without", "what", self.text(name)));
        let days = unless.days_max.map(|days| self.with("refusal-days", "days", days));
        let kept = unless.kept_days_max.map(|days| self.with("refusal-kept", "days", days));
        let uses = unless.uses_max.map(|uses| self.with("refusal-uses", "uses", uses));
        let price = unless.price_min.map(|price| self.with("refusal-price", "price", self.money(&price)));
        without.chain(days).chain(kept).chain(uses).chain(price).collect()
    }
}
