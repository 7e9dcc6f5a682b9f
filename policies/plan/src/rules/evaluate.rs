//! Evaluation of conditions.

use grantbook_record::Term;

use super::attribute::Attribute;
use super::condition::Condition;
use crate::vocabulary::{Sensitivities, Sensitivity};

/// Where the attributes of a decision come from.
pub trait Source {
    /// An attribute's value, of its [`Attribute::kind`]; `None` where the decision has none.
    fn read(&self, attribute: Attribute) -> Option<Value<'_>>;

    /// An attribute that is a word; `None` where the decision has none, and for attributes of another kind.
    fn word(&self, attribute: Attribute) -> Option<&str> {
        match self.read(attribute) {
            Some(Value::Word(word)) => Some(word),
            _ => None,
        }
    }
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// True or false.
    Bool(bool),
    /// A number.
    Long(i64),
    /// A word.
    Word(&'a str),
    /// A set of words.
    Words(Words<'a>),
}

/// A set of words, wherever they are kept; one may stand there twice.
#[derive(Debug, Clone)]
pub enum Words<'a> {
    /// Of a use or of terms.
    Terms(&'a [Term]),
    /// Of a rule.
    Literal(&'a [Box<str>]),
    /// Put together for the question.
    Read(Vec<&'a str>),
    /// How sensitive data is.
    Levels(Sensitivities),
}

/// Why a condition could not be evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationError {
    /// The decision does not have what is read.
    #[error("no {}", attribute.name())]
    Missing {
        /// What is read.
        attribute: Attribute,
    },
    /// A number leaves 64 bits.
    #[error("a number beyond 64 bits")]
    Overflow,
    /// A value of another kind than its attribute's; not met, since conditions are checked beforehand.
    #[error("a value of another kind")]
    Kind,
}

impl<'a> Words<'a> {
    fn at(&self, at: usize) -> Option<&'a str> {
        match self {
            Self::Terms(terms) => terms.get(at).map(Term::as_str),
            Self::Literal(words) => words.get(at).map(AsRef::as_ref),
            Self::Read(words) => words.get(at).copied(),
            Self::Levels(levels) => levels.iter().nth(at).map(Sensitivity::word),
        }
    }

    /// The words.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> {
        (0..).map_while(|at| self.at(at))
    }

    /// Whether the word is there.
    pub fn contains(&self, word: &str) -> bool {
        self.iter().any(|one| one == word)
    }

    /// Whether every word of the other set is there.
    pub fn contains_all(&self, other: &Self) -> bool {
        other.iter().all(|word| self.contains(word))
    }

    /// Whether a word of the other set is there.
    pub fn contains_any(&self, other: &Self) -> bool {
        other.iter().any(|word| self.contains(word))
    }
}

impl PartialEq for Words<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.contains_all(other) && other.contains_all(self)
    }
}

impl Eq for Words<'_> {}

impl Condition {
    /// Whether it holds.
    pub fn holds<S: Source>(&self, asked: &S) -> Result<bool, EvaluationError> {
        match self {
            Self::Bool(value) => Ok(*value),
            Self::Has(attribute) => Ok(asked.read(*attribute).is_some()),
            Self::Not(one) => one.holds(asked).map(|holds| !holds),
            Self::All(several) => {
                for one in several {
                    if !one.holds(asked)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Any(several) => {
                for one in several {
                    if one.holds(asked)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::If(three) => {
                let [condition, then, otherwise] = &**three;
                if condition.holds(asked)? { then.holds(asked) } else { otherwise.holds(asked) }
            }
            Self::Equal(pair) => {
                let [left, right] = &**pair;
                // most comparisons are of words, and need no value around them
                match (left.word(asked), right.word(asked)) {
                    (Some(left), Some(right)) => Ok(left == right),
                    _ => Ok(left.value(asked)? == right.value(asked)?),
                }
            }
            Self::Less(pair) => longs(pair, asked).map(|(left, right)| left < right),
            Self::LessOrEqual(pair) => longs(pair, asked).map(|(left, right)| left <= right),
            Self::Contains(pair) => {
                let [set, word] = &**pair;
                let set = set.words(asked)?;
                match word.value(asked)? {
                    Value::Word(word) => Ok(set.contains(word)),
                    _ => Err(EvaluationError::Kind),
                }
            }
            Self::ContainsAll(pair) => {
                let [set, other] = &**pair;
                let set = set.words(asked)?;
                Ok(set.contains_all(&other.words(asked)?))
            }
            Self::ContainsAny(pair) => {
                let [set, other] = &**pair;
                let set = set.words(asked)?;
                Ok(set.contains_any(&other.words(asked)?))
            }
            Self::IsEmpty(set) => Ok(set.words(asked)?.iter().next().is_none()),
            Self::Long(_)
            | Self::Word(_)
            | Self::Words(_)
            | Self::Attribute(_)
            | Self::Add(_)
            | Self::Subtract(_)
            | Self::Multiply(_) => match self.value(asked)? {
                Value::Bool(value) => Ok(value),
                _ => Err(EvaluationError::Kind),
            },
        }
    }

    fn value<'a, S: Source>(&'a self, asked: &'a S) -> Result<Value<'a>, EvaluationError> {
        match self {
            Self::Long(number) => Ok(Value::Long(*number)),
            Self::Word(word) => Ok(Value::Word(word)),
            Self::Words(words) => Ok(Value::Words(Words::Literal(words))),
            Self::Attribute(attribute) => {
                asked.read(*attribute).ok_or(EvaluationError::Missing { attribute: *attribute })
            }
            Self::If(three) => {
                let [condition, then, otherwise] = &**three;
                if condition.holds(asked)? { then.value(asked) } else { otherwise.value(asked) }
            }
            Self::Add(pair) => arithmetic(pair, asked, i64::checked_add),
            Self::Subtract(pair) => arithmetic(pair, asked, i64::checked_sub),
            Self::Multiply(pair) => arithmetic(pair, asked, i64::checked_mul),
            truth => truth.holds(asked).map(Value::Bool),
        }
    }

    /// The word that it is, where that is seen at once.
    fn word<'a, S: Source>(&'a self, asked: &'a S) -> Option<&'a str> {
        match self {
            Self::Word(word) => Some(word),
            Self::Attribute(attribute) => asked.word(*attribute),
            _ => None,
        }
    }

    fn long<S: Source>(&self, asked: &S) -> Result<i64, EvaluationError> {
        match self.value(asked)? {
            Value::Long(number) => Ok(number),
            _ => Err(EvaluationError::Kind),
        }
    }

    fn words<'a, S: Source>(&'a self, asked: &'a S) -> Result<Words<'a>, EvaluationError> {
        match self.value(asked)? {
            Value::Words(words) => Ok(words),
            _ => Err(EvaluationError::Kind),
        }
    }
}

fn longs<S: Source>(pair: &[Condition; 2], asked: &S) -> Result<(i64, i64), EvaluationError> {
    let [left, right] = pair;
    Ok((left.long(asked)?, right.long(asked)?))
}

fn arithmetic<'a, S: Source>(
    pair: &[Condition; 2],
    asked: &S,
    operation: fn(i64, i64) -> Option<i64>,
) -> Result<Value<'a>, EvaluationError> {
    let (left, right) = longs(pair, asked)?;
    operation(left, right).map(Value::Long).ok_or(EvaluationError::Overflow)
}
