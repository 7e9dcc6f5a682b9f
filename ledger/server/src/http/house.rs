//! What a server does by itself, beside answering: erasures that wait, roots of the grant states, key epochs.

use std::time::{Duration, Instant};

use grantbook_engine::{Ledger, PendingErasure};
use grantbook_record::UnixSeconds;

use super::App;
use super::erasures::finish;

/// How often it looks whether something is to be done.
const TICK: Duration = Duration::from_secs(60);

/// Goes on until the server stops.
pub(super) async fn keep(app: App) {
    let mut ticks = tokio::time::interval(TICK);
    let mut stopping = app.stopping.clone();
    let mut rooted = Instant::now();
    loop {
        let begun = tokio::select! {
            _ = ticks.tick() => false,
            () = app.erasing.notified() => true,
            _ = stopping.wait_for(|stopping| *stopping) => return,
        };
        if begun {
            app.followers.tell();
            end_erasures(&app).await;
            continue;
        }
        end_erasures(&app).await;
        record_root(&app, &mut rooted).await;
        begin_epoch(&app).await;
    }
}

/// Ends erasures whose gates have been silent for too long.
async fn end_erasures(app: &App) {
    for tenant in app.ledger.tenants() {
        let Ok(Ok(pending)) = app.blocking(move |ledger| ledger.erasures(tenant.id)).await else {
            continue;
        };
        for PendingErasure { id, .. } in pending {
            if let Err(problem) = finish(app, tenant.id, id).await {
                tracing::warn!(erasure = id, problem = problem.kind.slug(), "an erasure does not go on");
            }
        }
    }
}

/// Puts the root of the grant states on the log, when it is time or when without it nothing can be proved.
async fn record_root(app: &App, last: &mut Instant) {
    let every = Duration::from_secs(u64::from(app.config.state_root_minutes) * 60);
    let due = app.blocking(Ledger::is_state_root_due).await;
    if last.elapsed() < every && !matches!(due, Ok(Ok(true))) {
        return;
    }
    *last = Instant::now();
    match app.blocking(Ledger::record_state_root).await {
        Ok(Ok(Some(leaf))) => tracing::info!(leaf = leaf.0, "the root of the grant states is on the log"),
        Ok(Ok(None)) | Err(_) => {}
        Ok(Err(error)) => tracing::error!(%error, "no root of the grant states"),
    }
}

/// Begins a new key epoch when the present one is old. Just before that it shreds the envelopes of grants that ended longer
/// ago than they are kept.
async fn begin_epoch(app: &App) {
    let days = |days: u64| days * 86_400;
    let now = grantbook_engine::Clock::system().now().seconds().0;
    if now.saturating_sub(app.ledger.epoch().since.0) < days(app.config.epoch_days.into()) {
        return;
    }
    if let Some(kept) = app.config.envelopes_days {
        let before = UnixSeconds(now.saturating_sub(days(kept.into())));
        match app.blocking(move |ledger| ledger.shred_ended(before)).await {
            Ok(Ok(grants)) => tracing::info!(grants, "envelopes of ended grants are shredded"),
            Ok(Err(error)) => tracing::error!(%error, "not all envelopes of ended grants are shredded"),
            Err(_) => {}
        }
    }
    match app.blocking(Ledger::roll_epoch).await {
        Ok(Ok(rolled)) => tracing::info!(epoch = rolled.epoch.number, "a new key epoch has begun"),
        Ok(Err(error)) => tracing::error!(%error, "no new key epoch"),
        Err(_) => {}
    }
}
