//! Standing rules: what a customer has said in advance.

use grantbook_plan::mandate::{Draft, Why};
use grantbook_record::event::{MandateGiven, Outside, PriceFloor, StandingRule};
use grantbook_record::terms::{RetentionDays, UseCap};
use grantbook_record::{TenantId, Term, UnixSeconds};

use super::agreement::Pay;
use super::{Names, Wording, as_phrase};
use crate::rules::{RuleFault, RuleForm};

/// All rules of a customer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RuleBook {
    /// Where a rule can be made.
    pub companies: Vec<(TenantId, Wording)>,
    /// Those in force first.
    pub rules: Vec<Standing>,
    /// Requests that a rule answers, once the customer's browser signs.
    pub answerable: u64,
}

/// One mandate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The `jti` of its `mandate.given`.
    pub id: String,
    /// Its entry.
    pub leaf_index: u64,
    /// With whom.
    pub company: Wording,
    /// Where.
    pub tenant: TenantId,
    /// What it says.
    pub rules: Vec<Rule>,
    /// Whether a request that no rule is about is declined.
    pub declines_others: bool,
    /// First second in which it is no longer in force.
    pub until: UnixSeconds,
    /// Whether it is.
    pub in_force: bool,
    /// Grants that were given under it and have not ended.
    pub grants: Vec<String>,
}

/// One rule in names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Whom and what it is about; empty: every request.
    pub about: Vec<About>,
    /// What it accepts; `None`: nothing.
    pub accepts: Option<Accepts>,
    /// Whether what is outside is declined.
    pub declines: bool,
}

/// What must hold of a request for a rule to be about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// It is from one of these, or one of such a kind.
    Recipients(Vec<Wording>),
    /// It is for one of these.
    Purposes(Vec<Wording>),
    /// It asks for one of these.
    Categories(Vec<Wording>),
    /// It is under one of these templates.
    Templates(Vec<Wording>),
}

/// Bounds of what is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepts {
    /// Nothing but these categories; empty: any.
    pub only: Vec<Wording>,
    /// Nothing of these categories, or of these of their fields.
    pub never: Vec<(Wording, Vec<Wording>)>,
    /// At least one of these; empty: anything.
    pub pays: Vec<Pay>,
    /// Days that a grant may last.
    pub days: Option<u32>,
    /// Days for which data may be kept.
    pub kept_days: Option<u32>,
    /// Uses.
    pub uses: Option<u32>,
    /// Level.
    pub level: Option<u8>,
    /// Separate consents.
    pub consents: Vec<Wording>,
}

/// A rule that is being made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleDraft {
    /// Where.
    pub tenant: TenantId,
    /// With whom.
    pub company: Wording,
    /// What can be ticked.
    pub choices: Choices,
    /// What was filled in.
    pub form: RuleForm,
    /// What it would have done; `None` before the form was sent.
    pub tried: Option<Tried>,
    /// What is wrong with what was filled in.
    pub wrong: Option<RuleFault>,
}

/// Words of the enterprise's vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Choices {
    /// Kinds of recipients.
    pub kinds: Vec<(Term, Wording)>,
    /// Purposes.
    pub purposes: Vec<(Term, Wording)>,
    /// Categories.
    pub categories: Vec<(Term, Wording)>,
    /// Separate consents that templates ask for.
    pub consents: Vec<(Term, Wording)>,
    /// Codes of currencies.
    pub currencies: Vec<String>,
}

/// A rule, and what it would have done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// It.
    pub rule: Rule,
    /// With each request so far, the latest first.
    pub requests: Vec<Trial>,
    /// With the widest request of each template.
    pub templates: Vec<Trial>,
}

/// What a rule does with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// Who asks.
    pub recipient: Wording,
    /// What for.
    pub purpose: Wording,
    /// The answer.
    pub verdict: Verdict,
    /// What keeps it from being accepted.
    pub why: Option<&'static str>,
}

/// An answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Yes.
    Accepts,
    /// The customer is asked.
    Asks,
    /// No.
    Declines,
}

impl Verdict {
    /// From its word in the specification; what is not known is asked.
    pub fn of(word: &str) -> Self {
        match word {
            "accept" => Self::Accepts,
            "decline" => Self::Declines,
            _ => Self::Asks,
        }
    }

    /// Key of its word.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Accepts => "rule-accepts",
            Self::Asks => "rule-asks",
            Self::Declines => "rule-declines",
        }
    }
}

/// Key of the words for what keeps a request from being accepted.
pub fn why_not(why: &Why) -> &'static str {
    match why.what {
        "vocabulary" => "rule-why-vocabulary",
        "validity" => "rule-why-validity",
        "category" => "rule-why-category",
        "data" => "rule-why-data",
        "price" => "rule-why-price",
        "retention" => "rule-why-retention",
        "uses" => "rule-why-uses",
        "level" => "rule-why-level",
        "consents" => "rule-why-consents",
        "template" => "rule-why-template",
        "licence" => "rule-why-licence",
        "earlier grant" => "rule-why-earlier",
        "birth day" => "rule-why-birth-day",
        _ => "rule-why-request",
    }
}

impl Rule {
    /// The rules of a mandate.
    pub fn all(given: &MandateGiven, names: &impl Names) -> Vec<Self> {
        given.rules.iter().map(|rule| Self::of(rule, names)).collect()
    }

    /// The one of a form.
    pub fn of_draft(draft: &Draft, names: &impl Names) -> Option<Self> {
        draft.rules.first().map(|rule| Self::of(rule, names))
    }

    fn of(rule: &StandingRule, names: &impl Names) -> Self {
        let StandingRule { when, accept, otherwise } = rule;
        let recipients = when.recipients.iter().chain(when.kinds.iter()).map(|term| names.party(term));
        let about = [
            About::Recipients(recipients.collect()),
            About::Purposes(when.purposes.iter().map(|term| names.purpose(term)).collect()),
            About::Categories(when.categories.iter().map(|term| names.category(term)).collect()),
            About::Templates(when.templates.iter().map(|term| Wording::same(term.as_str())).collect()),
        ];
        let accepts = accept.as_ref().map(|within| Accepts {
            only: within.categories.iter().map(|term| names.category(term)).collect(),
            never: within
                .never
                .iter()
                .map(|data| {
                    let known = names.fields(&data.category);
                    let field = |term: &Term| {
                        let name = known.iter().find(|(known, _)| known == term);
                        name.map_or_else(|| Wording::same(term.as_str()), |(_, name)| name.clone())
                    };
                    let fields = data.fields.iter().flat_map(|fields| fields.iter()).map(field).collect();
                    (names.category(&data.category), fields)
                })
                .collect(),
            pays: within.price_min.iter().map(floor).collect(),
            days: within.validity_days_max,
            kept_days: within.retention_days_max.map(RetentionDays::get),
            uses: within.uses_max.map(UseCap::get),
            level: within.level_max.map(grantbook_record::terms::Level::get),
            consents: within.consents.iter().map(|term| names.party(term)).collect(),
        });
        let about = about.into_iter().filter(|about| !about.names().is_empty()).collect();
        Self { about, accepts, declines: *otherwise == Outside::Decline }
    }
}

impl About {
    /// The names.
    pub fn names(&self) -> &[Wording] {
        match self {
            Self::Recipients(names)
            | Self::Purposes(names)
            | Self::Categories(names)
            | Self::Templates(names) => names,
        }
    }

    /// Key of what they are.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Recipients(_) => "rule-from",
            Self::Purposes(_) => "rule-for",
            Self::Categories(_) => "rule-about-data",
            Self::Templates(_) => "rule-templates",
        }
    }
}

fn floor(floor: &PriceFloor) -> Pay {
    match floor {
        PriceFloor::PerUse(price) => Pay::EachUse(*price),
        PriceFloor::PerGrant(price) => Pay::Once(*price),
        PriceFloor::RevenueShare(share) => Pay::Share(*share),
        PriceFloor::Benefit(benefit) => Pay::Benefit(Wording::same(as_phrase(&benefit.what))),
    }
}
