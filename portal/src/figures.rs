//! Numbers and money as people read them: separators and digits by ICU4X.

use std::fmt::Display;
use std::sync::LazyLock;

use grantbook_record::Currency;
use icu_decimal::DecimalFormatter;
use icu_decimal::input::Decimal;
use icu_decimal::options::DecimalFormatterOptions;
use icu_locale_core::{Locale, locale};

use crate::language::Language;

/// The locale of dates and numbers: of English, the one that puts the day before the month and no comma between.
pub(crate) fn locale_of(language: Language) -> Locale {
    match language {
        Language::English => locale!("en-GB"),
        Language::Chinese => locale!("zh-CN"),
    }
}

thread_local! {
    // its data is behind counters that are no business of other threads
    static FORMATTERS: LazyLock<[Option<DecimalFormatter>; 2]> = LazyLock::new(|| {
        Language::ALL.map(|language| DecimalFormatter::try_new(locale_of(language).into(), DecimalFormatterOptions::default()).ok())
    });
}

fn written(decimal: &Decimal, language: Language) -> String {
    FORMATTERS.with(|formatters| {
        let [english, chinese] = &**formatters;
        let formatter = match language {
            Language::English => english,
            Language::Chinese => chinese,
        };
        // without its data, digits are still digits
        formatter
            .as_ref()
            .map_or_else(|| decimal.to_string(), |formatter| formatter.format(decimal).to_string())
    })
}

/// A whole number.
pub(crate) fn number(value: i64, language: Language) -> String {
    written(&Decimal::from(value), language)
}

/// An amount of money: exact, with the currency's digits, and the code or the sign by which the language knows it.
pub(crate) fn money(currency: Currency, minor: i64, language: Language) -> String {
    let mut decimal = Decimal::from(minor.unsigned_abs());
    decimal.multiply_pow10(-i16::from(currency.minor_digits()));
    decimal.absolute.pad_end(-i16::from(currency.minor_digits()));
    let digits = written(&decimal, language);
    let sign = if minor < 0 { "−" } else { "" };
    if language == Language::Chinese && currency.code() == "CNY" {
        format!("{sign}¥{digits}")
    } else {
        format!("{sign}{}\u{a0}{digits}", currency.code())
    }
}

/// Hundredths of a percent, as percent.
pub(crate) fn percent(basis_points: u16, language: Language) -> String {
    let mut decimal = Decimal::from(basis_points);
    decimal.multiply_pow10(-2);
    decimal.absolute.trim_end();
    format!("{}%", written(&decimal, language))
}

/// A ratio in whole percent, at most 100; 0 where there is nothing to compare with.
pub(crate) fn share_of(part: u64, whole: u64) -> u8 {
    let percent = u128::from(part) * 100 / u128::from(whole.max(1));
    u8::try_from(percent.min(100)).unwrap_or(100)
}

/// Things joined as the language joins a list.
pub(crate) fn list<T: Display>(items: impl IntoIterator<Item = T>, language: Language) -> String {
    let comma = match language {
        Language::English => ", ",
        Language::Chinese => "、",
    };
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(comma)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_and_written_as_each_language_does() {
        for (code, minor, english, chinese) in [
            ("CNY", 80, "CNY\u{a0}0.80", "¥0.80"),
            ("CNY", 0, "CNY\u{a0}0.00", "¥0.00"),
            ("CNY", -123_456_789, "−CNY\u{a0}1,234,567.89", "−¥1,234,567.89"),
            ("JPY", 1_200, "JPY\u{a0}1,200", "JPY\u{a0}1,200"),
            ("EUR", 5, "EUR\u{a0}0.05", "EUR\u{a0}0.05"),
            ("USD", i64::MIN, "−USD\u{a0}92,233,720,368,547,758.08", "−USD\u{a0}92,233,720,368,547,758.08"),
        ] {
            let currency = Currency::parse(code).unwrap();
            assert_eq!(money(currency, minor, Language::English), english);
            assert_eq!(money(currency, minor, Language::Chinese), chinese);
        }
    }

    #[test]
    fn numbers_and_shares() {
        assert_eq!(number(1_234_567, Language::English), "1,234,567");
        assert_eq!(percent(1, Language::English), "0.01%");
        assert_eq!(percent(500, Language::Chinese), "5%");
        assert_eq!(percent(10_000, Language::English), "100%");
        for (part, whole, expected) in
            [(0, 0, 0), (1, 3, 33), (3, 3, 100), (9, 3, 100), (u64::MAX, u64::MAX, 100)]
        {
            assert_eq!(share_of(part, whole), expected);
        }
        assert_eq!(list(["a", "b"], Language::Chinese), "a、b");
    }
}
