//! Saying no, and what would be acceptable instead: the form, read into `unless` of `request.declined`.

use grantbook_record::event::Wish;
use grantbook_record::list::List;
use grantbook_record::terms::{RetentionDays, UseCap};
use grantbook_record::{Currency, Price, Term, Terms};

use crate::failure::Failure;

/// Digits of a price before its decimal point.
const WHOLE_DIGITS_MAX: usize = 8;

/// What the form asks for; `None` where it says nothing. `asked` are the terms that are declined: categories that they do not have,
/// and a price where they pay none, are no wish that could be granted.
pub fn of_form(pairs: &[(String, String)], asked: &Terms) -> Result<Option<Wish>, Failure> {
    let value = |name: &str| {
        let found = pairs.iter().find(|(known, value)| known == name && !value.trim().is_empty());
        found.map(|(_, value)| value.trim())
    };
    let number = |name: &str, expected: &str| -> Result<Option<u32>, Failure> {
        let parsed = value(name).map(|text| text.parse::<u32>().ok().filter(|number| *number > 0));
        parsed.map(|number| number.ok_or_else(|| Failure::Malformed(expected.to_owned()))).transpose()
    };
    let expected_days = "a whole number of days, at least 1";
    let expected_uses = "a whole number of uses, 1 to 4294967294";
    let retention = number("unless_kept", expected_days)?.map(|days| {
        RetentionDays::new(days).ok_or_else(|| Failure::Malformed("at most 36500 days".to_owned()))
    });
    let uses = number("unless_uses", expected_uses)?
        .map(|uses| UseCap::new(uses).ok_or_else(|| Failure::Malformed(expected_uses.to_owned())));
    let price = value("unless_price").map(|text| {
        let currency = asked.compensation.currency();
        let price = (currency != Currency::NONE).then(|| price(text, currency)).flatten();
        price.ok_or_else(|| {
            Failure::Malformed("a price in the currency that was offered, such as 0.80".to_owned())
        })
    });
    let wish = Wish {
        without: without(pairs, asked)?,
        validity_days_max: number("unless_days", expected_days)?,
        retention_days_max: retention.transpose()?,
        uses_max: uses.transpose()?,
        price_min: price.transpose()?,
    };
    Ok((wish != Wish::default()).then_some(wish))
}

fn without(pairs: &[(String, String)], asked: &Terms) -> Result<List<Term, 0, 16>, Failure> {
    let refused = || Failure::Malformed("categories that were asked for, not all of them".to_owned());
    let is_asked = |term: &Term| asked.scope.include.iter().any(|clause| clause.category == *term);
    let named = pairs.iter().filter(|(name, _)| name == "unless_without");
    let mut without: Vec<Term> = named
        .map(|(_, value)| Term::parse(value).ok().filter(is_asked).ok_or_else(refused))
        .collect::<Result<_, _>>()?;
    without.sort();
    without.dedup();
    let all_gone = asked.scope.include.iter().all(|clause| without.contains(&clause.category));
    if all_gone && !without.is_empty() { Err(refused()) } else { List::new(without).ok_or_else(refused) }
}

/// An amount as people write it, in the currency's digits or fewer: `1`, `0.8`, `0,80`.
fn price(text: &str, currency: Currency) -> Option<Price> {
    let digits = usize::from(currency.minor_digits());
    let (whole, part) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty()
        || whole.len() > WHOLE_DIGITS_MAX
        || part.len() > digits
        || !plain(whole)
        || !plain(part)
    {
        return None;
    }
    let minor: u32 = format!("{whole}{part:0<digits$}").parse().ok()?;
    (minor > 0).then_some(Price { currency, minor })
}

#[cfg(test)]
mod tests {
    use super::*;
    use grantbook_record::strict_json;

    fn asked(compensation: &str) -> Terms {
        let hash = "A".repeat(43);
        let json = format!(
            r#"{{"controller":"meridian","recipient":"harbour","purpose":"research","scope":{{"include":[{{"category":"driving"}},{{"category":"fast-charging"}}]}},"validity":{{"start":1800000000,"end":1808640000}},"compensation":{compensation},"notice":{{"hash":"{hash}","language":"en","shown_at":1800000000}},"template":{{"id":"t","version":1,"hash":"{hash}"}}}}"#
        );
        strict_json::parse(json.as_bytes()).unwrap()
    }

    fn wish(form: &[(&str, &str)]) -> Result<Option<Wish>, Failure> {
        let pairs: Vec<_> =
            form.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        of_form(&pairs, &asked(r#"{"per_use":{"currency":"CNY","minor":80}}"#))
    }

    #[test]
    fn what_is_left_empty_is_no_wish() {
        assert_eq!(wish(&[]).unwrap(), None);
        assert_eq!(wish(&[("unless_days", ""), ("unless_price", " "), ("form_token", "x")]).unwrap(), None);
        let full = wish(&[
            ("unless_without", "driving"),
            ("unless_without", "driving"),
            ("unless_days", "30"),
            ("unless_kept", "7"),
            ("unless_uses", "5"),
            ("unless_price", "1.2"),
        ]);
        let full = serde_json::to_value(full.unwrap().unwrap()).unwrap();
        let expected = serde_json::json!({
            "without": ["driving"], "validity_days_max": 30, "retention_days_max": 7, "uses_max": 5,
            "price_min": {"currency": "CNY", "minor": 120},
        });
        assert_eq!(full, expected);
    }

    #[test]
    fn what_nobody_could_grant_is_refused() {
        for (name, value) in [
            ("unless_without", "dreams"),
            ("unless_without", "no term"),
            ("unless_days", "0"),
            ("unless_days", "-3"),
            ("unless_days", "4294967296"),
            ("unless_kept", "36501"),
            ("unless_uses", "4294967295"),
            ("unless_price", "0"),
            ("unless_price", "1.234"),
            ("unless_price", ".5"),
            ("unless_price", "1e3"),
            ("unless_price", "999999999"),
            ("unless_price", "-1"),
        ] {
            assert!(wish(&[(name, value)]).is_err(), "{name}={value}");
        }
        assert!(wish(&[("unless_without", "driving"), ("unless_without", "fast-charging")]).is_err());
        let free = of_form(&[("unless_price".to_owned(), "1".to_owned())], &asked(r#""none""#));
        assert!(free.is_err(), "no currency was offered");
    }

    #[test]
    fn prices_are_read_to_the_last_digit() {
        let yuan = Currency::parse("CNY").unwrap();
        for (text, minor) in
            [("1", 100), ("0.8", 80), ("0,80", 80), ("0.01", 1), ("12345678.90", 1_234_567_890)]
        {
            assert_eq!(price(text, yuan), Some(Price { currency: yuan, minor }), "{text}");
        }
    }
}
