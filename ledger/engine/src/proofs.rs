//! What a compliance proof of one enterprise's day needs of the ledger: the day's entries, openings out of the vault, and
//! what closes a day. Making the proof is `grantbook-proof`'s; [`run`] puts the two together.

mod erasing;
mod kept;
mod run;
mod shelf;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use grantbook_compliance::Opening;
use grantbook_plan::tenant::{CompensationMode, GroupTerms};
use grantbook_proof::prove::Secrets;
use grantbook_proof::{Close, Group, Mode};
use grantbook_record::day::{DataDay, Day, UnixMillis};
use grantbook_record::encoding::Bytes32;
use grantbook_record::entry::TagKey;
use grantbook_record::event::{Claims, ProofPublished, about_tenant};
use grantbook_record::receipt::LinkOpening;
use grantbook_record::{Entry, Envelope, Jti, Kind, TenantId, UnixSeconds};
use grantbook_tlog::{CompactRange, LeafIndex, TreeSize};

use crate::body::Body;
use crate::error::{AppendError, ReadError};
use crate::ledger::{Appended, Inner, Ledger};
use crate::publication::PublishedCheckpoint;

pub(crate) use erasing::Unproved;
pub(crate) use kept::KeptSums;
pub use run::{DayRequest, OnProgress, ProveError, ProvedDay};
pub use shelf::{ProofShelf, ShelvedDay};

/// Everything of the log that the proof of one tenant's day is made from.
#[derive(Clone)]
pub struct DayMaterial {
    /// The UTC day.
    pub day: Day,
    /// The tenant's tag key.
    pub tag_key: TagKey,
    /// The tree where the day begins.
    pub start: CompactRange,
    /// All entries of the log on that day.
    pub entries: Vec<Vec<u8>>,
    /// The tenant's groups of terms.
    pub groups: BTreeMap<u16, Group>,
}

impl DayMaterial {
    /// Size of the tree where the day ends.
    pub fn end(&self) -> u64 {
        self.start.size().0.saturating_add(self.entries.len() as u64)
    }
}

impl Ledger {
    /// What the proof of a tenant's day is made from; [`ReadError::NotFound`] for tenants that there are not.
    pub fn day_to_prove(&self, tenant: TenantId, day: Day) -> Result<DayMaterial, ReadError> {
        let inner = &self.inner;
        let number = inner.number(tenant)?;
        let tag_key = inner.keyring.tag_key(number).ok_or(ReadError::NotFound)?;
        let Range { start, end } = inner.leaves_of(day)?;
        let entries = (start..end).map(|leaf| Ok(inner.published.item(leaf)?.item.entry.clone()));
        Ok(DayMaterial {
            day,
            tag_key,
            start: CompactRange::load(TreeSize(start), &inner.published)?,
            entries: entries.collect::<Result<_, ReadError>>()?,
            groups: groups(&self.tenant_state(tenant)?.groups),
        })
    }

    /// What shows that the tree of size `end` was signed, and that its last day was over. The witnessed checkpoint where it
    /// reaches far enough, otherwise the latest.
    pub fn close_of(&self, end: u64) -> Result<Close, ReadError> {
        let inner = &self.inner;
        let witnessed = self.witnessed().filter(|witnessed| witnessed.size.0 > end);
        let PublishedCheckpoint { size, note } = match witnessed {
            Some(witnessed) => witnessed,
            None => inner.publishable()?,
        };
        let next = (size.0 > end).then(|| {
            let entry = inner.published.item(end)?.item.entry.clone();
            Ok::<_, ReadError>((entry, inner.published.inclusion(end, size.0)?))
        });
        let consistency = inner.published.consistency(TreeSize(end), size)?;
        Ok(Close { checkpoint: note.as_bytes().to_vec(), consistency, next: next.transpose()? })
    }

    /// The day of the entry at a leaf index; `None` beyond the tree.
    pub fn day_at(&self, leaf: u64) -> Result<Option<Day>, ReadError> {
        if leaf < self.inner.published.size() { self.inner.day_of(leaf).map(Some) } else { Ok(None) }
    }

    /// The day of a tenant's first entry.
    pub fn first_day(&self, tenant: TenantId) -> Result<Option<Day>, ReadError> {
        let first = self.inner.published.first_of(self.inner.number(tenant)?)?;
        first.map(|leaf| self.inner.day_of(leaf)).transpose()
    }

    /// What only the ledger knows of a tenant's entries, read as it is asked for.
    pub fn secrets(&self, tenant: TenantId) -> Result<DaySecrets<'_>, ReadError> {
        let number = self.inner.number(tenant)?;
        Ok(DaySecrets { inner: &self.inner, number, last: RefCell::new(None), fault: Cell::new(None) })
    }

    /// Puts on the log that a bundle was made, once for each bundle.
    pub fn publish_proof(
        &self,
        tenant: TenantId,
        day: Day,
        size: u64,
        bundle_sha256: Bytes32,
    ) -> Result<LeafIndex, AppendError> {
        // always the same for the same bundle, so that it is recorded once
        let over = UnixMillis(day.begins().0.saturating_add(DAY_MILLIS));
        let jti = Jti::new(over, bundle_sha256.0.first_chunk().copied().unwrap_or_default());
        if let Some(leaf) = self.find_event(self.log_id(), &jti) {
            return Ok(leaf);
        }
        let event = ProofPublished { about: about_tenant(&jti, tenant), bundle_sha256, day, size };
        let now = self.inner.clock.now().seconds();
        let exp = Some(UnixSeconds(now.0.saturating_add(60)));
        let claims = Claims { exp, ..Claims::new(self.log_id(), jti, event) };
        let operator = &self.inner.keyring.operator;
        let envelope = Envelope::sign(Kind::ProofPublished, &claims.to_json(), &[operator]);
        let Appended { leaf_index, .. } = self.append(self.log_id(), &envelope)?;
        Ok(leaf_index)
    }
}

impl Inner {
    fn day_of(&self, leaf: u64) -> Result<Day, ReadError> {
        let entry = Entry::parse(&self.published.item(leaf)?.item.entry);
        entry.map(|entry| entry.day).map_err(|_| ReadError::Damaged(format!("entry {leaf}")))
    }

    /// The leaves of a day. Days never decrease along the log.
    fn leaves_of(&self, day: Day) -> Result<Range<u64>, ReadError> {
        let first_of = |is_before: &dyn Fn(Day) -> bool| {
            let (mut low, mut high) = (0, self.published.size());
            while low < high {
                let middle = low + (high - low) / 2;
                if is_before(self.day_of(middle)?) { low = middle + 1 } else { high = middle }
            }
            Ok::<_, ReadError>(low)
        };
        Ok(first_of(&|other| other < day)?..first_of(&|other| other <= day)?)
    }
}

const DAY_MILLIS: u64 = 86_400_000;

/// A day as `YYYY-MM-DD`.
pub fn date_of(day: Day) -> String {
    DataDay(DAYS_TO_2020 + i32::from(day.0)).to_string()
}

/// The day of a `YYYY-MM-DD` that a log can have.
pub fn parse_date(date: &str) -> Option<Day> {
    let day = DataDay::parse(date)?.0.checked_sub(DAYS_TO_2020)?;
    u16::try_from(day).ok().map(Day)
}

/// Days from 1970-01-01 to 2020-01-01.
const DAYS_TO_2020: i32 = 18_262;

fn groups(terms: &[GroupTerms]) -> BTreeMap<u16, Group> {
    let group = |terms: &GroupTerms| {
        let mode = match terms.mode {
            CompensationMode::None => Mode::None,
            CompensationMode::PerGrant => Mode::PerGrant,
            CompensationMode::PerUse => Mode::PerUse,
            CompensationMode::RevenueShare => Mode::RevenueShare,
        };
        // a share in tiers depends on the revenue
        let is_plain = mode == Mode::RevenueShare && terms.tiers.is_none();
        let basis_points = if is_plain { terms.basis_points } else { 0 };
        Group { mode, basis_points, cohort: terms.cohort.clone() }
    };
    (1..=u16::MAX).zip(terms.iter().map(group)).collect()
}

/// What only the ledger knows of a tenant's entries. What lies under a destroyed key is not there; any other fault is kept,
/// to be taken with [`DaySecrets::fault`].
pub struct DaySecrets<'a> {
    inner: &'a Inner,
    number: u32,
    /// Links and openings of an entry are often asked for one after another.
    last: RefCell<Option<(u64, Rc<Body>)>>,
    fault: Cell<Option<ReadError>>,
}

impl DaySecrets<'_> {
    /// The first fault that was met while something was opened.
    pub fn fault(&self) -> Option<ReadError> {
        self.fault.take()
    }

    fn body(&self, leaf: u64) -> Option<Rc<Body>> {
        if let Some((_, body)) = self.last.borrow().as_ref().filter(|(last, _)| *last == leaf) {
            return Some(Rc::clone(body));
        }
        match self.open(leaf) {
            Ok(body) => {
                let body = Rc::new(body);
                *self.last.borrow_mut() = Some((leaf, Rc::clone(&body)));
                Some(body)
            }
            Err(ReadError::Erased | ReadError::NotFound) => None,
            Err(error) => {
                self.fault.set(Some(self.fault.take().unwrap_or(error)));
                None
            }
        }
    }

    fn open(&self, leaf: u64) -> Result<Body, ReadError> {
        let owned = self.inner.published.item(leaf)?;
        if owned.owner.tenant != self.number {
            return Err(ReadError::NotFound);
        }
        self.inner.open_body(leaf, &owned)
    }
}

impl Secrets for DaySecrets<'_> {
    fn link(&self, leaf: u64) -> Option<LinkOpening> {
        self.body(leaf).map(|body| body.link.clone())
    }

    fn openings(&self, leaf: u64) -> Option<Vec<Opening>> {
        self.body(leaf).map(|body| body.openings.clone())
    }
}
