//! How sensitive the fields of a use are.

use super::Sensitivity;

/// A set of levels, without a place on the heap: rules ask for it on each decision.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sensitivities(u8);

const ALL: [Sensitivity; 3] = [Sensitivity::Ordinary, Sensitivity::Sensitive, Sensitivity::Special];

impl Sensitivities {
    pub(crate) fn insert(&mut self, level: Sensitivity) {
        self.0 |= bit(level);
    }

    /// The levels, by rising harm.
    pub fn iter(self) -> impl Iterator<Item = Sensitivity> {
        ALL.into_iter().filter(move |level| self.0 & bit(*level) != 0)
    }
}

fn bit(level: Sensitivity) -> u8 {
    match level {
        Sensitivity::Ordinary => 1,
        Sensitivity::Sensitive => 2,
        Sensitivity::Special => 4,
    }
}
