//! What the server does so that customers hear of what happens: reads the log for it, reminds, and hands over mails.

use std::sync::Arc;
use std::time::Duration;

use grantbook_engine::{HistoryItem, HistoryRow, Ledger};
use grantbook_portal::failure::Failure;
use grantbook_portal::news::{AboutCustomer, Happened, Topic};
use grantbook_record::Event;
use grantbook_record::event::{Acknowledger, Claims, Evidence, Money};
use grantbook_tlog::LeafIndex;

use super::App;
use crate::mailing::Mailing;

/// Entries that are read at a time.
const ENTRIES: u64 = 1024;
/// Between two looks at a log that grows.
const PAUSE: Duration = Duration::from_millis(200);
/// How often it looks for grants that end.
const REMIND_SECONDS: u64 = 3600;
/// How often it looks whether mails are due.
const MAIL_TICK: Duration = Duration::from_millis(500);
/// Accounts that are mailed to over one connection.
const ACCOUNTS: usize = 100;
/// Between two tries of a mail server that cannot be reached: twice as long each time, up to the last.
const UNREACHABLE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// Reads the log for what customers should know, until the server stops.
pub(super) async fn keep(app: App) {
    let mut stopping = app.stopping.clone();
    let mut published = app.ledger.wait_published();
    let Some(mut next) = begin(&app).await else { return };
    let mut reminded = 0;
    loop {
        next = match read(&app, next).await {
            Some(read) if read > next => {
                next = read;
                continue;
            }
            _ => next,
        };
        let now = app.ledger.now().seconds().0;
        if now >= reminded + REMIND_SECONDS {
            reminded = now;
            let reminding = portal(&app, |app| app.portal.remind()).await;
            if reminding.is_none() {
                tracing::warn!("customers are not reminded of grants that end");
            }
        }
        tokio::select! {
            _ = published.changed() => {}
            // time passes for reminders on a log that stands still
            () = tokio::time::sleep(MAIL_TICK) => continue,
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Runs a call of the portal's that may block.
async fn portal<T: Send + 'static>(
    app: &App,
    call: impl FnOnce(&App) -> Result<T, Failure> + Send + 'static,
) -> Option<T> {
    let of = app.clone();
    app.blocking(move |_| call(&of)).await.ok()?.ok()
}

async fn begin(app: &App) -> Option<u64> {
    let begun = portal(app, |app| {
        if app.ledger.has_client() {
            app.portal.tell_of_page()?;
        }
        app.portal.news_position(app.ledger.size_root().0.0)
    });
    let begun = begun.await;
    if begun.is_none() {
        tracing::error!("customers are not told of what happens");
    }
    begun
}

/// Reads what has come since; gives the next entry to be read.
async fn read(app: &App, next: u64) -> Option<u64> {
    portal(app, move |app| {
        let read = app.ledger.events_from(LeafIndex(next), ENTRIES);
        let (rows, after) = read.map_err(|error| {
            tracing::error!(%error, "the log cannot be read for customers' news");
            Failure::Unavailable
        })?;
        let about: Vec<AboutCustomer> = rows.iter().filter_map(|row| news(&app.ledger, row)).collect();
        app.portal.tell(&about, after.0)?;
        Ok(after.0)
    })
    .await
}

/// What a customer should know of an entry.
fn news(ledger: &Ledger, row: &HistoryRow) -> Option<AboutCustomer> {
    let HistoryItem::Event(claims) = &row.what else { return None };
    let Claims { aud: tenant, jti, event, .. } = &**claims;
    let (topic, about) = match event {
        Event::RequestMade(_) => (Topic::Request, Some(*jti)),
        Event::GrantRevoked(revoked) => (Topic::Revoked, Some(revoked.grant)),
        Event::RecipientAcknowledged(word) if matches!(word.by, Acknowledger::Gates(gates) if gates > 0) => {
            (Topic::Stopped, Some(word.grant))
        }
        Event::Money(Money::PayoutPaid(_)) => (Topic::Money, None),
        Event::KeyEnrolled(key) if key.evidence == Evidence::EnrolledKey => (Topic::Keys, None),
        Event::KeyRotated(_) => (Topic::Keys, None),
        _ => return None,
    };
    let sub = event.subject()?.clone();
    let amount = match event {
        Event::Money(Money::PayoutPaid(paid)) => {
            let owed = ledger.owed(*tenant, &sub).ok();
            let order = owed.and_then(|owed| owed.orders.into_iter().find(|order| order.id == paid.order));
            order.and_then(|order| Some((order.currency, i64::try_from(order.gross).ok()?)))
        }
        _ => None,
    };
    let happened = Happened { topic, at: row.at, tenant: Some(*tenant), about, amount };
    Some(AboutCustomer { tenant: *tenant, sub, happened })
}

/// Hands over mails as they fall due, until the server stops.
pub(super) async fn mail(app: App, mailing: Arc<Mailing>) {
    let mut stopping = app.stopping.clone();
    let (first, longest) = UNREACHABLE;
    let mut pause = first;
    loop {
        let wait = match hand_over(&app, &mailing).await {
            Reached::Nothing => MAIL_TICK,
            Reached::Server => {
                pause = first;
                MAIL_TICK
            }
            Reached::Nobody => {
                let wait = pause;
                pause = (pause * 2).min(longest);
                wait
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
    }
}

/// What a round came to.
enum Reached {
    /// No mail was due.
    Nothing,
    /// The mail server answered.
    Server,
    /// It did not.
    Nobody,
}

async fn hand_over(app: &App, mailing: &Mailing) -> Reached {
    let Some(due) = portal(app, |app| app.portal.due(ACCOUNTS)).await.filter(|due| !due.is_empty()) else {
        return Reached::Nothing;
    };
    // nothing is handed over before there is somebody to take it
    let Some(mut connection) = mailing.connect().await else { return Reached::Nobody };
    for id in due {
        let letter = portal(app, move |app| app.portal.hand_over(&id)).await.flatten();
        let Some(letter) = letter else { continue };
        let sent = mailing.send(&mut connection, &letter).await;
        portal(app, move |app| app.portal.sent(&letter, sent)).await;
        if connection.has_broken() {
            return Reached::Server;
        }
    }
    let _ = connection.quit().await;
    Reached::Server
}
