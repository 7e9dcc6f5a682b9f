//! Obligations on a record as JSON.

use serde_json::{Map, Value};

use super::fates::{Fate, Fates};
use super::{DEPTH_MAX, Mask, ObligationError, WATERMARK};

/// Gives what may be seen of the record at place `at`.
pub(super) fn redact(fates: &Fates<'_>, at: usize, record: Value) -> Result<Value, ObligationError> {
    let Value::Object(mut members) = record else { return Err(ObligationError::NoObject { at }) };
    members.remove(WATERMARK);
    let mut members = Redaction { fates, at }.members(members, false, 0)?;
    if let Some(watermark) = &fates.watermark {
        members.insert(WATERMARK.to_owned(), watermark.clone());
    }
    Ok(Value::Object(members))
}

struct Redaction<'a> {
    fates: &'a Fates<'a>,
    at: usize,
}

impl Redaction<'_> {
    /// `kept`: these are members of a field that is kept, so that what is no field itself is part of it.
    fn members(
        &self,
        members: Map<String, Value>,
        kept: bool,
        depth: usize,
    ) -> Result<Map<String, Value>, ObligationError> {
        let mut left = Map::new();
        for (name, value) in members {
            let value = match self.fates.fate(&name) {
                Some(Fate::Keep) => Some(self.within(value, true, depth)?),
                Some(Fate::Mask) => Some(self.fates.mask.value()),
                Some(Fate::Drop) => None,
                Some(Fate::Generalise(level)) => {
                    let coarse = level.of(&value, self.fates.places);
                    let refused = || ObligationError::Value {
                        at: self.at,
                        field: name.clone(),
                        to: level.word(self.fates.places),
                    };
                    Some(coarse.ok_or_else(refused)?)
                }
                None if kept && !self.fates.is_field(&name) => Some(self.within(value, true, depth)?),
                // no field of the use, but there may be some within it
                None => Some(self.within(value, false, depth)?).filter(|value| !is_empty(value)),
            };
            if let Some(value) = value {
                left.insert(name, value);
            }
        }
        Ok(left)
    }

    /// What is left of a value; `null` for one that is neither kept nor holds anything.
    fn within(&self, value: Value, kept: bool, depth: usize) -> Result<Value, ObligationError> {
        if depth >= DEPTH_MAX {
            return Err(ObligationError::Depth { at: self.at });
        }
        match value {
            Value::Object(members) => self.members(members, kept, depth + 1).map(Value::Object),
            Value::Array(items) => {
                let mut left = Vec::with_capacity(items.len());
                for item in items {
                    let item = self.within(item, kept, depth + 1)?;
                    if kept || !is_empty(&item) {
                        left.push(item);
                    }
                }
                Ok(Value::Array(left))
            }
            value if kept => Ok(value),
            _ => Ok(Value::Null),
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

impl Mask {
    fn value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Mark(mark) => Value::String(mark.to_string()),
        }
    }

    /// The same in a cell of text.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Null => "",
            Self::Mark(mark) => mark,
        }
    }
}
