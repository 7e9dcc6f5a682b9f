//! The vocabulary as a list of words with their labels.

use grantbook_plan::Vocabulary;
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
}

/// All words: purposes, then each category followed by its fields, then actions.
pub fn list(vocabulary: &Vocabulary, language: Language) -> Vec<Word<'_>> {
    let word = |kind, category, term, label| Word { kind, category, term, label };
    let mut words = Vec::new();
    for (term, label) in vocabulary.purposes() {
        words.push(word(WordKind::Purpose, None, term, label.text(language)));
    }
    for (term, category) in vocabulary.categories() {
        words.push(word(WordKind::Category, None, term, category.label.text(language)));
        for (field, label) in &category.fields {
            words.push(word(WordKind::Field, Some(term), field, label.text(language)));
        }
    }
    for (term, label) in vocabulary.actions() {
        words.push(word(WordKind::Action, None, term, label.text(language)));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_listed_once_with_its_label() {
        let words = list(Vocabulary::builtin(), Language::SimplifiedChinese);
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
