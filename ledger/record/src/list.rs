//! A list whose length is within bounds by construction.

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

/// Between `MIN` and `MAX` items, both included; checked when read from JSON and when made.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct List<T, const MIN: usize, const MAX: usize>(Vec<T>);

impl<T, const MIN: usize, const MAX: usize> List<T, MIN, MAX> {
    /// `None` where there are too few or too many.
    pub fn new(items: Vec<T>) -> Option<Self> {
        (MIN..=MAX).contains(&items.len()).then_some(Self(items))
    }
}

impl<T, const MAX: usize> List<T, 0, MAX> {
    /// Whether JSON leaves it out.
    pub fn is_empty_list(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T, const MAX: usize> Default for List<T, 0, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const MIN: usize, const MAX: usize> std::ops::Deref for List<T, MIN, MAX> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>, const MIN: usize, const MAX: usize> Deserialize<'de> for List<T, MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let items = Vec::deserialize(deserializer)?;
        let count = items.len();
        Self::new(items)
            .ok_or_else(|| D::Error::custom(format_args!("{count} items, expected {MIN} to {MAX} items")))
    }
}
