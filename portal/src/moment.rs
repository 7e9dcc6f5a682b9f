//! Days and times as people read them: the words by ICU4X, the zone said wherever a time is.

use std::sync::LazyLock;

use axum::http::{HeaderMap, header};
use grantbook_record::day::{DataDay, UnixSeconds};
use icu_calendar::types::RataDie;
use icu_calendar::{Date, Gregorian};
use icu_datetime::FixedCalendarDateTimeFormatter;
use icu_datetime::fieldsets::{M, YM, YMD};

use crate::figures::locale_of;
use crate::language::Language;

const SECONDS_PER_DAY: u64 = 86_400;
/// 1970-01-01 as the calendar counts days.
const EPOCH: i64 = 719_163;

/// How far the viewer's clock is ahead of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Zone {
    minutes: i16,
}

impl Zone {
    /// `None` beyond what zones there are: 12 hours behind to 14 hours ahead.
    pub fn new(minutes: i16) -> Option<Self> {
        (-720..=840).contains(&minutes).then_some(Self { minutes })
    }

    /// As the browser told it, in the cookie that the pages' script sets: minutes ahead of UTC.
    pub(crate) fn of_cookie(headers: &HeaderMap) -> Self {
        let cookies = headers.get(header::COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let minutes = cookies.split(';').find_map(|pair| pair.trim().strip_prefix("zone=")?.parse().ok());
        minutes.and_then(Self::new).unwrap_or_default()
    }

    /// Seconds that the viewer's calendar and clock show.
    fn local(self, at: UnixSeconds) -> u64 {
        at.0.saturating_add_signed(i64::from(self.minutes) * 60)
    }

    /// Such as `UTC+8`.
    pub fn name(self) -> String {
        let (hours, minutes) = (self.minutes / 60, self.minutes.unsigned_abs() % 60);
        match (self.minutes, minutes) {
            (0, _) => "UTC".to_owned(),
            (_, 0) => format!("UTC{hours:+}"),
            _ => format!("UTC{hours:+}:{minutes:02}"),
        }
    }
}

type Formatter = FixedCalendarDateTimeFormatter<Gregorian, YMD>;

thread_local! {
    static FORMATTERS: LazyLock<[Option<Formatter>; 2]> = LazyLock::new(|| {
        Language::ALL.map(|language| Formatter::try_new(locale_of(language).into(), YMD::long()).ok())
    });
}

fn written(days: i64, language: Language) -> String {
    let days = days.clamp(-(1 << 32), 1 << 32);
    let date = Date::from_rata_die(RataDie::new(EPOCH.saturating_add(days)), Gregorian);
    FORMATTERS.with(|formatters| {
        let [english, chinese] = &**formatters;
        let formatter = match language {
            Language::English => english,
            Language::Chinese => chinese,
        };
        formatter.as_ref().map_or_else(String::new, |formatter| formatter.format(&date).to_string())
    })
}

/// The day on which a moment falls for the viewer.
pub(crate) fn date(at: UnixSeconds, zone: Zone, language: Language) -> String {
    written(i64::try_from(zone.local(at) / SECONDS_PER_DAY).unwrap_or(i64::MAX), language)
}

/// A calendar day, as periods of data have it.
pub(crate) fn day(day: DataDay, language: Language) -> String {
    written(day.0.into(), language)
}

/// The month in which a moment falls for the viewer.
pub(crate) fn month(at: UnixSeconds, zone: Zone, language: Language) -> String {
    let formatter =
        FixedCalendarDateTimeFormatter::<Gregorian, _>::try_new(locale_of(language).into(), YM::medium());
    formatter.map_or_else(|_| String::new(), |formatter| formatter.format(&local_date(at, zone)).to_string())
}

/// The same without its year.
pub(crate) fn month_short(at: UnixSeconds, zone: Zone, language: Language) -> String {
    let formatter =
        FixedCalendarDateTimeFormatter::<Gregorian, _>::try_new(locale_of(language).into(), M::medium());
    formatter.map_or_else(|_| String::new(), |formatter| formatter.format(&local_date(at, zone)).to_string())
}

fn local_date(at: UnixSeconds, zone: Zone) -> Date<Gregorian> {
    let days = i64::try_from(zone.local(at) / SECONDS_PER_DAY).unwrap_or(i64::MAX).min(1 << 32);
    Date::from_rata_die(RataDie::new(EPOCH.saturating_add(days)), Gregorian)
}

/// Hours and minutes for the viewer.
pub(crate) fn time(at: UnixSeconds, zone: Zone) -> String {
    let seconds = zone.local(at) % SECONDS_PER_DAY;
    format!("{:02}:{:02}", seconds / 3600, seconds / 60 % 60)
}

/// Hours, minutes and seconds for the viewer.
pub(crate) fn time_exact(at: UnixSeconds, zone: Zone) -> String {
    format!("{}:{:02}", time(at, zone), at.0 % 60)
}

/// RFC 3339, for the `datetime` attribute.
pub(crate) fn machine(at: UnixSeconds) -> String {
    let date = Date::from_rata_die(
        RataDie::new(EPOCH.saturating_add(i64::try_from(at.0 / SECONDS_PER_DAY).unwrap_or(0).min(1 << 32))),
        Gregorian,
    );
    let (year, month, day) = (date.year().extended_year(), date.month().ordinal, date.day_of_month().0);
    format!("{year:04}-{month:02}-{day:02}T{}Z", time_exact(at, Zone::default()))
}

/// Whole days from one moment to another, any part of one counting as whole; 0 once it has passed.
pub(crate) fn days_until(from: UnixSeconds, to: UnixSeconds) -> u64 {
    to.0.saturating_sub(from.0).div_ceil(SECONDS_PER_DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_of_the_viewers_day() {
        let at = UnixSeconds(1_759_276_799); // 2025-09-30T23:59:59Z
        let beijing = Zone::new(480).unwrap();
        assert_eq!(date(at, Zone::default(), Language::English), "30 September 2025");
        assert_eq!(date(at, beijing, Language::Chinese), "2025年10月1日");
        assert_eq!((time(at, beijing), time_exact(at, beijing)), ("07:59".to_owned(), "07:59:59".to_owned()));
        assert_eq!(machine(at), "2025-09-30T23:59:59Z");
        assert_eq!(machine(UnixSeconds(0)), "1970-01-01T00:00:00Z");
        assert!(!date(UnixSeconds(u64::MAX), beijing, Language::English).is_empty());
    }

    #[test]
    fn zones_have_names() {
        for (minutes, name) in
            [(0, "UTC"), (480, "UTC+8"), (-210, "UTC-3:30"), (345, "UTC+5:45"), (-720, "UTC-12")]
        {
            assert_eq!(Zone::new(minutes).unwrap().name(), name);
        }
        assert_eq!((Zone::new(841), Zone::new(-721)), (None, None));
    }

    #[test]
    fn days_are_counted_up() {
        for (from, to, days) in [(0, 1, 1), (0, 86_400, 1), (0, 86_401, 2), (5, 5, 0), (9, 2, 0)] {
            assert_eq!(days_until(UnixSeconds(from), UnixSeconds(to)), days);
        }
    }
}
