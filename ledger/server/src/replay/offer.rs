//! What the record shop offers: a template with its notices, and the terms that customers sign under it.

use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{Bounds, LocalText, NoticePublished, TemplatePublished};
use grantbook_record::list::List;
use grantbook_record::scope::Clause;
use grantbook_record::terms::{
    BasisPoints, Compensation, Consent, Language, Limits, NoticeShown, RetentionDays, RevenueShare,
    TemplateRef, UseCap, Validity,
};
use grantbook_record::{
    Currency, DataDay, DataPeriod, Jti, Price, Scope, Term, Terms, UnixMillis, UnixSeconds, VocabularyVersion,
};

use super::identity::{Identity, LIFE_SECONDS};
use crate::cli::failure::Failure;

/// First and last day of the purchases that are granted.
const PERIOD: (&str, &str) = ("1997-01-01", "1997-09-30");

/// What customers get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pay {
    /// Minor units for each use.
    PerUse(u32),
    /// Minor units for the grant.
    PerGrant(u32),
    /// Basis points of the revenue.
    Share(u16),
}

/// What one template offers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Offer {
    /// The template's name, from which the ids of what is signed derive.
    name: &'static str,
    recipient: &'static str,
    purpose: &'static str,
    pay: Pay,
    uses_max: Option<u32>,
    retention_days: Option<u32>,
    /// Whether it asks for the customer's birth day.
    pub(super) birth_day: bool,
    /// The sentence that asks, apart from the notice, whether a recipient outside the shop may have the data; in English and
    /// Chinese.
    pub(super) passing_on: [&'static str; 2],
    /// Title and notice in English.
    en: [&'static str; 2],
    /// The same in Chinese.
    zh: [&'static str; 2],
}

/// Every row of the file is a use under it: 0.80 CNY each, at most ten.
pub(super) const PURCHASES: Offer = Offer {
    name: "purchases",
    recipient: "recommender",
    purpose: "service-personalisation",
    pay: Pay::PerUse(80),
    uses_max: Some(10),
    retention_days: None,
    birth_day: false,
    passing_on: [
        "A recommender outside the shop may have the dates and quantities of these purchases.",
        "店外的推荐服务商可以取得这些购买的日期和数量。",
    ],
    en: [
        "Recommendations from your purchases",
        "The record shop passes the dates and quantities of your purchases from January to September 1997 to a \
         recommender outside the shop, so that it can suggest records to you. It never passes on what you paid. Each use \
         pays you 0.80 CNY; there are at most ten. You can withdraw at any time, with one action, and lose nothing by it.",
    ],
    zh: [
        "根据您的购买记录作推荐",
        "唱片店把您 1997 年 1 月至 9 月购买的日期和数量提供给店外的推荐服务商，用于向您推荐唱片，\
         绝不提供您支付的金额。每次使用向您支付 0.80 元人民币，最多十次。您可以随时一步撤回，且不会因此受到任何损失。",
    ],
};

/// The same for a year, in a whole life.
pub(super) const KEPT_A_YEAR: Offer = Offer {
    name: "purchases-kept-a-year",
    retention_days: Some(365),
    en: [
        "Recommendations from your purchases",
        "The record shop passes the dates and quantities of your purchases from January to September 1997 to a \
         recommender outside the shop, which deletes them within a year. Each use pays you 0.80 CNY; there are at most ten. \
         You can withdraw at any time, with one action, and lose nothing by it.",
    ],
    zh: [
        "根据您的购买记录作推荐",
        "唱片店把您 1997 年 1 月至 9 月购买的日期和数量提供给店外的推荐服务商，后者在一年内删除。\
         每次使用向您支付 0.80 元人民币，最多十次。您可以随时一步撤回，且不会因此受到任何损失。",
    ],
    ..PURCHASES
};

/// The same for 90 days, for those who say when they were born.
pub(super) const WITH_BIRTH_DAY: Offer = Offer {
    name: "purchases-and-age",
    retention_days: Some(90),
    birth_day: true,
    en: [
        "Recommendations for your age",
        "The record shop passes the dates and quantities of your purchases from January to September 1997 to a \
         recommender outside the shop, which deletes them within 90 days. The shop checks your age by your birth day and \
         passes neither on. Each use pays you 0.80 CNY; there are at most ten. You can withdraw at any time.",
    ],
    zh: [
        "适合您年龄的推荐",
        "唱片店把您 1997 年 1 月至 9 月购买的日期和数量提供给店外的推荐服务商，后者在 90 天内删除。\
         唱片店以您的出生日期核对年龄，二者均不对外提供。每次使用向您支付 0.80 元人民币，最多十次。您可以随时撤回。",
    ],
    ..PURCHASES
};

/// Beyond the file's own uses: paid once for the grant.
pub(super) const RESEARCH: Offer = Offer {
    name: "purchases-for-research",
    recipient: "university",
    purpose: "research",
    pay: Pay::PerGrant(300),
    uses_max: None,
    retention_days: Some(365),
    birth_day: false,
    passing_on: [
        "A university may have the dates and quantities of these purchases.",
        "一所大学可以取得这些购买的日期和数量。",
    ],
    en: [
        "Research with your purchases",
        "A university studies when records are bought. It gets the dates and quantities of your purchases from January to \
         September 1997 and deletes them within a year. You are paid 3.00 CNY once. You can withdraw at any time.",
    ],
    zh: [
        "以您的购买记录作研究",
        "一所大学研究人们何时购买唱片，取得您 1997 年 1 月至 9 月购买的日期和数量，并在一年内删除。\
         一次性向您支付 3.00 元人民币。您可以随时撤回。",
    ],
};

/// Beyond the file's own uses: paid a share of what is earned.
pub(super) const TRENDS: Offer = Offer {
    name: "purchases-for-trends",
    recipient: "record-label",
    purpose: "marketing",
    pay: Pay::Share(500),
    uses_max: None,
    retention_days: Some(365),
    birth_day: false,
    passing_on: [
        "A record label may have the dates and quantities of these purchases.",
        "一家唱片公司可以取得这些购买的日期和数量。",
    ],
    en: [
        "A share in what trends earn",
        "The record shop sells reports of trends to a label. It uses the dates and quantities of your purchases from \
         January to September 1997, which the label deletes within a year. All who take part share 5 % of the revenue by \
         their uses. You can withdraw at any time.",
    ],
    zh: [
        "分享趋势报告的收入",
        "唱片店向唱片公司出售趋势报告，使用您 1997 年 1 月至 9 月购买的日期和数量，唱片公司在一年内删除。\
         全体参与者按使用次数分享收入的 5%。您可以随时撤回。",
    ],
};

pub(super) fn currency() -> Currency {
    Currency::parse("CNY").unwrap_or(Currency::NONE)
}

pub(super) fn term(word: &str) -> Result<Term, Failure> {
    Term::parse(word).map_err(Failure::fault)
}

pub(super) fn list<T, const MIN: usize, const MAX: usize>(
    items: Vec<T>,
) -> Result<List<T, MIN, MAX>, Failure> {
    List::new(items).ok_or_else(|| Failure::fault("a list out of its bounds"))
}

pub(super) fn terms_list<const MIN: usize, const MAX: usize>(
    words: &[&str],
) -> Result<List<Term, MIN, MAX>, Failure> {
    list(words.iter().map(|word| term(word)).collect::<Result<_, _>>()?)
}

impl Offer {
    /// The id of a customer's grant under it.
    pub(super) fn grant(&self, identity: &Identity, customer: u64) -> Jti {
        identity.jti(&self.what("grant"), customer)
    }

    /// The name of something about it from which an id derives.
    pub(super) fn what(&self, of: &str) -> String {
        format!("{} {of}", self.name)
    }

    /// Recipient and purpose of uses under it.
    pub(super) fn aim(&self) -> Result<(Term, Term), Failure> {
        Ok((term(self.recipient)?, term(self.purpose)?))
    }

    /// The notice in one language.
    pub(super) fn notice(&self, language: Language) -> Result<NoticePublished, Failure> {
        let [_, text] = match language {
            Language::English => self.en,
            Language::SimplifiedChinese => self.zh,
        };
        let id = term(&format!("{}-notice", self.name))?;
        Ok(NoticePublished::of_text(id, 1, language, text.to_owned()))
    }

    /// The template.
    pub(super) fn template(&self) -> Result<TemplatePublished, Failure> {
        let text = |language, [title, body]: [&str; 2]| LocalText {
            language,
            title: title.to_owned(),
            body: body.to_owned(),
        };
        let price_min = match self.pay {
            Pay::PerUse(minor) | Pay::PerGrant(minor) => Some(Price { currency: currency(), minor }),
            Pay::Share(_) => None,
        };
        let bounds = Bounds::new(
            terms_list(&["record-shop"])?,
            terms_list(&[self.recipient])?,
            terms_list(&[self.purpose])?,
            terms_list(&["purchases"])?,
            u32::try_from(LIFE_SECONDS / 86_400).unwrap_or(u32::MAX),
        );
        Ok(TemplatePublished::new(
            term(self.name)?,
            1,
            list(vec![text(Language::English, self.en), text(Language::SimplifiedChinese, self.zh)])?,
            Bounds {
                uses_max: self.uses_max.and_then(UseCap::new),
                retention_days_max: self.retention_days,
                price_min,
                birth_day: self.birth_day,
                ..bounds
            },
        ))
    }

    /// The terms that every customer signs; `template_sha256` is of the envelope that published the template.
    pub(super) fn terms(&self, identity: &Identity, template_sha256: Bytes32) -> Result<Terms, Failure> {
        let broken = || Failure::fault("terms out of their bounds");
        let day = |text| DataDay::parse(text).ok_or_else(broken);
        let category = term("purchases")?;
        let clause =
            |period, fields| Clause { category: category.clone(), period, fields, filter: List::default() };
        let period = DataPeriod::new(day(PERIOD.0)?, day(PERIOD.1)?).ok_or_else(broken)?;
        let UnixSeconds(started) = identity.started();
        let [_, text] = self.en;
        let (recipient, purpose) = self.aim()?;
        let price = |minor| Price { currency: currency(), minor };
        let compensation = match self.pay {
            Pay::PerUse(minor) => Compensation::PerUse(price(minor)),
            Pay::PerGrant(minor) => Compensation::PerGrant(price(minor)),
            Pay::Share(points) => {
                let basis_points = BasisPoints::new(points).ok_or_else(broken)?;
                Compensation::RevenueShare(RevenueShare { currency: currency(), basis_points })
            }
        };
        let limits = Limits {
            uses: self.uses_max.and_then(UseCap::new),
            retention_days: self.retention_days.and_then(RetentionDays::new),
            ..Limits::default()
        };
        Ok(Terms {
            controller: term("record-shop")?,
            recipient,
            purpose,
            scope: Scope {
                include: list(vec![clause(Some(period), None)])?,
                exclude: list(vec![clause(None, Some(terms_list(&["dollars"])?))])?,
            },
            validity: Validity::new(UnixSeconds(started), identity.ends()).ok_or_else(broken)?,
            limits,
            compensation,
            obligations: List::default(),
            notice: NoticeShown {
                hash: Bytes32::sha256(text.as_bytes()),
                language: Language::English,
                shown_at: UnixSeconds(started),
            },
            template: TemplateRef { id: term(self.name)?, version: 1, hash: template_sha256 },
            consents: list(vec![
                Consent::asked(term("third-party")?, self.passing_on[0]).given(UnixMillis(started * 1000)),
            ])?,
            supersedes: None,
            licence: None,
            vocabulary: VocabularyVersion::FIRST,
        })
    }
}
