//! A request that an enterprise is making: what its form says, and what that comes to.

use super::Wording;
use super::company::TemplateCard;
use super::customer::RequestReview;

/// Names and values of one form.
const PAIRS_MAX: usize = 256;
/// Bytes of one of a form's values.
const VALUE_BYTES_MAX: usize = 128;

/// What the form says, as it was typed: the page shows it again. An empty field means the widest that the template allows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Draft {
    /// Name of the template.
    pub template: String,
    /// The customer's pseudonym.
    pub customer: String,
    /// Who is to receive the data, of those whom the template names.
    pub recipient: String,
    /// What for.
    pub purpose: String,
    /// First day on which the data arose, `YYYY-MM-DD`.
    pub from: String,
    /// Last day.
    pub to: String,
    /// What is left out: `category/field`, or a whole category.
    pub without: Vec<String>,
    /// Days for which it is asked.
    pub days: String,
    /// Uses at most.
    pub uses: String,
    /// Days after a use by which the data is deleted.
    pub kept: String,
    /// What the customer gets for each use, in the template's currency.
    pub price: String,
    /// SHA-256 of the notice's text, in base64url.
    pub notice: String,
    /// Days in which the customer may answer.
    pub answer: String,
}

impl Draft {
    /// From the names and values of the form. What no form sends is passed over: nothing is decided by it.
    pub fn of_pairs(pairs: &[(String, String)]) -> Self {
        let mut draft = Self::default();
        for (name, value) in pairs.iter().take(PAIRS_MAX).filter(|(_, value)| value.len() <= VALUE_BYTES_MAX)
        {
            let value = value.trim().to_owned();
            match name.as_str() {
                "template" => draft.template = value,
                "customer" => draft.customer = value,
                "recipient" => draft.recipient = value,
                "purpose" => draft.purpose = value,
                "from" => draft.from = value,
                "to" => draft.to = value,
                "without" => draft.without.push(value),
                "days" => draft.days = value,
                "uses" => draft.uses = value,
                "kept" => draft.kept = value,
                "price" => draft.price = value,
                "notice" => draft.notice = value,
                "answer" => draft.answer = value,
                _ => {}
            }
        }
        draft
    }

    /// The same as names and values, those left out that are empty.
    pub fn pairs(&self) -> Vec<(&'static str, &str)> {
        let single = [
            ("template", &self.template),
            ("customer", &self.customer),
            ("recipient", &self.recipient),
            ("purpose", &self.purpose),
            ("from", &self.from),
            ("to", &self.to),
            ("days", &self.days),
            ("uses", &self.uses),
            ("kept", &self.kept),
            ("price", &self.price),
            ("notice", &self.notice),
            ("answer", &self.answer),
        ];
        let single = single.into_iter().map(|(name, value)| (name, value.as_str()));
        let without = self.without.iter().map(|value| ("without", value.as_str()));
        single.chain(without).filter(|(_, value)| !value.is_empty()).collect()
    }
}

/// Why a draft is not what may be asked, each the key of its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// No customer is named, or none who has a key here.
    Customer,
    /// A recipient that the template does not name.
    Recipient,
    /// A purpose that the template does not name.
    Purpose,
    /// Days on which data arose that are none.
    Period,
    /// Nothing is left, or something is left out that is not there.
    Without,
    /// More days than the template allows, or none.
    Days,
    /// More uses, or none.
    Uses,
    /// Kept longer.
    Kept,
    /// Not an amount, or less than the template's least.
    Price,
    /// No notice has been published.
    Notice,
    /// A time to answer that is none, or longer than 90 days.
    Answer,
}

impl Fault {
    /// Its key in the words.
    pub fn key(self) -> &'static str {
        match self {
            Self::Customer => "draft-fault-customer",
            Self::Recipient => "draft-fault-recipient",
            Self::Purpose => "draft-fault-purpose",
            Self::Period => "draft-fault-period",
            Self::Without => "draft-fault-without",
            Self::Days => "draft-fault-days",
            Self::Uses => "draft-fault-uses",
            Self::Kept => "draft-fault-kept",
            Self::Price => "draft-fault-price",
            Self::Notice => "draft-fault-notice",
            Self::Answer => "draft-fault-answer",
        }
    }
}

/// Something to choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// As the form names it.
    pub value: String,
    /// What it is called.
    pub name: Wording,
}

/// What may be left out of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The category.
    pub category: Choice,
    /// Its fields.
    pub fields: Vec<Choice>,
}

/// The form: what was typed, what can be typed, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftForm {
    /// What was typed.
    pub draft: Draft,
    /// Recipients whom the template names, the first of them taken where none is chosen.
    pub recipients: Vec<Choice>,
    /// Purposes likewise.
    pub purposes: Vec<Choice>,
    /// What may be left out.
    pub parts: Vec<Part>,
    /// Notices that have been published, the latest first.
    pub notices: Vec<Choice>,
    /// Most days.
    pub days_max: u32,
    /// Most uses.
    pub uses_max: Option<u32>,
    /// Longest retention.
    pub kept_max: Option<u32>,
    /// Least price, as it would be typed, and its currency; `None` where the template asks for none.
    pub price_min: Option<(String, &'static str)>,
    /// What is wrong.
    pub faults: Vec<Fault>,
    /// Why the ledger would refuse it, in its own words.
    pub refusal: Option<String>,
    /// Whether the ledger signs for the enterprise, as it does in a sandbox alone.
    pub signs: bool,
}

impl DraftForm {
    /// Whether it can be made as it stands.
    pub fn is_ready(&self) -> bool {
        self.faults.is_empty() && self.refusal.is_none()
    }

    /// Whether anything was typed yet: an empty form is not a wrong one.
    pub fn is_begun(&self) -> bool {
        self.draft.pairs().len() > 1
    }

    /// Whether something that the form can leave out is left out.
    pub fn leaves_out(&self, value: &str) -> bool {
        self.draft.without.iter().any(|left_out| left_out == value)
    }
}

/// A request before it is made: the form, and what the customer will see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// The template.
    pub template: TemplateCard,
    /// As the customer sees it.
    pub review: RequestReview,
    /// The form.
    pub form: DraftForm,
}

/// A request that waits for the enterprise's own signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedRequest {
    /// Its id, for the form.
    pub id: String,
    /// The customer's pseudonym.
    pub customer: String,
    /// The payload to be signed, byte by byte as it is.
    pub payload: String,
    /// Whether something that was brought back was none, or not signed by the enterprise's key.
    pub refused: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_is_what_its_form_says_and_says_it_again() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let long = "x".repeat(VALUE_BYTES_MAX + 1);
        let typed = [
            pair("template", " charging "),
            pair("without", "driving"),
            pair("without", "driving/speed"),
            pair("price", "0.80"),
            pair("uses", ""),
            pair("customer", &long),
            pair("form_token", "secret"),
        ];
        let draft = Draft::of_pairs(&typed);
        let expected = [
            ("template", "charging"),
            ("price", "0.80"),
            ("without", "driving"),
            ("without", "driving/speed"),
        ];
        assert_eq!(draft.pairs(), expected);
        let again: Vec<_> = draft.pairs().iter().map(|(name, value)| pair(name, value)).collect();
        assert_eq!(Draft::of_pairs(&again), draft);
    }
}
