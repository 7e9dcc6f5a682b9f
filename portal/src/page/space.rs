//! Pages of the data space.

use askama::Template;
use axum::response::Response;
use grantbook_record::day::UnixSeconds;

use super::{Page, respond};
use crate::view::space::{
    KINDS, RecordKind, Space, SpaceCompany, SpaceFilter, SpaceRecord, WishState, kind_key,
};

/// Minutes by which a mirror may be behind its system: what enterprises promise.
pub const LAG_MINUTES_PROMISED: u64 = 15;

/// How fresh a mirror is, in words.
struct Freshness {
    says: String,
    /// Key of the words on its mark.
    key: &'static str,
    tone: &'static str,
    late: bool,
}

/// Counted from the moment at which the enterprise's system was read, not from when its records came here.
fn freshness(page: &Page, as_of: Option<UnixSeconds>) -> Freshness {
    let Some(as_of) = as_of else {
        return Freshness {
            says: page.say("space-nothing-yet"),
            key: "space-none",
            tone: "off",
            late: false,
        };
    };
    let behind = page.now.0.saturating_sub(as_of.0);
    let late = behind > LAG_MINUTES_PROMISED * 60;
    let says = page.with_two("space-as-of", "time", page.date_time(&as_of), "minutes", behind / 60);
    let (key, tone) = if late { ("space-late", "held") } else { ("space-fresh", "on") };
    Freshness { says, key, tone, late }
}

/// A filter as a link.
struct Choice {
    href: String,
    says: String,
    current: bool,
}

#[derive(Template)]
#[template(path = "customer/space.html")]
struct SpaceTemplate<'a> {
    page: &'a Page,
    view: &'a Space,
    kinds: Vec<Choice>,
    companies: Vec<Choice>,
    companies_fresh: Vec<(&'a SpaceCompany, Freshness)>,
    late: bool,
    promised: u64,
}

impl SpaceTemplate<'_> {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "templates pass references")]
    fn kind(&self, kind: &RecordKind) -> String {
        self.page.say(kind_key(*kind))
    }
}

/// All records.
pub fn space(page: &Page, view: &Space) -> Response {
    let choice = |filter: SpaceFilter, says: String| Choice {
        href: filter.address(),
        current: filter == view.filter,
        says,
    };
    let of_kind = |kind| SpaceFilter { kind, ..view.filter.clone() };
    let kinds = std::iter::once(choice(of_kind(None), page.say("space-all-kinds")))
        .chain(KINDS.iter().map(|(kind, _, key)| choice(of_kind(Some(*kind)), page.say(key))));
    let of_company = |tenant| SpaceFilter { tenant, ..view.filter.clone() };
    let companies = std::iter::once(choice(of_company(None), page.say("space-all-companies"))).chain(
        view.companies.iter().map(|company| {
            choice(of_company(Some(company.tenant.clone())), page.text(&company.company).to_owned())
        }),
    );
    let (kinds, companies) = (kinds.collect(), companies.collect());
    let fresh = |company: &'_ SpaceCompany| freshness(page, company.as_of);
    let companies_fresh: Vec<_> = view.companies.iter().map(|company| (company, fresh(company))).collect();
    let late = companies_fresh.iter().any(|(_, fresh)| fresh.late);
    let promised = LAG_MINUTES_PROMISED;
    respond(page, &SpaceTemplate { page, view, kinds, companies, companies_fresh, late, promised })
}

#[derive(Template)]
#[template(path = "customer/space_record.html")]
struct RecordTemplate<'a> {
    page: &'a Page,
    view: &'a SpaceRecord,
    kind: String,
    fresh: Freshness,
    address: String,
    promised: u64,
}

/// One record.
pub fn record(page: &Page, view: &SpaceRecord) -> Response {
    let kind = page.say(kind_key(view.card.kind));
    let address = format!("/my/space/{}/{}", view.card.tenant, view.card.id);
    let fresh = freshness(page, view.as_of);
    respond(page, &RecordTemplate { page, view, kind, fresh, address, promised: LAG_MINUTES_PROMISED })
}
