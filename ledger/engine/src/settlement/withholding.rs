//! Tax withheld from payments, by country and date. The table that comes with the ledger is a start, not advice: whoever
//! pays gives the one that holds for them.

use grantbook_record::{CountryCode, DataDay};

use super::price::part_of;

/// The table that comes with the ledger.
const BUILT_IN: &str = include_str!("withholding.csv");
const HEADER: &str = "country,from,basis_points,source";
/// Rules that one table may have.
pub const RULES_MAX: usize = 1024;

/// A table that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("withholding table, line {line}: {what}")]
pub struct WithholdingError {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong and what was expected.
    pub what: &'static str,
}

/// From when on which part is withheld from payments to people of a country.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The country.
    pub country: CountryCode,
    /// The first day on which it holds.
    pub from: DataDay,
    /// The part, rounded half up to the minor unit of each payment.
    pub basis_points: u16,
    /// The law.
    pub source: String,
}

/// Rules by country and date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withholding(Vec<Rule>);

impl Withholding {
    /// The table that comes with the ledger.
    pub fn built_in() -> Result<Self, WithholdingError> {
        Self::parse(BUILT_IN)
    }

    /// Parses a table: the header `country,from,basis_points,source`, then a line for each rule; the source may be quoted.
    pub fn parse(text: &str) -> Result<Self, WithholdingError> {
        let mut lines = text.lines().zip(1..);
        let wrong = |line, what| WithholdingError { line, what };
        if lines.next().map(|(line, _)| line) != Some(HEADER) {
            return Err(wrong(1, "expected the header country,from,basis_points,source"));
        }
        let mut rules: Vec<Rule> = Vec::new();
        for (line, number) in lines {
            let mut fields = line.splitn(4, ',');
            let mut field = || fields.next().ok_or(wrong(number, "expected four fields"));
            let (country, from, rate, source) = (field()?, field()?, field()?, field()?);
            let country = CountryCode::parse(country);
            let rule = Rule {
                country: country.ok_or(wrong(number, "expected a country of two capital letters"))?,
                from: DataDay::parse(from).ok_or(wrong(number, "expected a date such as 2019-01-01"))?,
                basis_points: rate
                    .parse()
                    .ok()
                    .filter(|parsed: &u16| *parsed <= 10_000 && parsed.to_string() == rate)
                    .ok_or(wrong(number, "expected 0 to 10000 basis points"))?,
                source: source.trim_matches('"').to_owned(),
            };
            if rule.source.is_empty() {
                return Err(wrong(number, "expected the law as source"));
            }
            if rules.iter().any(|known| (known.country, known.from) == (rule.country, rule.from)) {
                return Err(wrong(number, "expected one rule for each country and date"));
            }
            if rules.len() >= RULES_MAX {
                return Err(wrong(number, "expected at most 1024 rules"));
            }
            rules.push(rule);
        }
        Ok(Self(rules))
    }

    /// The rule for payments on a day; `None` where the table has none, which is not the same as nothing to withhold.
    pub fn rule(&self, country: CountryCode, day: DataDay) -> Option<&Rule> {
        self.0.iter().filter(|rule| rule.country == country && rule.from <= day).max_by_key(|rule| rule.from)
    }

    /// What is withheld of a payment on a day.
    pub fn withheld(&self, country: CountryCode, day: DataDay, gross: u64) -> Option<u64> {
        part_of(gross, self.rule(country, day)?.basis_points)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn rules_hold_from_their_day_on() {
        let table = format!("{HEADER}\nCN,2019-01-01,2000,law\nCN,2027-01-01,1000,\"law, amended\"\n");
        let table = Withholding::parse(&table).unwrap();
        let (china, day) = (CountryCode::parse("CN").unwrap(), |text| DataDay::parse(text).unwrap());
        for (on, withheld) in [
            ("2018-12-31", None),
            ("2019-01-01", Some(16)),
            ("2026-12-31", Some(16)),
            ("2027-01-01", Some(8)),
        ] {
            assert_eq!(table.withheld(china, day(on), 80), withheld, "{on}");
        }
        assert_eq!(table.withheld(CountryCode::parse("FR").unwrap(), day("2026-01-01"), 80), None);
        assert!(Withholding::built_in().unwrap().rule(china, day("2026-01-01")).is_some());
    }

    #[test]
    fn tables_are_read_strictly() {
        for (bad, line) in [
            ("", 1),
            ("country,from\n", 1),
            ("country,from,basis_points,source\nCN,2019-01-01,2000\n", 2),
            ("country,from,basis_points,source\ncn,2019-01-01,2000,law\n", 2),
            ("country,from,basis_points,source\nCN,2019-1-1,2000,law\n", 2),
            ("country,from,basis_points,source\nCN,2019-01-01,10001,law\n", 2),
            ("country,from,basis_points,source\nCN,2019-01-01,+20,law\n", 2),
            ("country,from,basis_points,source\nCN,2019-01-01,20,\n", 2),
            ("country,from,basis_points,source\nCN,2019-01-01,20,law\nCN,2019-01-01,30,law\n", 3),
        ] {
            assert_eq!(Withholding::parse(bad).unwrap_err().line, line, "{bad:?}");
        }
    }
}
