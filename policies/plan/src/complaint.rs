//! By when an enterprise answers a complaint. The table is here and nowhere else, and counsel must check it: laws name periods
//! for answers to requests, of which a complaint is taken to be one.

use chrono::{DateTime, Days, Months, Utc};
use grantbook_record::UnixSeconds;
use grantbook_record::event::Law;

use crate::TenantState;

/// How long an enterprise has, counted from the day of the complaint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// To the same day of the month after so many, or to its last day where it has no such day.
    Months(u32),
    /// So many days.
    Days(u32),
}

/// Where no law says anything.
pub const OWN_PERIOD: Period = Period::Days(30);

/// What laws say, with the provision. The Data Act names no period.
pub const PERIODS: &[(Law, Period, &str)] = &[
    (Law::Dpdp, Period::Days(90), "s. 13(2); DPDP Rules 2025, r. 14(3)"),
    (Law::Gdpr, Period::Months(1), "Art. 12(3)"),
    // the law itself says "in good time"
    (Law::Pipl, Period::Days(30), "Art. 50; GB/T 35273-2020, 8.7"),
];

impl Period {
    /// The last moment of a complaint that was made then. A time that no calendar has is due at once.
    pub fn ends(self, made: UnixSeconds) -> UnixSeconds {
        let at = i64::try_from(made.0).ok().and_then(|seconds| DateTime::<Utc>::from_timestamp(seconds, 0));
        let end = at.and_then(|at| match self {
            Self::Months(months) => at.checked_add_months(Months::new(months)),
            Self::Days(days) => at.checked_add_days(Days::new(days.into())),
        });
        end.and_then(|end| u64::try_from(end.timestamp()).ok()).map_or(made, UnixSeconds)
    }
}

/// By when a complaint is answered that was made then: the shortest period of these laws.
pub fn due(made: UnixSeconds, laws: &[Law]) -> UnixSeconds {
    let periods =
        PERIODS.iter().filter(|(law, ..)| laws.contains(law)).map(|(_, period, _)| period.ends(made));
    periods.min().unwrap_or_else(|| OWN_PERIOD.ends(made))
}

impl TenantState {
    /// The laws that the enterprise says it keeps to: those that its notices are made for, and those that its rules demand of
    /// notices.
    pub fn laws(&self) -> Vec<Law> {
        let of_notices = self.notices.values().flat_map(|notice| notice.laws().iter());
        let mut laws: Vec<Law> = of_notices.chain(self.protections().notices.iter()).copied().collect();
        laws.sort_unstable();
        laws.dedup();
        laws
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> UnixSeconds {
        UnixSeconds(DateTime::parse_from_rfc3339(text).unwrap().timestamp().try_into().unwrap())
    }

    #[test]
    fn the_shortest_period_counts_and_a_month_ends_with_its_days() {
        for (made, laws, expected) in [
            ("2026-01-31T10:00:00Z", &[Law::Gdpr][..], "2026-02-28T10:00:00Z"),
            ("2028-01-31T10:00:00Z", &[Law::Gdpr], "2028-02-29T10:00:00Z"),
            ("2026-01-31T10:00:00Z", &[Law::Pipl, Law::Gdpr], "2026-02-28T10:00:00Z"),
            // a month of 31 days is longer than 30 days
            ("2026-03-01T10:00:00Z", &[Law::Pipl, Law::Gdpr], "2026-03-31T10:00:00Z"),
            ("2026-12-31T23:59:59Z", &[Law::Gdpr], "2027-01-31T23:59:59Z"),
            ("2026-01-01T00:00:00Z", &[Law::Dpdp], "2026-04-01T00:00:00Z"),
            ("2026-01-01T00:00:00Z", &[Law::Dpdp, Law::Pipl], "2026-01-31T00:00:00Z"),
            ("2026-01-01T00:00:00Z", &[Law::DataAct], "2026-01-31T00:00:00Z"),
            ("2026-01-01T00:00:00Z", &[], "2026-01-31T00:00:00Z"),
        ] {
            assert_eq!(due(at(made), laws), at(expected), "{made} {laws:?}");
        }
        assert_eq!(due(UnixSeconds(u64::MAX), &[]), UnixSeconds(u64::MAX));
    }
}
