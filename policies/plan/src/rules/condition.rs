//! Conditions: small typed trees over the attributes of a decision.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::attribute::{Attribute, Kind};

/// How deep a condition may be nested.
pub(super) const DEPTH_MAX: usize = 24;
/// Nodes of one condition.
pub(super) const NODES_MAX: usize = 1024;
/// Words of one list.
pub(super) const WORDS_MAX: usize = 256;
/// Bytes of a word.
pub(super) const WORD_BYTES_MAX: usize = 64;

/// An expression; a rule's is a truth value. `all` and `any` read from the left and stop where the answer is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Condition {
    /// True or false.
    Bool(bool),
    /// A number.
    Long(i64),
    /// A word.
    Word(Box<str>),
    /// A set of words.
    Words(Box<[Box<str>]>),
    /// What the decision has there.
    Attribute(Attribute),
    /// Whether the decision has it.
    Has(Attribute),
    /// The contrary.
    Not(Box<Condition>),
    /// All hold.
    All(Box<[Condition]>),
    /// One holds.
    Any(Box<[Condition]>),
    /// The second where the first holds, otherwise the third.
    If(Box<[Condition; 3]>),
    /// Both are the same.
    Equal(Box<[Condition; 2]>),
    /// The first number is less than the second.
    Less(Box<[Condition; 2]>),
    /// The first number is less than the second or the same.
    LessOrEqual(Box<[Condition; 2]>),
    /// The sum.
    Add(Box<[Condition; 2]>),
    /// The first less the second.
    Subtract(Box<[Condition; 2]>),
    /// The product.
    Multiply(Box<[Condition; 2]>),
    /// The set has the word.
    Contains(Box<[Condition; 2]>),
    /// The first set has every word of the second.
    ContainsAll(Box<[Condition; 2]>),
    /// The first set has a word of the second.
    ContainsAny(Box<[Condition; 2]>),
    /// The set has no word.
    IsEmpty(Box<Condition>),
}

/// Why a condition was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// Something of another kind.
    #[error("{} where {} was expected", got.name(), expected.name())]
    Kind {
        /// What the place wants.
        expected: Kind,
        /// What is there.
        got: Kind,
    },
    /// `has` of an attribute that every decision has.
    #[error("asks whether there is {}, expected an attribute that may be missing", attribute.name())]
    AlwaysThere {
        /// The attribute.
        attribute: Attribute,
    },
    /// A word that is empty or too long, or a list of too many.
    #[error("a list of more than {WORDS_MAX} words, or a word that has not 1 to {WORD_BYTES_MAX} bytes")]
    Words,
    /// Nested too deep.
    #[error("nested more than {DEPTH_MAX} deep")]
    Depth,
    /// Too large.
    #[error("more than {NODES_MAX} nodes")]
    Nodes,
}

impl Condition {
    /// Checks kinds and limits of a rule's condition.
    pub(super) fn check(&self) -> Result<(), ConditionError> {
        let mut nodes = 0;
        self.expect(Kind::Bool, 1, &mut nodes)
    }

    fn expect(&self, expected: Kind, depth: usize, nodes: &mut usize) -> Result<(), ConditionError> {
        let got = self.kind(depth, nodes)?;
        if got == expected { Ok(()) } else { Err(ConditionError::Kind { expected, got }) }
    }

    fn kind(&self, depth: usize, nodes: &mut usize) -> Result<Kind, ConditionError> {
        if depth > DEPTH_MAX {
            return Err(ConditionError::Depth);
        }
        *nodes += 1;
        if *nodes > NODES_MAX {
            return Err(ConditionError::Nodes);
        }
        let deeper = depth + 1;
        let is_word = |word: &str| (1..=WORD_BYTES_MAX).contains(&word.len());
        let mut both = |pair: &[Self; 2], kinds: [Kind; 2]| {
            pair.iter().zip(kinds).try_for_each(|(one, kind)| one.expect(kind, deeper, nodes))
        };
        match self {
            Self::Bool(_) => Ok(Kind::Bool),
            Self::Long(_) => Ok(Kind::Long),
            Self::Word(word) => is_word(word).then_some(Kind::Word).ok_or(ConditionError::Words),
            Self::Words(words) => {
                let fit = words.len() <= WORDS_MAX && words.iter().all(|word| is_word(word));
                fit.then_some(Kind::Words).ok_or(ConditionError::Words)
            }
            Self::Attribute(attribute) => Ok(attribute.kind()),
            Self::Has(attribute) if attribute.is_optional() => Ok(Kind::Bool),
            Self::Has(attribute) => Err(ConditionError::AlwaysThere { attribute: *attribute }),
            Self::Not(one) => one.expect(Kind::Bool, deeper, nodes).map(|()| Kind::Bool),
            Self::All(several) | Self::Any(several) => {
                several.iter().try_for_each(|one| one.expect(Kind::Bool, deeper, nodes))?;
                Ok(Kind::Bool)
            }
            Self::If(three) => {
                let [condition, then, otherwise] = &**three;
                condition.expect(Kind::Bool, deeper, nodes)?;
                let kind = then.kind(deeper, nodes)?;
                otherwise.expect(kind, deeper, nodes).map(|()| kind)
            }
            Self::Equal(pair) => {
                let [left, right] = &**pair;
                let kind = left.kind(deeper, nodes)?;
                right.expect(kind, deeper, nodes).map(|()| Kind::Bool)
            }
            Self::Less(pair) | Self::LessOrEqual(pair) => both(pair, [Kind::Long; 2]).map(|()| Kind::Bool),
            Self::Add(pair) | Self::Subtract(pair) | Self::Multiply(pair) => {
                both(pair, [Kind::Long; 2]).map(|()| Kind::Long)
            }
            Self::Contains(pair) => both(pair, [Kind::Words, Kind::Word]).map(|()| Kind::Bool),
            Self::ContainsAll(pair) | Self::ContainsAny(pair) => {
                both(pair, [Kind::Words; 2]).map(|()| Kind::Bool)
            }
            Self::IsEmpty(set) => set.expect(Kind::Words, deeper, nodes).map(|()| Kind::Bool),
        }
    }

    /// Its parts, if it has any.
    pub fn parts(&self) -> &[Self] {
        match self {
            Self::Bool(_)
            | Self::Long(_)
            | Self::Word(_)
            | Self::Words(_)
            | Self::Attribute(_)
            | Self::Has(_) => &[],
            Self::Not(one) | Self::IsEmpty(one) => std::slice::from_ref(one),
            Self::All(several) | Self::Any(several) => several,
            Self::If(three) => &three[..],
            Self::Equal(pair)
            | Self::Less(pair)
            | Self::LessOrEqual(pair)
            | Self::Add(pair)
            | Self::Subtract(pair)
            | Self::Multiply(pair)
            | Self::Contains(pair)
            | Self::ContainsAll(pair)
            | Self::ContainsAny(pair) => &pair[..],
        }
    }

    /// The attributes that it reads, each once.
    pub fn reads(&self) -> BTreeSet<Attribute> {
        let own = match self {
            Self::Attribute(attribute) | Self::Has(attribute) => Some(*attribute),
            _ => None,
        };
        own.into_iter().chain(self.parts().iter().flat_map(Self::reads)).collect()
    }

    /// Whether evaluating it can never fail.
    pub(super) fn is_total(&self) -> bool {
        match self {
            Self::Attribute(attribute) => !attribute.is_optional(),
            Self::Add(_) | Self::Subtract(_) | Self::Multiply(_) => false,
            other => other.parts().iter().all(Self::is_total),
        }
    }

    /// The parts that must all hold, by their order, however `all` is nested.
    pub(super) fn conjuncts(&self) -> Vec<&Self> {
        match self {
            Self::All(several) => several.iter().flat_map(Self::conjuncts).collect(),
            other => vec![other],
        }
    }

    pub(super) fn turns_on(&self) -> Vec<Attribute> {
        let exceptions = self.conjuncts().into_iter().filter(|one| matches!(one, Self::Not(_)));
        let read: BTreeSet<Attribute> = exceptions.flat_map(Self::reads).collect();
        let read = if read.is_empty() { self.reads() } else { read };
        read.into_iter().collect()
    }
}
