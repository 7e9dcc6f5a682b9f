//! A condition as a row of checks, the most common ones where they are read: what a tree of boxes would be walked for.

use super::attribute::{Attribute, Kind};
use super::condition::Condition;
use super::evaluate::{EvaluationError, Source};

/// All must hold, in this order.
#[derive(Debug)]
pub(super) struct Checks(Box<[Check]>);

#[derive(Debug)]
enum Check {
    /// A word that every decision has is this one.
    Is(Attribute, Box<str>),
    /// Two words that every decision has are the same.
    Same(Attribute, Attribute),
    /// Anything else.
    Holds(Condition),
}

impl Checks {
    /// Of a condition, without what is known to hold whenever they are asked.
    pub(super) fn of(condition: &Condition, known: &[(Attribute, Box<str>)]) -> Self {
        let checks = condition.conjuncts().into_iter().map(Check::of);
        let is_known = |check: &Check| {
            matches!(check, Check::Is(attribute, word)
                if known.iter().any(|(known, is)| known == attribute && is == word))
        };
        Self(checks.filter(|check| !is_known(check)).collect())
    }

    /// Whether all hold.
    pub(super) fn holds<S: Source>(&self, asked: &S) -> Result<bool, EvaluationError> {
        for check in &self.0 {
            let holds = match check {
                Check::Is(attribute, word) => asked.word(*attribute) == Some(&**word),
                Check::Same(one, other) => asked.word(*one) == asked.word(*other),
                Check::Holds(condition) => condition.holds(asked)?,
            };
            if !holds {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Check {
    fn of(condition: &Condition) -> Self {
        let is_word = |attribute: &Attribute| attribute.kind() == Kind::Word && !attribute.is_optional();
        if let Condition::Equal(pair) = condition {
            match &**pair {
                [Condition::Attribute(read), Condition::Word(word)]
                | [Condition::Word(word), Condition::Attribute(read)]
                    if is_word(read) =>
                {
                    return Self::Is(*read, word.clone());
                }
                [Condition::Attribute(one), Condition::Attribute(other)]
                    if is_word(one) && is_word(other) =>
                {
                    return Self::Same(*one, *other);
                }
                _ => {}
            }
        }
        Self::Holds(condition.clone())
    }
}
