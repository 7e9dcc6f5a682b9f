//! A customer's views.

use std::collections::BTreeMap;

use grantbook_engine::{GrantRow, HistoryItem, HistoryRow, Ledger, ReadError};
use grantbook_plan::Status;
use grantbook_portal::view::Wording;
use grantbook_portal::view::customer::{
    ChangeReview, Connection, Connections, GrantPage, Holding, Home, Key, Keys, MyData, Narrowed, Narrowing,
    RequestCard, RequestReview, Standing, StopReview,
};
use grantbook_portal::view::money::Amount;
use grantbook_portal::viewer::Membership;
use grantbook_record::event::{Evidence, LocalText, Owner, RequestMade};
use grantbook_record::terms::Language;
use grantbook_record::uses::Outcome;
use grantbook_record::{Currency, Event, Jti, TenantId, Terms, UnixSeconds};

use super::names::TenantNames;
use super::{HISTORY_MAX, story};
use crate::portal::consents;

const LATELY_SECONDS: u64 = 30 * 86_400;
/// Entries of a grant's story on one page.
const STORY_MAX: usize = 200;

fn now() -> UnixSeconds {
    grantbook_engine::Clock::system().now().seconds()
}

/// What one grant's uses have come to.
#[derive(Default)]
pub(super) struct Tally {
    last_use: Option<UnixSeconds>,
    lately: u64,
    pub(super) earned: BTreeMap<Currency, i64>,
}

impl Tally {
    pub(super) fn earned(&self) -> Vec<Amount> {
        self.earned.iter().map(|(currency, minor)| Amount { currency: *currency, minor: *minor }).collect()
    }
}

/// What each grant's entries add up to. `owner` says who is paid for a use.
pub(super) fn tallies(ledger: &Ledger, place: &Membership, rows: &[HistoryRow]) -> BTreeMap<Jti, Tally> {
    let state = ledger.customer(place.tenant, &place.subject).unwrap_or_default();
    let since = now().0.saturating_sub(LATELY_SECONDS);
    let mut tallies: BTreeMap<Jti, Tally> = BTreeMap::new();
    for row in rows {
        match &row.what {
            HistoryItem::Use(used) => {
                let Outcome::Permitted(permitted) = &used.record.outcome else { continue };
                let tally = tallies.entry(permitted.grant).or_default();
                tally.last_use = tally.last_use.max(Some(row.at));
                tally.lately += u64::from(row.at.0 >= since);
                let paid = state.owner_of_use(&used.record, row.leaf_index.0) == Owner::Customer;
                if paid && used.payout_minor > 0 {
                    *tally.earned.entry(used.currency).or_default() +=
                        i64::try_from(used.payout_minor).unwrap_or(0);
                }
            }
            HistoryItem::Event(claims) => {
                if let Event::Money(grantbook_record::event::Money::PayoutAccrued(accrued)) = &claims.event {
                    let tally = tallies.entry(accrued.grant).or_default();
                    *tally.earned.entry(accrued.currency).or_default() += i64::from(accrued.minor);
                }
            }
        }
    }
    tallies
}

fn standing(row: &GrantRow, now: UnixSeconds) -> Standing {
    match row.grant.status {
        Status::Withdrawn => Standing::Withdrawn,
        Status::Revoked => Standing::Revoked,
        Status::Superseded => Standing::Superseded,
        Status::Active | Status::Paused if row.grant.terms.validity.end() <= now => Standing::Expired,
        Status::Paused => Standing::Paused,
        Status::Active if now < row.grant.starts => Standing::NotStarted,
        Status::Active => Standing::Active,
    }
}

/// A grant as lists show it, from the entries about it; to an enterprise it is nobody's ward's.
pub(super) fn listed(
    names: &TenantNames,
    row: &GrantRow,
    tally: Option<&Tally>,
    place: Option<&Membership>,
) -> Connection {
    let agreement = names.agreement(&row.grant.terms);
    Connection {
        id: row.grant.id.to_string(),
        ward: place.and_then(|place| place.ward.clone()),
        data: agreement.data().into_iter().cloned().collect(),
        recipient: agreement.recipient,
        purpose: agreement.purpose,
        standing: standing(row, now()),
        from: agreement.from,
        until: agreement.until,
        uses: row.count.uses,
        uses_max: agreement.uses_max,
        last_use: tally.and_then(|tally| tally.last_use),
        earned: tally.map(Tally::earned).unwrap_or_default(),
    }
}

/// One grant as lists show it.
pub(super) fn connection(
    ledger: &Ledger,
    place: &Membership,
    row: &GrantRow,
) -> Result<Connection, ReadError> {
    let history = history(ledger, place)?;
    let names = TenantNames::of(ledger, place.tenant)?;
    Ok(listed(&names, row, tallies(ledger, place, &history).get(&row.grant.id), Some(place)))
}

/// The customer's entries at one enterprise; none before the first.
pub(super) fn history(ledger: &Ledger, place: &Membership) -> Result<Vec<HistoryRow>, ReadError> {
    match ledger.history(place.tenant, &place.subject, HISTORY_MAX) {
        Ok(history) => Ok(history.rows),
        Err(ReadError::NotFound) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The first page.
pub(super) fn home(ledger: &Ledger, of: &[Membership]) -> Result<Home, ReadError> {
    let now = now();
    let mut home = Home::default();
    let mut earned: BTreeMap<Currency, i64> = BTreeMap::new();
    for place in of {
        let state = ledger.customer(place.tenant, &place.subject).unwrap_or_default();
        home.operators_word |= state.rests_on_operators_word();
        let history = history(ledger, place)?;
        let names = TenantNames::of(ledger, place.tenant)?;
        for open in state.requests.iter().filter(|open| open.expires > now) {
            let Some(request) = request_made(&history, open.id) else { continue };
            let agreement = names.agreement(&request.terms);
            home.waiting.push(RequestCard {
                id: open.id.to_string(),
                ward: place.ward.clone(),
                data: agreement.data().into_iter().cloned().collect(),
                recipient: agreement.recipient,
                purpose: agreement.purpose,
                expires: open.expires,
            });
        }
        let tallies = tallies(ledger, place, &history);
        for tally in tallies.values() {
            home.uses_lately += tally.lately;
            for (currency, minor) in &tally.earned {
                *earned.entry(*currency).or_default() += minor;
            }
        }
        let rows = ledger.grants_of(place.tenant, &place.subject)?;
        let open = rows.iter().map(|row| listed(&names, row, tallies.get(&row.grant.id), Some(place)));
        home.connections.extend(open.filter(|connection| connection.standing.is_open()));
    }
    home.waiting.sort_by_key(|request| request.expires);
    home.connections.sort_by_key(|connection| std::cmp::Reverse(connection.from));
    home.earned = earned.into_iter().map(|(currency, minor)| Amount { currency, minor }).collect();
    Ok(home)
}

/// All grants.
pub(super) fn connections(ledger: &Ledger, of: &[Membership]) -> Result<Connections, ReadError> {
    let mut all = Connections::default();
    for place in of {
        let tallies = tallies(ledger, place, &history(ledger, place)?);
        let names = TenantNames::of(ledger, place.tenant)?;
        for row in ledger.grants_of(place.tenant, &place.subject)?.iter().rev() {
            let connection = listed(&names, row, tallies.get(&row.grant.id), Some(place));
            let list = if connection.standing.is_open() { &mut all.open } else { &mut all.ended };
            list.push(connection);
        }
    }
    Ok(all)
}

fn request_made(history: &[HistoryRow], id: Jti) -> Option<&RequestMade> {
    history.iter().find_map(|row| match &row.what {
        HistoryItem::Event(claims) if claims.jti == id => match &claims.event {
            Event::RequestMade(request) => Some(request),
            _ => None,
        },
        _ => None,
    })
}

/// A request that waits for an answer.
pub(super) fn request(
    ledger: &Ledger,
    of: &[Membership],
    id: Jti,
    narrowing: &Narrowing,
) -> Result<RequestReview, ReadError> {
    for place in of {
        let state = ledger.customer(place.tenant, &place.subject).unwrap_or_default();
        let open = state.requests.iter().find(|open| open.id == id && open.expires > now());
        let Some(open) = open else { continue };
        let history = history(ledger, place)?;
        let made = request_made(&history, id).ok_or(ReadError::NotFound)?;
        let already = ledger.grants_of(place.tenant, &place.subject)?.into_iter().find(|row| {
            let terms = &row.grant.terms;
            let same = terms.recipient == made.terms.recipient && terms.purpose == made.terms.purpose;
            same && standing(row, now()).is_open()
        });
        let narrowed = (!narrowing.is_empty()).then(|| narrowing.apply(&made.terms)).flatten();
        let names = TenantNames::of(ledger, place.tenant)?;
        let left = narrowed.as_ref().unwrap_or(&made.terms);
        return Ok(RequestReview {
            id: id.to_string(),
            ward: place.ward.clone(),
            consents: consents::asked(ledger, place.tenant, left)?,
            asked: names.agreement(&made.terms),
            narrowed: narrowed
                .map(|terms| Narrowed { agreement: names.agreement(&terms), answer: narrowing.clone() }),
            notice: notice(ledger, place.tenant, &made.terms)?,
            expires: open.expires,
            already: already.map(|row| row.grant.id.to_string()),
        });
    }
    Err(ReadError::NotFound)
}

/// What the enterprise says about terms: the title of their template, and the notice that they name, or else the
/// template's text.
pub(super) fn notice(
    ledger: &Ledger,
    tenant: TenantId,
    terms: &Terms,
) -> Result<Option<(Wording, Wording)>, ReadError> {
    let published = ledger.publications(tenant)?;
    let template = published.iter().rev().find_map(|event| match event {
        Event::TemplatePublished(template)
            if template.id == terms.template.id && template.version == terms.template.version =>
        {
            Some(template)
        }
        _ => None,
    });
    let Some(template) = template else { return Ok(None) };
    let told = published.iter().find_map(|event| match event {
        Event::NoticePublished(notice) => {
            let hash = grantbook_record::encoding::Bytes32::sha256(notice.text.as_bytes());
            (hash == terms.notice.hash).then(|| Wording::same(&notice.text))
        }
        _ => None,
    });
    let title = wording(&template.text, |text| &text.title);
    let body = told.unwrap_or_else(|| wording(&template.text, |text| &text.body));
    Ok(Some((title, body)))
}

/// A text in both languages; where there is only one, that one.
pub(super) fn wording(texts: &[LocalText], part: impl Fn(&LocalText) -> &String) -> Wording {
    let of = |language: Language| {
        let text = texts.iter().find(|text| text.language == language).or(texts.first());
        text.map(|text| part(text).clone()).unwrap_or_default()
    };
    Wording { english: of(Language::English), chinese: of(Language::SimplifiedChinese) }
}

/// One grant.
pub(super) fn grant(ledger: &Ledger, place: &Membership, id: Jti) -> Result<GrantPage, ReadError> {
    let row = ledger.grant(place.tenant, &id)?;
    let history = history(ledger, place)?;
    let tallies = tallies(ledger, place, &history);
    let names = TenantNames::of(ledger, place.tenant)?;
    let mut story = story::of_grant(&names, &history, id);
    let more = story.len() > STORY_MAX;
    story.truncate(STORY_MAX);
    let state = ledger.customer(place.tenant, &place.subject).unwrap_or_default();
    Ok(GrantPage {
        connection: listed(&names, &row, tallies.get(&id), Some(place)),
        agreement: names.agreement(&row.grant.terms),
        story,
        more,
        leaf_index: row.leaf_index.0,
        deletion_due: row.deletion_due(),
        operators_word: state.rests_on_operators_word(),
    })
}

/// A grant that is to be cut down; not found once it has ended.
pub(super) fn change(
    ledger: &Ledger,
    place: &Membership,
    id: Jti,
    narrowing: &Narrowing,
) -> Result<ChangeReview, ReadError> {
    let row = ledger.grant(place.tenant, &id)?;
    let connection = connection(ledger, place, &row)?;
    if !connection.standing.is_open() {
        return Err(ReadError::NotFound);
    }
    let terms = &row.grant.terms;
    let narrowed = (!narrowing.is_empty()).then(|| narrowing.apply(terms)).flatten();
    let names = TenantNames::of(ledger, place.tenant)?;
    Ok(ChangeReview {
        connection,
        agreement: names.agreement(terms),
        narrowed: narrowed
            .map(|terms| Narrowed { agreement: names.agreement(&terms), answer: narrowing.clone() }),
    })
}

/// What stopping a grant means; not found once it has ended.
pub(super) fn stop(ledger: &Ledger, place: &Membership, id: Jti) -> Result<StopReview, ReadError> {
    let row = ledger.grant(place.tenant, &id)?;
    let connection = connection(ledger, place, &row)?;
    if !connection.standing.is_open() {
        return Err(ReadError::NotFound);
    }
    Ok(StopReview {
        connection,
        agreement: TenantNames::of(ledger, place.tenant)?.agreement(&row.grant.terms),
        within_seconds: ledger.freshness_bound().as_secs().max(1),
        deletion_due: row.deletion_due(),
        owed: owed(ledger, place)?,
    })
}

/// What an enterprise owes the customer, in each currency.
pub(super) fn owed(ledger: &Ledger, place: &Membership) -> Result<Vec<Amount>, ReadError> {
    let owed = ledger.owed(place.tenant, &place.subject)?;
    let pending =
        owed.pending.iter().map(|(currency, minor)| (*currency, i64::try_from(*minor).unwrap_or(0)));
    let mut sums: BTreeMap<Currency, i64> = BTreeMap::new();
    for (currency, minor) in owed.balances.iter().copied().chain(pending) {
        *sums.entry(currency).or_default() += minor;
    }
    let owed = sums.into_iter().filter(|(_, minor)| *minor > 0);
    Ok(owed.map(|(currency, minor)| Amount { currency, minor }).collect())
}

pub(super) fn company(ledger: &Ledger, tenant: TenantId) -> Wording {
    Wording::same(ledger.tenant(tenant).map_or_else(|| tenant.to_string(), |tenant| tenant.name))
}

/// The customer's keys.
pub(super) fn keys(ledger: &Ledger, of: &[Membership]) -> Keys {
    let mut keys = Keys { recovery: !of.is_empty(), ..Keys::default() };
    for place in of {
        let state = ledger.customer(place.tenant, &place.subject).unwrap_or_default();
        keys.recovery &= state.recovery.is_some();
        keys.keys.extend(state.keys.iter().map(|known| {
            let thumbprint = known.key.thumbprint().to_string();
            let (first, last) = (thumbprint.get(..8), thumbprint.get(thumbprint.len().saturating_sub(4)..));
            Key {
                name: format!("{}/{thumbprint}", place.tenant),
                company: company(ledger, place.tenant),
                thumbprint: format!("{}…{}", first.unwrap_or_default(), last.unwrap_or_default()),
                evidence: match known.evidence {
                    Evidence::Enterprise => "key-enterprise",
                    Evidence::OperatorsWord => "key-operator",
                    Evidence::EnrolledKey => "key-enrolled",
                },
                ended: known.ended,
            }
        }));
    }
    keys
}

/// What is held about the customer.
pub(super) fn data(ledger: &Ledger, of: &[Membership]) -> Result<MyData, ReadError> {
    let holds = ledger.legal_holds()?;
    let mut companies = Vec::new();
    for place in of {
        let records = match ledger.history(place.tenant, &place.subject, 0) {
            Ok(history) => history.count,
            Err(ReadError::NotFound) => continue,
            Err(error) => return Err(error),
        };
        let rows = ledger.grants_of(place.tenant, &place.subject)?;
        companies.push(Holding {
            tenant: place.tenant.to_string(),
            company: company(ledger, place.tenant),
            records,
            open: rows.iter().filter(|row| standing(row, now()).is_open()).count(),
            held: holds.iter().any(|hold| hold.tenant == place.tenant && hold.sub == place.subject),
        });
    }
    Ok(MyData { companies, erased: Vec::new() })
}
