//! `/v1/erasures` and `/v1/holds`: erasing customers, and keeping them from being erased.
//!
//! Gates that follow the feed under a name are told whom to forget, by events of the kind `purge`, and say when they
//! have. An erasure ends when all have that the enterprise has registered or that follow now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use grantbook_engine::{EraseError, Erased, Erasure, LegalHold, PendingErasure};
use grantbook_record::event::Channel;
use grantbook_record::{GateId, Receipt, SubjectId, TenantId};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use utoipa::ToSchema;

use super::App;
use super::acknowledgements::settle;
use super::body;
use super::caller::{Admin, Caller};
use super::page::parse_number;
use super::problem::{Problem, ProblemDetails, ProblemKind};

/// Whom to erase, and how they asked for it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"sub": "former-customer", "channel": "mail"}))]
pub(super) struct ErasureRequest {
    /// The customer's pseudonym.
    #[schema(value_type = String, pattern = "^[A-Za-z0-9._:-]{1,64}$")]
    sub: SubjectId,
    /// `session`, `phone`, `mail`, `letter` or `in_person`.
    #[schema(value_type = String, pattern = "^(session|phone|mail|letter|in_person)$")]
    channel: Channel,
}

/// How far an erasure is.
#[derive(Serialize, ToSchema)]
pub(super) struct ErasureView {
    /// Names it.
    erasure: u64,
    /// Gates that have not forgotten the customer yet; empty once it is done.
    #[schema(value_type = Vec<String>)]
    waiting_for: Vec<GateId>,
    /// What the tenant's compliance proofs still need of the customer; absent where they need nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_for_proofs: Option<String>,
    /// Leaf index of `subject.erased`, once it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    leaf_index: Option<u64>,
    /// Receipt of `subject.erased`: docs/spec/receipt.md
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    receipt: Option<Receipt>,
    /// The key epoch in which the data key was destroyed. Once the ledger's epoch (`/v1/tenant`) is a later one, no
    /// backup opens any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<u64>,
}

impl ErasureView {
    fn waiting(erasure: u64, waiting_for: Vec<GateId>) -> Self {
        Self { erasure, waiting_for, waiting_for_proofs: None, leaf_index: None, receipt: None, epoch: None }
    }

    fn done(erasure: u64, Erased { leaf_index, receipt, epoch }: Erased) -> Self {
        let (leaf_index, receipt, epoch) = (Some(leaf_index.0), Some(receipt), Some(epoch));
        Self { leaf_index, receipt, epoch, ..Self::waiting(erasure, Vec::new()) }
    }
}

/// Erasures under way.
#[derive(Serialize, ToSchema)]
pub(super) struct Erasures {
    /// How far each is.
    erasures: Vec<ErasureView>,
}

/// A gate's word.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Purged {
    /// The gate that has forgotten the customer, and has nothing of theirs left to record.
    #[schema(value_type = String, pattern = "^[A-Za-z0-9._-]{1,64}$")]
    gate: GateId,
}

/// A customer to be held.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"sub": "sandbox-customer", "reason": "file 12 of 2026"}))]
pub(super) struct HoldRequest {
    /// The customer's pseudonym.
    #[schema(value_type = String, pattern = "^[A-Za-z0-9._:-]{1,64}$")]
    sub: SubjectId,
    /// The ground, such as a court's file number; 1 to 256 bytes.
    #[schema(min_length = 1)]
    reason: String,
}

/// A customer whose hold ends.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"sub": "sandbox-customer"}))]
pub(super) struct LiftRequest {
    /// The customer's pseudonym.
    #[schema(value_type = String, pattern = "^[A-Za-z0-9._:-]{1,64}$")]
    sub: SubjectId,
}

/// The tenant's legal holds.
#[derive(Serialize, ToSchema)]
pub(super) struct Holds {
    /// Customer, reason and time each.
    #[schema(value_type = Vec<Object>)]
    holds: Vec<LegalHold>,
}

/// What an event of the kind `purge` tells a gate.
#[derive(Serialize)]
pub(super) struct Purge {
    erasure: u64,
    sub: SubjectId,
}

/// The gates that follow feeds now, and word of new erasures to them.
pub(super) struct Followers {
    live: Mutex<BTreeMap<(TenantId, GateId), usize>>,
    changed: watch::Sender<u64>,
}

impl Followers {
    pub(super) fn new() -> Self {
        Self { live: Mutex::default(), changed: watch::Sender::new(0) }
    }

    fn of(&self, tenant: TenantId) -> BTreeSet<GateId> {
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        live.keys().filter(|(of, _)| *of == tenant).map(|(_, gate)| gate.clone()).collect()
    }

    /// Says that there is a new erasure.
    pub(super) fn tell(&self) {
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Tells whenever there is a new erasure.
    pub(super) fn erasures(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}

/// A gate follows the feed as long as this lives.
pub(super) struct Follower {
    app: App,
    tenant: TenantId,
    gate: GateId,
    /// Erasures that this connection was told of.
    told: BTreeSet<u64>,
}

impl Follower {
    pub(super) fn new(app: App, tenant: TenantId, gate: GateId) -> Self {
        let mut live = app.followers.live.lock().unwrap_or_else(PoisonError::into_inner);
        *live.entry((tenant, gate.clone())).or_default() += 1;
        drop(live);
        Self { app, tenant, gate, told: BTreeSet::new() }
    }

    /// The next customer that this gate is to forget, told once in a connection.
    pub(super) async fn next_purge(&mut self) -> Result<Option<Purge>, Problem> {
        let tenant = self.tenant;
        let erasures = self.app.blocking(move |ledger| ledger.erasures(tenant)).await?.map_err(fault)?;
        // also to a gate that has said so before: it may have been fed from the start again
        let new = |one: &PendingErasure| !self.told.contains(&one.id);
        let Some(PendingErasure { id, sub, .. }) = erasures.into_iter().find(new) else { return Ok(None) };
        self.told.insert(id);
        Ok(Some(Purge { erasure: id, sub }))
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let mut live = self.app.followers.live.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (self.tenant, self.gate.clone());
        if let Some(count) = live.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                live.remove(&key);
            }
        }
    }
}

/// Erase a customer
///
/// Withdraws all grants that are in force, asks the gates to forget the customer, and destroys the customer's data key
/// when they have. The same again tells how far it is.
#[utoipa::path(post, path = "/v1/erasures", operation_id = "erase", tag = "erasure", security(("bearer" = [])), request_body = ErasureRequest,
    responses(
        (status = 200, description = "Erased", body = ErasureView),
        (status = 202, description = "Withdrawn; gates are still to forget the customer, or compliance proofs still need it", body = ErasureView),
        (status = 400, description = "malformed-request", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 403, description = "forbidden: the role is not admin", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 404, description = "not-found: no such customer, or erased already", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 409, description = "held: a legal hold is on the customer", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn erase(
    State(app): State<App>,
    Admin(principal): Admin,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<ErasureView>), Problem> {
    let ErasureRequest { sub, channel } = body::read_json(&headers, body).await?;
    let tenant = principal.tenant;
    let begun = app.blocking(move |ledger| ledger.begin_erasure(tenant, &sub, channel)).await??;
    app.followers.tell();
    let view = finish(&app, tenant, begun.id).await?;
    let status = if view.leaf_index.is_some() { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, Json(view)))
}

/// List erasures that are under way
#[utoipa::path(get, path = "/v1/erasures", operation_id = "list_erasures", tag = "erasure", security(("bearer" = [])), responses(
    (status = 200, body = Erasures),
    (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
))]
pub(super) async fn list(State(app): State<App>, caller: Caller) -> Result<Json<Erasures>, Problem> {
    let tenant = caller.tenant();
    let pending = app.blocking(move |ledger| ledger.erasures(tenant)).await?.map_err(fault)?;
    let expected = expected(&app, tenant);
    let view = |one: PendingErasure| ErasureView::waiting(one.id, still(&one, &expected));
    Ok(Json(Erasures { erasures: pending.into_iter().map(view).collect() }))
}

/// How far an erasure is
#[utoipa::path(get, path = "/v1/erasures/{id}", operation_id = "get_erasure", tag = "erasure", security(("bearer" = [])),
    params(("id" = String, Path, description = "The erasure")),
    responses(
        (status = 200, description = "With leaf_index, receipt and epoch once it is done", body = ErasureView),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 404, description = "not-found", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn one(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<ErasureView>, Problem> {
    let id = parse_number(&id).ok_or_else(Problem::not_found)?;
    let tenant = caller.tenant();
    Ok(Json(match app.blocking(move |ledger| ledger.erasure(tenant, id)).await?? {
        Erasure::Pending(pending) => ErasureView::waiting(id, still(&pending, &expected(&app, tenant))),
        Erasure::Done(erased) => ErasureView::done(id, *erased),
    }))
}

/// Say that a gate has forgotten a customer
#[utoipa::path(post, path = "/v1/erasures/{id}/purged", operation_id = "purged", tag = "erasure", security(("bearer" = [])),
    params(("id" = String, Path, description = "The erasure, as the event `purge` names it")), request_body = Purged,
    responses(
        (status = 204, description = "Noted; also for an erasure that is done"),
        (status = 400, description = "malformed-request", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 404, description = "not-found", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn purged(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let id = parse_number(&id).ok_or_else(Problem::not_found)?;
    let Purged { gate } = body::read_json(&headers, body).await?;
    let tenant = caller.tenant();
    app.blocking(move |ledger| ledger.purged(tenant, id, gate)).await?.map_err(fault)?;
    match finish(&app, tenant, id).await {
        Ok(_) => {}
        // it was done before, or a hold or a new grant has come between: the tick or the next request goes on
        Err(problem) if problem.kind.status().is_client_error() => {}
        Err(problem) => return Err(problem),
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Keep a customer from being erased
#[utoipa::path(post, path = "/v1/holds", operation_id = "place_hold", tag = "erasure", security(("bearer" = [])), request_body = HoldRequest,
    responses(
        (status = 204, description = "Placed"),
        (status = 400, description = "malformed-request", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 403, description = "forbidden: the role is not admin", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 404, description = "not-found: no such customer", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 409, description = "held: there is a hold already", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn place_hold(
    State(app): State<App>,
    Admin(principal): Admin,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let HoldRequest { sub, reason } = body::read_json(&headers, body).await?;
    app.blocking(move |ledger| ledger.place_hold(principal.tenant, &sub, &reason)).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// Lift a legal hold
#[utoipa::path(post, path = "/v1/holds/lift", operation_id = "lift_hold", tag = "erasure", security(("bearer" = [])), request_body = LiftRequest,
    responses(
        (status = 204, description = "Lifted"),
        (status = 400, description = "malformed-request", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 403, description = "forbidden: the role is not admin", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 409, description = "held: there is none", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn lift_hold(
    State(app): State<App>,
    Admin(principal): Admin,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let LiftRequest { sub } = body::read_json(&headers, body).await?;
    app.blocking(move |ledger| ledger.lift_hold(principal.tenant, &sub)).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// List legal holds
#[utoipa::path(get, path = "/v1/holds", operation_id = "list_holds", tag = "erasure", security(("bearer" = [])), responses(
    (status = 200, body = Holds),
    (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
    (status = 403, description = "forbidden: the role is not admin", content_type = "application/problem+json", body = ProblemDetails<'static>),
))]
pub(super) async fn list_holds(
    State(app): State<App>,
    Admin(principal): Admin,
) -> Result<Json<Holds>, Problem> {
    let mut holds = app.blocking(grantbook_engine::Ledger::legal_holds).await?.map_err(fault)?;
    holds.retain(|hold| hold.tenant == principal.tenant);
    Ok(Json(Holds { holds }))
}

/// Gates that must have forgotten a customer: those that are registered, and those that follow the feed now.
pub(super) fn expected(app: &App, tenant: TenantId) -> Vec<GateId> {
    let mut expected = app.followers.of(tenant);
    let registered = app.ledger.tenant(tenant).map(|tenant| tenant.gates).unwrap_or_default();
    expected.extend(registered.into_iter().map(|gate| gate.id));
    expected.into_iter().collect()
}

pub(super) fn still(pending: &PendingErasure, expected: &[GateId]) -> Vec<GateId> {
    expected.iter().filter(|gate| !pending.purged.contains(*gate)).cloned().collect()
}

pub(super) async fn finish(app: &App, tenant: TenantId, id: u64) -> Result<ErasureView, Problem> {
    // so that what is acknowledged is, before nobody knows the customer any more
    settle(app).await;
    let expected = expected(app, tenant);
    let finished = app.blocking(move |ledger| ledger.finish_erasure(tenant, id, &expected)).await?;
    match finished {
        Ok(erased) => Ok(ErasureView::done(id, erased)),
        Err(EraseError::Waiting(gates)) => Ok(ErasureView::waiting(id, gates)),
        Err(error @ (EraseError::Unproved { .. } | EraseError::Open { .. })) => Ok(ErasureView {
            waiting_for_proofs: Some(error.to_string()),
            ..ErasureView::waiting(id, Vec::new())
        }),
        Err(error) => Err(error.into()),
    }
}

fn fault(fault: impl std::fmt::Display) -> Problem {
    tracing::error!(%fault, "the keyring has a fault");
    Problem::internal()
}

impl From<EraseError> for Problem {
    fn from(error: EraseError) -> Self {
        let kind = match error {
            EraseError::Append(error) => return error.into(),
            EraseError::Store(error) => return fault(error),
            EraseError::UnknownCustomer | EraseError::UnknownErasure => ProblemKind::NotFound,
            EraseError::Held | EraseError::Hold(_) => ProblemKind::Held,
            EraseError::Waiting(_) | EraseError::Unproved { .. } | EraseError::Open { .. } => {
                ProblemKind::StateConflict
            }
            EraseError::TooMany => ProblemKind::Refused,
        };
        Self::new(kind, error.to_string())
    }
}
