//! The vocabulary as a list of words with their labels.

use std::collections::BTreeMap;

use grantbook_plan::vocabulary::{Label, Version};
use grantbook_record::Term;
use grantbook_record::terms::Language;
use serde::Serialize;

/// A word and what people read instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Word<'a> {
    /// What it names.
    pub kind: WordKind,
    /// For a field, the category whose records have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<&'a Term>,
    /// The word.
    pub term: &'a Term,
    /// Its label in the language asked for.
    pub label: &'a str,
}

/// What a word names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WordKind {
    /// A purpose.
    Purpose,
    /// A category of data.
    Category,
    /// A field of a category's records.
    Field,
    /// An action.
    Action,
    /// A kind of those who receive data.
    Recipient,
    /// What is done to keep data safe.
    Measure,
}

impl WordKind {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Purpose => "purpose",
            Self::Category => "category",
            Self::Field => "field",
            Self::Action => "action",
            Self::Recipient => "recipient",
            Self::Measure => "measure",
        }
    }
}

/// All words: purposes, then each category followed by its fields, then actions, kinds of recipients and measures.
pub fn list(version: &Version, language: Language) -> Vec<Word<'_>> {
    let all = version.words();
    let word = |kind, category, term, label| Word { kind, category, term, label };

    let plain = |kind, words| of_kind(kind, words, language);
    let mut words: Vec<_> = plain(WordKind::Purpose, &all.purposes).collect();
    for (term, category) in &all.categories {
        words.push(word(WordKind::Category, None, term, category.label.text(language)));
        for (field, label) in &category.fields {
            words.push(word(WordKind::Field, Some(term), field, label.text(language)));
        }
    }
    words.extend(plain(WordKind::Action, &all.actions));
    words.extend(plain(WordKind::Recipient, &all.recipients));
    words.extend(plain(WordKind::Measure, &all.measures));
    words
}

fn of_kind(
    kind: WordKind,
    words: &BTreeMap<Term, Label>,
    language: Language,
) -> impl Iterator<Item = Word<'_>> {
    words.iter().map(move |(term, label)| Word { kind, category: None, term, label: label.text(language) })
}

#[cfg(test)]
mod tests {
    use grantbook_plan::Vocabulary;

    use super::*;

    #[test]
    fn every_word_is_listed_once_with_its_label() {
        let words = list(Vocabulary::builtin().latest(), Language::SimplifiedChinese);
        let at = words.iter().position(|word| word.label == "购买记录").unwrap();
        assert_eq!(words[at].kind, WordKind::Category);
        let fields = words[at + 1..].iter().take_while(|word| word.kind == WordKind::Field);
        let fields: Vec<_> = fields.map(|word| word.term.as_str()).collect();
        assert_eq!(fields, ["date", "dollars", "product", "quantity"]);
        let count = |kind| words.iter().filter(|word| word.kind == kind).count();
        assert_eq!(count(WordKind::Purpose), Vocabulary::builtin().purposes().len());
        assert_eq!(count(WordKind::Action), Vocabulary::builtin().actions().len());
        assert_eq!(
            serde_json::to_string(&words[at + 1]).unwrap(),
            r#"{"kind":"field","category":"purchases","term":"date","label":"日期"}"#
        );
    }
}
