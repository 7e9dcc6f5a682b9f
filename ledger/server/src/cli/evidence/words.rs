//! Terms, uses and times in plain words.

use grantbook_author::words::{WordKind, list};
use grantbook_plan::Vocabulary;
use grantbook_record::scope::{AttributeValue, Clause};
use grantbook_record::terms::{Compensation, Language, Obligation, RetentionDays, UseCap};
use grantbook_record::uses::UseRecord;
use grantbook_record::{DataDay, Price, PublicKey, Term, Terms};

const SECONDS_PER_DAY: u64 = 86_400;

/// A time of day in UTC.
pub(in crate::cli) fn instant(seconds: u64) -> String {
    let (day, second) = (seconds / SECONDS_PER_DAY, seconds % SECONDS_PER_DAY);
    let day = i32::try_from(day).map_or_else(|_| "?".to_owned(), |day| DataDay(day).to_string());
    format!("{day} {:02}:{:02}:{:02} UTC", second / 3600, second / 60 % 60, second % 60)
}

pub(super) fn language(language: Language) -> &'static str {
    match language {
        Language::English => "English",
        Language::SimplifiedChinese => "Chinese (simplified)",
    }
}

/// How a key is named.
pub(super) fn thumbprint(key: &PublicKey) -> String {
    format!("{:?}", key.thumbprint().0)
}

/// A word of the vocabulary with its label.
fn word(kind: WordKind, term: &Term) -> String {
    let words = list(Vocabulary::builtin().latest(), Language::English);
    let known = words.iter().find(|word| word.kind == kind && word.term == term);
    known.map_or_else(|| term.as_str().to_owned(), |word| format!("{} ({})", word.label, term.as_str()))
}

fn money(price: Price) -> String {
    let digits = u32::from(price.currency.minor_digits());
    let unit = 10_u32.pow(digits);
    let (whole, part) = (price.minor / unit, price.minor % unit);
    match digits {
        0 => format!("{whole} {}", price.currency.code()),
        _ => format!("{whole}.{part:0width$} {}", price.currency.code(), width = digits as usize),
    }
}

fn clause(clause: &Clause) -> String {
    let mut parts = vec![word(WordKind::Category, &clause.category)];
    if let Some(fields) = &clause.fields {
        let fields: Vec<String> = fields.iter().map(|field| word(WordKind::Field, field)).collect();
        parts.push(format!("the fields {}", fields.join(", ")));
    }
    if let Some(period) = &clause.period {
        parts.push(format!("that arose from {} to {}", period.from(), period.to()));
    }
    for condition in clause.filter.iter() {
        let values: Vec<&str> = condition.any_of.iter().map(AttributeValue::as_str).collect();
        parts.push(format!("where {} is {}", condition.attribute.as_str(), values.join(" or ")));
    }
    parts.join(", ")
}

fn obligation(obligation: &Obligation) -> String {
    let fields = |fields: &grantbook_record::terms::Fields| {
        fields.fields.iter().map(Term::as_str).collect::<Vec<_>>().join(", ")
    };
    match obligation {
        Obligation::Mask(masked) => format!("mask {}", fields(masked)),
        Obligation::AuditOnly(hidden) => format!("show {} in audits alone", fields(hidden)),
        Obligation::KeepFields(kept) => format!("pass on nothing but {}", fields(kept)),
        Obligation::Generalise(coarse) => {
            format!("pass on {} no finer than by {}", coarse.field.as_str(), coarse.to.as_str())
        }
        Obligation::DeleteBy(delete) => {
            format!("delete the data within {} days of the use", delete.days.get())
        }
        Obligation::Watermark(mark) => format!("mark what is passed on with {}", mark.label.as_str()),
        Obligation::Notify(notify) => format!("tell {} of each use", notify.party.as_str()),
    }
}

/// Each part of the terms, by what it answers.
pub(super) fn terms(terms: &Terms) -> Vec<(&'static str, String)> {
    let joined = |clauses: Vec<String>| clauses.join("; ");
    let mut rows = vec![
        ("decides on the use", terms.controller.as_str().to_owned()),
        ("receives the data", terms.recipient.as_str().to_owned()),
        ("purpose", word(WordKind::Purpose, &terms.purpose)),
        ("data", joined(terms.scope.include.iter().map(clause).collect())),
    ];
    if !terms.scope.exclude.is_empty() {
        rows.push(("but never", joined(terms.scope.exclude.iter().map(clause).collect())));
    }
    let (start, end) = (terms.validity.start().0, terms.validity.end().0);
    rows.push(("may be used", format!("from {} until before {}", instant(start), instant(end))));
    let uses = terms.limits.uses.map(UseCap::get);
    rows.push((
        "how often",
        uses.map_or("any number of times".to_owned(), |uses| format!("at most {uses} times")),
    ));
    if let Some(rate) = &terms.limits.rate {
        let (uses, seconds) = (rate.uses.get(), rate.seconds.get());
        rows.push(("how fast", format!("at most {uses} times within {seconds} seconds")));
    }
    if let Some(days) = terms.limits.retention_days.map(RetentionDays::get) {
        rows.push(("kept", format!("at most {days} days after each use")));
    }
    let pay = match &terms.compensation {
        Compensation::None => "no money".to_owned(),
        Compensation::PerGrant(price) => format!("{} once", money(*price)),
        Compensation::PerUse(price) => format!("{} for each use", money(*price)),
        Compensation::RevenueShare(share) => {
            let points = share.basis_points.get();
            format!("{}.{:02} % of declared revenue in {}", points / 100, points % 100, share.currency.code())
        }
        Compensation::TieredPrice(price) => {
            let first = money(Price { currency: price.currency, minor: price.minor });
            let last = price.tiers.last().map_or(price.minor, |tier| tier.minor);
            let last = money(Price { currency: price.currency, minor: last });
            format!("{first} for each use, rising to {last} with the uses of a period")
        }
        Compensation::TieredShare(share) => {
            let points = share.basis_points.get();
            let code = share.currency.code();
            format!("{}.{:02} % of declared revenue in {code}, in tiers", points / 100, points % 100)
        }
        Compensation::Benefit(benefit) => format!("no money, but {}", benefit.what),
    };
    rows.push(("paid to the customer", pay));
    if !terms.obligations.is_empty() {
        rows.push(("duties", joined(terms.obligations.iter().map(obligation).collect())));
    }
    if !terms.consents.is_empty() {
        let consents = terms.consents.iter().map(|consent| consent.to.as_str().to_owned()).collect();
        rows.push(("agreed to separately", joined(consents)));
    }
    let template = &terms.template;
    rows.push(("template", format!("{} version {}", template.id.as_str(), template.version)));
    rows
}

/// A recorded use.
pub(super) fn used(record: &UseRecord) -> String {
    let facts = &record.facts;
    let words = |kind, terms: &mut dyn Iterator<Item = &Term>| {
        terms.map(|term| word(kind, term)).collect::<Vec<_>>().join(", ")
    };
    let period = &facts.data_period;
    format!(
        "{}: {} used {} ({}) of {} to {} for {}, passed to {}",
        instant(record.at.0),
        facts.requester.as_str(),
        words(WordKind::Category, &mut facts.categories.iter()),
        words(WordKind::Field, &mut facts.fields.iter()),
        period.from(),
        period.to(),
        word(WordKind::Purpose, &facts.purpose),
        facts.recipient.as_str(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_money_read_as_people_write_them() {
        assert_eq!(instant(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(instant(1_795_000_641), "2026-11-18 11:17:21 UTC");
        let price = |code: &str, minor| {
            money(Price { currency: grantbook_record::Currency::parse(code).unwrap(), minor })
        };
        assert_eq!(price("CNY", 80), "0.80 CNY");
        assert_eq!(price("JPY", 80), "80 JPY");
    }
}
