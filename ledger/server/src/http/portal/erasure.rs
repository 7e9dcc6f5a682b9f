//! Erasing everything of a customer at one enterprise: what it means, and how far it is.

use grantbook_engine::{EraseError, Erasure, Ledger, ReadError};
use grantbook_portal::account::Parting;
use grantbook_portal::view::Wording;
use grantbook_portal::view::erasure::{ErasureReport, ErasureReview, ErasureState};
use grantbook_portal::viewer::Membership;
use grantbook_record::UnixSeconds;
use grantbook_record::receipt::VerifiedContent;

use super::customer;
use crate::config::ServerConfig;
use crate::http::App;
use crate::http::erasures;

const SECONDS_PER_DAY: u64 = 86_400;

/// When backups made now open no more: at the end of the key epoch.
fn backups_until(ledger: &Ledger, config: &ServerConfig) -> UnixSeconds {
    let days = u64::from(config.epoch_days);
    UnixSeconds(ledger.epoch().since.0.saturating_add(days.saturating_mul(SECONDS_PER_DAY)))
}

/// What erasing means.
pub(super) fn review(
    ledger: &Ledger,
    config: &ServerConfig,
    place: &Membership,
) -> Result<ErasureReview, ReadError> {
    let mine = std::slice::from_ref(place);
    let held = customer::data(ledger, mine)?.companies.into_iter().next();
    let (records, held) = held.map_or((0, false), |holding| (holding.records, holding.held));
    Ok(ErasureReview {
        tenant: place.tenant.to_string(),
        company: customer::company(ledger, place.tenant),
        records,
        open: customer::connections(ledger, mine)?.open,
        owed: customer::owed(ledger, place)?,
        within_seconds: ledger.freshness_bound().as_secs().max(1),
        waits_hours: config.late_after_ms.div_ceil(3_600_000),
        backups_until: backups_until(ledger, config),
        held,
    })
}

/// How far an erasure is.
pub(super) fn report(app: &App, ledger: &Ledger, asked: &Parting) -> Result<ErasureReport, ReadError> {
    let state = match asked.erasure {
        None => ErasureState::Nothing,
        Some(id) => match ledger.erasure(asked.tenant, id) {
            Ok(Erasure::Pending(pending)) => ErasureState::Waiting {
                gates: erasures::still(&pending, &erasures::expected(app, asked.tenant)).len() as u64,
                until: UnixSeconds(pending.since.0.saturating_add(app.config.late_after_ms / 1000)),
            },
            Ok(Erasure::Done(erased)) => {
                let damaged = |_| ReadError::Damaged(format!("receipt {}", erased.leaf_index.0));
                let verified = erased.receipt.verify(ledger.log_keys()).map_err(damaged)?;
                let at = match verified.content {
                    VerifiedContent::Event { claims, .. } => claims.jti.issued_at(),
                    VerifiedContent::Use { .. } => asked.asked,
                };
                let opens = ledger.epoch().number <= erased.epoch;
                ErasureState::Done {
                    at,
                    leaf_index: erased.leaf_index.0,
                    backups_until: opens.then(|| backups_until(ledger, &app.config)),
                }
            }
            Err(EraseError::UnknownErasure) => return Err(ReadError::NotFound),
            Err(error) => return Err(ReadError::Damaged(error.to_string())),
        },
    };
    let company = ledger.tenant(asked.tenant).map(|tenant| Wording::same(tenant.name));
    Ok(ErasureReport {
        tenant: asked.tenant.to_string(),
        company: company.ok_or(ReadError::NotFound)?,
        asked: asked.asked,
        state,
    })
}
