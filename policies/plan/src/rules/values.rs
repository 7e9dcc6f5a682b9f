//! A decision's attributes with their values, for cases and tests.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::attribute::{Attribute, Kind};
use super::evaluate::{Source, Value, Words};

/// A value that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OwnedValue {
    /// True or false.
    Bool(bool),
    /// A number.
    Long(i64),
    /// A word.
    Word(Box<str>),
    /// A set of words.
    Words(BTreeSet<Box<str>>),
}

/// Every attribute that a decision has, each of its kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<Attribute, OwnedValue>", into = "BTreeMap<Attribute, OwnedValue>")]
pub struct Values(BTreeMap<Attribute, OwnedValue>);

/// Why values are none of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ValuesError {
    /// An attribute that every decision has is missing.
    #[error("no {}, expected every attribute that is not optional", attribute.name())]
    Missing {
        /// The attribute.
        attribute: Attribute,
    },
    /// A value of another kind.
    #[error("{} is {}, expected {}", attribute.name(), got.name(), attribute.kind().name())]
    Kind {
        /// The attribute.
        attribute: Attribute,
        /// What it has.
        got: Kind,
    },
}

impl OwnedValue {
    fn kind(&self) -> Kind {
        match self {
            Self::Bool(_) => Kind::Bool,
            Self::Long(_) => Kind::Long,
            Self::Word(_) => Kind::Word,
            Self::Words(_) => Kind::Words,
        }
    }
}

impl From<Value<'_>> for OwnedValue {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Bool(value) => Self::Bool(value),
            Value::Long(number) => Self::Long(number),
            Value::Word(word) => Self::Word(word.into()),
            Value::Words(words) => Self::Words(words.iter().map(Into::into).collect()),
        }
    }
}

impl TryFrom<BTreeMap<Attribute, OwnedValue>> for Values {
    type Error = ValuesError;
    fn try_from(values: BTreeMap<Attribute, OwnedValue>) -> Result<Self, ValuesError> {
        for (attribute, value) in &values {
            if value.kind() != attribute.kind() {
                return Err(ValuesError::Kind { attribute: *attribute, got: value.kind() });
            }
        }
        let missing = |attribute: &&Attribute| !attribute.is_optional() && !values.contains_key(attribute);
        match Attribute::ALL.iter().find(missing) {
            Some(attribute) => Err(ValuesError::Missing { attribute: *attribute }),
            None => Ok(Self(values)),
        }
    }
}

impl From<Values> for BTreeMap<Attribute, OwnedValue> {
    fn from(values: Values) -> Self {
        values.0
    }
}

impl Values {
    /// All that a decision has.
    pub fn of<S: Source>(asked: &S) -> Result<Self, ValuesError> {
        let read = |attribute: &Attribute| Some((*attribute, asked.read(*attribute)?.into()));
        Attribute::ALL.iter().filter_map(read).collect::<BTreeMap<_, _>>().try_into()
    }

    /// Each attribute that is there, by order of [`Attribute::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Attribute, &OwnedValue)> {
        self.0.iter().map(|(attribute, value)| (*attribute, value))
    }

    /// The same with one attribute changed; `None` takes an optional one away.
    pub fn with(&self, attribute: Attribute, value: Option<OwnedValue>) -> Result<Self, ValuesError> {
        let mut values = self.0.clone();
        match value {
            Some(value) => values.insert(attribute, value),
            None => values.remove(&attribute),
        };
        values.try_into()
    }
}

impl Source for Values {
    fn read(&self, attribute: Attribute) -> Option<Value<'_>> {
        Some(match self.0.get(&attribute)? {
            OwnedValue::Bool(value) => Value::Bool(*value),
            OwnedValue::Long(number) => Value::Long(*number),
            OwnedValue::Word(word) => Value::Word(word),
            OwnedValue::Words(words) => Value::Words(Words::Read(words.iter().map(AsRef::as_ref).collect())),
        })
    }
}
