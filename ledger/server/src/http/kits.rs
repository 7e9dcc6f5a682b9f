//! `/v1/kits`: what an enterprise's administrators hand to a regulator about a period.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use grantbook_engine::{KitError, KitRequest, parse_date};
use grantbook_proof::kit::{DETAILS_BYTES_MAX, Details, Period};
use grantbook_record::strict_json;
use serde::Deserialize;
use utoipa::ToSchema;

use super::App;
use super::body;
use super::caller::{Admin, within_rate};
use super::problem::{Problem, ProblemDetails, ProblemKind};
use super::proofs::shelf;
use crate::kit::{KitView, reader_page};

/// Bytes of a request: the details, escaped once more, and two days.
const REQUEST_BYTES_MAX: usize = 2 * DETAILS_BYTES_MAX + 1024;

/// Days that a kit is asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"from": "2026-03-01", "to": "2026-03-31"}))]
pub(super) struct MakeKit {
    /// The first day, `YYYY-MM-DD`.
    #[schema(format = "date")]
    from: String,
    /// The last day, at most 365 after it; it must be over.
    #[schema(format = "date")]
    to: String,
    /// What no ledger knows of a record of processing, as text: the JSON of docs/spec/regulator-kit.md.
    #[serde(default)]
    #[schema(nullable = false)]
    details: Option<String>,
}

impl From<KitError> for Problem {
    fn from(error: KitError) -> Self {
        match error {
            KitError::UnknownTenant => Self::new(ProblemKind::UnknownTenant, error.to_string()),
            KitError::NotOver(_) => Self::new(ProblemKind::StateConflict, error.to_string()),
            KitError::Read(error) => error.into(),
            KitError::Append(error) => error.into(),
            KitError::Store(error) => {
                tracing::error!(%error, "the proofs of a tenant have a fault");
                Self::internal()
            }
        }
    }
}

/// Make a regulator kit
///
/// Its tables name nobody. That it is made goes on the public log first. The proof bundles of its days are got one by one.
#[utoipa::path(post, path = "/v1/kits", operation_id = "make_kit", tag = "proofs", security(("bearer" = [])),
    request_body = MakeKit,
    responses(
        (status = 200, description = "docs/spec/regulator-kit.md", body = KitView),
        (status = 400, description = "malformed-request, such as a period of more than 366 days", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 403, description = "forbidden: the role is not admin", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 409, description = "state-conflict: the last day is not over", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn make(
    State(app): State<App>,
    Admin(principal): Admin,
    headers: HeaderMap,
    body: Body,
) -> Result<([(header::HeaderName, &'static str); 1], Json<KitView>), Problem> {
    let tenant = principal.tenant;
    within_rate(&app, tenant)?;
    body::expect_json(&headers)?;
    let asked: MakeKit = strict_json::parse(&body::read(body, REQUEST_BYTES_MAX).await?)?;
    let period = parse_date(&asked.from).zip(parse_date(&asked.to));
    let period = period.and_then(|(from, to)| Period::new(from, to)).ok_or_else(|| {
        Problem::malformed("malformed period, expected days such as 2026-03-02, 366 at most")
    })?;
    let details = asked.details.map(|json| Details::parse(json.as_bytes())).transpose();
    let details = details.map_err(|error| Problem::malformed(error.to_string()))?;
    let shelf = shelf(&app, tenant);
    let kit = app
        .blocking(move |ledger| {
            let request = KitRequest { tenant, period, details, reader: reader_page() };
            ledger.kit(&shelf, &request)
        })
        .await??;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(kit.into())))
}
