//! An enterprise's views.

use std::time::Instant;

use grantbook_engine::settlement::{Books, Line};
use grantbook_engine::{Ledger, ReadError, UseRow};
use grantbook_portal::view::Names as _;
use grantbook_portal::view::agreement::ConsentAsked;
use grantbook_portal::view::company::{
    Desk, Gate, Held, Paging, Period, TemplateCard, UseLine, WaitingRequest,
};
use grantbook_portal::view::customer::RequestReview;
use grantbook_portal::view::draft::{Draft, Preview};
use grantbook_portal::view::money::Amount;
use grantbook_record::event::TemplatePublished;
use grantbook_record::uses::Outcome;
use grantbook_record::{GateId, TenantId};
use grantbook_tlog::LeafIndex;

use super::customer::{listed, notice, wording};
use super::draft::{Drafted, drafted, latest_templates};
use super::names::TenantNames;
use crate::http::live_gates::LiveGates;
use crate::portal::consents::sentences_of;

/// Rows of a table on a page; the API has the rest.
const ROWS_MAX: usize = 100;
/// Leaves at the log's end among which the latest uses are looked for.
const LATEST_LEAVES: u64 = 4_096;

/// All that an enterprise's pages show.
pub(super) fn desk(
    ledger: &Ledger,
    live: &LiveGates,
    tenant: TenantId,
    paging: Paging,
    now: Instant,
) -> Result<Desk, ReadError> {
    let known = ledger.tenant(tenant).ok_or(ReadError::NotFound)?;
    let rows = ledger.grants(tenant, paging.after.map(LeafIndex), ROWS_MAX)?;
    let later_grants = rows.last().filter(|_| rows.len() == ROWS_MAX).map(|row| row.leaf_index.0);
    let names = TenantNames::of(ledger, tenant)?;
    let held = |row: &grantbook_engine::GrantRow| Held {
        customer: row.sub.as_str().to_owned(),
        connection: listed(&names, row, None, None),
    };
    let mut gates = Vec::new();
    let mut denials = std::collections::BTreeMap::new();
    let end = ledger.feed_end(tenant)?.position.0;
    let registered = known.gates.iter().map(|gate| gate.id.clone());
    // the ledger's own gate records under its own name
    for id in registered.chain(GateId::parse("remote").ok()) {
        let progress = ledger.gate_progress(tenant, &id)?;
        let own = id.as_str() == "remote";
        for (reason, count) in &progress.denied {
            *denials.entry(*reason).or_default() += count;
        }
        let heard = live.heard_of(tenant, &id, now);
        gates.push(Gate {
            name: id.as_str().to_owned(),
            heard: if own { Some(0) } else { heard.map(|(ago, _)| ago.as_secs()) },
            fresh: own || heard.is_some_and(|(ago, _)| ago <= ledger.freshness_bound()),
            behind: if own { 0 } else { end.saturating_sub(heard.map_or(0, |(_, position)| position.0)) },
            permitted: progress.permitted,
            denied: progress.denied.values().sum(),
        });
    }
    let mut denials: Vec<_> = denials.into_iter().collect();
    denials.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let templates = latest_templates(ledger, tenant)?;
    let (uses, earlier_uses) = uses_before(ledger, &names, tenant, paging.before)?;
    let mut desk = Desk {
        name: known.name,
        sandbox: known.sandbox,
        grants: rows.iter().map(held).collect(),
        later_grants,
        uses,
        earlier_uses,
        denials,
        gates,
        waiting: waiting(ledger, &names, tenant)?,
        templates: templates.iter().map(card).collect(),
        periods: Vec::new(),
    };
    desk.periods = periods(ledger, tenant)?;
    Ok(desk)
}

/// Uses before a leaf, the latest first, and where the page after this one begins. Looks at no more leaves than a page should
/// cost: one may be short, or empty, and yet have another after it.
fn uses_before(
    ledger: &Ledger,
    names: &TenantNames,
    tenant: TenantId,
    before: Option<u64>,
) -> Result<(Vec<UseLine>, Option<u64>), ReadError> {
    let size = ledger.size_root().0.0;
    let end = before.map_or(size, |before| before.min(size));
    let begin = end.saturating_sub(LATEST_LEAVES);
    let after = begin.checked_sub(1).map(LeafIndex);
    let (rows, _) = ledger.uses(tenant, after, usize::try_from(LATEST_LEAVES).unwrap_or(usize::MAX))?;
    let mut rows: Vec<_> = rows.iter().rev().filter(|row| row.leaf_index.0 < end).collect();
    let is_cut = rows.len() > ROWS_MAX;
    rows.truncate(ROWS_MAX);
    let next = if is_cut { rows.last().map_or(begin, |row| row.leaf_index.0) } else { begin };
    Ok((rows.into_iter().map(|row| use_line(names, row)).collect(), (next > 0).then_some(next)))
}

fn use_line(names: &TenantNames, row: &UseRow) -> UseLine {
    let facts = &row.record.facts;
    let minor = i64::try_from(row.payout_minor).unwrap_or(i64::MAX);
    UseLine {
        at: row.record.at,
        customer: facts.data_subject.as_str().to_owned(),
        by: names.party(&facts.requester),
        purpose: names.purpose(&facts.purpose),
        refused: match &row.record.outcome {
            Outcome::Denied(denied) => Some(denied.reason),
            Outcome::Permitted(_) | Outcome::Voided(_) => None,
        },
        cost: (minor > 0).then_some(Amount { currency: row.currency, minor }),
        leaf_index: row.leaf_index.0,
    }
}

fn waiting(ledger: &Ledger, names: &TenantNames, tenant: TenantId) -> Result<Vec<WaitingRequest>, ReadError> {
    let mut waiting = ledger.waiting_requests(tenant, ROWS_MAX)?;
    waiting.sort_by_key(|waiting| waiting.request.expires);
    let line = |waiting: grantbook_engine::WaitingRequest| {
        let terms = &waiting.request.terms;
        let agreement = names.agreement(terms);
        WaitingRequest {
            customer: waiting.request.sub.as_str().to_owned(),
            recipient: agreement.recipient,
            purpose: agreement.purpose,
            template: terms.template.id.as_str().to_owned(),
            at: waiting.at,
            expires: waiting.request.expires,
            leaf_index: waiting.leaf_index.0,
        }
    };
    Ok(waiting.into_iter().map(line).collect())
}

fn card(template: &TemplatePublished) -> TemplateCard {
    TemplateCard {
        id: template.id.as_str().to_owned(),
        version: template.version,
        title: wording(&template.text, |text| &text.title),
    }
}

fn periods(ledger: &Ledger, tenant: TenantId) -> Result<Vec<Period>, ReadError> {
    let period = |number: u32, state, lines: &[Line]| {
        let lines = lines.iter().filter(|line| line.period.0 == number);
        let mut due = std::collections::BTreeMap::new();
        let mut uses = 0;
        for line in lines {
            uses += line.uses;
            let own = line.committed.saturating_sub(line.of_enterprise).saturating_add(line.accrued);
            *due.entry(line.currency).or_default() += i64::try_from(own).unwrap_or(i64::MAX);
        }
        let due = due.into_iter().filter(|(_, minor)| *minor > 0);
        Period { number, state, uses, due: due.map(|(currency, minor)| Amount { currency, minor }).collect() }
    };
    let Books { open, closed, lines, .. } = ledger.books(tenant)?;
    let mut periods = vec![period(open.0, "period-open", &lines)];
    periods.extend(closed.map(|closed| period(closed.period.0, "period-closed", &lines)));
    let posted = ledger.settlements(tenant, None, ROWS_MAX)?;
    periods
        .extend(posted.iter().rev().map(|past| period(past.closed.period.0, "period-posted", &past.lines)));
    Ok(periods)
}

/// A request as the customer would see it, from what its form says.
pub(super) fn preview(ledger: &Ledger, tenant: TenantId, draft: &Draft) -> Result<Preview, ReadError> {
    let now = grantbook_engine::Clock::system().now().seconds();
    let Drafted { template, form, terms, expires, .. } = drafted(ledger, tenant, draft, now)?;
    Ok(Preview {
        review: RequestReview {
            ward: None,
            id: template.id.as_str().to_owned(),
            asked: TenantNames::of(ledger, tenant)?.agreement(&terms),
            narrowed: None,
            consents: consents_of(ledger, tenant, &template)?,
            notice: notice(ledger, tenant, &terms)?,
            expires,
            already: None,
        },
        template: card(&template),
        form,
    })
}

/// What the template asks for separately, in the sentences that were published last.
fn consents_of(
    ledger: &Ledger,
    tenant: TenantId,
    template: &TemplatePublished,
) -> Result<Vec<ConsentAsked>, ReadError> {
    let published = ledger.publications(tenant)?;
    let one = |to: &grantbook_record::Term| {
        let mut sentences = published.iter().rev().flat_map(sentences_of);
        let sentence = sentences.find(|known| known.to == *to).map(|known| known.sentence.clone());
        ConsentAsked { to: to.clone(), sentence, basis: Vec::new(), required: true }
    };
    Ok(template.bounds.consents.iter().map(one).collect())
}
