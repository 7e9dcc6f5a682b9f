//! What the statement `fair-pay` came to, day by day.

use serde::{Deserialize, Serialize};

use super::tables::Period;
use crate::report::Report;
use crate::statement::Statement;

/// A day of the period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FairDay {
    /// The day, `YYYY-MM-DD`.
    pub day: String,
    /// What came of it.
    pub outcome: Outcome,
    /// Comparisons of two cohorts that were proved.
    pub comparisons: u64,
    /// Entries that were excepted by opening them.
    pub exceptions: u64,
}

/// What came of one statement on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was proved about all entries.
    Proved,
    /// It was proved about all entries but those that were excepted.
    Excepted,
    /// It was asked, and the day had nothing to compare.
    NothingToCompare,
    /// The policy does not ask for it.
    NotAsked,
    /// The day is not proved.
    NotProved,
}

impl Outcome {
    /// As in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Proved => "proved",
            Self::Excepted => "excepted",
            Self::NothingToCompare => "nothing_to_compare",
            Self::NotAsked => "not_asked",
            Self::NotProved => "not_proved",
        }
    }
}

impl FairDay {
    /// What a day's verified bundle says.
    fn of(report: &Report) -> Self {
        let fair = report.statements.iter().find(|of| of.statement == Statement::FairPay);
        let (comparisons, exceptions) = fair.map_or((0, 0), |of| (of.terms, of.exceptions));
        let outcome = match fair {
            Some(of) if of.asked && of.exceptions > 0 => Outcome::Excepted,
            Some(of) if of.asked && of.terms > 0 => Outcome::Proved,
            Some(of) if of.asked => Outcome::NothingToCompare,
            _ => Outcome::NotAsked,
        };
        Self { day: report.day.clone(), outcome, comparisons, exceptions }
    }

    /// The days of a period, given what the verified bundles say.
    pub fn list(period: Period, reports: &[Report]) -> Vec<Self> {
        let not_proved = |day| Self { day, outcome: Outcome::NotProved, comparisons: 0, exceptions: 0 };
        let of = |day: String| {
            reports.iter().find(|report| report.day == day).map_or_else(|| not_proved(day), Self::of)
        };
        period.dates().map(of).collect()
    }
}
