//! `GET /v1/feed`: a tenant's events as server-sent events, in order and without gaps.
//!
//! The reader pulls: frames are read from the ledger only when the last ones were taken by the connection, so a slow
//! reader costs a few frames of memory however far behind it is. A feed that cannot go on without a gap ends; the
//! reader comes back with `Last-Event-ID`.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderName};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use grantbook_record::feed::{FeedPosition, Frame};
use grantbook_record::{GateId, TenantId};
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, watch};
use utoipa::IntoParams;

use super::App;
use super::caller::Caller;
use super::erasures::{Follower, Purge};
use super::page::parse_number;
use super::places::Place;
use super::problem::{Problem, ProblemDetails, ProblemKind};

/// Frames read at once.
const FRAMES_AT_ONCE: usize = 16;
/// A comment this often tells proxies and readers that the connection lives.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Where the feed begins.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct FeedQuery {
    /// Sequence number of the first frame wanted, that is how many frames the reader has; 0 if absent.
    from: Option<String>,
    /// Name of the gate that follows; it is then told which customers to forget, by events of the kind `purge`, and which
    /// key epoch it is, by events of the kind `epoch`.
    gate: Option<String>,
}

/// Follow the tenant's events
///
/// Server-sent events: `id` is the frame's sequence number, `event` is `frame`, `data` a frame (docs/spec/feed.md).
/// A gate that gives its name also gets events `purge`, without `id`: it forgets the customer and says so at
/// `/v1/erasures/{id}/purged`; and events `epoch`, without `id`, first of all and whenever a key epoch has begun: it fetches
/// the new key at `/v1/gate-keys` and seals anew what it keeps.
/// `Last-Event-ID` goes before `from`: the feed begins with the frame after it.
#[utoipa::path(get, path = "/v1/feed", operation_id = "follow_feed", tag = "feed", security(("bearer" = [])),
    params(FeedQuery, ("Last-Event-ID" = Option<String>, Header, description = "Sequence number of the last frame that the reader has")),
    responses(
        (status = 200, description = "Frames without end", content_type = "text/event-stream", body = String),
        (status = 400, description = "malformed-request", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 401, description = "unauthorized", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 409, description = "feed-ahead: the reader has frames that the feed has not", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 429, description = "tenant-limit", content_type = "application/problem+json", body = ProblemDetails<'static>),
        (status = 503, description = "busy", content_type = "application/problem+json", body = ProblemDetails<'static>),
    ))]
pub(super) async fn follow(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<FeedQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let next = first_wanted(&query, &headers)?;
    let tenant = caller.tenant();
    let end = app.ledger.feed_end(tenant)?.position;
    if next > end {
        let detail = format!("expected a position of at most {}, the feed's end", end.0);
        return Err(Problem::new(ProblemKind::FeedAhead, detail));
    }
    let place = app.feeds.clone().try_acquire_owned();
    let place =
        place.map_err(|_| Problem::new(ProblemKind::Busy, "too many feeds are open, try again later"))?;
    let Some(tenants_place) = app.tenants_feeds.take(tenant) else {
        let detail = "too many feeds of this tenant are open, try again later";
        return Err(Problem::new(ProblemKind::TenantLimit, detail));
    };
    let gate = query.gate.as_deref().map(GateId::parse).transpose();
    let gate = gate.map_err(|error| Problem::malformed(error.to_string()))?;
    let reader = Reader {
        follower: gate.map(|gate| Follower::new(app.clone(), tenant, gate)),
        erasures: app.followers.erasures(),
        tenant,
        told_epoch: 0,
        next,
        frames: Vec::new().into_iter(),
        published: app.ledger.wait_published(),
        stopping: app.stopping.clone(),
        app,
        _places: (place, tenants_place),
    };
    let events = stream::unfold(reader, |mut reader| async move {
        let event = reader.event().await?;
        Some((Ok::<_, Infallible>(event), reader))
    });
    let sse = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE).text("alive"));
    // proxies that collect a response before passing it on would hold withdrawals back
    Ok(([("x-accel-buffering", "no")], sse).into_response())
}

fn first_wanted(query: &FeedQuery, headers: &HeaderMap) -> Result<FeedPosition, Problem> {
    if let Some(last) = headers.get(&LAST_EVENT_ID) {
        let next = last.to_str().ok().and_then(parse_number).and_then(|last| last.checked_add(1));
        return next
            .map(FeedPosition)
            .ok_or_else(|| Problem::malformed("malformed Last-Event-ID, expected a sequence number"));
    }
    match query.from.as_deref() {
        None => Ok(FeedPosition(0)),
        Some(from) => parse_number(from)
            .map(FeedPosition)
            .ok_or_else(|| Problem::malformed("malformed from, expected a sequence number")),
    }
}

struct Reader {
    app: App,
    tenant: TenantId,
    /// The key epoch that the gate was told of last; 0 for none.
    told_epoch: u64,
    next: FeedPosition,
    frames: std::vec::IntoIter<Frame>,
    follower: Option<Follower>,
    erasures: watch::Receiver<u64>,
    published: watch::Receiver<u64>,
    stopping: watch::Receiver<bool>,
    _places: (OwnedSemaphorePermit, Place),
}

impl Reader {
    /// The next event; `None` ends the feed.
    async fn event(&mut self) -> Option<Event> {
        let frame = match self.next().await? {
            Next::Frame(frame) => frame,
            Next::Epoch(begun) => {
                let event = Event::default().event("epoch").json_data(&begun);
                return event.inspect_err(|error| tracing::error!(%error, "epoch not written")).ok();
            }
            Next::Purge(purge) => {
                let event = Event::default().event("purge").json_data(&purge);
                return event.inspect_err(|error| tracing::error!(%error, "purge not written")).ok();
            }
        };
        if frame.seq != self.next {
            tracing::error!(expected = self.next.0, got = frame.seq.0, "gap in a feed");
            return None;
        }
        self.next = FeedPosition(self.next.0.checked_add(1)?);
        let event = Event::default().id(frame.seq.0.to_string()).event("frame").json_data(&frame);
        event.inspect_err(|error| tracing::error!(%error, "frame not written")).ok()
    }

    async fn next(&mut self) -> Option<Next> {
        loop {
            if *self.stopping.borrow() {
                return None;
            }
            let epoch = self.app.ledger.epoch().number;
            if self.follower.is_some() && self.told_epoch != epoch {
                self.told_epoch = epoch;
                return Some(Next::Epoch(EpochBegun { epoch }));
            }
            if let Some(frame) = self.frames.next() {
                return Some(Next::Frame(Box::new(frame)));
            }
            // marked as seen before the read: what comes during it wakes us again
            self.published.borrow_and_update();
            self.erasures.borrow_and_update();
            let (tenant, next) = (self.tenant, self.next);
            let end = self.app.ledger.feed_end(tenant);
            let end = end.inspect_err(|error| tracing::error!(%error, "feed not read")).ok()?;
            if end.position > next {
                let read =
                    self.app.blocking(move |ledger| ledger.feed(tenant, next, FRAMES_AT_ONCE)).await.ok()?;
                self.frames =
                    read.inspect_err(|error| tracing::error!(%error, "feed not read")).ok()?.into_iter();
                if self.frames.len() == 0 {
                    tracing::error!(next = next.0, "the feed's end is ahead of its frames");
                    return None;
                }
                continue;
            }
            // after the frames, so that the gate knows whom it forgets
            if let Some(follower) = &mut self.follower
                && let Some(purge) = follower.next_purge().await.ok()?
            {
                return Some(Next::Purge(purge));
            }
            tokio::select! {
                changed = self.published.changed() => changed.ok()?,
                changed = self.erasures.changed() => changed.ok()?,
                _ = self.stopping.wait_for(|stopping| *stopping) => return None,
            }
        }
    }
}

/// What the reader gets next.
enum Next {
    Frame(Box<Frame>),
    Purge(Purge),
    Epoch(EpochBegun),
}

/// What an event of the kind `epoch` tells a gate.
#[derive(Serialize)]
struct EpochBegun {
    epoch: u64,
}
