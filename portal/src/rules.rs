//! A standing rule as a form asks for it. It says what it is about, within which bounds requests are accepted, and what
//! becomes of the others; see `docs/spec/mandate.md`.

use grantbook_plan::mandate::Draft;
use grantbook_record::event::{NamedData, Outside, PriceFloor, StandingRule, When, Within};
use grantbook_record::list::List;
use grantbook_record::money::{Currency, Price};
use grantbook_record::terms::{Depth, RetentionDays, UseCap};
use grantbook_record::{Term, VocabularyVersion};

use crate::failure::Failure;

/// Names and values of one form.
const PAIRS_MAX: usize = 256;
/// Days that a rule may stand.
pub const STANDS_DAYS_MAX: u32 = 366;

/// What is wrong with what was filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RuleFault {
    /// More fields or ticks than there can be, or one twice.
    #[error("fewer ticks, and each once")]
    Many,
    /// No word of a vocabulary.
    #[error("a word of the vocabulary")]
    Word,
    /// No number.
    #[error("whole numbers of days and of uses, each at least 1")]
    Number,
    /// How long it stands.
    #[error("a rule that stands for 1 to {STANDS_DAYS_MAX} days")]
    Stands,
    /// What the ledger would not take.
    #[error("a rule that the ledger takes: within its bounds, in words of the company")]
    Refused,
    /// No price.
    #[error("a price such as 0.80, and a currency such as CNY")]
    Price,
}

impl RuleFault {
    /// Key of the words that say what was expected.
    pub fn words(self) -> &'static str {
        match self {
            Self::Many => "rule-wrong-many",
            Self::Word => "rule-wrong-word",
            Self::Number => "rule-wrong-number",
            Self::Stands => "rule-wrong-stands",
            Self::Refused => "rule-wrong-refused",
            Self::Price => "rule-wrong-price",
        }
    }
}

impl From<RuleFault> for Failure {
    fn from(fault: RuleFault) -> Self {
        Self::Malformed(fault.to_string())
    }
}

/// What the customer has filled in, as text and ticks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RuleForm {
    /// Kinds of recipients that it is about; none: any.
    pub kinds: Vec<Term>,
    /// Purposes that it is about; none: any.
    pub purposes: Vec<Term>,
    /// Categories of which nothing is given.
    pub never: Vec<Term>,
    /// Separate consents that may be given.
    pub consents: Vec<Term>,
    /// The least price of a use, as written.
    pub price: String,
    /// Its currency.
    pub currency: String,
    /// Days that a grant may last.
    pub days: Option<u32>,
    /// Days after a use by which its data is deleted.
    pub kept: Option<u32>,
    /// Uses that a grant may have.
    pub uses: Option<u32>,
    /// Whether what is outside is declined; otherwise the customer is asked.
    pub declines: bool,
    /// Days that the rule stands; empty until the form was sent once.
    pub stands: Option<u32>,
}

impl RuleForm {
    /// From names and values, as a query or a body brings them.
    pub fn of_pairs(pairs: &[(String, String)]) -> Result<Self, RuleFault> {
        let mut form = Self::default();
        if pairs.len() > PAIRS_MAX {
            return Err(RuleFault::Many);
        }
        for (name, value) in pairs {
            form.take(name, value)?;
        }
        Ok(form)
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), RuleFault> {
        let term = || Term::parse(value).map_err(|_| RuleFault::Word);
        let number = || match value {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| RuleFault::Number),
        };
        match name {
            "kind" => self.kinds.push(term()?),
            "purpose" => self.purposes.push(term()?),
            "never" => self.never.push(term()?),
            "consent" => self.consents.push(term()?),
            "price" => value.trim().clone_into(&mut self.price),
            "currency" => value.clone_into(&mut self.currency),
            "days" => self.days = number()?,
            "kept" => self.kept = number()?,
            "uses" => self.uses = number()?,
            "stands" => self.stands = number()?,
            "outside" => self.declines = value == "decline",
            _ => {}
        }
        Ok(())
    }

    /// Names and values that bring the same form again.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let terms = |name: &'static str, terms: &[Term]| {
            terms.iter().map(|term| (name, term.as_str().to_owned())).collect::<Vec<_>>()
        };
        let numbers =
            [("days", self.days), ("kept", self.kept), ("uses", self.uses), ("stands", self.stands)];
        let outside = if self.declines { "decline" } else { "ask" };
        let mut pairs = [
            terms("kind", &self.kinds),
            terms("purpose", &self.purposes),
            terms("never", &self.never),
            terms("consent", &self.consents),
        ]
        .concat();
        pairs.extend(numbers.into_iter().filter_map(|(name, number)| Some((name, number?.to_string()))));
        pairs.extend([
            ("price", self.price.clone()),
            ("currency", self.currency.clone()),
            ("outside", outside.to_owned()),
        ]);
        pairs
    }

    /// Whether it was sent, so that there is something to try.
    pub fn is_sent(&self) -> bool {
        self.stands.is_some()
    }

    /// Days that it stands.
    pub fn stands(&self) -> Result<u32, RuleFault> {
        let fits = self.stands.filter(|days| (1..=STANDS_DAYS_MAX).contains(days));
        fits.ok_or(RuleFault::Stands)
    }

    /// The rule, in words of this version.
    pub fn draft(&self, vocabulary: VocabularyVersion) -> Result<Draft, RuleFault> {
        let many = RuleFault::Many;
        let data = |category: &Term| NamedData { category: category.clone(), fields: None };
        let accept = Within {
            never: List::new(self.never.iter().map(data).collect()).ok_or(many)?,
            price_min: List::new(self.price()?.into_iter().map(PriceFloor::PerUse).collect()).ok_or(many)?,
            validity_days_max: self
                .days
                .map(|days| Some(days).filter(|days| *days > 0).ok_or(RuleFault::Number))
                .transpose()?,
            retention_days_max: self
                .kept
                .map(|days| RetentionDays::new(days).ok_or(RuleFault::Number))
                .transpose()?,
            uses_max: self.uses.map(|uses| UseCap::new(uses).ok_or(RuleFault::Number)).transpose()?,
            consents: List::new(self.consents.clone()).ok_or(many)?,
            ..Within::default()
        };
        let when = When {
            kinds: List::new(self.kinds.clone()).ok_or(many)?,
            purposes: List::new(self.purposes.clone()).ok_or(many)?,
            ..When::default()
        };
        let otherwise = if self.declines { Outside::Decline } else { Outside::Ask };
        let rules = List::new(vec![StandingRule { when, accept: Some(accept), otherwise }]);
        Ok(Draft {
            depth: Depth::default(),
            vocabulary,
            rules: rules.ok_or(many)?,
            // what the rule is not about stays as it was
            otherwise: Outside::Ask,
        })
    }

    /// The least price; `None` where nothing is filled in. Digits, and after a point no more than the currency has.
    fn price(&self) -> Result<Option<Price>, RuleFault> {
        if self.price.is_empty() {
            return Ok(None);
        }
        let expected = RuleFault::Price;
        let currency = Currency::parse(&self.currency).ok_or(expected)?;
        let (whole, part) = self.price.split_once('.').unwrap_or((&self.price, ""));
        let digits = usize::from(currency.minor_digits());
        let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || part.len() > digits || !are_digits(whole) || !are_digits(part) {
            return Err(expected);
        }
        let minor = format!("{whole}{part:0<digits$}").parse().map_err(|_| expected)?;
        Ok(Some(Price { currency, minor }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(pairs: &[(&str, &str)]) -> Result<RuleForm, RuleFault> {
        let pairs: Vec<_> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        RuleForm::of_pairs(&pairs)
    }

    #[test]
    fn a_form_becomes_the_rule_that_the_specification_shows() {
        let form = form(&[
            ("kind", "insurer"),
            ("never", "work-orders"),
            ("price", "0.8"),
            ("currency", "CNY"),
            ("days", "30"),
            ("kept", ""),
            ("outside", "decline"),
            ("stands", "90"),
            ("unknown", "x"),
        ])
        .unwrap();
        let draft = serde_json::to_value(form.draft(VocabularyVersion::default()).unwrap()).unwrap();
        let expected = serde_json::json!({"rules": [{
            "when": {"kinds": ["insurer"]},
            "accept": {
                "never": [{"category": "work-orders"}],
                "price_min": [{"per_use": {"currency": "CNY", "minor": 80}}],
                "validity_days_max": 30,
            },
            "otherwise": "decline",
        }]});
        assert_eq!(draft, expected);
        let pairs: Vec<_> = form.pairs().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        assert_eq!(RuleForm::of_pairs(&pairs).unwrap(), form, "a form goes round");
        assert_eq!(form.stands().unwrap(), 90);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for pairs in [[("kind", "no term!")], [("days", "many")], [("uses", "-1")], [("stands", "1.5")]] {
            assert!(form(&pairs).is_err(), "{pairs:?}");
        }
        let currency = ("currency", "CNY");
        for (name, value) in [
            ("price", "0.805"),
            ("price", "1e3"),
            ("price", ".8"),
            ("price", "-1"),
            ("price", "99999999999"),
            ("uses", "0"),
            ("days", "0"),
        ] {
            let draft = form(&[(name, value), currency]).unwrap().draft(VocabularyVersion::default());
            assert!(draft.is_err(), "{name} {value}");
        }
        assert!(
            form(&[("price", "1"), ("currency", "ABC")])
                .unwrap()
                .draft(VocabularyVersion::default())
                .is_err()
        );
        for stands in ["", "0", "367"] {
            assert!(form(&[("stands", stands)]).unwrap().stands().is_err(), "{stands}");
        }
        let many = vec![("kind".to_owned(), "insurer".to_owned()); PAIRS_MAX + 1];
        assert!(RuleForm::of_pairs(&many).is_err());
    }
}
