//! Every screen in every state, from made-up views: for tests and screenshots. The customers in it are pseudonyms, the
//! companies those of the sandbox.

mod company;
mod complaints;
mod customer;
mod erasure;
mod others;
mod refusal;
mod rules;
mod signers;
mod space;
mod terms;

use axum::Router;
use axum::extract::{OriginalUri, Path};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use grantbook_record::day::UnixSeconds;
use grantbook_record::{SubjectId, TenantId};

use crate::assets;
use crate::language::Language;
use crate::moment::Zone;
use crate::page::{Page, Place};
use crate::viewer::{Membership, Role, Viewer};
use crate::words::Words;

/// The day on which everything here happens: 2025-10-08, 06:30 UTC.
pub(crate) const NOW: UnixSeconds = UnixSeconds(1_759_905_000);

/// How the names in a view are: as they should be, as long as they can be, or as an attacker would choose them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavour {
    Plain,
    Long,
    Hostile,
}

/// A screen in a state.
pub(crate) struct Shown {
    pub(crate) screen: &'static str,
    pub(crate) state: &'static str,
    pub(crate) place: Place,
    pub(crate) role: Who,
    pub(crate) show: fn(&Page) -> Response,
}

/// For whom a screen is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Visitor,
    Customer,
    Company,
}

pub(crate) const fn shown(
    screen: &'static str,
    state: &'static str,
    place: Place,
    role: Who,
    show: fn(&Page) -> Response,
) -> Shown {
    Shown { screen, state, place, role, show }
}

/// The sandbox insurer's request, as every page shows it.
#[cfg(test)]
pub(crate) fn quote() -> crate::view::agreement::Agreement {
    terms::quote(Flavour::Plain)
}

fn all() -> impl Iterator<Item = &'static Shown> {
    [
        customer::SHOWN,
        complaints::SHOWN,
        erasure::SHOWN,
        rules::SHOWN,
        signers::SHOWN,
        space::SHOWN,
        company::SHOWN,
        others::SHOWN,
        refusal::SHOWN,
    ]
    .into_iter()
    .flatten()
}

/// Names of all screens, each with one of its states.
pub fn screens() -> Vec<(&'static str, &'static str)> {
    all().map(|shown| (shown.screen, shown.state)).collect()
}

/// Routes of the gallery, with the assets that its pages need.
pub fn router() -> Router {
    Router::new()
        .route("/gallery", get(index))
        .route("/gallery/{screen}/{state}", get(one))
        .route(assets::ROUTE, get(assets::serve))
}

async fn index() -> Response {
    let lines: Vec<_> = screens().into_iter().map(|(screen, state)| format!("{screen}/{state}\n")).collect();
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], lines.concat()).into_response()
}

async fn one(
    Path((screen, state)): Path<(String, String)>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Response {
    let Some(shown) = all().find(|shown| shown.screen == screen && shown.state == state) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let language = Language::choose(uri.query(), &headers);
    (shown.show)(&page(shown, language, uri.path().to_owned()))
}

fn page(shown: &Shown, language: Language, path: String) -> Page {
    let tenant = TenantId::of_log("gallery");
    let role = match (shown.role, SubjectId::parse("sandbox-customer-4")) {
        (Who::Customer, Ok(subject)) => Role::Customer(vec![Membership { tenant, subject, ward: None }]),
        (Who::Company, _) => Role::Company(tenant),
        (Who::Visitor | Who::Customer, _) => Role::Visitor,
    };
    let zone = Zone::new(480).unwrap_or_default();
    let viewer = Viewer { role, zone, form_token: "gallery".to_owned(), unseen: 3 };
    Page { words: Words(language), viewer, path, place: shown.place, sandbox: true, now: NOW }
}
