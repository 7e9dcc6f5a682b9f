//! `/metrics`: OpenMetrics text for Prometheus. No label holds a tenant, a customer or a token.

use std::time::Duration;

use axum::extract::State;
use axum::http::{Method, header};
use axum::response::{IntoResponse as _, Response};
use grantbook_engine::Ledger;
use grantbook_record::DenialReason;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::App;
use super::problem::Problem;
use crate::mailing::Mailing;
use crate::witnessing::Witnessing;

mod engine;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Seconds, from what memory answers to the deadline.
const BUCKETS: [f64; 12] = [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0, 10.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LatencyLabels {
    method: &'static str,
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DecisionLabels {
    /// `permit`, or the reason of the denial.
    decision: &'static str,
}

/// What the server counts itself; the ledger counts the rest.
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<RouteLabels, Counter>,
    latency: Family<LatencyLabels, Histogram, fn() -> Histogram>,
    decisions: Family<DecisionLabels, Counter>,
    duplicates: Counter,
}

impl Metrics {
    pub(super) fn new(ledger: Ledger, witnessing: Option<&Witnessing>, mailing: Option<&Mailing>) -> Self {
        let mut registry = Registry::with_prefix("grantbook");
        let requests = Family::<RouteLabels, Counter>::default();
        registry.register("http_requests", "Requests answered", requests.clone());
        let latency = Family::new_with_constructor((|| Histogram::new(BUCKETS)) as fn() -> Histogram);
        let help = "Time from a request's header to its answer; for feeds to the first byte";
        registry.register_with_unit("http_request_duration", help, Unit::Seconds, latency.clone());
        let decisions = Family::<DecisionLabels, Counter>::default();
        registry.register("decisions", "Evaluations answered at the remote door", decisions.clone());
        let duplicates = Counter::default();
        registry.register("events_duplicate", "Events that had been appended before", duplicates.clone());
        if let Some(witnessing) = witnessing {
            witnessing.register(&mut registry);
        }
        if let Some(mailing) = mailing {
            mailing.register(&mut registry);
        }
        registry.register_collector(Box::new(engine::EngineCollector::new(ledger)));
        Self { registry, requests, latency, decisions, duplicates }
    }

    pub(super) fn request(&self, method: &Method, route: &str, status: u16, took: Duration) {
        let method = method_label(method);
        let labels = RouteLabels { method, route: route.to_owned(), status };
        self.requests.get_or_create(&labels).inc();
        self.latency
            .get_or_create(&LatencyLabels { method, route: labels.route })
            .observe(took.as_secs_f64());
    }

    /// `None` is a permit.
    pub(super) fn decision(&self, reason: Option<DenialReason>) {
        let decision = reason.map_or("permit", DenialReason::code);
        self.decisions.get_or_create(&DecisionLabels { decision }).inc();
    }

    pub(super) fn appended(&self, duplicate: bool) {
        if duplicate {
            self.duplicates.inc();
        }
    }
}

/// Methods are text of the client's choice; labels are not.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Figures for Prometheus
#[utoipa::path(get, path = "/metrics", operation_id = "get_metrics", tag = "operation", responses(
    (status = 200, description = "OpenMetrics text", content_type = "application/openmetrics-text", body = String),
))]
pub(super) async fn scrape(State(app): State<App>) -> Result<Response, Problem> {
    let mut text = String::new();
    text::encode_registry(&mut text, &app.metrics.registry)
        .and_then(|()| feeds(&mut text, &app))
        .and_then(|()| text::encode_eof(&mut text))
        .map_err(|_| Problem::internal())?;
    Ok(([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response())
}

/// The places of feeds that are taken are their subscribers: no second count to keep in step.
fn feeds(text: &mut String, app: &App) -> std::fmt::Result {
    use std::fmt::Write as _;
    let subscribers =
        (app.config.limits.feed_subscribers_max as usize).saturating_sub(app.feeds.available_permits());
    writeln!(text, "# HELP grantbook_feed_subscribers Open feeds.")?;
    writeln!(text, "# TYPE grantbook_feed_subscribers gauge")?;
    writeln!(text, "grantbook_feed_subscribers {subscribers}")
}
