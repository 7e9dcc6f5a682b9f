//! Figures, and the floor below which they are not shown.
//!
//! Whoever knows these rules and everything that is shown must find at least two values possible for each figure that is
//! not: the tests try every table of a small kind.

use serde::{Deserialize, Serialize};

/// Counts of customers from 1 to one less than this are not shown.
pub const FLOOR: u64 = 20;

/// A count, a rate or a time, or why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Figure {
    /// The figure.
    Number(u64),
    /// Why there is none.
    Word(Word),
}

/// What stands in the place of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// It would show something about fewer than [`FLOOR`] customers.
    Suppressed,
    /// There is nothing that it could be about.
    None,
    /// Beyond the last step, or not yet.
    Later,
}

impl Figure {
    /// Not shown.
    pub const SUPPRESSED: Self = Self::Word(Word::Suppressed);
    /// About nothing.
    pub const NONE: Self = Self::Word(Word::None);

    /// The number, where it is shown.
    pub fn number(self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(number),
            Self::Word(_) => None,
        }
    }

    /// A count that is in no sum with others.
    pub fn alone(count: u64) -> Self {
        if is_small(count) { Self::SUPPRESSED } else { Self::Number(count) }
    }
}

impl std::fmt::Display for Figure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Word(Word::Suppressed) => f.write_str("suppressed"),
            Self::Word(Word::None) => f.write_str("none"),
            Self::Word(Word::Later) => f.write_str("later"),
        }
    }
}

fn is_small(count: u64) -> bool {
    (1..FLOOR).contains(&count)
}

/// Cells that add up to a total, and the total, as they may be shown: with small cells every cell that has the least value
/// of the others is left out. Any order of what is left out would be shown alike.
pub(super) fn suppress(cells: &[u64]) -> (Vec<Figure>, Figure) {
    let least = cells.iter().copied().filter(|cell| *cell >= FLOOR).min();
    let least = least.filter(|_| cells.iter().any(|cell| is_small(*cell)));
    let shown = |cell: &u64| {
        if is_small(*cell) || least == Some(*cell) { Figure::SUPPRESSED } else { Figure::Number(*cell) }
    };
    (cells.iter().map(shown).collect(), Figure::alone(cells.iter().sum()))
}

/// Neighbours of an ordered list joined until each group has [`FLOOR`] or more; `None` where all together have not. Gives
/// the last cell of each group and what the group adds up to; cells without anything at the end are in no group.
pub(super) fn join(cells: &[u64]) -> Option<Vec<(usize, u64)>> {
    if is_small(cells.iter().sum()) {
        return None;
    }
    let mut groups: Vec<(usize, u64)> = Vec::new();
    let (mut open, mut last) = (0, 0);
    for (at, cell) in cells.iter().enumerate().filter(|(_, cell)| **cell > 0) {
        (open, last) = (open + cell, at);
        if open >= FLOOR {
            groups.push((at, open));
            open = 0;
        }
    }
    if let Some(group) = groups.last_mut().filter(|_| open > 0) {
        *group = (last, group.1 + open);
    }
    Some(groups)
}

#[cfg(test)]
mod tests;
