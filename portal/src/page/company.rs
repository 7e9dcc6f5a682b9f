//! An enterprise's pages.

use askama::Template;
use axum::response::Response;

use super::{Page, respond};
use crate::view::company::{Desk, Held, WaitingComplaints};
use crate::view::draft::PreparedRequest;

#[derive(Template)]
#[template(path = "company/desk.html")]
struct DeskTemplate<'a> {
    page: &'a Page,
    view: &'a Desk,
    open: u64,
    denied: u64,
    fresh: usize,
}

#[derive(Template)]
#[template(path = "company/sign_in.html")]
struct SignInTemplate<'a> {
    page: &'a Page,
    refused: bool,
}

/// Where a token is shown; `refused`: the last one was none.
pub fn sign_in(page: &Page, refused: bool) -> Response {
    respond(page, &SignInTemplate { page, refused })
}

/// The first page.
pub fn desk(page: &Page, view: &Desk) -> Response {
    let open = view.grants.iter().filter(|grant| Held::is_open(grant)).count() as u64;
    let denied = view.denials.iter().map(|(_, count)| count).sum();
    let fresh = view.gates.iter().filter(|gate| gate.fresh).count();
    respond(page, &DeskTemplate { page, view, open, denied, fresh })
}

#[derive(Template)]
#[template(path = "company/complaints.html")]
struct ComplaintsTemplate<'a> {
    page: &'a Page,
    view: &'a WaitingComplaints,
}

/// Complaints that wait for an answer.
pub fn complaints(page: &Page, view: &WaitingComplaints) -> Response {
    respond(page, &ComplaintsTemplate { page, view })
}

#[derive(Template)]
#[template(path = "company/requests.html")]
struct RequestsTemplate<'a> {
    page: &'a Page,
    view: &'a Desk,
    made: Option<u64>,
}

/// Templates from which requests are made; `made`: the entry of the request that was just made.
pub fn requests(page: &Page, view: &Desk, made: Option<u64>) -> Response {
    respond(page, &RequestsTemplate { page, view, made })
}

#[derive(Template)]
#[template(path = "company/prepared.html")]
struct PreparedTemplate<'a> {
    page: &'a Page,
    view: &'a PreparedRequest,
    base_url: &'a str,
}

/// A request that waits for the enterprise's own signature.
pub fn prepared(page: &Page, view: &PreparedRequest, base_url: &str) -> Response {
    respond(page, &PreparedTemplate { page, view, base_url })
}

macro_rules! pages {
    ($($(#[$doc:meta])* $function:ident $template:ident $path:literal;)*) => {$(
        #[derive(Template)]
        #[template(path = $path)]
        struct $template<'a> {
            page: &'a Page,
            view: &'a Desk,
        }

        $(#[$doc])*
        pub fn $function(page: &Page, view: &Desk) -> Response {
            respond(page, &$template { page, view })
        }
    )*};
}
pages! {
    /// Customers' grants.
    grants GrantsTemplate "company/grants.html";
    /// Uses, and refusals with what would mend them.
    uses UsesTemplate "company/uses.html";
    /// Gates and how fresh they are.
    gates GatesTemplate "company/gates.html";
    /// Periods of settlement.
    settlement SettlementTemplate "company/settlement.html";
}
