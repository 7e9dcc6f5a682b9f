//! Routes: who asks, what is read, which page shows it.

mod account;
mod download;

use std::convert::Infallible;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{OriginalUri, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::StreamExt as _;
use grantbook_record::TenantId;
use grantbook_record::day::UnixSeconds;

use crate::assets;
use crate::backend::read::{Read, ReadFault, Reads};
use crate::language::{self, Language};
use crate::page::faults::{Fault, fault};
use crate::page::news::MailLink;
use crate::page::{
    Page, Place, company, customer, erasure, news, overview, refusal, regulator, rules, space,
};
use crate::rules::{RuleFault, RuleForm};
use crate::secret::Secret;
use crate::view::company::Paging;
use crate::view::customer::Narrowing;
use crate::view::draft::{Draft, PreparedRequest};
use crate::view::space::SpaceFilter;
use crate::viewer::{Membership, Role, Viewers};
use crate::words::Words;

/// What handlers have.
#[derive(Clone)]
struct Portal<R, V> {
    reads: R,
    viewers: V,
}

/// What every handler is told of a request.
struct Asked {
    page: Page,
    /// The language that the query asks for, which is then remembered.
    chosen: Option<Language>,
}

impl<R: Reads, V: Viewers> Portal<R, V> {
    async fn asked(&self, uri: &axum::http::Uri, headers: &HeaderMap, place: Place) -> Asked {
        let viewer = self.viewers.viewer(headers, place).await;
        let language = Language::choose(uri.query(), headers);
        let page = Page {
            words: Words(language),
            viewer,
            path: without_language(uri),
            place,
            sandbox: self.reads.overview().sandbox,
            now: now(),
        };
        Asked { page, chosen: Language::asked(uri.query()) }
    }
}

impl Asked {
    fn answer<T>(self, read: Read<T>, show: impl FnOnce(&Page, T) -> Response) -> Response {
        let response = match read {
            Ok(view) => show(&self.page, view),
            Err(ReadFault::NotFound) => fault(&self.page, Fault::NotFound),
            Err(ReadFault::Erased) => fault(&self.page, Fault::Erased),
            Err(ReadFault::Unavailable) => fault(&self.page, Fault::Unavailable),
        };
        self.finish(response)
    }

    fn refuse(self) -> Response {
        let why = match self.page.viewer.role {
            Role::Visitor if self.page.place.is_company() => Fault::CompanySignIn,
            Role::Visitor => Fault::SignIn,
            Role::Customer(_) | Role::Company(_) => Fault::NotYours,
        };
        let response = fault(&self.page, why);
        self.finish(response)
    }

    fn finish(self, mut response: Response) -> Response {
        if let Some(language) = self.chosen {
            // not a secret, and of use to scripts of the signing page
            let cookie =
                format!("{}={}; Path=/; Max-Age=31536000; SameSite=Lax", language::COOKIE, language.tag());
            if let Ok(cookie) = HeaderValue::from_str(&cookie) {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
        }
        response
    }
}

fn now() -> UnixSeconds {
    UnixSeconds(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

/// Path and query, the language left out: it is put in again for the link to the other one.
fn without_language(uri: &axum::http::Uri) -> String {
    let pairs = uri.query().unwrap_or_default().split('&');
    let kept: Vec<_> = pairs.filter(|pair| !pair.is_empty() && !pair.starts_with("lang=")).collect();
    if kept.is_empty() { uri.path().to_owned() } else { format!("{}?{}", uri.path(), kept.join("&")) }
}

type Customers<R, V> = (Portal<R, V>, OriginalUri, HeaderMap);

/// The customer who asks, or the page that says that it is for customers.
async fn as_customer<R: Reads, V: Viewers>(
    (portal, OriginalUri(uri), headers): &Customers<R, V>,
    place: Place,
) -> Result<(Asked, Vec<Membership>), Response> {
    let asked = portal.asked(uri, headers, place).await;
    match asked.page.viewer.memberships().map(<[_]>::to_vec) {
        Some(memberships) => Ok((asked, memberships)),
        None => Err(asked.refuse()),
    }
}

async fn as_company<R: Reads, V: Viewers>(
    (portal, OriginalUri(uri), headers): &Customers<R, V>,
    place: Place,
) -> Result<(Asked, TenantId), Response> {
    let asked = portal.asked(uri, headers, place).await;
    match asked.page.viewer.company() {
        Some(tenant) => Ok((asked, tenant)),
        None => Err(asked.refuse()),
    }
}

/// A page for anybody.
macro_rules! open {
    ($place:expr, |$portal:ident, $page:ident| $show:expr) => {
        get(async |State($portal): State<Portal<R, V>>, OriginalUri(uri): OriginalUri, headers: HeaderMap| {
            let asked = $portal.asked(&uri, &headers, $place).await;
            let $page = &asked.page;
            let response = $show;
            asked.finish(response)
        })
    };
}

/// A customer's page from one read.
macro_rules! mine {
    ($place:expr, $read:ident, $show:path) => {
        get(async |State(portal): State<Portal<R, V>>, uri: OriginalUri, headers: HeaderMap| {
            let request = (portal, uri, headers);
            match as_customer(&request, $place).await {
                Ok((asked, of)) => {
                    asked.answer(request.0.reads.$read(&of).await, |page, view| $show(page, &view))
                }
                Err(refused) => refused,
            }
        })
    };
    ($place:expr, $read:ident/id, $show:path) => {
        get(
            async |State(portal): State<Portal<R, V>>,
                   Path(id): Path<String>,
                   uri: OriginalUri,
                   headers: HeaderMap| {
                let request = (portal, uri, headers);
                match as_customer(&request, $place).await {
                    Ok((asked, of)) => {
                        asked.answer(request.0.reads.$read(&of, &id).await, |page, view| $show(page, &view))
                    }
                    Err(refused) => refused,
                }
            },
        )
    };
}

/// An enterprise's page.
macro_rules! ours {
    ($place:expr, $show:path) => {
        get(async |State(portal): State<Portal<R, V>>, uri: OriginalUri, headers: HeaderMap| {
            let request = (portal, uri, headers);
            match as_company(&request, $place).await {
                Ok((asked, of)) => {
                    let paging = Paging::of_query(request.1.query().unwrap_or_default());
                    asked.answer(request.0.reads.desk(of, paging).await, |page, view| $show(page, &view))
                }
                Err(refused) => refused,
            }
        })
    };
    ($place:expr, $read:ident, $show:path) => {
        get(async |State(portal): State<Portal<R, V>>, uri: OriginalUri, headers: HeaderMap| {
            let request = (portal, uri, headers);
            match as_company(&request, $place).await {
                Ok((asked, of)) => asked.answer(request.0.reads.$read(of).await, |page, it| $show(page, &it)),
                Err(refused) => refused,
            }
        })
    };
}

/// The portal's routes.
pub fn router<S: Clone + Send + Sync + 'static, R: Reads, V: Viewers>(reads: R, viewers: V) -> Router<S> {
    Router::new()
        .route("/", open!(Place::Overview, |portal, page| overview::overview(page, &portal.reads.overview())))
        .route("/regulator", get(log::<R, V>))
        .route("/regulator/bundle", open!(Place::Bundle, |_portal, page| regulator::bundle(page)))
        .route("/regulator/receipt", open!(Place::Receipt, |_portal, page| customer::receipt(page, None)))
        .route("/my", get(account::home::<R, V>))
        .route("/my/connections", mine!(Place::Connections, connections, customer::connections))
        .route("/my/requests/{id}", get(request::<R, V>))
        .route("/my/grants/{id}", mine!(Place::Connections, grant / id, customer::grant))
        .route("/my/grants/{id}/change", get(change::<R, V>))
        .route("/my/grants/{id}/stop", mine!(Place::Connections, stop / id, customer::stop))
        .route("/my/grants/{id}/stopped", mine!(Place::Connections, stopped / id, customer::stopped))
        .route("/my/grants/{id}/taken", get(taken::<R, V>))
        .route("/my/space", get(data_space::<R, V>))
        .route("/my/space/{tenant}/{id}", get(space_record::<R, V>))
        .route("/my/value", mine!(Place::Value, value, customer::value))
        .route("/my/receipts/{leaf}", get(receipt::<R, V>))
        .route("/my/receipts/{leaf}/file", get(receipt_file::<R, V>))
        .route("/my/rules", mine!(Place::Account, rules, rules::book))
        .route("/my/rules/{tenant}/new", get(rule_draft::<R, V>))
        .route("/my/account", get(account::account::<R, V>))
        .route("/my/account/signers", get(account::signers::<R, V>))
        .route("/my/account/data", get(account::data::<R, V>))
        .route("/my/account/data/{id}/erase", mine!(Place::Account, erasure_review / id, erasure::review))
        .route("/my/account/data/{id}/erased", get(erased::<R, V>))
        .route("/my/account/data/{id}/archive", get(download::archive::<R, V>))
        .route("/my/grants/{id}/iso27560", get(download::iso27560::<R, V>))
        .route("/my/grants/{id}/kantara", get(download::kantara::<R, V>))
        .route("/my/account/complaints", mine!(Place::Account, complaints, customer::complaints))
        .route("/company/sign-in", get(company_sign_in::<R, V>))
        .route("/my/notifications", get(happened::<R, V>))
        .route("/my/account/notifications", get(mail::<R, V>))
        .route("/mail/confirm/{secret}", get(confirm::<R, V>))
        .route(
            "/mail/confirmed",
            open!(Place::Elsewhere, |_portal, page| news::mail_link(page, MailLink::Confirmed)),
        )
        .route("/mail/unsubscribe/{secret}", get(unsubscribe::<R, V>))
        .route(
            "/mail/unsubscribed",
            open!(Place::Elsewhere, |_portal, page| news::mail_link(page, MailLink::Unsubscribed)),
        )
        .route("/company", ours!(Place::Desk, company::desk))
        .route("/company/requests", get(company_requests::<R, V>))
        .route("/company/requests/refusals", get(refusals::<R, V>))
        .route("/company/requests/prepared/{id}", get(prepared::<R, V>))
        .route("/company/requests/preview", get(preview::<R, V>))
        .route("/company/grants", ours!(Place::Grants, company::grants))
        .route("/company/uses", ours!(Place::Uses, company::uses))
        .route("/company/gates", ours!(Place::Gates, company::gates))
        .route(
            "/company/complaints",
            ours!(Place::CompanyComplaints, waiting_complaints, company::complaints),
        )
        .route("/company/settlement", ours!(Place::Settlement, company::settlement))
        .route(assets::ROUTE, get(assets::serve))
        .with_state(Portal { reads, viewers })
}

async fn happened<R: Reads, V: Viewers>(
    State(portal): State<Portal<R, V>>,
    uri: OriginalUri,
    headers: HeaderMap,
) -> Response {
    let request = (portal, uri, headers);
    match as_customer(&request, Place::News).await {
        Ok((asked, _)) => {
            let read = request.0.viewers.news(&request.2).await.ok_or(ReadFault::Unavailable);
            asked.answer(read, |page, view| news::news(page, &view))
        }
        Err(refused) => refused,
    }
}

async fn mail<R: Reads, V: Viewers>(
    State(portal): State<Portal<R, V>>,
    uri: OriginalUri,
    headers: HeaderMap,
) -> Response {
    let request = (portal, uri, headers);
    match as_customer(&request, Place::Account).await {
        Ok((asked, _)) => {
            let read = request.0.viewers.mail(&request.2).await.ok_or(ReadFault::Unavailable);
            asked.answer(read, |page, view| news::mail(page, &view))
        }
        Err(refused) => refused,
    }
}

/// A page that a link of a mail leads to, if its secret has the form of one.
async fn of_mail<R: Reads, V: Viewers>(
    portal: Portal<R, V>,
    secret: &str,
    (OriginalUri(uri), headers): (OriginalUri, HeaderMap),
    link: MailLink<'_>,
) -> Response {
    let asked = portal.asked(&uri, &headers, Place::Elsewhere).await;
    let read = Secret::parse(secret).map(drop).ok_or(ReadFault::NotFound);
    asked.answer(read, |page, ()| news::mail_link(page, link))
}

async fn confirm<R: Reads, V: Viewers>(
    State(portal): State<Portal<R, V>>,
    Path(secret): Path<String>,
    uri: OriginalUri,
    headers: HeaderMap,
) -> Response {
    of_mail(portal, &secret, (uri, headers), MailLink::Confirm(&secret)).await
}

async fn unsubscribe<R: Reads, V: Viewers>(
    State(portal): State<Portal<R, V>>,
    Path(secret): Path<String>,
    uri: OriginalUri,
    headers: HeaderMap,
) -> Response {
    of_mail(portal, &secret, (uri, headers), MailLink::Unsubscribe(&secret)).await
}

async fn log<R: Reads, V: Viewers>(
    State(portal): State<Portal<R, V>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Response {
    let asked = portal.asked(&uri, &headers, Place::Log).await;
    let base_url = portal.reads.overview().base_url;
    asked.answer(portal.reads.log().await, |page, view| regulator::log(page, &view, &base_url))
}

async fn request<R: Reads, V: Viewers>(
    State(portal): State<Portal<R, V>>,
    Path(id): Path<String>,
    uri: OriginalUri,
    headers: HeaderMap,
) -> Response {
    let query = uri.query().unwrap_or_default();
    let narrowing = Narrowing::of_query(query);
    let lacking = query.split('&').any(|pair| pair == customer::LACKING);
    let request = (portal, uri, headers);
    match as_customer(&request, Place::Home).await {
        Ok((asked, of)) => {
            let read = request.0.reads.request(&of, &id, &narrowing).await;
            asked.answer(read, |page, view| customer::request(page, &view, lacking))
        }
        Err(refused) => refused,
    }
}

async fn data_space<R: Reads, V: Viewers>(
    State(portal): State<Portal<R, V>>,
    uri: OriginalUri,
    headers: HeaderMap,
) -> Response {
    let filter = SpaceFilter::of_query(uri.query().unwrap_or_default());
    let request = (portal, uri, headers);
    match as_customer(&request, Place::Space).await {
        Ok((asked, of)) => {
            let read = request.0.reads.space(&of, &filter).await;
            asked.answer(read, |page, view| space::space(page, &view))
        }
        Err(refused) => refused,
    }
}

async fn space_record<R: Reads, V: Viewers>(
    State(portal): State<Portal<R, V>>,
    Path((tenant, id)): Path<(String, String)>,
    uri: OriginalUri,
    headers: HeaderMap,
) -> Response {
    let request = (portal, uri, headers);
    match as_customer(&request, Place::Space).await {
        Ok((asked, of)) => {
            let read = request.0.reads.space_record(&of, &tenant, &id).await;
            asked.answer(read, |page, view| space::record(page, &view))
        }
        Err(refused) => refused,
    }
}

async fn change<R: Reads, V: Viewers>(
    State(portal): State<Portal<R, V>>,
    Path(id): Path<String>,
    uri: OriginalUri,
    headers: HeaderMap,
) -> Response {
    let narrowing = Narrowing::of_query(uri.query().unwrap_or_default());
    let request = (portal, uri, headers);
    match as_customer(&request, Place::Connections).await {
        Ok((asked, of)) => {
            let read = request.0.reads.change(&of, &id, &narrowing).await;
            asked.answer(read, |page, view| customer::change(page, &view))
        }
        Err(refused) => refused,
    }
}

async fn rule_draft<R: Reads, V: Viewers>(
    State(portal): State<Portal<R, V>>,
    Path(tenant): Path<String>,
    pairs: Result<Query<Vec<(String, String)>>, QueryRejection>,
    uri: OriginalUri,
    headers: HeaderMap,
) -> Response {
    let request = (portal, uri, headers);
    match as_customer(&request, Place::Account).await {
        Ok((asked, of)) => {
            let form = pairs.map_err(|_| RuleFault::Word).and_then(|Query(pairs)| RuleForm::of_pairs(&pairs));
            let read = request.0.reads.rule_draft(&of, &tenant, form).await;
            asked.answer(read, |page, view| rules::draft(page, &view))
        }
        Err(refused) => refused,
    }
}

async fn taken<R: Reads, V: Viewers>(
    State(portal): State<Portal<R, V>>,
    Path(id): Path<String>,
    uri: OriginalUri,
    headers: HeaderMap,
) -> Response {
    let request = (portal, uri, headers);
    let (asked, of) = match as_customer(&request, Place::Connections).await {
        Ok(customer) => customer,
        Err(refused) => return refused,
    };
    let page = asked.page;
    match request.0.reads.taken_in(&of, &id).await {
        Ok(states) => {
            let events = states.map(move |view| {
                let kind = if view.complete { "complete" } else { "taken" };
                Ok::<_, Infallible>(Event::default().event(kind).data(customer::taken(&page, &view)))
            });
            Sse::new(events).keep_alive(KeepAlive::default()).into_response()
        }
        Err(ReadFault::Unavailable) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Err(ReadFault::NotFound | ReadFault::Erased) => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn erased<R: Reads, V: Viewers>(
    State(portal): State<Portal<R, V>>,
    Path(tenant): Path<String>,
    uri: OriginalUri,
    headers: HeaderMap,
) -> Response {
    let request = (portal, uri, headers);
    match as_customer(&request, Place::Account).await {
        Ok((asked, _)) => {
            let (Portal { reads, viewers }, _, headers) = &request;
            let partings = viewers.partings(headers).await;
            let read = match partings.iter().find(|parting| parting.tenant.to_string() == tenant) {
                Some(parting) => reads.erasure(parting).await,
                None => Err(ReadFault::NotFound),
            };
            asked.answer(read, |page, view| erasure::report(page, &view))
        }
        Err(refused) => refused,
    }
}

async fn receipt<R: Reads, V: Viewers>(
    State(portal): State<Portal<R, V>>,
    Path(leaf): Path<u64>,
    uri: OriginalUri,
    headers: HeaderMap,
) -> Response {
    let request = (portal, uri, headers);
    match as_customer(&request, Place::Connections).await {
        Ok((asked, of)) => asked.answer(request.0.reads.receipt(&of, leaf).await, |page, _| {
            customer::receipt(page, Some(format!("/my/receipts/{leaf}/file")))
        }),
        Err(refused) => refused,
    }
}

async fn receipt_file<R: Reads, V: Viewers>(
    State(portal): State<Portal<R, V>>,
    Path(leaf): Path<u64>,
    uri: OriginalUri,
    headers: HeaderMap,
) -> Response {
    let request = (portal, uri, headers);
    match as_customer(&request, Place::Connections).await {
        Ok((asked, of)) => asked.answer(request.0.reads.receipt(&of, leaf).await, |_, json| {
            let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
            (headers, json).into_response()
        }),
        Err(refused) => refused,
    }
}

async fn refusals<R: Reads, V: Viewers>(
    State(portal): State<Portal<R, V>>,
    uri: OriginalUri,
    headers: HeaderMap,
) -> Response {
    let request = (portal, uri, headers);
    match as_company(&request, Place::Requests).await {
        Ok((asked, of)) => {
            asked.answer(request.0.reads.refusals(of).await, |page, view| refusal::refusals(page, &view))
        }
        Err(refused) => refused,
    }
}

async fn company_sign_in<R: Reads, V: Viewers>(
    State(portal): State<Portal<R, V>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Response {
    let asked = portal.asked(&uri, &headers, Place::SignIn).await;
    let response = company::sign_in(&asked.page, is_marked(&uri, "refused"));
    asked.finish(response)
}

async fn preview<R: Reads, V: Viewers>(
    State(portal): State<Portal<R, V>>,
    Query(pairs): Query<Vec<(String, String)>>,
    uri: OriginalUri,
    headers: HeaderMap,
) -> Response {
    let request = (portal, uri, headers);
    match as_company(&request, Place::Requests).await {
        Ok((asked, of)) => {
            let read = request.0.reads.preview(of, &Draft::of_pairs(&pairs)).await;
            asked.answer(read, |page, view| customer::request_preview(page, &view))
        }
        Err(refused) => refused,
    }
}

async fn company_requests<R: Reads, V: Viewers>(
    State(portal): State<Portal<R, V>>,
    uri: OriginalUri,
    headers: HeaderMap,
) -> Response {
    let query = uri.query().unwrap_or_default();
    let made = query.split('&').find_map(|pair| pair.strip_prefix("made=")?.parse().ok());
    let request = (portal, uri, headers);
    match as_company(&request, Place::Requests).await {
        Ok((asked, of)) => {
            let read = request.0.reads.desk(of, Paging::default()).await;
            asked.answer(read, |page, view| company::requests(page, &view, made))
        }
        Err(refused) => refused,
    }
}

async fn prepared<R: Reads, V: Viewers>(
    State(portal): State<Portal<R, V>>,
    Path(id): Path<String>,
    uri: OriginalUri,
    headers: HeaderMap,
) -> Response {
    let refused = is_marked(&uri, "refused");
    let request = (portal, uri, headers);
    match as_company(&request, Place::Requests).await {
        Ok((asked, of)) => {
            let base_url = request.0.reads.overview().base_url;
            asked.answer(request.0.reads.prepared(of, &id).await, |page, view| {
                company::prepared(page, &PreparedRequest { refused, ..view }, &base_url)
            })
        }
        Err(refused) => refused,
    }
}

/// Whether the query has a name without a value.
fn is_marked(uri: &axum::http::Uri, mark: &str) -> bool {
    uri.query().is_some_and(|query| query.split('&').any(|pair| pair == mark))
}
