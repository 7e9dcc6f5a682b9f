//! What was recorded about one customer, the latest first: for whoever the customer shows it to.

use std::collections::BTreeSet;

use grantbook_record::day::{SecondsSince2020, UnixSeconds};
use grantbook_record::event::{Claims, RequestDeclined, RequestMade};
use grantbook_record::{Envelope, Event, Kind, SubjectId, TenantId};
use grantbook_tlog::LeafIndex;

use crate::body::BodyContent;
use crate::error::ReadError;
use crate::ledger::{Inner, Ledger};
use crate::reads::UseRow;

/// Entries at the log's end among which refusals and waiting requests are looked for.
const SCAN_MAX: u64 = 65_536;

/// One entry about a customer.
#[derive(Debug, Clone)]
pub struct HistoryRow {
    /// Where it stands.
    pub leaf_index: LeafIndex,
    /// When: the time that the entry commits to, otherwise the ledger's clock at its admission; of a use, the gate's.
    pub at: UnixSeconds,
    /// What was recorded.
    pub what: HistoryItem,
}

/// What was recorded.
#[derive(Debug, Clone)]
pub enum HistoryItem {
    /// An event.
    Event(Box<Claims<Event>>),
    /// A use, or a denial.
    Use(Box<UseRow>),
}

/// The latest entries about a customer.
#[derive(Debug, Clone)]
pub struct History {
    /// By falling leaf index.
    pub rows: Vec<HistoryRow>,
    /// How many there are.
    pub count: u64,
}

/// A customer's no.
#[derive(Debug, Clone)]
pub struct Declined {
    /// Where it stands.
    pub leaf_index: LeafIndex,
    /// When it was admitted.
    pub at: UnixSeconds,
    /// What the customer said.
    pub answer: RequestDeclined,
    /// What was asked for, as far as it can still be read.
    pub request: Option<RequestMade>,
}

/// A request that waits for an answer.
#[derive(Debug, Clone)]
pub struct WaitingRequest {
    /// Where it stands.
    pub leaf_index: LeafIndex,
    /// When it was admitted.
    pub at: UnixSeconds,
    /// What is asked for.
    pub request: RequestMade,
}

impl Ledger {
    /// The latest refusals of an enterprise's requests, the latest first: at most `limit`, among the last entries of the log.
    pub fn declined(&self, tenant: TenantId, limit: usize) -> Result<Vec<Declined>, ReadError> {
        let inner = &self.inner;
        let answered = |row: HistoryRow| {
            let HistoryRow { leaf_index, at, what: HistoryItem::Event(claims) } = row else {
                return Ok(None);
            };
            let Event::RequestDeclined(answer) = claims.event else { return Ok(None) };
            let asked = self.find_event(tenant, &answer.request);
            let request = match asked.map(|leaf| inner.event_at(leaf.0)).transpose() {
                Ok(Some(claims)) => match claims.event {
                    Event::RequestMade(request) => Some(request),
                    _ => None,
                },
                Ok(None) | Err(ReadError::Erased) => None,
                Err(error) => return Err(error),
            };
            Ok(Some(Declined { leaf_index, at, answer, request }))
        };
        self.latest(tenant, Kind::RequestDeclined, limit, answered)
    }

    /// An enterprise's requests that wait for an answer, the latest first: at most `limit`, among the last entries of the log.
    pub fn waiting_requests(&self, tenant: TenantId, limit: usize) -> Result<Vec<WaitingRequest>, ReadError> {
        let now = self.inner.clock.now().seconds();
        let waits = |row: HistoryRow| {
            let HistoryRow { leaf_index, at, what: HistoryItem::Event(claims) } = row else {
                return Ok(None);
            };
            let Claims { jti: id, event: Event::RequestMade(request), .. } = *claims else { return Ok(None) };
            let customer = self.customer(tenant, &request.sub);
            let open = customer.is_some_and(|known| known.requests.iter().any(|open| open.id == id));
            Ok((open && now < request.expires).then_some(WaitingRequest { leaf_index, at, request }))
        };
        self.latest(tenant, Kind::RequestMade, limit, waits)
    }

    /// The latest entries of a kind, as far as they can still be read and something is made of them.
    fn latest<T>(
        &self,
        tenant: TenantId,
        kind: Kind,
        limit: usize,
        make: impl Fn(HistoryRow) -> Result<Option<T>, ReadError>,
    ) -> Result<Vec<T>, ReadError> {
        let inner = &self.inner;
        let number = inner.number(tenant)?;
        let size = inner.published.size();
        let mut found = Vec::new();
        for leaf in (size.saturating_sub(SCAN_MAX)..size).rev() {
            if found.len() == limit {
                break;
            }
            let owned = inner.published.item(leaf)?;
            let known = owned.item.entry.get(1).copied().and_then(Kind::from_number);
            if owned.owner.tenant != number || known != Some(kind) {
                continue;
            }
            match inner.history_row(leaf) {
                Ok(row) => found.extend(make(row)?),
                Err(ReadError::Erased) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// The latest entries about a customer, as far as they can still be read. Records that came for a pseudonym before it
    /// was enrolled are the enterprise's, and not among them.
    pub fn history(&self, tenant: TenantId, sub: &SubjectId, limit: usize) -> Result<History, ReadError> {
        let inner = &self.inner;
        let leaves = inner.leaves_about(tenant, sub)?;
        let count = leaves.len() as u64;
        let mut rows = Vec::new();
        for leaf in leaves.into_iter().rev() {
            if rows.len() == limit {
                break;
            }
            match inner.history_row(leaf) {
                Ok(row) => rows.push(row),
                // the envelopes of a grant that ended long ago may be shredded
                Err(ReadError::Erased) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(History { rows, count })
    }

    /// Events of all tenants' customers from an entry on, among the next `most` entries, and the entry after these. Uses are not
    /// among them, nor what can no longer be read.
    pub fn events_from(&self, from: LeafIndex, most: u64) -> Result<(Vec<HistoryRow>, LeafIndex), ReadError> {
        let inner = &self.inner;
        let end = inner.published.size().min(from.0.saturating_add(most)).max(from.0);
        let mut rows = Vec::new();
        for leaf in from.0..end {
            let kind = inner.published.item(leaf)?.item.entry.get(1).copied().and_then(Kind::from_number);
            let of_customers = |kind: Kind| {
                !kind.is_public() && !matches!(kind, Kind::UseRecorded | Kind::UseDenied | Kind::UseVoided)
            };
            if !kind.is_some_and(of_customers) {
                continue;
            }
            match inner.history_row(leaf) {
                Ok(row) => rows.push(row),
                Err(ReadError::Erased | ReadError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok((rows, LeafIndex(end)))
    }

    /// Templates and notices that an enterprise has published, by rising leaf index.
    pub fn publications(&self, tenant: TenantId) -> Result<Vec<Event>, ReadError> {
        let inner = &self.inner;
        let key_id = inner.state.tenant(inner.number(tenant)?)?.key_id;
        let mut found = Vec::new();
        for leaf in inner.published.leaves_under(key_id, 0..inner.published.size())? {
            let owned = inner.published.item(leaf)?;
            let kind = owned.item.entry.get(1).copied().and_then(Kind::from_number);
            if matches!(kind, Some(Kind::TemplatePublished | Kind::NoticePublished)) {
                found.push(inner.event_at(leaf)?.event);
            }
        }
        Ok(found)
    }

    /// Whether an entry is about the customer.
    pub fn is_about(&self, tenant: TenantId, sub: &SubjectId, leaf: LeafIndex) -> Result<bool, ReadError> {
        let owned = self.inner.tenants_item(tenant, leaf.0)?;
        Ok(self.inner.keys_of(tenant, sub)?.contains(&owned.owner.key_id))
    }
}

impl Inner {
    /// Ids of the data keys under which a customer's records lie: the customer's own, and one for each grant.
    pub(crate) fn keys_of(&self, tenant: TenantId, sub: &SubjectId) -> Result<BTreeSet<u64>, ReadError> {
        let number = self.number(tenant)?;
        let customer =
            self.state.customer(self.state.customer_key(tenant, sub))?.ok_or(ReadError::NotFound)?;
        let mut keys = BTreeSet::from([customer.key_id]);
        for grant in &customer.state.grants {
            keys.extend(self.state.grant_key_id(number, grant.given)?);
        }
        Ok(keys)
    }

    fn leaves_about(&self, tenant: TenantId, sub: &SubjectId) -> Result<Vec<u64>, ReadError> {
        let keys = self.keys_of(tenant, sub)?;
        Ok(self.published.leaves_under_any(&keys, 0..self.published.size())?)
    }

    fn history_row(&self, leaf: u64) -> Result<HistoryRow, ReadError> {
        let owned = self.published.item(leaf)?;
        let leaf_index = LeafIndex(leaf);
        let kind = owned.item.entry.get(1).copied().and_then(Kind::from_number);
        if matches!(kind, Some(Kind::UseRecorded | Kind::UseDenied | Kind::UseVoided)) {
            let row = self.use_row(leaf, &owned)?.ok_or(ReadError::NotFound)?;
            return Ok(HistoryRow { leaf_index, at: row.record.at, what: HistoryItem::Use(Box::new(row)) });
        }
        let body = self.open_body(leaf, &owned)?;
        let BodyContent::Event { envelope, admitted_at, .. } = &body.content else {
            return Err(ReadError::NotFound);
        };
        let claims = Envelope::parse(envelope).and_then(|envelope| envelope.event());
        let claims = claims.map_err(|_| ReadError::Damaged(format!("event {leaf}")))?;
        let at = match claims.event {
            // these commit to their terms or amounts, others of one commitment to their time
            Event::GrantGiven(_) | Event::GrantAmended(_) | Event::Money(_) => UnixSeconds(*admitted_at),
            _ => match body.openings.first() {
                Some(time) => u32::try_from(time.value)
                    .map_or(UnixSeconds(*admitted_at), |since| SecondsSince2020(since).unix()),
                None => UnixSeconds(*admitted_at),
            },
        };
        Ok(HistoryRow { leaf_index, at, what: HistoryItem::Event(Box::new(claims)) })
    }
}
