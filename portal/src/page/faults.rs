//! What is shown where a page cannot be.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::{Page, respond_with};

/// Why a page cannot be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is there, or nothing of this viewer's.
    NotFound,
    /// It was erased.
    Erased,
    /// Nobody has signed in.
    SignIn,
    /// Nobody of an enterprise has signed in.
    CompanySignIn,
    /// The page is for somebody else.
    NotYours,
    /// The ledger cannot be read now.
    Unavailable,
    /// This browser has no key for what is to be signed.
    NoKey,
}

#[derive(Template)]
#[template(path = "fault.html")]
struct FaultTemplate<'a> {
    page: &'a Page,
    title: &'static str,
    text: &'static str,
    link: &'static str,
    href: &'static str,
}

/// The page that says so.
pub fn fault(page: &Page, fault: Fault) -> Response {
    let (status, title, text, link, href) = match fault {
        Fault::NotFound => {
            (StatusCode::NOT_FOUND, "fault-not-found", "fault-not-found-says", "fault-home", "/")
        }
        Fault::Erased => (StatusCode::GONE, "fault-erased", "fault-erased-says", "fault-home", "/"),
        Fault::SignIn => {
            (StatusCode::UNAUTHORIZED, "fault-sign-in", "fault-sign-in-says", "sign-in", "/sign-in")
        }
        Fault::CompanySignIn => (
            StatusCode::UNAUTHORIZED,
            "fault-sign-in",
            "fault-company-sign-in-says",
            "sign-in",
            "/company/sign-in",
        ),
        Fault::NotYours if page.place.is_company() => (
            StatusCode::FORBIDDEN,
            "fault-not-yours",
            "fault-not-a-company-says",
            "company-sign-in",
            "/company/sign-in",
        ),
        Fault::NotYours => {
            (StatusCode::FORBIDDEN, "fault-not-yours", "fault-not-yours-says", "fault-home", "/")
        }
        Fault::Unavailable => (
            StatusCode::SERVICE_UNAVAILABLE,
            "fault-unavailable",
            "fault-unavailable-says",
            "fault-home",
            "/",
        ),
        Fault::NoKey => {
            (StatusCode::CONFLICT, "fault-no-key", "fault-no-key-says", "nav-account", "/my/account")
        }
    };
    respond_with(status, page, &FaultTemplate { page, title, text, link, href })
}
