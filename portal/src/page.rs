//! Pages: pure functions from views to HTML. What they have in common is here, the rest by role.

pub mod company;
pub mod customer;
mod diff;
pub mod erasure;
mod facts;
pub mod faults;
mod laws;
pub mod news;
pub mod overview;
pub mod refusal;
pub mod regulator;
pub mod rules;
pub mod signers;
pub mod space;
mod tour;

use askama::Template;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use grantbook_record::DenialReason;
use grantbook_record::day::{DataDay, UnixSeconds};

pub use diff::differences;

use crate::assets;
use crate::figures;
use crate::language::Language;
use crate::moment;
use crate::view::Wording;
use crate::view::agreement::Agreement;
use crate::view::money::Amount;
use crate::view::story::Difference;
use crate::viewer::{Role, Viewer};
use crate::words::{Said, Words};

/// Nothing but our own style sheet, modules and forms: no inline code, frames or foreign bytes.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                          base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
                          require-trusted-types-for 'script'; trusted-types 'none'";

/// Which entry of the navigation a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// None of them.
    Elsewhere,
    /// The front page.
    Overview,
    /// A customer's first page.
    Home,
    /// A customer's grants.
    Connections,
    /// What enterprises' systems say of a customer.
    Space,
    /// Uses and money.
    Value,
    /// Keys, data, complaints.
    Account,
    /// What has happened.
    News,
    /// The log.
    Log,
    /// A bundle of proofs.
    Bundle,
    /// One entry.
    Receipt,
    /// Where an enterprise signs in.
    SignIn,
    /// An enterprise's first page.
    Desk,
    /// Its requests.
    Requests,
    /// Its grants.
    Grants,
    /// Its uses.
    Uses,
    /// Its gates.
    Gates,
    /// Its settlement.
    Settlement,
    /// Complaints that wait for an answer.
    CompanyComplaints,
}

impl Place {
    /// Whether it is an enterprise's.
    pub fn is_company(self) -> bool {
        matches!(
            self,
            Self::SignIn
                | Self::Desk
                | Self::Requests
                | Self::Grants
                | Self::Uses
                | Self::Gates
                | Self::CompanyComplaints
                | Self::Settlement
        )
    }
}

/// An entry of the navigation.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Where it leads.
    pub href: &'static str,
    /// Key of its name in the words.
    pub key: &'static str,
    /// Which one it is.
    pub place: Place,
    /// Path of its drawing, in a square of 24.
    pub icon: &'static str,
}

const fn entry(href: &'static str, key: &'static str, place: Place, icon: &'static str) -> Entry {
    Entry { href, key, place, icon }
}

const HOUSE: &str = "M4 11l8-7 8 7v9h-5v-6H9v6H4z";
const LINKS: &str = "M9 15l6-6M8 11l-2 2a4 4 0 006 6l2-2M16 13l2-2a4 4 0 00-6-6l-2 2";
const BARS: &str = "M5 20v-7M12 20V4M19 20v-11";
const PERSON: &str = "M12 12a4 4 0 100-8 4 4 0 000 8zM4 21c1-4 4-6 8-6s7 2 8 6";
const BOX: &str = "M4 7l8-4 8 4v10l-8 4-8-4zM4 7l8 4 8-4M12 11v10";
const LINES: &str = "M5 6h14M5 12h14M5 18h9";
const CHECK: &str = "M12 3l7 3v6c0 4-3 7-7 9-4-2-7-5-7-9V6zM9 12l2 2 4-4";
const SLIP: &str = "M6 3h12v18l-3-2-3 2-3-2-3 2zM9 8h6M9 12h6";
const LETTER: &str = "M4 6h16v12H4zM4 7l8 6 8-6";
const GATE: &str = "M5 20V8l7-4 7 4v12M9 20v-8h6v8";
const BUBBLE: &str = "M5 5h14v10h-7l-4 4v-4H5zM9 9h6M9 12h4";
const COINS: &str = "M12 7c4 0 7-1 7-2.5S16 2 12 2 5 3 5 4.5 8 7 12 7zM5 4.5v15C5 21 8 22 12 22s7-1 7-2.5v-15M5 12c0 1.5 3 2.5 7 2.5s7-1 7-2.5";

const VISITOR: &[Entry] = &[
    entry("/", "nav-overview", Place::Overview, HOUSE),
    entry("/regulator", "nav-log", Place::Log, LINES),
    entry("/regulator/bundle", "nav-bundle", Place::Bundle, CHECK),
    entry("/regulator/receipt", "nav-receipt", Place::Receipt, SLIP),
];
const CUSTOMER: &[Entry] = &[
    entry("/my", "nav-home", Place::Home, HOUSE),
    entry("/my/connections", "nav-connections", Place::Connections, LINKS),
    entry("/my/space", "nav-space", Place::Space, BOX),
    entry("/my/value", "nav-value", Place::Value, BARS),
    entry("/my/account", "nav-account", Place::Account, PERSON),
];
const COMPANY: &[Entry] = &[
    entry("/company", "nav-desk", Place::Desk, HOUSE),
    entry("/company/requests", "nav-requests", Place::Requests, LETTER),
    entry("/company/grants", "nav-grants", Place::Grants, LINKS),
    entry("/company/uses", "nav-uses", Place::Uses, BARS),
    entry("/company/gates", "nav-gates", Place::Gates, GATE),
    entry("/company/complaints", "nav-complaints", Place::CompanyComplaints, BUBBLE),
    entry("/company/settlement", "nav-settlement", Place::Settlement, COINS),
];

/// What every page needs beside its view.
#[derive(Debug, Clone)]
pub struct Page {
    /// The words.
    pub words: Words,
    /// Who looks.
    pub viewer: Viewer,
    /// Path and query of this page without the language, for the link to the other one.
    pub path: String,
    /// Where it belongs.
    pub place: Place,
    /// Whether the server has a sandbox: said on every page.
    pub sandbox: bool,
    /// Now.
    pub now: UnixSeconds,
}

impl Page {
    /// The language.
    pub fn language(&self) -> Language {
        self.words.0
    }

    /// The link to this page in the other language.
    pub fn other_language(&self) -> String {
        let mark = if self.path.contains('?') { '&' } else { '?' };
        format!("{}{mark}lang={}", self.path, self.language().other().tag())
    }

    /// The navigation of this role.
    pub fn navigation(&self) -> &'static [Entry] {
        match self.viewer.role {
            Role::Visitor => VISITOR,
            Role::Customer(_) => CUSTOMER,
            Role::Company(_) => COMPANY,
        }
    }

    /// Whether the page is for tables rather than for reading.
    pub fn is_wide(&self) -> bool {
        self.viewer.company().is_some()
    }

    /// The name of the viewer's zone, in which all times are.
    pub fn zone(&self) -> String {
        self.viewer.zone.name()
    }

    /// Whether this is the page that the entry leads to.
    pub fn is_at(&self, entry: &Entry) -> bool {
        self.place == entry.place
    }

    /// Address of an asset.
    pub fn asset(&self, name: &str) -> String {
        assets::address(name)
    }

    /// A message.
    pub fn say(&self, key: &str) -> String {
        self.words.say(key)
    }

    /// A message with a parameter.
    pub fn with(&self, key: &str, name: &str, value: impl Said) -> String {
        self.words.with(key, name, value)
    }

    /// A message with two parameters.
    pub fn with_two(&self, key: &str, name: &str, value: impl Said, other: &str, its: impl Said) -> String {
        self.words.with_two(key, name, value, other, its)
    }

    /// A wording in the page's language.
    pub fn text<'w>(&self, wording: &'w Wording) -> &'w str {
        wording.text(self.language())
    }

    /// Wordings joined as the language joins a list.
    pub fn texts<'w>(&self, wordings: impl IntoIterator<Item = &'w Wording>) -> String {
        figures::list(wordings.into_iter().map(|wording| self.text(wording)), self.language())
    }

    /// A day for the viewer.
    pub fn date(&self, at: &UnixSeconds) -> String {
        moment::date(*at, self.viewer.zone, self.language())
    }

    /// A calendar day.
    pub fn day(&self, day: &DataDay) -> String {
        moment::day(*day, self.language())
    }

    /// Day, hours and minutes for the viewer.
    pub fn date_time(&self, at: &UnixSeconds) -> String {
        format!("{} {}", self.date(at), moment::time(*at, self.viewer.zone))
    }

    /// Hours, minutes and seconds with the zone.
    pub fn time_exact(&self, at: &UnixSeconds) -> String {
        format!("{} {}", moment::time_exact(*at, self.viewer.zone), self.viewer.zone.name())
    }

    /// For the `datetime` attribute.
    pub fn machine(&self, at: &UnixSeconds) -> String {
        moment::machine(*at)
    }

    /// How long it is until then, in words.
    pub fn left(&self, until: &UnixSeconds) -> String {
        self.with("days-left", "days", moment::days_until(self.now, *until))
    }

    /// A month and its year.
    pub fn month(&self, begins: &UnixSeconds) -> String {
        moment::month(*begins, self.viewer.zone, self.language())
    }

    /// A month alone, for a chart.
    pub fn month_short(&self, begins: &UnixSeconds) -> String {
        moment::month_short(*begins, self.viewer.zone, self.language())
    }

    /// Why a use was refused.
    pub fn denied(&self, reason: &DenialReason) -> String {
        self.say(&format!("denied-{}", reason.code()))
    }

    /// The same, to the customer whose data it was about.
    pub fn refused(&self, reason: &DenialReason) -> String {
        self.say(&format!("refused-{}", reason.code()))
    }

    /// What an enterprise can do about it.
    pub fn mend(&self, reason: &DenialReason) -> String {
        self.say(&format!("mend-{}", reason.code()))
    }

    /// What a change of terms has changed.
    pub fn changes(&self, (before, after): &(Agreement, Agreement)) -> Vec<Difference> {
        differences(self, before, after)
    }

    /// A number.
    pub fn number(&self, value: &u64) -> String {
        figures::number(i64::try_from(*value).unwrap_or(i64::MAX), self.language())
    }

    /// An amount.
    pub fn money(&self, amount: &Amount) -> String {
        figures::money(amount.currency, amount.minor, self.language())
    }

    /// Several amounts, or that there are none.
    pub fn moneys(&self, amounts: &[Amount]) -> String {
        match amounts {
            [] => self.say("money-none"),
            amounts => amounts.iter().map(|amount| self.money(amount)).collect::<Vec<_>>().join(" + "),
        }
    }
}

/// A page that was rendered, with the headers that each one has.
pub(crate) fn respond(page: &Page, template: &impl Template) -> Response {
    respond_with(StatusCode::OK, page, template)
}

pub(crate) fn respond_with(status: StatusCode, page: &Page, template: &impl Template) -> Response {
    let Ok(html) = template.render() else {
        // only a writer that fails can make it fail, and a string never does
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = (status, Html(html)).into_response();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // for browsers that do not know `frame-ancestors`
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CACHE_CONTROL, "no-store"),
        (header::VARY, "accept-language, cookie"),
        (header::CONTENT_LANGUAGE, page.language().tag()),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
