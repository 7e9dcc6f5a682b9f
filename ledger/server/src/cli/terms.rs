//! The terms of a grant: from a file, or from flags under a template that was published.

use std::path::{Path, PathBuf};

use clap::Args;
use grantbook_record::event::{Bounds, Handling};
use grantbook_record::list::List;
use grantbook_record::scope::Clause;
use grantbook_record::terms::{
    Compensation, Consent, Fields, Language, Limits, NoticeShown, Obligation, RetentionDays, UseCap, Validity,
};
use grantbook_record::{Currency, DataDay, DataPeriod, Price, Scope, Term, Terms, UnixMillis, UnixSeconds};

use super::clock;
use super::failure::Failure;
use super::files;
use super::published::Published;

const SECONDS_PER_DAY: u64 = 86_400;

/// How terms are given.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Terms: a file, or flags under a published template")]
pub(crate) struct TermsArgs {
    /// The terms, JSON (docs/spec/event.md)
    #[arg(long, value_name = "FILE", conflicts_with = "published")]
    terms: Option<PathBuf>,
    /// What `template publish --out` wrote; the flags below fill in the rest
    #[arg(long, value_name = "FILE")]
    published: Option<PathBuf>,
    /// Who receives the data [default: the template's only one]
    #[arg(long, requires = "published")]
    recipient: Option<Term>,
    /// What for [default: the template's only one]
    #[arg(long, requires = "published")]
    purpose: Option<Term>,
    /// Which data [default: the template's only category]
    #[arg(long, requires = "published")]
    category: Option<Term>,
    /// First day on which the data arose, YYYY-MM-DD
    #[arg(long, requires = "published", requires = "to", value_parser = day)]
    from: Option<DataDay>,
    /// Last day on which the data arose
    #[arg(long, requires = "published", requires = "from", value_parser = day)]
    to: Option<DataDay>,
    /// A field that is left out; may be given several times
    #[arg(long, value_name = "FIELD", requires = "published")]
    without: Vec<Term>,
    /// Most uses
    #[arg(long, requires = "published")]
    uses: Option<u32>,
    /// Days after a use by which the data is deleted
    #[arg(long, requires = "published")]
    retention_days: Option<u32>,
    /// Pay for each use, such as "0.80 CNY"
    #[arg(long, requires = "published", value_parser = price)]
    price: Option<Price>,
    /// Days from now on which the grant holds [default: as many as the template allows]
    #[arg(long, requires = "published")]
    days: Option<u32>,
    /// A separate consent with the sentence that asked for it, such as third-party="The insurer may have these records."; may
    /// be given several times, each for one
    #[arg(long, value_name = "WHAT=SENTENCE", requires = "published", value_parser = consent)]
    consent: Vec<Consent>,
    /// Language in which the notice was read
    #[arg(long, requires = "published", default_value = "en", value_parser = language)]
    language: Language,
}

fn day(text: &str) -> Result<DataDay, String> {
    DataDay::parse(text).ok_or_else(|| "expected a day as YYYY-MM-DD".to_owned())
}

/// `third-party=The insurer may have these records.`
fn consent(text: &str) -> Result<Consent, String> {
    let malformed =
        || "expected what to and the sentence that asked for it, such as third-party=SENTENCE".to_owned();
    let (to, sentence) =
        text.split_once('=').filter(|(_, sentence)| !sentence.is_empty()).ok_or_else(malformed)?;
    Ok(Consent::asked(Term::parse(to).map_err(|_| malformed())?, sentence))
}

fn language(text: &str) -> Result<Language, String> {
    match text {
        "en" => Ok(Language::English),
        "zh-CN" => Ok(Language::SimplifiedChinese),
        _ => Err("expected en or zh-CN".to_owned()),
    }
}

/// `0.80 CNY`: exact, with as many decimals as the currency has at most.
pub(super) fn price(text: &str) -> Result<Price, String> {
    let malformed = || "expected an amount and a currency, such as 0.80 CNY".to_owned();
    let (amount, code) = text.split_once(' ').ok_or_else(malformed)?;
    let currency = Currency::parse(code).ok_or_else(malformed)?;
    let (whole, decimals) = amount.split_once('.').unwrap_or((amount, ""));
    let places = usize::from(currency.minor_digits());
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || decimals.len() > places || !digits(whole) || !digits(decimals) {
        return Err(malformed());
    }
    let minor = format!("{whole}{decimals:0<places$}").parse().map_err(|_| malformed())?;
    Ok(Price { currency, minor })
}

impl TermsArgs {
    /// The terms. `default` is the file that is read where none is named.
    pub(crate) fn read(&self, default: Option<&Path>) -> Result<Terms, Failure> {
        if let Some(file) = &self.published {
            return self.under(&files::read_json(file)?);
        }
        let file = self.terms.as_deref().or(default);
        files::read_json(file.ok_or_else(|| Failure::input("expected --terms FILE or --published FILE"))?)
    }

    /// Each at a millisecond of its own, since each flag is an act of its own.
    fn consents(&self, shown_at: UnixSeconds) -> Result<List<Consent, 0, 16>, Failure> {
        let first = clock::now().0.max(shown_at.0.saturating_mul(1000));
        let given = (first..).zip(&self.consent).map(|(at, consent)| consent.clone().given(UnixMillis(at)));
        List::new(given.collect()).ok_or_else(|| Failure::input("more than 16 times --consent"))
    }

    fn under(&self, published: &Published) -> Result<Terms, Failure> {
        let bounds = &published.bounds;
        let category = one(self.category.as_ref(), &bounds.categories, "--category")?;
        let (from, to) = (self.from, self.to);
        let period = from.zip(to).map(|(from, to)| DataPeriod::new(from, to));
        if period == Some(None) {
            return Err(Failure::input("--from after --to, expected it not to be"));
        }
        let out_of_range = |what: &str| Failure::Input(format!("{what} out of range"));
        let clause =
            |period, fields| Clause { category: category.clone(), period, fields, filter: List::default() };
        let exclude = if self.without.is_empty() {
            List::default()
        } else {
            let fields = List::new(self.without.clone()).ok_or_else(|| out_of_range("--without"))?;
            List::new(vec![clause(None, Some(fields))]).unwrap_or_default()
        };
        let include =
            List::new(vec![clause(period.flatten(), None)]).ok_or_else(|| out_of_range("--category"))?;
        let now = clock::now().seconds();
        let days = u64::from(self.days.unwrap_or(bounds.validity_days_max));
        let end = UnixSeconds(now.0.saturating_add(days.saturating_mul(SECONDS_PER_DAY)));
        let uses = match self.uses {
            Some(uses) => Some(UseCap::new(uses).ok_or_else(|| out_of_range("--uses"))?),
            None => bounds.uses_max,
        };
        let retention_days = match self.retention_days.or(bounds.retention_days_max) {
            Some(days) => Some(RetentionDays::new(days).ok_or_else(|| out_of_range("--retention-days"))?),
            None => None,
        };
        Ok(Terms {
            controller: one(None, &bounds.controllers, "terms by --terms")?,
            recipient: one(self.recipient.as_ref(), &bounds.recipients, "--recipient")?,
            purpose: one(self.purpose.as_ref(), &bounds.purposes, "--purpose")?,
            scope: Scope { include, exclude },
            validity: Validity::new(now, end).ok_or_else(|| out_of_range("--days"))?,
            limits: Limits { uses, retention_days, level: bounds.level_max, ..Limits::default() },
            compensation: self.price.or(bounds.price_min).map_or(Compensation::None, Compensation::PerUse),
            obligations: obligations(bounds),
            notice: NoticeShown {
                hash: published.notice(self.language)?,
                language: self.language,
                shown_at: now,
            },
            template: published.template.clone(),
            consents: self.consents(now)?,
            supersedes: None,
            licence: None,
            vocabulary: bounds.vocabulary,
        })
    }
}

/// What the bounds oblige to of fields that are not open.
fn obligations(bounds: &Bounds) -> List<Obligation, 0, 16> {
    let of = |handling| {
        let rules = bounds.fields.iter().filter(|rule| rule.handling == handling);
        List::new(rules.map(|rule| rule.field.clone()).collect()).map(|fields| Fields { fields })
    };
    let masked = of(Handling::Mask).map(Obligation::Mask);
    let hidden = of(Handling::AuditOnly).map(Obligation::AuditOnly);
    List::new(masked.into_iter().chain(hidden).collect()).unwrap_or_default()
}

/// What was given, or the only one that there is.
fn one(given: Option<&Term>, allowed: &[Term], flag: &str) -> Result<Term, Failure> {
    match (given, allowed) {
        (Some(given), _) => Ok(given.clone()),
        (None, [only]) => Ok(only.clone()),
        (None, _) => Err(Failure::Input(format!("the template allows several, expected {flag}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_exact() {
        let minor = |text| price(text).ok().map(|price| (price.minor, price.currency.code()));
        assert_eq!(minor("0.80 CNY"), Some((80, "CNY")));
        assert_eq!(minor("0.8 CNY"), Some((80, "CNY")));
        assert_eq!(minor("12 EUR"), Some((1200, "EUR")));
        assert_eq!(minor("12 JPY"), Some((12, "JPY")));
        for text in [
            "",
            "1",
            "1 cny",
            ".8 CNY",
            "0.801 CNY",
            "1.5 JPY",
            "-1 CNY",
            "1e3 CNY",
            "42949672.96 CNY",
            "1  CNY",
        ] {
            assert!(price(text).is_err(), "{text}");
        }
    }
}
