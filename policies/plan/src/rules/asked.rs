//! The attributes of a real decision: a use, the grant that it would fall under, its customer and the time.
//!
//! Read where a rule asks for them, since few rules ask for much.

use chrono::Datelike as _;
use grantbook_record::day::UnixSeconds;
use grantbook_record::terms::{Compensation, Language, Level, Obligation, UseCap};
use grantbook_record::uses::UseFacts;
use grantbook_record::{Term, Terms};

use super::attribute::Attribute;
use super::evaluate::{Source, Value, Words};
use super::{Party, PolicyPlan};
use crate::customer::Status;
use crate::decide::{Basis, GrantView};
use crate::guardian::Giver;
use crate::vocabulary::Version;

/// The country of somebody of whom the plan says nothing.
const UNKNOWN_COUNTRY: &str = "unknown";

/// What is asked of a plan.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    plan: &'a PolicyPlan,
    words: &'a Version,
    grant: &'a GrantView<'a>,
    facts: &'a UseFacts,
    basis: &'a Basis<'a>,
    now: UnixSeconds,
}

impl<'a> Asked<'a> {
    pub(crate) fn new(
        (plan, words): (&'a PolicyPlan, &'a Version),
        grant: &'a GrantView<'a>,
        facts: &'a UseFacts,
        basis: &'a Basis<'a>,
        now: UnixSeconds,
    ) -> Self {
        Self { plan, words, grant, facts, basis, now }
    }

    /// Everybody whom the data reaches.
    fn receivers(&self) -> impl Iterator<Item = Option<&'a Party>> {
        let receivers = std::iter::once(&self.facts.recipient).chain(self.facts.onward.iter());
        receivers.map(|receiver| self.plan.parties().get(receiver))
    }

    fn countries(&self) -> Words<'a> {
        let country =
            |party: Option<&'a Party>| party.map_or(UNKNOWN_COUNTRY, |party| party.country.as_str());
        set(self.receivers().map(country))
    }

    /// Those that protect the data with each receiver.
    fn safeguards(&self) -> Words<'a> {
        let of =
            |party: Option<&'a Party>| party.map(|party| party.safeguards.as_slice()).unwrap_or_default();
        let with_recipient = self.receivers().next().map(of).unwrap_or_default();
        let everywhere = |one: &&Term| self.receivers().all(|party| of(party).contains(one));
        set(with_recipient.iter().filter(everywhere).map(Term::as_str))
    }

    /// An attribute that is a word.
    fn of_word(&self, attribute: Attribute) -> Option<&'a str> {
        let Terms { controller, recipient, purpose, template, .. } = self.grant.terms;
        Some(match attribute {
            Attribute::Requester => self.facts.requester.as_str(),
            Attribute::Action => self.facts.action.as_str(),
            Attribute::Recipient => self.facts.recipient.as_str(),
            Attribute::Purpose => self.facts.purpose.as_str(),
            Attribute::GrantStatus => status(self.grant.status),
            Attribute::GrantController => controller.as_str(),
            Attribute::GrantRecipient => recipient.as_str(),
            Attribute::GrantPurpose => purpose.as_str(),
            Attribute::GrantTemplate => template.id.as_str(),
            Attribute::GrantCompensation => compensation(&self.grant.terms.compensation),
            Attribute::GrantGiver => match self.basis.giver(&self.grant.id) {
                Giver::Customer | Giver::Minor => "customer",
                Giver::Guardian => "guardian",
            },
            Attribute::GrantLanguage => match self.grant.terms.notice.language {
                Language::English => "en",
                Language::SimplifiedChinese => "zh-cn",
            },
            _ => return None,
        })
    }

    fn of_grant(&self, attribute: Attribute) -> Option<Value<'a>> {
        let Terms { scope, limits, compensation, .. } = self.grant.terms;
        let Terms { obligations, notice, template, consents, .. } = self.grant.terms;
        Some(match attribute {
            Attribute::GrantCategories => {
                Value::Words(set(scope.include.iter().map(|clause| clause.category.as_str())))
            }
            Attribute::GrantStarts => long(self.grant.starts.0),
            Attribute::GrantEnds => long(self.grant.ends.0),
            Attribute::GrantTemplateVersion => Value::Long(template.version.into()),
            Attribute::GrantUses => Value::Long(limits.uses.map(UseCap::get)?.into()),
            Attribute::GrantRetentionDays => Value::Long(self.grant.terms.deletion_days()?.into()),
            Attribute::GrantLevel => Value::Long(limits.level.map(Level::get)?.into()),
            Attribute::GrantPrice => Value::Long(compensation.price_minor().into()),
            Attribute::GrantConsents => Value::Words(set(consents.iter().map(|consent| consent.to.as_str()))),
            Attribute::GrantNotice => Value::Words(set(self.basis.laws(notice).iter().map(|law| law.word()))),
            Attribute::GrantObligations => Value::Words(set(obligations.iter().map(obligation))),
            word => Value::Word(self.of_word(word)?),
        })
    }
}

impl Source for Asked<'_> {
    fn word(&self, attribute: Attribute) -> Option<&str> {
        self.of_word(attribute)
    }

    fn read(&self, attribute: Attribute) -> Option<Value<'_>> {
        let UseFacts { categories, fields, onward, .. } = self.facts;
        Some(match attribute {
            Attribute::Age => Value::Long(age(self.basis.birth_day?, self.now)?),
            Attribute::Categories => Value::Words(Words::Terms(categories)),
            Attribute::Fields => Value::Words(Words::Terms(fields)),
            Attribute::Sensitivities => {
                Value::Words(Words::Levels(self.words.sensitivities(categories, fields)))
            }
            Attribute::DataFrom => Value::Long(self.facts.data_period.from().0.into()),
            Attribute::DataTo => Value::Long(self.facts.data_period.to().0.into()),
            Attribute::Level => Value::Long(self.facts.level.map(Level::get)?.into()),
            Attribute::Onward => Value::Words(Words::Terms(onward)),
            Attribute::Countries => Value::Words(self.countries()),
            Attribute::Safeguards => Value::Words(self.safeguards()),
            Attribute::Now => long(self.now.0),
            of_grant => return self.of_grant(of_grant),
        })
    }
}

fn set<'a>(words: impl Iterator<Item = &'a str>) -> Words<'a> {
    Words::Read(words.collect())
}

/// Seconds beyond 64 bits with a sign come after every other.
fn long<'a>(number: u64) -> Value<'a> {
    Value::Long(i64::try_from(number).unwrap_or(i64::MAX))
}

/// The word of a grant's status.
fn status(status: Status) -> &'static str {
    match status {
        Status::Active => "active",
        Status::Paused => "paused",
        Status::Superseded => "superseded",
        Status::Withdrawn => "withdrawn",
        Status::Revoked => "revoked",
    }
}

fn compensation(compensation: &Compensation) -> &'static str {
    match compensation {
        Compensation::None => "none",
        Compensation::PerGrant(_) => "per_grant",
        Compensation::PerUse(_) => "per_use",
        Compensation::RevenueShare(_) => "revenue_share",
        Compensation::TieredPrice(_) => "tiered_price",
        Compensation::TieredShare(_) => "tiered_share",
        Compensation::Benefit(_) => "benefit",
    }
}

fn obligation(obligation: &Obligation) -> &'static str {
    match obligation {
        Obligation::Mask(_) => "mask",
        Obligation::KeepFields(_) => "keep_fields",
        Obligation::Generalise(_) => "generalise",
        Obligation::DeleteBy(_) => "delete_by",
        Obligation::Watermark(_) => "watermark",
        Obligation::Notify(_) => "notify",
        Obligation::AuditOnly(_) => "audit_only",
    }
}

/// Full years between a birth day, in days since 1900-01-01, and the UTC day of `now`: one more on each birthday, and for
/// those born on 29 February on 1 March where there is none.
fn age(birth_day: u32, now: UnixSeconds) -> Option<i64> {
    let born = chrono::NaiveDate::from_ymd_opt(1900, 1, 1)?;
    let born = born.checked_add_days(chrono::Days::new(birth_day.into()))?;
    let today = chrono::DateTime::from_timestamp(i64::try_from(now.0).ok()?, 0)?.date_naive();
    let had_birthday = (today.month(), today.day()) >= (born.month(), born.day());
    let years = i64::from(today.year()) - i64::from(born.year());
    Some(if had_birthday { years } else { years - 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_rise_on_birthdays() {
        // 2004-02-29 is day 38,044 since 1900-01-01
        let days = |year, month, day| {
            let date = chrono::NaiveDate::from_ymd_opt(year, month, day).unwrap();
            let at = u64::try_from(date.and_hms_opt(0, 0, 0).unwrap().and_utc().timestamp()).unwrap();
            (at, UnixSeconds(at))
        };
        for ((year, month, day), expected) in [
            ((2018, 2, 28), 13),
            ((2018, 3, 1), 14),
            ((2020, 2, 28), 15),
            ((2020, 2, 29), 16),
            ((2003, 1, 1), -2),
        ] {
            let (at, midnight) = days(year, month, day);
            assert_eq!(age(38_044, midnight), Some(expected), "{year}-{month}-{day}");
            assert_eq!(
                age(38_044, UnixSeconds(at + 86_399)),
                Some(expected),
                "{year}-{month}-{day}, in the evening"
            );
        }
        assert_eq!(age(u32::MAX, UnixSeconds(0)), None);
    }
}
