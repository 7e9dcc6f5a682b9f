//! What the record shop asks of its customers: template, notices, the terms that each customer signs, and the use that
//! each row is.

use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{Bounds, LocalText, NoticePublished, TemplatePublished};
use grantbook_record::list::List;
use grantbook_record::scope::Clause;
use grantbook_record::terms::{Compensation, Language, Limits, NoticeShown, TemplateRef, UseCap, Validity};
use grantbook_record::uses::UseFacts;
use grantbook_record::{Currency, DataDay, DataPeriod, Price, Scope, SubjectId, Term, Terms, UnixSeconds};

use super::identity::{Identity, LIFE_SECONDS};
use crate::cli::failure::Failure;

/// First and last day of the purchases that are granted.
const PERIOD: (&str, &str) = ("1997-01-01", "1997-09-30");
/// The first row of this day or later comes after the withdrawals.
const WITHDRAWALS: &str = "1997-06-30";
/// Each customer whose number is a multiple of this withdraws.
pub(super) const WITHDRAWS_EVERY: u64 = 7;
const USES_MAX: u32 = 10;
/// 0.80 CNY.
const PRICE_FEN: u32 = 80;

const TITLE_EN: &str = "Recommendations from your purchases";
const TEXT_EN: &str = "The record shop passes the dates and quantities of your purchases from January to September \
1997 to a recommender outside the shop, so that it can suggest records to you. It never passes on what you paid. Each \
use pays you 0.80 CNY; there are at most ten. You can withdraw at any time, with one action, and lose nothing by it.";
const TITLE_ZH: &str = "根据您的购买记录作推荐";
const TEXT_ZH: &str = "唱片店把您 1997 年 1 月至 9 月购买的日期和数量提供给店外的推荐服务商，用于向您推荐唱片，\
绝不提供您支付的金额。每次使用向您支付 0.80 元人民币，最多十次。您可以随时一步撤回，且不会因此受到任何损失。";

pub(super) fn currency() -> Currency {
    Currency::parse("CNY").unwrap_or(Currency::NONE)
}

/// Whether the withdrawals come before this day's rows.
pub(super) fn after_withdrawals(day: DataDay) -> bool {
    DataDay::parse(WITHDRAWALS).is_some_and(|from| day >= from)
}

fn term(word: &str) -> Result<Term, Failure> {
    Term::parse(word).map_err(Failure::fault)
}

fn list<T, const MIN: usize, const MAX: usize>(items: Vec<T>) -> Result<List<T, MIN, MAX>, Failure> {
    List::new(items).ok_or_else(|| Failure::fault("a list out of its bounds"))
}

fn terms_list<const MIN: usize, const MAX: usize>(words: &[&str]) -> Result<List<Term, MIN, MAX>, Failure> {
    list(words.iter().map(|word| term(word)).collect::<Result<_, _>>()?)
}

/// The notice in one language.
pub(super) fn notice(language: Language) -> Result<NoticePublished, Failure> {
    let text = match language {
        Language::English => TEXT_EN,
        Language::SimplifiedChinese => TEXT_ZH,
    };
    Ok(NoticePublished { id: term("purchases-notice")?, version: 1, language, text: text.to_owned() })
}

/// The template.
pub(super) fn template() -> Result<TemplatePublished, Failure> {
    let text = |language, title: &str, body: &str| LocalText {
        language,
        title: title.to_owned(),
        body: body.to_owned(),
    };
    Ok(TemplatePublished::new(
        term("purchases")?,
        1,
        list(vec![
            text(Language::English, TITLE_EN, TEXT_EN),
            text(Language::SimplifiedChinese, TITLE_ZH, TEXT_ZH),
        ])?,
        Bounds {
            uses_max: UseCap::new(USES_MAX),
            price_min: Some(Price { currency: currency(), minor: PRICE_FEN }),
            ..Bounds::new(
                terms_list(&["record-shop"])?,
                terms_list(&["recommender"])?,
                terms_list(&["service-personalisation"])?,
                terms_list(&["purchases"])?,
                u32::try_from(LIFE_SECONDS / 86_400).unwrap_or(u32::MAX),
            )
        },
    ))
}

/// The terms that every customer signs; `template_sha256` is of the envelope that published the template.
pub(super) fn terms(identity: &Identity, template_sha256: Bytes32) -> Result<Terms, Failure> {
    let broken = || Failure::fault("terms out of their bounds");
    let day = |text| DataDay::parse(text).ok_or_else(broken);
    let category = term("purchases")?;
    let clause =
        |period, fields| Clause { category: category.clone(), period, fields, filter: List::default() };
    let period = DataPeriod::new(day(PERIOD.0)?, day(PERIOD.1)?).ok_or_else(broken)?;
    let UnixSeconds(started) = identity.started();
    Ok(Terms {
        controller: term("record-shop")?,
        recipient: term("recommender")?,
        purpose: term("service-personalisation")?,
        scope: Scope {
            include: list(vec![clause(Some(period), None)])?,
            exclude: list(vec![clause(None, Some(terms_list(&["dollars"])?))])?,
        },
        validity: Validity::new(UnixSeconds(started), identity.ends()).ok_or_else(broken)?,
        limits: Limits { uses: UseCap::new(USES_MAX), ..Limits::default() },
        compensation: Compensation::PerUse(Price { currency: currency(), minor: PRICE_FEN }),
        obligations: List::default(),
        notice: NoticeShown {
            hash: Bytes32::sha256(TEXT_EN.as_bytes()),
            language: Language::English,
            shown_at: UnixSeconds(started),
        },
        template: TemplateRef { id: term("purchases")?, version: 1, hash: template_sha256 },
        consents: terms_list(&["third-party"])?,
        supersedes: None,
        licence: None,
        vocabulary: grantbook_record::VocabularyVersion::FIRST,
    })
}

/// The use that a row is, still without its customer and day.
pub(super) struct UseForm {
    requester: Term,
    recipient: Term,
    purpose: Term,
    action: Term,
    categories: List<Term, 1, 16>,
    fields: List<Term, 1, 64>,
}

impl UseForm {
    /// Dates and quantities, never dollars.
    pub(super) fn new() -> Result<Self, Failure> {
        Ok(Self {
            requester: term("replay")?,
            recipient: term("recommender")?,
            purpose: term("service-personalisation")?,
            action: term("share")?,
            categories: terms_list(&["purchases"])?,
            fields: terms_list(&["date", "quantity"])?,
        })
    }

    /// The use of one row.
    pub(super) fn of(&self, data_subject: SubjectId, day: DataDay) -> Result<UseFacts, Failure> {
        let data_period = DataPeriod::new(day, day).ok_or_else(|| Failure::fault("a day before itself"))?;
        Ok(UseFacts {
            data_subject,
            requester: self.requester.clone(),
            recipient: self.recipient.clone(),
            purpose: self.purpose.clone(),
            action: self.action.clone(),
            categories: self.categories.clone(),
            fields: self.fields.clone(),
            data_period,
            rows: std::collections::BTreeMap::new(),
            level: None,
            onward: grantbook_record::list::List::default(),
        })
    }
}
