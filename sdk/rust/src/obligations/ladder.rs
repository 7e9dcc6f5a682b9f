//! Levels to which values are made coarser: of dates, of numbers, of places. What is at a level already, or coarser,
//! stays; what is not understood never passes.

use grantbook_record::{DataDay, Term};
use serde_json::Value;

use super::Places;

/// A level. Of one kind, later or wider ones are coarser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Date(DateLevel),
    /// Bands of this width, of which one begins at 0.
    Bands(u32),
    /// The position among the levels of the places.
    Place(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum DateLevel {
    Day,
    Month,
    Quarter,
    Year,
}

/// A date, as precise as it is.
struct Date<'a> {
    year: &'a str,
    /// 1 to 4.
    quarter: Option<u8>,
    month: Option<&'a str>,
    day: Option<&'a str>,
}

impl Level {
    pub(super) fn parse(word: &Term, places: &Places) -> Option<Self> {
        let word = word.as_str();
        match word {
            "day" => return Some(Self::Date(DateLevel::Day)),
            "month" => return Some(Self::Date(DateLevel::Month)),
            "quarter" => return Some(Self::Date(DateLevel::Quarter)),
            "year" => return Some(Self::Date(DateLevel::Year)),
            _ => {}
        }
        match word.strip_prefix("bands-of-") {
            Some(width) => {
                let parsed: u32 = width.parse().ok()?;
                // a width has one spelling: neither `+5` nor `007`
                (parsed > 0 && parsed.to_string() == width).then_some(Self::Bands(parsed))
            }
            None => places.level(word).map(Self::Place),
        }
    }

    /// The coarser of two; `None` where neither has all that the other has.
    pub(super) fn coarsest(self, other: &Self) -> Option<Self> {
        match (self, *other) {
            (Self::Date(a), Self::Date(b)) => Some(Self::Date(a.max(b))),
            (Self::Place(a), Self::Place(b)) => Some(Self::Place(a.max(b))),
            (Self::Bands(a), Self::Bands(b)) if a.max(b).is_multiple_of(a.min(b)) => {
                Some(Self::Bands(a.max(b)))
            }
            _ => None,
        }
    }

    /// Its word, for messages.
    pub(super) fn word(self, places: &Places) -> String {
        match self {
            Self::Date(DateLevel::Day) => "day".to_owned(),
            Self::Date(DateLevel::Month) => "month".to_owned(),
            Self::Date(DateLevel::Quarter) => "quarter".to_owned(),
            Self::Date(DateLevel::Year) => "year".to_owned(),
            Self::Bands(width) => format!("bands-of-{width}"),
            Self::Place(level) => places.word(level).to_owned(),
        }
    }

    /// The value at this level; lists item by item, and no value stays none.
    pub(super) fn of(self, value: &Value, places: &Places) -> Option<Value> {
        match value {
            Value::Null => Some(Value::Null),
            Value::Array(items) => items.iter().map(|item| self.of(item, places)).collect(),
            Value::String(text) => self.of_text(text, places).map(Value::String),
            Value::Number(number) => match self {
                Self::Bands(_) => self.of_text(&number.to_string(), places).map(Value::String),
                Self::Date(_) | Self::Place(_) => None,
            },
            Value::Bool(_) | Value::Object(_) => None,
        }
    }

    pub(super) fn of_text(self, text: &str, places: &Places) -> Option<String> {
        match self {
            Self::Date(level) => Some(Date::parse(text)?.at(level)),
            Self::Bands(width) => band(text, width),
            Self::Place(level) => places.at(text, level),
        }
    }
}

impl<'a> Date<'a> {
    /// Reads `YYYY-MM-DD`, with a time behind `T` or a space or without, `YYYY-MM`, `YYYY-Qn` and `YYYY`.
    fn parse(text: &'a str) -> Option<Self> {
        if !text.is_ascii() {
            return None;
        }
        let (date, time) = text.split_at_checked(10).unwrap_or((text, ""));
        let is_time = |c: char| c.is_ascii_digit() || matches!(c, ':' | '.' | '+' | '-' | 'Z');
        let time_is_good = match time.strip_prefix(['T', ' ']) {
            Some(time) => !time.is_empty() && time.chars().all(is_time),
            None => time.is_empty(),
        };
        if !time_is_good {
            return None;
        }
        let year = date.get(..4).filter(|year| year.bytes().all(|b| b.is_ascii_digit()))?;
        match date.get(4..)? {
            "" => Some(Self { year, quarter: None, month: None, day: None }),
            "-Q1" => Some(Self::of_quarter(year, 1)),
            "-Q2" => Some(Self::of_quarter(year, 2)),
            "-Q3" => Some(Self::of_quarter(year, 3)),
            "-Q4" => Some(Self::of_quarter(year, 4)),
            rest => {
                let month = rest.strip_prefix('-')?.get(..2)?;
                let day = match rest.get(3..)? {
                    "" => None,
                    day => Some(day.strip_prefix('-')?),
                };
                // the calendar decides what is a month and a day
                DataDay::parse(&format!("{year}-{month}-{}", day.unwrap_or("01")))?;
                let quarter = month.parse::<u8>().ok()?.checked_add(2)? / 3;
                Some(Self { year, quarter: Some(quarter), month: Some(month), day })
            }
        }
    }

    fn of_quarter(year: &'a str, quarter: u8) -> Self {
        Self { year, quarter: Some(quarter), month: None, day: None }
    }

    fn at(&self, level: DateLevel) -> String {
        let year = self.year;
        match (self.day, self.month, self.quarter) {
            (Some(day), Some(month), _) if level <= DateLevel::Day => format!("{year}-{month}-{day}"),
            (_, Some(month), _) if level <= DateLevel::Month => format!("{year}-{month}"),
            (.., Some(quarter)) if level <= DateLevel::Quarter => format!("{year}-Q{quarter}"),
            _ => year.to_owned(),
        }
    }
}

/// The band in which a decimal number lies, written `<first>..<first of the next>`; no arithmetic on floats.
fn band(text: &str, width: u32) -> Option<String> {
    let width = i128::from(width);
    if let Some((low, high)) = text.split_once("..") {
        let (low, high) = (integer(low)?, integer(high)?);
        // one or several bands already
        let is_made_of_bands = low < high && low.rem_euclid(width) == 0 && high.rem_euclid(width) == 0;
        return is_made_of_bands.then(|| format!("{low}..{high}"));
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let truncated = integer(whole)?;
    let is_below = whole.starts_with('-') && fraction.bytes().any(|digit| digit != b'0');
    let floor = if is_below { truncated.checked_sub(1)? } else { truncated };
    let low = floor.checked_sub(floor.rem_euclid(width))?;
    let high = low.checked_add(width)?;
    Some(format!("{low}..{high}"))
}

/// At most 30 digits, with `-` or without.
fn integer(text: &str) -> Option<i128> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let good = (1..=30).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    good.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests;
