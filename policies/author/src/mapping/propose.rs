//! Which field a column could be, with a score and why. Never more than a proposal.

use std::collections::BTreeSet;

use grantbook_plan::Vocabulary;
use grantbook_plan::vocabulary::{Category, Field};
use grantbook_record::Term;
use grantbook_record::terms::Language;
use grantbook_record::vocabulary::{Mapping, Source};
use serde::Serialize;

use super::schema::{Column, ColumnType};

/// Candidates of one column.
const CANDIDATES_MAX: usize = 3;
/// Below it nothing is proposed.
const SCORE_MIN: u8 = 40;

/// A column and what it could be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proposal {
    /// The column.
    pub source: Source,
    /// Whether it is mapped.
    pub standing: Standing,
    /// Fields that it could be, the likeliest first.
    pub candidates: Vec<Candidate>,
}

/// Whether a column is mapped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is.
    Mapped(Box<Mapping>),
    /// It is not: every use of it is denied.
    Denied,
}

/// A field that a column could be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// The mapping, as a publication would have it.
    pub mapping: Mapping,
    /// How likely it is, 0 to 100.
    pub score: u8,
    /// Why, in plain words.
    pub reasons: Vec<String>,
}

/// Compares columns with the latest version of a vocabulary. Columns of one name in two systems are two things, so none is
/// ever proposed as the same as another: the reasons say where somebody has to decide that.
pub fn propose(vocabulary: &Vocabulary, columns: &[Column]) -> Vec<Proposal> {
    let mut proposals: Vec<Proposal> = columns.iter().map(|column| of_column(vocabulary, column)).collect();
    let likeliest: Vec<(Source, Option<(Term, Term)>)> = proposals
        .iter()
        .map(|proposal| {
            let first = proposal.candidates.first().map(|first| &first.mapping);
            (proposal.source.clone(), first.map(|mapping| (mapping.category.clone(), mapping.field.clone())))
        })
        .collect();
    for proposal in &mut proposals {
        let Some(Candidate { mapping, reasons, .. }) = proposal.candidates.first_mut() else { continue };
        let field = Some((mapping.category.clone(), mapping.field.clone()));
        let other = likeliest.iter().find(|(source, same)| *same == field && *source != mapping.source);
        if let Some((other, _)) = other {
            reasons.push(format!(
                "{other} could be it as well: they are two until somebody says that they are one"
            ));
        }
    }
    proposals
}

fn of_column(vocabulary: &Vocabulary, column: &Column) -> Proposal {
    let source = column.source.clone();
    if let Some(mapping) = vocabulary.mapping(&source) {
        let standing = Standing::Mapped(Box::new(mapping.clone()));
        return Proposal { source, standing, candidates: Vec::new() };
    }
    let mut candidates = Vec::new();
    for (category, words) in vocabulary.categories() {
        for (field, label) in &words.fields {
            let mut compared = Comparison::default();
            compared.names(column, (category, words), (field, label));
            compared.kinds(column, label);
            compared.others(vocabulary, column, category, field);
            candidates.extend(compared.candidate(column, category, field, label));
        }
    }
    // of equal scores the one that comes first in the vocabulary, always the same
    candidates.sort_by_key(|candidate| std::cmp::Reverse(candidate.score));
    candidates.truncate(CANDIDATES_MAX);
    Proposal { source, standing: Standing::Denied, candidates }
}

#[derive(Default)]
struct Comparison {
    score: i32,
    reasons: Vec<String>,
}

impl Comparison {
    fn add(&mut self, score: i32, reason: impl Into<String>) {
        self.score += score;
        self.reasons.push(reason.into());
    }

    fn names(
        &mut self,
        column: &Column,
        (category, words): (&Term, &Category),
        (field, label): (&Term, &Field),
    ) {
        let name = column.source.column.as_str();
        let (of_column, of_field) = (parts(name), parts(field.as_str()));
        let common = of_column.intersection(&of_field).count();
        let labels = [Language::English, Language::SimplifiedChinese].map(|language| label.text(language));
        let said = [Some(name), column.remark.as_deref()];
        let same_label = |text: &&str| labels.iter().any(|label| label.eq_ignore_ascii_case(text.trim()));
        if of_column == of_field {
            self.add(80, format!("named like the field {category}.{field}"));
        } else if let Some(text) = said.into_iter().flatten().find(same_label) {
            self.add(75, format!("called \"{text}\" like the field"));
        } else if common > 0 {
            let all = of_column.union(&of_field).count().max(1);
            let share = i32::try_from(common * 60 / all).unwrap_or(0);
            let words: Vec<&str> = of_column.intersection(&of_field).map(String::as_str).collect();
            self.add(share, format!("shares \"{}\" with the field's name", words.join(" ")));
        }
        let table = parts(column.source.table.as_str());
        let mut of_category = parts(category.as_str());
        of_category.extend(parts(words.label.text(Language::English)));
        if self.score > 0 && !table.is_disjoint(&of_category) {
            self.add(15, format!("its table sounds like {category}"));
        }
    }

    fn kinds(&mut self, column: &Column, label: &Field) {
        let Some(kind) = column.kind.filter(|_| self.score > 0) else { return };
        if (label.unit.is_some() || label.range.is_some()) && kind != ColumnType::Number {
            self.add(-30, "holds no numbers, and the field does");
        }
        if let Some(unit) = &label.unit
            && parts(column.source.column.as_str()).contains(unit.as_str())
        {
            self.add(5, format!("names the unit {unit}"));
        }
    }

    fn others(&mut self, vocabulary: &Vocabulary, column: &Column, category: &Term, field: &Term) {
        let mut mapped = vocabulary.latest().mappings().values();
        let other = mapped.find(|mapping| mapping.category == *category && mapping.field == *field);
        if let Some(other) = other.filter(|other| self.score > 0 && other.source != column.source) {
            let reason = format!(
                "{} is this field already: two columns are one only if somebody says so",
                other.source
            );
            self.add(-30, reason);
        }
    }

    fn candidate(self, column: &Column, category: &Term, field: &Term, label: &Field) -> Option<Candidate> {
        let score = u8::try_from(self.score.clamp(0, 100)).unwrap_or(0);
        let mapping = Mapping {
            source: column.source.clone(),
            category: category.clone(),
            field: field.clone(),
            // what the field says; whoever publishes it says that the column's values are such
            unit: label.unit.clone(),
            range: label.range,
            same_as: None,
        };
        (score >= SCORE_MIN).then_some(Candidate { mapping, score, reasons: self.reasons })
    }
}

/// The words of a name, in lower case: `EnergyKWh`, `energy_kwh` and `Energy (kWh)` have the same.
fn parts(name: &str) -> BTreeSet<String> {
    let mut parts = BTreeSet::new();
    let mut part = String::new();
    let mut after_lower = false;
    for c in name.chars() {
        let begins = c.is_uppercase() && after_lower;
        if begins || !c.is_alphanumeric() {
            parts.insert(std::mem::take(&mut part));
        }
        if c.is_alphanumeric() {
            part.extend(c.to_lowercase());
        }
        after_lower = c.is_lowercase() || c.is_ascii_digit();
    }
    parts.insert(part);
    parts.remove("");
    parts
}
