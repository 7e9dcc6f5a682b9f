//! The tables of a kit, and their JSON.

use grantbook_record::day::{DataDay, UnixSeconds};
use grantbook_record::strict_json::{self, JsonError};
use grantbook_record::{Day, TenantId, Term};
use serde::{Deserialize, Serialize};

use super::details::Details;
use super::fairness::FairDay;
use super::figure::{Figure, Word, join, suppress};
use super::fold::{Fold, Folded};
use crate::calendar::date;

/// Bytes of the tables' JSON.
const TABLES_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Days of a period.
const DAYS_MAX: u16 = 366;
/// Of all requests, the share that should have been answered.
pub const LINE_BASIS_POINTS: u64 = 9_200;
/// Within how many seconds a withdrawal was acknowledged.
pub(super) const STEPS_SECONDS: [u64; 5] = [1, 5, 60, 3_600, 86_400];

/// Why tables are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TablesError {
    /// Larger than they may be.
    #[error("tables of {got} bytes, expected at most {TABLES_BYTES_MAX}")]
    TooLarge {
        /// Their bytes.
        got: usize,
    },
    /// The JSON departs from the schema.
    #[error("refused tables: {0}")]
    Schema(#[from] JsonError),
    /// Another version of the format.
    #[error("tables of version {got}, expected {}", super::VERSION)]
    Version {
        /// As came.
        got: u8,
    },
    /// Another spelling of the same tables.
    #[error("tables are not in their one spelling, expected the bytes as they were issued")]
    Spelling,
}

/// Days from the first to the last, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawPeriod", into = "RawPeriod")]
pub struct Period {
    /// The first day.
    pub from: Day,
    /// The last day.
    pub to: Day,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPeriod {
    from: String,
    to: String,
}

impl Period {
    /// `None` unless the first day is not after the last, and these are 366 days at most.
    pub fn new(from: Day, to: Day) -> Option<Self> {
        let days = to.0.checked_sub(from.0)?;
        (days < DAYS_MAX).then_some(Self { from, to })
    }

    /// Whether a day is one of these.
    pub fn contains(&self, day: Day) -> bool {
        (self.from..=self.to).contains(&day)
    }

    /// The first second after it.
    pub(super) fn over(self) -> UnixSeconds {
        UnixSeconds(self.to.begins().seconds().0.saturating_add(86_400))
    }

    /// Its days, `YYYY-MM-DD`, in order.
    pub fn dates(&self) -> impl Iterator<Item = String> + use<> {
        (self.from.0..=self.to.0).map(|day| date(Day(day)))
    }
}

impl From<Period> for RawPeriod {
    fn from(period: Period) -> Self {
        Self { from: date(period.from), to: date(period.to) }
    }
}

impl TryFrom<RawPeriod> for Period {
    type Error = &'static str;
    fn try_from(raw: RawPeriod) -> Result<Self, Self::Error> {
        let epoch = DataDay::parse("2020-01-01").map_or(0, |day| day.0);
        let day = |text: &str| u16::try_from(DataDay::parse(text)?.0.checked_sub(epoch)?).ok().map(Day);
        let period = day(&raw.from).zip(day(&raw.to)).and_then(|(from, to)| Self::new(from, to));
        period.ok_or("malformed period, expected days such as 2026-03-02, 366 at most")
    }
}

/// Everything that a kit says in tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tables {
    /// Version of the format.
    pub v: u8,
    /// Origin line of the log.
    pub origin: String,
    /// The enterprise.
    pub tenant: TenantId,
    /// Its name.
    pub enterprise: String,
    /// The days that they are about.
    pub period: Period,
    /// What the enterprise has added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
    /// GDPR art. 30(1), at the end of the period.
    pub record: RecordOfProcessing,
    /// Requests of the period and their answers.
    pub requests: Requests,
    /// Withdrawals of the period.
    pub withdrawals: Withdrawals,
    /// Entries of the period that the tables lack, because their keys were destroyed.
    pub unreadable: Figure,
    /// The statement `fair-pay` on each day.
    pub fairness: Vec<FairDay>,
}

/// Processing on the basis of grants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordOfProcessing {
    /// By controller, recipient, purpose, template and version.
    pub activities: Vec<Activity>,
    /// Grants of all of them.
    pub active_grants: Figure,
}

/// What is processed for one purpose under one template by one controller for one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Activity {
    /// Who decides.
    pub controller: Term,
    /// Who receives the data.
    pub recipient: Term,
    /// What for.
    pub purpose: Term,
    /// Name of the template.
    pub template: Term,
    /// Its version.
    pub version: u32,
    /// [`Self::CONSENT`]: grants are nothing else.
    pub legal_basis: String,
    /// Categories of data.
    pub categories: Vec<Term>,
    /// Days after a use by which the data is deleted, the longest; absent: a grant sets no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_days_max: Option<u32>,
    /// What recipients must do with the data.
    pub obligations: Vec<String>,
    /// Consents that were given separately.
    pub consents: Vec<Term>,
    /// Grants that were active at the end of the period.
    pub active_grants: Figure,
}

impl Activity {
    /// The legal basis of what a grant permits.
    pub const CONSENT: &'static str = "consent";
}

/// Requests of the period, and what had become of them at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requests {
    /// All.
    pub made: Figure,
    /// Answered by a grant.
    pub granted: Figure,
    /// Declined.
    pub declined: Figure,
    /// Not answered.
    pub unanswered: Figure,
    /// Granted of all, basis points, rounded down.
    pub authorisation_rate: Figure,
    /// Granted or declined of all, basis points, rounded down.
    pub response_rate: Figure,
    /// [`LINE_BASIS_POINTS`].
    pub response_line: u64,
    /// Whether the response rate, before it is rounded, reaches the line; absent where the rate is not shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reaches_line: Option<bool>,
}

impl Requests {
    /// A rate is shown where it can be worked out from counts that are shown: it tells no more than these.
    pub(super) fn new(granted: u64, declined: u64, unanswered: u64) -> Self {
        let (shown, made) = suppress(&[granted, declined, unanswered]);
        let figure = |at: usize| shown.get(at).copied().unwrap_or(Figure::SUPPRESSED);
        let of_made = |part: Figure, complement: bool| match (made, part) {
            (Figure::Number(0), _) => (Figure::NONE, None),
            (Figure::Number(made), Figure::Number(part)) => {
                let part = if complement { made.saturating_sub(part) } else { part };
                let rate = part.saturating_mul(10_000).checked_div(made).unwrap_or(0);
                let reaches = part.saturating_mul(10_000) >= made.saturating_mul(LINE_BASIS_POINTS);
                (Figure::Number(rate), Some(reaches))
            }
            _ => (Figure::SUPPRESSED, None),
        };
        let (response_rate, reaches_line) = of_made(figure(2), true);
        Self {
            made,
            granted: figure(0),
            declined: figure(1),
            unanswered: figure(2),
            authorisation_rate: of_made(figure(0), false).0,
            response_rate,
            response_line: LINE_BASIS_POINTS,
            reaches_line,
        }
    }
}

/// Withdrawals of the period, by how long it took until the grant's recipient had acknowledged them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdrawals {
    /// All.
    pub made: Figure,
    /// From the quickest on; each begins where the one before ends.
    pub steps: Vec<Step>,
    /// Within how many seconds half of them were.
    pub p50: Figure,
    /// Nine of ten.
    pub p90: Figure,
    /// All.
    pub max: Figure,
}

/// Withdrawals that took about as long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Seconds, or [`Word::Later`]: longer than a day, or not acknowledged at the end of the period.
    pub within: Figure,
    /// How many.
    pub count: u64,
}

impl Withdrawals {
    pub(super) fn new(cells: &[u64; STEPS_SECONDS.len() + 1]) -> Self {
        let total: u64 = cells.iter().sum();
        let Some(groups) = join(cells) else {
            let out = Figure::SUPPRESSED;
            return Self { made: out, steps: Vec::new(), p50: out, p90: out, max: out };
        };
        let within = |at: usize| {
            STEPS_SECONDS.get(at).map_or(Figure::Word(Word::Later), |seconds| Figure::Number(*seconds))
        };
        let steps: Vec<Step> =
            groups.into_iter().map(|(at, count)| Step { within: within(at), count }).collect();
        let quantile = |percent: u64| {
            let least = total.saturating_mul(percent).div_ceil(100);
            let mut so_far = 0;
            let step = steps.iter().find(|step| {
                so_far += step.count;
                so_far >= least
            });
            step.map_or(Figure::NONE, |step| step.within)
        };
        let (p50, p90, max) = (quantile(50), quantile(90), quantile(100));
        Self { made: Figure::Number(total), steps, p50, p90, max }
    }
}

impl Tables {
    /// What a fold over all of a tenant's events gives.
    pub fn new(
        origin: &str,
        (tenant, enterprise): (TenantId, &str),
        fold: Fold,
        details: Option<Details>,
        fairness: Vec<FairDay>,
    ) -> Self {
        let period = fold.period();
        let Folded { record, requests, withdrawals, unreadable } = fold.finish();
        Self {
            v: super::VERSION,
            origin: origin.to_owned(),
            tenant,
            enterprise: enterprise.to_owned(),
            period,
            details,
            record,
            requests,
            withdrawals,
            unreadable,
            fairness,
        }
    }

    /// The tables' bytes.
    pub fn to_json(&self) -> Vec<u8> {
        // numbers, strings and lists always serialise
        let mut json = serde_json::to_vec_pretty(self).unwrap_or_default();
        json.push(b'\n');
        json
    }

    /// Parses tables in their one spelling; implies no trust.
    pub fn parse(json: &[u8]) -> Result<Self, TablesError> {
        if json.len() > TABLES_BYTES_MAX {
            return Err(TablesError::TooLarge { got: json.len() });
        }
        let tables: Self = strict_json::parse(json)?;
        if tables.v != super::VERSION {
            return Err(TablesError::Version { got: tables.v });
        }
        if tables.to_json() == json { Ok(tables) } else { Err(TablesError::Spelling) }
    }
}
