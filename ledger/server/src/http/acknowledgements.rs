//! `GET /v1/acknowledgements`, `GET /v1/grants/{jti}/acknowledgements`: who has taken in that a grant has ended; and the
//! task that puts it on the log once the last live gate has.

use std::collections::BTreeMap;
use std::time::Instant;

use axum::Json;
use axum::extract::{Path, Query, State};
use futures_util::{StreamExt as _, stream};
use grantbook_engine::{Acknowledgement, AppendError, Clock, Ending, Ledger, ReadError};
use grantbook_plan::GrantState;
use grantbook_plan::duties::{Duties, Recipient};
use grantbook_record::event::Acknowledger;
use grantbook_record::{GateId, Jti, SubjectId, TenantId, Term, UnixMillis, UnixSeconds};
use grantbook_tlog::LeafIndex;
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::sleep;
use utoipa::ToSchema;

use super::App;
use super::caller::Caller;
use super::live_gates::TakenIn;
use super::page::PageQuery;
use super::problem::{Problem, ProblemDetails};

/// Ends that are read at once.
const ENDS_AT_ONCE: usize = 256;
/// Acknowledgements under way at once.
const APPENDS_MAX: usize = 16;

/// Ends that live gates have not all taken in.
#[derive(Default)]
pub(super) struct Waiting(Mutex<Known>);

#[derive(Default)]
struct Known {
    ends: BTreeMap<(TenantId, LeafIndex), Ending>,
    /// Up to where each tenant's ends were read.
    read: BTreeMap<TenantId, LeafIndex>,
}

/// Who has taken in that a grant has ended.
#[derive(Serialize, ToSchema)]
pub(super) struct AcknowledgementsView {
    /// The `jti` of its `grant.given`.
    #[schema(value_type = String)]
    grant: Jti,
    /// The data subject.
    #[schema(value_type = String)]
    sub: SubjectId,
    /// Its withdrawal or revocation; absent while it has neither.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<EndedView>,
    /// The enterprise's live gates; absent while it has not ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    gates: Option<GatesView>,
    /// Who has to acknowledge: the recipient of the terms first, then those to whom uses passed data on.
    recipients: Vec<RecipientView>,
}

/// A withdrawal or revocation.
#[derive(Serialize, ToSchema)]
struct EndedView {
    /// The `jti` of the event.
    #[schema(value_type = String)]
    event: Jti,
    /// Where its entry stands in the log.
    leaf_index: u64,
    /// When, Unix seconds.
    #[schema(value_type = u64, required = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<UnixSeconds>,
}

/// What live gates have taken in.
#[derive(Serialize, ToSchema)]
struct GatesView {
    /// How many gates have taken it in …
    taken_in: u64,
    /// … of how many.
    of: u64,
    /// When the last of all did, Unix milliseconds; absent until all have, and where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u64, required = false)]
    at: Option<UnixMillis>,
    /// Each of them, as far as this server remembers.
    each: Vec<GateTakenInView>,
}

/// A gate.
#[derive(Serialize, ToSchema)]
struct GateTakenInView {
    /// Its name.
    #[schema(value_type = String)]
    gate: GateId,
    /// When it said that it had taken it in, Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u64, required = false)]
    at: Option<UnixMillis>,
}

/// A recipient.
#[derive(Serialize, ToSchema)]
struct RecipientView {
    /// Who.
    #[schema(value_type = String)]
    recipient: Term,
    /// Whether data was passed on to it by the recipient of the terms.
    onward: bool,
    /// Its acknowledgement; absent while that is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledged: Option<AcknowledgedView>,
}

/// A `recipient.acknowledged`.
#[derive(Serialize, ToSchema)]
struct AcknowledgedView {
    /// Where its entry stands in the log.
    leaf_index: u64,
    /// `{"gates": n}` or `"recipient"`.
    #[schema(value_type = Object)]
    by: Acknowledger,
    /// Since when it is so, Unix milliseconds.
    #[schema(value_type = u64)]
    at: UnixMillis,
}

/// Ends that somebody has not acknowledged.
#[derive(Serialize, ToSchema)]
pub(super) struct OpenAcknowledgements {
    /// By rising leaf index of the withdrawal or revocation.
    grants: Vec<AcknowledgementsView>,
    /// Cursor of the next page; absent at the end. A page may be short before the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Who has taken in that a grant has ended
#[utoipa::path(get, path = "/v1/grants/{jti}/acknowledgements", operation_id = "get_acknowledgements", tag = "grants", security(("bearer" = [])),
    params(("jti" = String, Path, description = "The jti of its grant.given")),
    responses(
        (status = 200, body = AcknowledgementsView),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 404, description = "not-found, also for grants of other tenants", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 410, description = "erased", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn one(
    State(app): State<App>,
    caller: Caller,
    Path(jti): Path<String>,
) -> Result<Json<AcknowledgementsView>, Problem> {
    let jti = Jti::parse(&jti).map_err(|_| Problem::not_found())?;
    let tenant = caller.tenant();
    let shared = app.clone();
    let view = app
        .blocking(move |ledger| {
            let row = ledger.grant(tenant, &jti)?;
            let ending = ledger.ending(tenant, &jti)?;
            match ending {
                Some(ending) => ended_view(&shared, ledger, tenant, &ending),
                None => Ok(AcknowledgementsView {
                    recipients: recipients(ledger, &row.grant, &row.duties)?,
                    grant: jti,
                    sub: row.sub,
                    ended: None,
                    gates: None,
                }),
            }
        })
        .await?;
    Ok(Json(view?))
}

/// List ends of grants that somebody has not acknowledged
#[utoipa::path(get, path = "/v1/acknowledgements", operation_id = "list_open_acknowledgements", tag = "grants", security(("bearer" = [])), params(PageQuery),
    responses(
        (status = 200, description = "A page, by rising leaf index of the end", body = OpenAcknowledgements),
        (status = 400, description = "malformed-request", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn open(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<OpenAcknowledgements>, Problem> {
    let page = query.page(app.config.limits.page_rows_max)?;
    let tenant = caller.tenant();
    let shared = app.clone();
    let listed = app
        .blocking(move |ledger| {
            let (endings, next) = ledger.open_endings(tenant, page.after, page.limit)?;
            let views = endings.iter().map(|ending| ended_view(&shared, ledger, tenant, ending));
            let grants = views.collect::<Result<Vec<_>, ReadError>>()?;
            let next = next.map(|LeafIndex(leaf)| leaf.to_string());
            Ok::<_, ReadError>(OpenAcknowledgements { grants, next })
        })
        .await?;
    Ok(Json(listed?))
}

fn ended_view(
    app: &App,
    ledger: &Ledger,
    tenant: TenantId,
    ending: &Ending,
) -> Result<AcknowledgementsView, ReadError> {
    let Ending { sub, grant, event, leaf_index, duties } = ending;
    let recipients = recipients(ledger, grant, duties)?;
    let mut named = recipients.iter().filter(|recipient| !recipient.onward);
    let by_gates = named.find_map(|recipient| recipient.acknowledged.as_ref());
    let gates = match (by_gates, app.live_gates.remembered(tenant, *leaf_index)) {
        (Some(_), Some(taken)) => Some(GatesView::of(&taken)),
        // from before the server began
        (Some(AcknowledgedView { by: Acknowledger::Gates(count), at, .. }), None) => Some(GatesView {
            taken_in: (*count).into(),
            of: (*count).into(),
            at: Some(*at).filter(|_| *count > 0),
            each: Vec::new(),
        }),
        _ => look(app, tenant, ending).as_ref().map(GatesView::of),
    };
    Ok(AcknowledgementsView {
        grant: grant.id,
        sub: sub.clone(),
        ended: Some(EndedView { event: *event, leaf_index: leaf_index.0, at: grant.ended_at }),
        gates,
        recipients,
    })
}

fn recipients(ledger: &Ledger, grant: &GrantState, duties: &Duties) -> Result<Vec<RecipientView>, ReadError> {
    let view = |Recipient { recipient, onward, acknowledged }: Recipient<'_>| {
        let acknowledged = match acknowledged.map(|leaf| ledger.acknowledgement(LeafIndex(leaf))) {
            Some(Ok(Acknowledgement { leaf_index: LeafIndex(leaf_index), by, at })) => {
                Some(AcknowledgedView { leaf_index, by, at })
            }
            // not published yet
            None | Some(Err(ReadError::NotFound)) => None,
            Some(Err(error)) => return Err(error),
        };
        Ok(RecipientView { recipient: recipient.clone(), onward, acknowledged })
    };
    duties.recipients(&grant.terms).map(view).collect()
}

impl GatesView {
    fn of(taken: &TakenIn) -> Self {
        let each = taken.gates.iter().map(|(gate, at)| GateTakenInView { gate: gate.clone(), at: *at });
        Self {
            taken_in: taken.count() as u64,
            of: taken.gates.len() as u64,
            at: taken.last(),
            each: each.collect(),
        }
    }
}

/// Which live gates have taken an end in.
pub(super) fn look(app: &App, tenant: TenantId, ending: &Ending) -> Option<TakenIn> {
    let frame = ending.duties.frame()?;
    let gates = app.ledger.tenant(tenant)?.gates;
    let registered: Vec<GateId> = gates.into_iter().map(|gate| gate.id).collect();
    Some(app.live_gates.taken_in(tenant, (ending.leaf_index, frame), &registered, Instant::now()))
}

/// Puts acknowledgements on the log until the server stops. Nothing waits for it: a withdrawal denies from the start.
pub(super) async fn keep(app: App) {
    let mut endings = app.ledger.wait_endings();
    let mut heard = app.live_gates.heard();
    let mut stopping = app.stopping.clone();
    // a gate that falls silent tells nobody
    let tick = app.ledger.freshness_bound() / 3;
    loop {
        // marked as seen before the round: what comes during it wakes us again
        endings.borrow_and_update();
        heard.borrow_and_update();
        let waits = settle(&app).await > 0;
        tokio::select! {
            changed = endings.changed() => if changed.is_err() { return },
            _ = heard.changed(), if waits => {}
            () = sleep(tick), if waits => {}
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
    }
}

/// Puts on the log what all live gates have taken in; how many ends are left.
pub(super) async fn settle(app: &App) -> usize {
    let mut known = app.waiting.0.lock().await;
    let Known { ends, read } = &mut *known;
    let tenants: Vec<TenantId> = app.ledger.tenants().into_iter().map(|tenant| tenant.id).collect();
    for tenant in tenants {
        let after = read.get(&tenant).copied();
        match app.blocking(move |ledger| unacknowledged(ledger, tenant, after)).await {
            Ok(Ok((new, last))) => {
                ends.extend(new.into_iter().map(|ending| ((tenant, ending.leaf_index), ending)));
                read.extend(last.map(|last| (tenant, last)));
            }
            Ok(Err(error)) => tracing::error!(%error, "ends of grants are not read"),
            Err(_) => {}
        }
    }
    let now = Clock::system().now();
    let ready: Vec<_> = ends
        .iter()
        .filter_map(|((tenant, leaf), ending)| {
            let taken = look(app, *tenant, ending)?;
            let count = u32::try_from(taken.count()).unwrap_or(u32::MAX);
            taken.by_all().then(|| ((*tenant, *leaf), ending.clone(), count, taken.since(now)))
        })
        .collect();
    let appends = stream::iter(ready).map(|((tenant, leaf), ending, gates, at)| async move {
        let appended = app.blocking(move |ledger| ledger.acknowledge(tenant, &ending, gates, at)).await;
        ((tenant, leaf), appended)
    });
    let done: Vec<_> = appends.buffer_unordered(APPENDS_MAX).collect().await;
    for ((tenant, leaf), appended) in done {
        match appended {
            Ok(Ok(_)) => app.live_gates.acknowledged(tenant, leaf),
            // tried again at the next occasion, or by the next start
            Ok(Err(AppendError::Busy | AppendError::Stopped | AppendError::Store(_))) | Err(_) => continue,
            // it is there, or the customer was erased meanwhile
            Ok(Err(_)) => app.live_gates.forget(tenant, leaf),
        }
        ends.remove(&(tenant, leaf));
    }
    ends.len()
}

/// Ends after `after` that the recipient of the terms has not acknowledged, and up to where they were read.
fn unacknowledged(
    ledger: &Ledger,
    tenant: TenantId,
    after: Option<LeafIndex>,
) -> Result<(Vec<Ending>, Option<LeafIndex>), ReadError> {
    let (mut found, mut last) = (Vec::new(), after);
    loop {
        let (endings, next) = ledger.open_endings(tenant, last, ENDS_AT_ONCE)?;
        last = next.or(endings.last().map(|ending| ending.leaf_index)).or(last);
        found.extend(endings.into_iter().filter(|ending| {
            let mut recipients = ending.duties.recipients(&ending.grant.terms);
            recipients.next().is_some_and(|recipient| recipient.acknowledged.is_none())
        }));
        if next.is_none() {
            return Ok((found, last));
        }
    }
}
