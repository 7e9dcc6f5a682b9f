//! A customer's pages.

use askama::Template;
use axum::response::Response;
use serde_json::json;

use super::{Page, respond};
use crate::chart::{Bar, Columns};
use crate::figures::share_of;
use crate::moment::days_until;
use crate::view::customer::{
    ChangeReview, Complaints, Connection, Connections, GateTaken, GrantPage, Home, Keys, MyData,
    RequestReview, Standing, StopReview, Stopped,
};
use crate::view::draft::{DraftForm, Preview};
use crate::view::money::Value;
use crate::view::story::{Difference, What};

/// In the query of a request's page: the customer has just agreed without a consent that is needed.
pub const LACKING: &str = "lacking=1";

/// A grant ends soon if no more days than these are left.
const SOON_DAYS: u64 = 30;

#[derive(Template)]
#[template(path = "customer/home.html")]
struct HomeTemplate<'a> {
    page: &'a Page,
    view: &'a Home,
    waiting_count: u64,
    groups: [(&'static str, Vec<&'a Connection>); 4],
}

/// The first page.
pub fn home(page: &Page, view: &Home) -> Response {
    let mut groups = [
        ("home-ending", Vec::new()),
        ("home-never", Vec::new()),
        ("home-paused", Vec::new()),
        ("home-active", Vec::new()),
    ];
    let [(_, ending), (_, never), (_, paused), (_, active)] = &mut groups;
    for connection in &view.connections {
        let group = match connection.standing {
            Standing::Paused => &mut *paused,
            _ if days_until(page.now, connection.until) <= SOON_DAYS => &mut *ending,
            _ if connection.uses == 0 => &mut *never,
            _ => &mut *active,
        };
        group.push(connection);
    }
    let to_sign = view.signatures.iter().filter(|card| !card.by_viewer).count();
    let waiting_count = (view.waiting.len() + to_sign) as u64;
    respond(page, &HomeTemplate { page, view, waiting_count, groups })
}

#[derive(Template)]
#[template(path = "customer/connections.html")]
struct ConnectionsTemplate<'a> {
    page: &'a Page,
    view: &'a Connections,
}

/// All grants.
pub fn connections(page: &Page, view: &Connections) -> Response {
    respond(page, &ConnectionsTemplate { page, view })
}

#[derive(Template)]
#[template(path = "customer/request.html")]
struct RequestTemplate<'a> {
    page: &'a Page,
    view: &'a RequestReview,
    agreement: &'a crate::view::agreement::Agreement,
    differences: Vec<Difference>,
    asked_days: u64,
    form_action: String,
    /// The form of the enterprise that means to ask, and only looks.
    form: Option<&'a DraftForm>,
    /// Whether the customer has just agreed without a consent that is needed.
    lacking: bool,
}

fn review(page: &Page, view: &RequestReview, form: Option<&DraftForm>, lacking: bool) -> Response {
    let agreement = view.narrowed.as_ref().map_or(&view.asked, |narrowed| &narrowed.agreement);
    let differences = super::differences(page, &view.asked, agreement);
    let asked_days = days_until(view.asked.from, view.asked.until);
    let form_action = format!("/my/requests/{}", view.id);
    let template =
        RequestTemplate { page, view, agreement, differences, asked_days, form_action, form, lacking };
    respond(page, &template)
}

/// A request, to be answered; `lacking`: the customer has just agreed without a consent that is needed.
pub fn request(page: &Page, view: &RequestReview, lacking: bool) -> Response {
    review(page, view, None, lacking)
}

/// The same page as the enterprise sees it beforehand: the same template, without the answers.
pub fn request_preview(page: &Page, view: &Preview) -> Response {
    review(page, &view.review, Some(&view.form), false)
}

#[derive(Template)]
#[template(path = "customer/grant.html")]
struct GrantTemplate<'a> {
    page: &'a Page,
    view: &'a GrantPage,
    paused: bool,
    elapsed: u8,
}

/// One grant.
pub fn grant(page: &Page, view: &GrantPage) -> Response {
    let Connection { from, until, .. } = view.connection;
    let elapsed = share_of(page.now.0.saturating_sub(from.0), until.0.saturating_sub(from.0));
    let paused = view.connection.standing == Standing::Paused;
    respond(page, &GrantTemplate { page, view, paused, elapsed })
}

#[derive(Template)]
#[template(path = "customer/change.html")]
struct ChangeTemplate<'a> {
    page: &'a Page,
    view: &'a ChangeReview,
    asked: &'a crate::view::agreement::Agreement,
    differences: Vec<Difference>,
    asked_days: u64,
    action: &'a str,
}

/// Cutting down a grant that one has given.
pub fn change(page: &Page, view: &ChangeReview) -> Response {
    let changed = view.narrowed.as_ref().map_or(&view.agreement, |narrowed| &narrowed.agreement);
    let differences = super::differences(page, &view.agreement, changed);
    let asked_days = days_until(view.agreement.from, view.agreement.until);
    let action = &format!("/my/grants/{}/change", view.connection.id);
    respond(page, &ChangeTemplate { page, view, asked: &view.agreement, differences, asked_days, action })
}

#[derive(Template)]
#[template(path = "customer/stop.html")]
struct StopTemplate<'a> {
    page: &'a Page,
    view: &'a StopReview,
}

/// What stopping means, and the button that does it.
pub fn stop(page: &Page, view: &StopReview) -> Response {
    respond(page, &StopTemplate { page, view })
}

#[derive(Template)]
#[template(path = "customer/stopped.html")]
struct StoppedTemplate<'a> {
    page: &'a Page,
    view: &'a Stopped,
}

/// That it is stopped, and which gates know.
pub fn stopped(page: &Page, view: &Stopped) -> Response {
    respond(page, &StoppedTemplate { page, view })
}

/// The part of that page that changes, for its script: which gates have taken the withdrawal in, in words.
pub fn taken(page: &Page, view: &Stopped) -> String {
    let gate = |gate: &GateTaken| {
        let says = match &gate.at {
            Some(at) => page.with("taken-at", "time", page.time_exact(at)),
            None => page.say("taken-not-yet"),
        };
        json!({ "gate": gate.gate, "taken": gate.at.is_some(), "says": says })
    };
    let says = page.say(if view.complete { "taken-by-all" } else { "taken-waiting" });
    json!({ "gates": view.gates.iter().map(gate).collect::<Vec<_>>(), "says": says }).to_string()
}

#[derive(Template)]
#[template(path = "customer/value.html")]
struct ValueTemplate<'a> {
    page: &'a Page,
    view: &'a Value,
    chart: String,
}

/// Uses and what they brought.
pub fn value(page: &Page, view: &Value) -> Response {
    let bar = |month: &crate::view::money::Month| Bar {
        label: page.month_short(&month.begins),
        value: month.uses,
        shown: page.number(&month.uses),
    };
    let chart = Columns::new(&view.months.iter().map(bar).collect::<Vec<_>>()).svg();
    respond(page, &ValueTemplate { page, view, chart })
}

#[derive(Template)]
#[template(path = "customer/account.html")]
struct AccountTemplate<'a> {
    page: &'a Page,
    view: &'a Keys,
}

/// Keys, and where the rest is.
pub fn account(page: &Page, view: &Keys) -> Response {
    respond(page, &AccountTemplate { page, view })
}

#[derive(Template)]
#[template(path = "customer/data.html")]
struct DataTemplate<'a> {
    page: &'a Page,
    view: &'a MyData,
}

/// Taking everything along, and erasing it.
pub fn data(page: &Page, view: &MyData) -> Response {
    respond(page, &DataTemplate { page, view })
}

#[derive(Template)]
#[template(path = "customer/complaints.html")]
struct ComplaintsTemplate<'a> {
    page: &'a Page,
    view: &'a Complaints,
}

/// Complaints.
pub fn complaints(page: &Page, view: &Complaints) -> Response {
    respond(page, &ComplaintsTemplate { page, view })
}

#[derive(Template)]
#[template(path = "customer/receipt.html")]
struct ReceiptTemplate<'a> {
    page: &'a Page,
    source: Option<String>,
}

/// Where the browser checks one entry: of this address, or of a file that is chosen.
pub fn receipt(page: &Page, source: Option<String>) -> Response {
    respond(page, &ReceiptTemplate { page, source })
}
