//! What pages show: plain structs, which whoever has the data fills in. Nothing here knows of HTTP, HTML or the ledger.

pub mod agreement;
pub mod company;
pub mod customer;
pub mod draft;
pub mod erasure;
pub mod money;
pub mod news;
pub mod overview;
pub mod refusal;
pub mod regulator;
pub mod rules;
pub mod signers;
pub mod space;
pub mod story;

use grantbook_plan::vocabulary::Version;
use grantbook_record::Term;
use grantbook_record::vocabulary::{Field, Label};

use crate::language::Language;

/// A name or a text in both languages.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wording {
    /// In English.
    pub english: String,
    /// In Simplified Chinese.
    pub chinese: String,
}

impl Wording {
    /// The same in both languages, such as a name.
    pub fn same(text: impl Into<String>) -> Self {
        let english = text.into();
        Self { chinese: english.clone(), english }
    }

    /// In one language.
    pub fn text(&self, language: Language) -> &str {
        match language {
            Language::English => &self.english,
            Language::Chinese => &self.chinese,
        }
    }
}

impl Wording {
    fn of(text: impl Fn(grantbook_record::terms::Language) -> String) -> Self {
        let text = |language: Language| text(language.of_notices());
        Self { english: text(Language::English), chinese: text(Language::Chinese) }
    }
}

impl From<&Label> for Wording {
    fn from(label: &Label) -> Self {
        Self::of(|language| label.text(language).to_owned())
    }
}

impl From<&Field> for Wording {
    fn from(field: &Field) -> Self {
        Self::of(|language| field.text(language).to_owned())
    }
}

/// What terms are called. A term without a name is shown as it is: a page must not hide what it cannot explain.
pub trait Names {
    /// A purpose.
    fn purpose(&self, term: &Term) -> Wording;
    /// A category of data.
    fn category(&self, term: &Term) -> Wording;
    /// The fields of a category, all of them.
    fn fields(&self, category: &Term) -> Vec<(Term, Wording)>;
    /// What is done with data.
    fn action(&self, term: &Term) -> Wording;
    /// A controller, recipient, requester or other party. Parties are no words of a vocabulary: their terms are their names.
    fn party(&self, term: &Term) -> Wording {
        Wording::same(as_name(term))
    }
}

/// A term that is a benefit's name, written as words are: `longer-warranty` as `Longer warranty`.
pub fn as_phrase(term: &Term) -> String {
    let words = term.as_str().replace('-', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A term written as names are: `harbour-insurance` as `Harbour Insurance`.
fn as_name(term: &Term) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>())
    };
    term.as_str().split('-').filter_map(capital).collect::<Vec<_>>().join(" ")
}

impl Names for Version {
    fn purpose(&self, term: &Term) -> Wording {
        of_label(self.words().purposes.get(term), term)
    }

    fn category(&self, term: &Term) -> Wording {
        of_label(self.words().categories.get(term).map(|category| &category.label), term)
    }

    fn fields(&self, category: &Term) -> Vec<(Term, Wording)> {
        let fields = self.words().categories.get(category).map(|category| category.fields.iter());
        fields.into_iter().flatten().map(|(field, label)| (field.clone(), label.into())).collect()
    }

    fn action(&self, term: &Term) -> Wording {
        of_label(self.words().actions.get(term), term)
    }

    fn party(&self, term: &Term) -> Wording {
        self.words().recipients.get(term).map_or_else(|| Wording::same(as_name(term)), Wording::from)
    }
}

fn of_label(label: Option<&Label>, term: &Term) -> Wording {
    label.map_or_else(|| Wording::same(term.as_str()), Wording::from)
}
