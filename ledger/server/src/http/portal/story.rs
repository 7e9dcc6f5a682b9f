//! What happened to one grant, out of everything that was recorded about its customer.

use grantbook_engine::{HistoryItem, HistoryRow, UseRow};
use grantbook_portal::view::money::Amount;
use grantbook_portal::view::story::{Happening, Refused, Used, What};
use grantbook_portal::view::{Names as _, Wording};
use grantbook_record::event::{Acknowledger, Money, Revoker};
use grantbook_record::uses::Outcome;
use grantbook_record::{Currency, Event, Jti, Terms};

use super::names::TenantNames;

/// The latest first; `history` is in that order, too.
pub(super) fn of_grant(names: &TenantNames, history: &[HistoryRow], id: Jti) -> Vec<Happening> {
    let mut terms: Option<&Terms> = None;
    let mut story = Vec::new();
    for row in history.iter().rev() {
        let what = match &row.what {
            HistoryItem::Use(used) => use_of(names, used, id),
            HistoryItem::Event(claims) => {
                let given = claims.jti == id && matches!(claims.event, Event::GrantGiven(_));
                let about =
                    given || claims.event.changed_grant() == Some(id) || accrued_for(&claims.event, id);
                let before = terms;
                if about && let Some(now) = claims.event.granted_terms() {
                    terms = Some(now);
                }
                about.then(|| happened(names, &claims.event, before)).flatten()
            }
        };
        story.extend(what.map(|what| Happening { at: row.at, leaf_index: row.leaf_index.0, what }));
    }
    story.reverse();
    story
}

fn accrued_for(event: &Event, id: Jti) -> bool {
    matches!(event, Event::Money(Money::PayoutAccrued(accrued)) if accrued.grant == id)
}

fn happened(names: &TenantNames, event: &Event, before: Option<&Terms>) -> Option<What> {
    Some(match event {
        Event::GrantGiven(_) => What::Given,
        Event::GrantAmended(amended) => {
            let after = names.agreement(&amended.terms);
            let before = before.map_or_else(|| after.clone(), |terms| names.agreement(terms));
            What::Changed(Box::new((before, after)))
        }
        Event::GrantPaused(_) => What::Paused,
        Event::GrantResumed(_) => What::Resumed,
        Event::GrantWithdrawn(_) => What::Withdrawn,
        Event::GrantRevoked(revoked) => What::Revoked {
            by: match revoked.by {
                Revoker::Enterprise => Wording { english: "The company".into(), chinese: "企业".into() },
                Revoker::Operator => Wording {
                    english: "The operator of this ledger".into(),
                    chinese: "账本运营方".into(),
                },
            },
            reason: revoked.reason.as_str().to_owned(),
        },
        Event::DataDeleted(_) => What::Deleted,
        Event::RecipientAcknowledged(word) => What::Acknowledged {
            recipient: names.party(&word.recipient),
            gates: match word.by {
                Acknowledger::Gates(gates) => Some(gates),
                Acknowledger::Recipient => None,
            },
        },
        Event::Money(Money::PayoutAccrued(accrued)) => {
            What::Earned(Amount { currency: accrued.currency, minor: accrued.minor.into() })
        }
        _ => return None,
    })
}

fn use_of(names: &TenantNames, row: &UseRow, id: Jti) -> Option<What> {
    let facts = &row.record.facts;
    let by = names.party(&facts.requester);
    let data: Vec<Wording> = facts.categories.iter().map(|category| names.category(category)).collect();
    match &row.record.outcome {
        Outcome::Permitted(permitted) if permitted.grant == id => {
            let minor = i64::try_from(row.payout_minor).unwrap_or(i64::MAX);
            let brought = Amount { currency: row.currency, minor };
            Some(What::Used(Box::new(Used {
                by,
                action: names.action(&facts.action),
                data,
                fields: facts.fields.len(),
                brought: (row.currency != Currency::NONE && minor > 0).then_some(brought),
                broke: row.flag,
                in_window: row.in_window,
            })))
        }
        Outcome::Denied(denied) if denied.grant == Some(id) => {
            Some(What::Refused(Box::new(Refused { by, data, reason: denied.reason })))
        }
        _ => None,
    }
}
