//! A customer's data space: what their enterprises' systems say of them.

use std::collections::BTreeMap;

use grantbook_engine::{HistoryItem, KeptWish, Ledger, MirrorRecord, Mirrored, ReadError};
use grantbook_portal::view::Wording;
use grantbook_portal::view::space::{
    RecordCard, Space, SpaceCompany, SpaceField, SpaceFilter, SpaceMilestone, SpaceRecord, SpaceWish,
    WishState,
};
use grantbook_portal::viewer::Membership;
use grantbook_record::mirror::Outcome;
use grantbook_record::{Event, RecordId, SourceId, TenantId, UnixMillis, UnixSeconds};

use super::customer::history;
use super::names::TenantNames;

fn seconds(as_of: Option<UnixMillis>) -> Option<UnixSeconds> {
    as_of.map(UnixMillis::seconds)
}

fn company(ledger: &Ledger, tenant: TenantId) -> Result<Wording, ReadError> {
    Ok(Wording::same(ledger.tenant(tenant).ok_or(ReadError::NotFound)?.name))
}

/// The system that is furthest behind speaks for its enterprise.
fn furthest_behind(sources: &BTreeMap<SourceId, Option<UnixMillis>>) -> Option<UnixSeconds> {
    seconds(sources.values().flatten().min().copied())
}

/// Milestones that the customer has confirmed: when, and where that stands on the log.
type Confirmed = BTreeMap<(RecordId, RecordId), (UnixSeconds, u64)>;

fn confirmed(ledger: &Ledger, place: &Membership) -> Result<Confirmed, ReadError> {
    let mut confirmed = Confirmed::new();
    // the latest first: the first confirmation stays
    for row in history(ledger, place)? {
        let HistoryItem::Event(claims) = row.what else { continue };
        if let Event::MilestoneConfirmed(event) = claims.event {
            confirmed.insert((event.record, event.milestone), (row.at, row.leaf_index.0));
        }
    }
    Ok(confirmed)
}

fn card(tenant: TenantId, company: &Wording, record: &MirrorRecord, confirmed: &Confirmed) -> RecordCard {
    let waits = |wish: &&KeptWish| wish.decided.is_none();
    let open = record.content.milestones.iter();
    let open = open.filter(|known| !confirmed.contains_key(&(record.id.clone(), known.id.clone())));
    RecordCard {
        tenant: tenant.to_string(),
        company: company.clone(),
        id: record.id.to_string(),
        kind: record.content.kind,
        title: record.content.title.to_string(),
        at: record.content.at,
        waiting: record.wishes.iter().filter(waits).count(),
        to_confirm: open.count(),
    }
}

/// All records, as far as the filter wants them.
pub(super) fn space(ledger: &Ledger, of: &[Membership], filter: &SpaceFilter) -> Result<Space, ReadError> {
    let mut space = Space { filter: filter.clone(), ..Space::default() };
    for place in of {
        let Mirrored { records, as_of } = ledger.mirrored(place.tenant, &place.subject)?;
        if as_of.is_empty() {
            continue;
        }
        let name = company(ledger, place.tenant)?;
        let confirmed = confirmed(ledger, place)?;
        space.records.extend(
            records
                .iter()
                .map(|record| card(place.tenant, &name, record, &confirmed))
                .filter(|card| filter.wants(card)),
        );
        space.companies.push(SpaceCompany {
            tenant: place.tenant.to_string(),
            company: name,
            as_of: furthest_behind(&as_of),
            records: records.len(),
        });
    }
    space.records.sort_by_key(|card| std::cmp::Reverse(card.at));
    Ok(space)
}

/// One record of the customer's.
pub(super) fn record(
    ledger: &Ledger,
    of: &[Membership],
    tenant: &str,
    id: &str,
) -> Result<SpaceRecord, ReadError> {
    let tenant = TenantId::parse(tenant).map_err(|_| ReadError::NotFound)?;
    let place = of.iter().find(|place| place.tenant == tenant).ok_or(ReadError::NotFound)?;
    let Mirrored { records, as_of } = ledger.mirrored(tenant, &place.subject)?;
    let record = records.into_iter().find(|record| record.id.as_str() == id).ok_or(ReadError::NotFound)?;
    let confirmed = confirmed(ledger, place)?;
    let names = TenantNames::of(ledger, tenant)?;
    let waiting = |field: &grantbook_record::Term| {
        let waits = |wish: &&KeptWish| wish.field == *field && wish.decided.is_none();
        record.wishes.iter().find(waits).map(|wish| wish.value.to_string())
    };
    let field = |field: &grantbook_record::mirror::MirroredField| SpaceField {
        name: field.name.to_string(),
        label: names.field(&field.name),
        value: field.value.to_string(),
        editable: field.editable,
        waiting: waiting(&field.name),
    };
    let milestone = |milestone: &grantbook_record::mirror::Milestone| SpaceMilestone {
        id: milestone.id.to_string(),
        title: milestone.title.to_string(),
        reached_on: milestone.reached_on,
        confirmed: confirmed.get(&(record.id.clone(), milestone.id.clone())).copied(),
    };
    let wish = |wish: &KeptWish| SpaceWish {
        label: names.field(&wish.field),
        was: wish.was.to_string(),
        value: wish.value.to_string(),
        made_at: wish.made_at,
        state: match &wish.decided {
            None => WishState::Waiting,
            Some((Outcome::Done, at)) => WishState::Done(*at),
            Some((Outcome::Refused(why), at)) => WishState::Refused(*at, why.to_string()),
        },
    };
    Ok(SpaceRecord {
        as_of: seconds(as_of.get(&record.source).copied().flatten()),
        fields: record.content.fields.iter().map(field).collect(),
        milestones: record.content.milestones.iter().map(milestone).collect(),
        wishes: record.wishes.iter().map(wish).collect(),
        card: card(tenant, &company(ledger, tenant)?, &record, &confirmed),
    })
}
