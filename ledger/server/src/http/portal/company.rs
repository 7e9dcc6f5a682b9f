//! An enterprise's views.

use std::time::Instant;

use grantbook_engine::settlement::{Books, Line};
use grantbook_engine::{Ledger, ReadError, UseRow};
use grantbook_portal::view::Names as _;
use grantbook_portal::view::agreement::ConsentAsked;
use grantbook_portal::view::company::{Desk, Gate, Held, Period, Preview, TemplateCard, UseLine};
use grantbook_portal::view::customer::RequestReview;
use grantbook_portal::view::money::Amount;
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::TemplatePublished;
use grantbook_record::list::List;
use grantbook_record::scope::{Clause, Scope};
use grantbook_record::terms::{
    Compensation, Language, Limits, NoticeShown, RetentionDays, TemplateRef, Validity,
};
use grantbook_record::uses::Outcome;
use grantbook_record::{Event, GateId, TenantId, Terms, UnixSeconds, VocabularyVersion};
use grantbook_tlog::LeafIndex;

use super::customer::{listed, notice, wording};
use super::names::TenantNames;
use crate::http::live_gates::LiveGates;
use crate::portal::consents::sentences_of;

/// Rows of a table on a page; the API has the rest.
const ROWS_MAX: usize = 100;
/// Leaves at the log's end among which the latest uses are looked for.
const LATEST_LEAVES: u64 = 4_096;
const SECONDS_PER_DAY: u64 = 86_400;
const ANSWER_DAYS: u64 = 30;

/// All that an enterprise's pages show.
pub(super) fn desk(
    ledger: &Ledger,
    live: &LiveGates,
    tenant: TenantId,
    now: Instant,
) -> Result<Desk, ReadError> {
    let known = ledger.tenant(tenant).ok_or(ReadError::NotFound)?;
    let rows = ledger.grants(tenant, None, ROWS_MAX)?;
    let more = rows.len() == ROWS_MAX;
    let names = TenantNames::of(ledger, tenant)?;
    let held = |row: &grantbook_engine::GrantRow| Held {
        customer: row.sub.as_str().to_owned(),
        connection: listed(&names, row, None),
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
    let mut desk = Desk {
        name: known.name,
        sandbox: known.sandbox,
        grants: rows.iter().rev().map(held).collect(),
        more,
        uses: latest_uses(ledger, &names, tenant)?,
        denials,
        gates,
        templates: templates.iter().map(card).collect(),
        periods: Vec::new(),
    };
    desk.periods = periods(ledger, tenant)?;
    Ok(desk)
}

fn latest_uses(ledger: &Ledger, names: &TenantNames, tenant: TenantId) -> Result<Vec<UseLine>, ReadError> {
    let (size, _) = ledger.size_root();
    let after = size.0.checked_sub(LATEST_LEAVES + 1).map(LeafIndex);
    let (rows, _) = ledger.uses(tenant, after, usize::try_from(LATEST_LEAVES).unwrap_or(usize::MAX))?;
    Ok(rows.iter().rev().take(ROWS_MAX).map(|row| use_line(names, row)).collect())
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

/// The latest version of each template.
fn latest_templates(ledger: &Ledger, tenant: TenantId) -> Result<Vec<TemplatePublished>, ReadError> {
    let mut latest = std::collections::BTreeMap::new();
    for event in ledger.publications(tenant)? {
        if let Event::TemplatePublished(template) = event {
            latest.insert(template.id.clone(), template);
        }
    }
    Ok(latest.into_values().collect())
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

/// The widest request that a template allows, as a customer would see it.
pub(super) fn preview(ledger: &Ledger, tenant: TenantId, id: &str) -> Result<Preview, ReadError> {
    let template = latest_templates(ledger, tenant)?.into_iter().find(|template| template.id.as_str() == id);
    let template = template.ok_or(ReadError::NotFound)?;
    let vocabulary = ledger.tenant_state(tenant)?.vocabulary.latest().number();
    let terms = widest(&template, vocabulary).ok_or(ReadError::NotFound)?;
    let now = terms.validity.start();
    Ok(Preview {
        review: RequestReview {
            id: template.id.as_str().to_owned(),
            asked: TenantNames::of(ledger, tenant)?.agreement(&terms),
            narrowed: None,
            consents: consents_of(ledger, tenant, &template)?,
            notice: notice(ledger, tenant, &terms)?,
            expires: UnixSeconds(now.0 + ANSWER_DAYS * SECONDS_PER_DAY),
            already: None,
        },
        template: card(&template),
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

fn widest(template: &TemplatePublished, vocabulary: VocabularyVersion) -> Option<Terms> {
    let bounds = &template.bounds;
    let now = grantbook_engine::Clock::system().now().seconds();
    let days = u64::from(bounds.validity_days_max);
    let clause = |category: &grantbook_record::Term| Clause {
        category: category.clone(),
        period: None,
        fields: None,
        filter: List::default(),
    };
    let include: Vec<Clause> = bounds.categories.iter().take(16).map(clause).collect();
    Some(Terms {
        vocabulary,
        controller: bounds.controllers.first()?.clone(),
        recipient: bounds.recipients.first()?.clone(),
        purpose: bounds.purposes.first()?.clone(),
        scope: Scope { include: List::new(include)?, exclude: List::default() },
        validity: Validity::new(
            now,
            UnixSeconds(now.0.saturating_add(days.saturating_mul(SECONDS_PER_DAY))),
        )?,
        limits: Limits {
            uses: bounds.uses_max,
            retention_days: bounds.retention_days_max.and_then(RetentionDays::new),
            ..Limits::default()
        },
        compensation: bounds.price_min.map_or(Compensation::None, Compensation::PerUse),
        obligations: List::default(),
        notice: NoticeShown { hash: Bytes32([0; 32]), language: Language::English, shown_at: now },
        template: TemplateRef { id: template.id.clone(), version: template.version, hash: Bytes32([0; 32]) },
        consents: List::default(),
        supersedes: None,
        licence: None,
    })
}
