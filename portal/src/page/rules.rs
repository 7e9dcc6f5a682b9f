//! Standing rules: the list of them, and the form that tries one before it is signed.

use askama::Template;
use axum::response::Response;

use super::{Page, respond};
use crate::rules::STANDS_DAYS_MAX;
use crate::view::rules::{Accepts, RuleBook, RuleDraft};

#[derive(Template)]
#[template(path = "rules/book.html")]
struct BookTemplate<'a> {
    page: &'a Page,
    view: &'a RuleBook,
}

/// All rules.
pub fn book(page: &Page, view: &RuleBook) -> Response {
    respond(page, &BookTemplate { page, view })
}

#[derive(Template)]
#[template(path = "rules/draft.html")]
struct DraftTemplate<'a> {
    page: &'a Page,
    view: &'a RuleDraft,
    stands_max: u32,
    stands: u32,
}

/// A rule that is being made.
pub fn draft(page: &Page, view: &RuleDraft) -> Response {
    // a season: long enough to be of use, short enough that it is thought of again
    let stands = view.form.stands.unwrap_or(90);
    respond(page, &DraftTemplate { page, view, stands_max: STANDS_DAYS_MAX, stands })
}

impl Page {
    /// The bounds within which a rule accepts, a line each; none where it accepts whatever it is about.
    pub fn bounds(&self, accepts: &Accepts) -> Vec<String> {
        let mut lines = Vec::new();
        if !accepts.only.is_empty() {
            lines.push(self.with("rule-only", "data", self.texts(&accepts.only)));
        }
        for (category, fields) in &accepts.never {
            let name = self.text(category);
            lines.push(if fields.is_empty() {
                self.with("rule-never", "data", name)
            } else {
                self.with_two("rule-never-fields", "data", name, "fields", self.texts(fields))
            });
        }
        let pays: Vec<_> = accepts.pays.iter().map(|pay| self.pay(pay)).collect();
        if !pays.is_empty() {
            lines.push(self.with("rule-pays", "pay", crate::figures::list(&pays, self.language())));
        }
        let numbers = [
            ("rule-days", accepts.days),
            ("rule-kept", accepts.kept_days),
            ("rule-uses", accepts.uses),
            ("rule-level", accepts.level.map(u32::from)),
        ];
        lines.extend(numbers.into_iter().filter_map(|(key, number)| Some(self.with(key, "n", number?))));
        if !accepts.consents.is_empty() {
            lines.push(self.with("rule-consents", "consents", self.texts(&accepts.consents)));
        }
        lines
    }
}
