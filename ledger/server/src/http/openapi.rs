//! The routes, and the document that describes them: OpenAPI 3.1.

mod completion;

use axum::Router;
use axum::http::header;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::IntoResponse as _;
use axum::routing::get;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::portal::LedgerReads;
use super::problem::Problem;
use super::{
    App, acknowledgements, admin, assets, audits, authzen, complaints, deletions, erasures, events, feed,
    gate_keys, grants, heads, health, invitations, kits, layers, leases, log, mandates, metrics, mirror,
    policy, proofs, receipts, settlements, states, uses, vocabulary,
};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Grantbook",
        description = "A consent ledger: grants signed by customers, uses recorded at a gate, all in a public append-only log. Every error is an RFC 9457 problem with a stable type.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "log", description = "The public log, C2SP tlog-tiles; no token, open to all origins"),
        (name = "events", description = "Signed envelopes: keys, templates, notices, requests, grants"),
        (name = "grants", description = "Grants as the events have made them"),
        (name = "mandates", description = "Rules by which agents answer requests for customers"),
        (name = "assets", description = "Reports derived from customers' data, with owners and terms of their own"),
        (name = "uses", description = "Recorded uses and denials"),
        (name = "leases", description = "Slices of caps, rates and budgets that gates use up by themselves"),
        (name = "receipts", description = "What proves an entry offline"),
        (name = "complaints", description = "What customers complain of, and by when they are answered; never on the log"),
        (name = "mirror", description = "What enterprises' systems say of their customers, for these to see"),
        (name = "feed", description = "What replicas follow"),
        (name = "authzen", description = "OpenID AuthZEN Authorization API 1.0"),
        (name = "audit", description = "Random audits by a regulator"),
        (name = "erasure", description = "Erasing customers, and legal holds that keep them from it"),
        (name = "money", description = "Settled periods, statements and payments"),
        (name = "proofs", description = "Compliance proofs of the tenant's days"),
        (name = "tenant", description = "Keys, gates and tokens of the caller's tenant"),
        (name = "customers", description = "Invitations to the portal, first keys, passkeys"),
        (name = "operation", description = "For those who run the server"),
    ),
)]
struct Document;

fn routes() -> OpenApiRouter<App> {
    let log = OpenApiRouter::new()
        .routes(routes!(log::checkpoint))
        .routes(routes!(log::vkey))
        .routes(routes!(log::tile))
        .routes(routes!(log::public))
        .layer(from_fn(log::open_to_all_origins));
    OpenApiRouter::with_openapi(Document::openapi())
        .merge(log)
        .routes(routes!(events::append))
        .routes(routes!(grants::list))
        .routes(routes!(grants::one))
        .routes(routes!(mandates::list))
        .routes(routes!(mandates::requests))
        .routes(routes!(mandates::simulate))
        .routes(routes!(assets::list))
        .routes(routes!(assets::one))
        .routes(routes!(acknowledgements::one))
        .routes(routes!(acknowledgements::open))
        .routes(routes!(deletions::list))
        .routes(routes!(uses::append, uses::list))
        .routes(routes!(leases::lease))
        .routes(routes!(leases::list))
        .routes(routes!(leases::release))
        .routes(routes!(leases::set_budget))
        .routes(routes!(leases::list_budgets))
        .routes(routes!(mirror::register_source, mirror::source))
        .routes(routes!(mirror::push))
        .routes(routes!(mirror::wishes, mirror::decide))
        .routes(routes!(receipts::one))
        .routes(routes!(receipts::of_use))
        .routes(routes!(states::one))
        .routes(routes!(policy::one))
        .routes(routes!(policy::candidate))
        .routes(routes!(policy::simulate))
        .routes(routes!(heads::sign))
        .routes(routes!(audits::open))
        .routes(routes!(admin::tenant))
        .routes(routes!(vocabulary::all))
        .routes(routes!(admin::register_gate, admin::gate))
        .routes(routes!(gate_keys::hand_out))
        .routes(routes!(admin::create_token, admin::list_tokens))
        .routes(routes!(admin::revoke_token))
        .routes(routes!(invitations::invite))
        .routes(routes!(invitations::waiting))
        .routes(routes!(invitations::vouch))
        .routes(routes!(invitations::set_cosignature))
        .routes(routes!(complaints::list))
        .routes(routes!(complaints::answer))
        .routes(routes!(erasures::erase, erasures::list))
        .routes(routes!(erasures::one))
        .routes(routes!(erasures::purged))
        .routes(routes!(erasures::place_hold, erasures::list_holds))
        .routes(routes!(erasures::lift_hold))
        .routes(routes!(settlements::settle, settlements::list))
        .routes(routes!(settlements::one))
        .routes(routes!(settlements::statement))
        .routes(routes!(settlements::order))
        .routes(routes!(settlements::end))
        .routes(routes!(settlements::reverse))
        .routes(routes!(proofs::prove, proofs::list))
        .routes(routes!(proofs::bundle))
        .routes(routes!(proofs::report))
        .routes(routes!(kits::make))
        .routes(routes!(authzen::evaluate))
        .routes(routes!(authzen::batch::evaluate))
        .routes(routes!(authzen::search::subjects))
        .routes(routes!(authzen::search::resources))
        .routes(routes!(authzen::search::actions))
        .routes(routes!(authzen::metadata))
}

/// Routes without a place among the requests under way: what watches the server must get through when it is full, and
/// feeds have places of their own.
fn unbounded_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(feed::follow))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(metrics::scrape))
}

/// Every route with its layers.
pub(super) fn router(app: App) -> Router {
    let (bounded, _) = routes().split_for_parts();
    let (unbounded, _) = unbounded_routes().split_for_parts();
    let document = json(&document());
    let portal = grantbook_portal::router(LedgerReads(app.clone()), app.portal.clone())
        .layer(from_fn_with_state(app.clone(), layers::by_its_name));
    bounded
        .route(
            "/openapi.json",
            get(move || {
                let document = document.clone();
                async move { ([(header::CONTENT_TYPE, "application/json")], document).into_response() }
            }),
        )
        .merge(portal)
        .merge(
            app.portal
                .router()
                .layer(from_fn_with_state(app.clone(), layers::slow_sign_in))
                .layer(from_fn(layers::doors_from_here)),
        )
        .layer(from_fn_with_state(app.clone(), layers::by_address))
        .layer(from_fn_with_state(app.clone(), layers::bound))
        .merge(unbounded)
        .fallback(async || Problem::not_found())
        .layer(from_fn_with_state(app.clone(), layers::observe))
        .with_state(app)
}

/// The document at `/openapi.json`.
pub fn document() -> OpenApi {
    let mut document = routes().merge(unbounded_routes()).into_openapi();
    // the router's mark of a path of several parts is not part of OpenAPI's template syntax
    document.paths.paths = std::mem::take(&mut document.paths.paths)
        .into_iter()
        .map(|(path, item)| (path.replace("{*", "{"), item))
        .collect();
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("gbk_… , bound to one tenant and one role"))
        .build();
    completion::complete(&mut document);
    document.components.get_or_insert_default().add_security_scheme("bearer", SecurityScheme::Http(bearer));
    document
}

fn json(document: &OpenApi) -> String {
    // maps with string keys only: nothing in it can fail to be written
    document.to_pretty_json().unwrap_or_default()
}
