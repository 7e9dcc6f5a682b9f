//! An enterprise's pages.

use askama::Template;
use axum::response::Response;

use super::{Page, respond};
use crate::view::company::{Desk, Held};

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
    /// Templates from which requests are made.
    requests RequestsTemplate "company/requests.html";
    /// Customers' grants.
    grants GrantsTemplate "company/grants.html";
    /// Uses, and refusals with what would mend them.
    uses UsesTemplate "company/uses.html";
    /// Gates and how fresh they are.
    gates GatesTemplate "company/gates.html";
    /// Periods of settlement.
    settlement SettlementTemplate "company/settlement.html";
}
