//! Obligations on rows of text, as CSV has them. Reading and writing CSV is the caller's.

use std::collections::BTreeSet;

use super::fates::{Fate, Fates};
use super::{ObligationError, WATERMARK};

/// Rows of text under named columns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// Names of the columns: fields. Each once.
    pub columns: Vec<String>,
    /// Rows of as many cells.
    pub rows: Vec<Vec<String>>,
}

/// Gives what may be seen of the table.
pub(super) fn redact(fates: &Fates<'_>, table: Table) -> Result<Table, ObligationError> {
    let Table { columns, rows } = table;
    let names: BTreeSet<&String> = columns.iter().collect();
    if names.len() != columns.len() {
        return Err(ObligationError::Columns);
    }
    let seen = |name: &String| fates.fate(name).filter(|fate| !matches!(fate, Fate::Drop));
    let fate_of: Vec<Option<&Fate>> = columns.iter().map(seen).collect();
    let mark = fates.watermark.as_ref().map(ToString::to_string);
    let mut redacted = Vec::with_capacity(rows.len());
    for (at, row) in rows.into_iter().enumerate() {
        if row.len() != columns.len() {
            return Err(ObligationError::Cells { at, got: row.len(), expected: columns.len() });
        }
        let mut left = Vec::with_capacity(row.len() + 1);
        for ((cell, fate), name) in row.into_iter().zip(&fate_of).zip(&columns) {
            match fate {
                None | Some(Fate::Drop) => {}
                Some(Fate::Keep) => left.push(cell),
                Some(Fate::Mask) => left.push(fates.mask.text().to_owned()),
                Some(Fate::Generalise(_)) if cell.is_empty() => left.push(cell),
                Some(Fate::Generalise(level)) => {
                    let refused =
                        || ObligationError::Value { at, field: name.clone(), to: level.word(fates.places) };
                    left.push(level.of_text(&cell, fates.places).ok_or_else(refused)?);
                }
            }
        }
        left.extend(mark.clone());
        redacted.push(left);
    }
    let kept = columns.into_iter().zip(&fate_of).filter(|(_, fate)| fate.is_some()).map(|(name, _)| name);
    let columns = kept.chain(mark.map(|_| WATERMARK.to_owned())).collect();
    Ok(Table { columns, rows: redacted })
}
