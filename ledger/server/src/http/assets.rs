//! `/v1/assets`: the tenant's data assets, to whom they belong and whether they may be licensed. docs/spec/asset.md

use axum::Json;
use axum::extract::{Path, Query, State};
use grantbook_engine::{AssetRow, AssetRows};
use grantbook_record::day::UnixSeconds;
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{AssetIssued, AssetTerms, Owner};
use grantbook_record::{Jti, SubjectId, Term};
use grantbook_tlog::LeafIndex;
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::caller::Caller;
use super::grants::SubjectQuery;
use super::page::PageQuery;
use super::problem::{Problem, ProblemDetails};

/// Assets, by rising leaf index of their `asset.issued`.
#[derive(Serialize, ToSchema)]
pub(super) struct AssetsPage {
    /// The rows.
    assets: Vec<AssetView>,
    /// Cursor of the next page; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A report derived from a customer's data.
#[derive(Serialize, ToSchema)]
pub(super) struct AssetView {
    /// The `jti` of its `asset.issued`.
    #[schema(value_type = String)]
    asset: Jti,
    /// Leaf index of its `asset.issued`.
    leaf_index: u64,
    /// The data subject from whose data it was derived.
    #[schema(value_type = String)]
    sub: SubjectId,
    /// What kind of report it is.
    #[schema(value_type = String)]
    category: Term,
    /// SHA-256 of the report, base64url.
    #[schema(value_type = String)]
    hash: Bytes32,
    /// Who derived it.
    #[schema(value_type = String)]
    derived_by: Term,
    /// Under which grants.
    #[schema(value_type = Vec<String>)]
    derived_from: Vec<Jti>,
    /// What for.
    #[schema(value_type = String)]
    purpose: Term,
    /// docs/spec/asset.md
    #[schema(value_type = Object)]
    terms: AssetTerms,
    /// To whom it belongs: `customer` or `enterprise`.
    #[schema(value_type = String)]
    owner: Owner,
    /// All owners, the first one first.
    owners: Vec<HoldingView>,
    /// Whether a licence of it may be given now.
    licensable: bool,
}

/// That somebody owns an asset.
#[derive(Serialize, ToSchema)]
struct HoldingView {
    /// `customer` or `enterprise`.
    #[schema(value_type = String)]
    owner: Owner,
    /// Leaf index of the entry that made it so.
    leaf_index: u64,
    /// Since when, Unix seconds.
    #[schema(value_type = u64)]
    since: UnixSeconds,
}

impl AssetView {
    fn new(AssetRow { sub, asset, licensable }: AssetRow) -> Self {
        let (owner, leaf_index) = (asset.owner(), asset.leaf_index());
        let owners = asset.owners.iter().map(|holding| HoldingView {
            owner: holding.owner,
            leaf_index: holding.entry.leaf_index,
            since: holding.since,
        });
        let owners = owners.collect();
        let AssetIssued { category, hash, derived_by, derived_from, purpose, terms, .. } = asset.issued;
        Self {
            asset: asset.id,
            leaf_index,
            sub,
            category,
            hash,
            derived_by,
            derived_from: derived_from.to_vec(),
            purpose,
            terms,
            owner,
            owners,
            licensable,
        }
    }
}

/// List data assets
#[utoipa::path(get, path = "/v1/assets", operation_id = "list_assets", tag = "assets", security(("bearer" = [])), params(PageQuery, SubjectQuery),
    responses(
        (status = 200, description = "A page, by rising leaf index", body = AssetsPage),
        (status = 400, description = "malformed-request", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<PageQuery>,
    Query(subject): Query<SubjectQuery>,
) -> Result<Json<AssetsPage>, Problem> {
    let page = query.page(app.config.limits.page_rows_max)?;
    let sub = subject.parse()?;
    let tenant = caller.tenant();
    let AssetRows { assets, next } = app
        .blocking(move |ledger| match sub {
            Some(sub) => {
                let mut assets = ledger.assets_of(tenant, &sub)?;
                assets.retain(|row| page.after.is_none_or(|after| row.asset.leaf_index() > after.0));
                let more = assets.len() > page.limit;
                assets.truncate(page.limit);
                let last = assets.last().filter(|_| more).map(|row| LeafIndex(row.asset.leaf_index()));
                Ok(AssetRows { assets, next: last })
            }
            None => ledger.assets(tenant, page.after, page.limit),
        })
        .await??;
    let next = next.map(|leaf| leaf.0.to_string());
    Ok(Json(AssetsPage { assets: assets.into_iter().map(AssetView::new).collect(), next }))
}

/// One data asset
#[utoipa::path(get, path = "/v1/assets/{jti}", operation_id = "get_asset", tag = "assets", security(("bearer" = [])),
    params(("jti" = String, Path, description = "The jti of its asset.issued")),
    responses(
        (status = 200, description = "The asset with all its owners", body = AssetView),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 404, description = "not-found, also for assets of other tenants", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 410, description = "erased", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn one(
    State(app): State<App>,
    caller: Caller,
    Path(jti): Path<String>,
) -> Result<Json<AssetView>, Problem> {
    let jti = Jti::parse(&jti).map_err(|_| Problem::not_found())?;
    let tenant = caller.tenant();
    let row = app.blocking(move |ledger| ledger.asset(tenant, &jti)).await??;
    Ok(Json(AssetView::new(row)))
}
