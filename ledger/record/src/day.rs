//! Time: instants in named units, days of admission, days and periods in which data arose.

use chrono::{DateTime, Datelike as _, NaiveDate};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// 2020-01-01T00:00:00Z, the epoch of committed times and of days of admission, in Unix seconds.
pub const EPOCH_2020: u64 = 1_577_836_800;

const SECONDS_PER_DAY: u64 = 86_400;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMillis(pub u64);

impl UnixMillis {
    /// The whole second.
    pub fn seconds(self) -> UnixSeconds {
        UnixSeconds(self.0 / 1000)
    }
}

/// Seconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixSeconds(pub u64);

impl UnixSeconds {
    /// The committed form; instants before 2020 become 0, those after 2156 the last second that fits.
    pub fn since_2020(self) -> SecondsSince2020 {
        SecondsSince2020(u32::try_from(self.0.saturating_sub(EPOCH_2020)).unwrap_or(u32::MAX))
    }

    /// The UTC day of admission; instants after 2199 become its last day.
    pub fn day(self) -> Day {
        Day(u16::try_from(self.0.saturating_sub(EPOCH_2020) / SECONDS_PER_DAY).unwrap_or(u16::MAX))
    }
}

/// As RFC 3339 writes it, such as `2026-11-23T00:35:02Z`; as a number of seconds past the calendar's end.
impl std::fmt::Display for UnixSeconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match i64::try_from(self.0).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0)) {
            Some(moment) => write!(f, "{}", moment.format("%Y-%m-%dT%H:%M:%SZ")),
            None => self.0.fmt(f),
        }
    }
}

/// Seconds since 2020-01-01T00:00:00Z, the unit of committed times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecondsSince2020(pub u32);

impl SecondsSince2020 {
    /// In Unix seconds.
    pub fn unix(self) -> UnixSeconds {
        UnixSeconds(u64::from(self.0) + EPOCH_2020)
    }
}

/// A UTC day of admission, counted from 2020-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(pub u16);

impl Day {
    /// Its first moment.
    pub fn begins(self) -> UnixMillis {
        UnixMillis((EPOCH_2020 + u64::from(self.0) * SECONDS_PER_DAY) * 1000)
    }
}

/// A calendar day on which data arose, counted from 1970-01-01; written `YYYY-MM-DD`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataDay(pub i32);

/// 1970-01-01, counted in days of the common era as chrono does.
const UNIX_EPOCH_CE: i32 = 719_163;

impl DataDay {
    /// Reads `YYYY-MM-DD`, in this one spelling, years 0000 to 9999.
    pub fn parse(text: &str) -> Option<Self> {
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
        let day = Self(date.num_days_from_ce().checked_sub(UNIX_EPOCH_CE)?);
        (day.to_string() == text).then_some(day)
    }
}

impl std::fmt::Display for DataDay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let date = self.0.checked_add(UNIX_EPOCH_CE).and_then(NaiveDate::from_num_days_from_ce_opt);
        date.unwrap_or(NaiveDate::MAX).fmt(f)
    }
}

impl std::fmt::Debug for DataDay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl Serialize for DataDay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DataDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("malformed date, expected YYYY-MM-DD"))
    }
}

/// The days in which data arose, both ends included; never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "RawPeriod")]
pub struct DataPeriod {
    from: DataDay,
    to: DataDay,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPeriod {
    from: DataDay,
    to: DataDay,
}

impl TryFrom<RawPeriod> for DataPeriod {
    type Error = &'static str;
    fn try_from(raw: RawPeriod) -> Result<Self, Self::Error> {
        Self::new(raw.from, raw.to).ok_or("malformed period, expected `from` not after `to`")
    }
}

impl DataPeriod {
    /// `None` where `from` is after `to`.
    pub fn new(from: DataDay, to: DataDay) -> Option<Self> {
        (from <= to).then_some(Self { from, to })
    }

    /// First day.
    pub fn from(&self) -> DataDay {
        self.from
    }

    /// Last day.
    pub fn to(&self) -> DataDay {
        self.to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_have_one_spelling() {
        for (text, valid) in [
            ("1997-01-01", true),
            ("1970-01-01", true),
            ("1900-02-28", true),
            ("1997-02-29", false),
            ("1997-1-1", false),
            ("1997-01-01 ", false),
            ("+997-01-01", false),
        ] {
            assert_eq!(DataDay::parse(text).map(|d| d.to_string()), valid.then(|| text.to_owned()), "{text}");
        }
        assert_eq!(DataDay::parse("1970-01-02"), Some(DataDay(1)));
    }

    #[test]
    fn days_count_from_2020() {
        assert_eq!(UnixSeconds(EPOCH_2020).day(), Day(0));
        assert_eq!(UnixSeconds(EPOCH_2020 + 86_399).day(), Day(0));
        assert_eq!(UnixSeconds(EPOCH_2020 + 86_400).day(), Day(1));
        assert_eq!(UnixSeconds(0).since_2020(), SecondsSince2020(0));
    }
}
