//! Days and months, in the units in which entries commit to them.

use chrono::{DateTime, Days, Months, NaiveDate};
use grantbook_record::{Day, UnixSeconds};

/// Seconds of a day.
pub(crate) const DAY_SECONDS: i64 = 86_400;

/// An instant as people read it, `2026-11-22 17:05:09 UTC`; one that chrono does not know as its number of seconds.
pub(crate) fn instant(at: UnixSeconds) -> String {
    let known = i64::try_from(at.0).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    known.map_or_else(|| at.0.to_string(), |time| time.format("%Y-%m-%d %H:%M:%S UTC").to_string())
}

/// First second of a day, since 2020.
pub(crate) fn begins(day: Day) -> i64 {
    i64::from(day.0) * DAY_SECONDS
}

/// Last second of a day, since 2020.
pub(crate) fn ends(day: Day) -> i64 {
    begins(day) + DAY_SECONDS - 1
}

/// First second, since 2020, of the month that is so many after January 2020.
pub(crate) fn month_begins(month: u16) -> i64 {
    let begins = epoch().checked_add_months(Months::new(month.into()));
    // chrono reaches to the year 262142
    begins.map_or(i64::MAX, |date| (date - epoch()).num_days() * DAY_SECONDS)
}

/// The last month, counted from January 2020, that begins at this second since 2020 or before; 65,535 for all later ones.
pub(crate) fn month_of(second: i64) -> u16 {
    let mut low = 0_u16;
    let mut high = u16::MAX;
    while low < high {
        let middle = high - (high - low) / 2;
        if month_begins(middle) <= second { low = middle } else { high = middle - 1 }
    }
    low
}

/// The day so many years before `day`, in days since 1900-01-01: the last birth day of somebody of that age.
pub(crate) fn born_by(day: Day, years: u8) -> i64 {
    let date = epoch().checked_add_days(Days::new(day.0.into()));
    // the 29th of February becomes the 28th where the year has none
    let born = date.and_then(|date| date.checked_sub_months(Months::new(u32::from(years) * 12)));
    match (born, NaiveDate::from_ymd_opt(1900, 1, 1)) {
        (Some(born), Some(first)) => (born - first).num_days(),
        // neither happens for days and years of these types
        _ => i64::MIN,
    }
}

/// A day as `YYYY-MM-DD`.
pub(crate) fn date(day: Day) -> String {
    epoch().checked_add_days(Days::new(day.0.into())).unwrap_or_default().to_string()
}

fn epoch() -> NaiveDate {
    NaiveDate::from_ymd_opt(2020, 1, 1).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_and_birth_days_by_hand() {
        assert_eq!((begins(Day(1)), ends(Day(1))), (86_400, 172_799));
        for (month, day) in [(0, 0), (1, 31), (2, 60), (12, 366)] {
            assert_eq!(month_begins(month), day * DAY_SECONDS);
            assert_eq!(month_of(day * DAY_SECONDS), month);
            assert_eq!(month_of((day + 28) * DAY_SECONDS), month);
        }
        assert_eq!(month_of(60 * DAY_SECONDS - 1), 1);
        assert_eq!(month_of(i64::MAX), u16::MAX);
        // 2020-02-29 less 14 years is 2006-02-28; 2006-02-28 is day 38,774 since 1900-01-01
        assert_eq!(born_by(Day(59), 14), 38_774);
        assert_eq!(born_by(Day(60), 14), 38_775);
        // 2024-02-29 less 4 years is 2020-02-29
        assert_eq!(born_by(Day(366 + 365 * 3 + 59), 4) - born_by(Day(59), 0), 0);
    }
}
