//! Columns of an enterprise's systems, in the words of its vocabulary. A column that nobody has mapped is denied.

use std::collections::BTreeSet;

use grantbook_record::vocabulary::Source;
use grantbook_record::{DenialReason, Term};

use crate::decide::{Denial, Detail};
use crate::vocabulary::Vocabulary;

/// The words of some columns, for a use of their data.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ColumnWords {
    /// Categories.
    pub categories: BTreeSet<Term>,
    /// Fields.
    pub fields: BTreeSet<Term>,
}

/// The words of columns by the latest mappings; `unknown_term` at the first column that has none.
pub fn words_of(vocabulary: &Vocabulary, columns: &[Source]) -> Result<ColumnWords, Denial> {
    let mut words = ColumnWords::default();
    for column in columns {
        let Some(mapping) = vocabulary.mapping(column) else {
            let detail = Some(Detail::Source(column.clone()));
            return Err(Denial { detail, ..Denial::of(DenialReason::UnknownTerm) });
        };
        words.categories.insert(mapping.category.clone());
        words.fields.insert(mapping.field.clone());
    }
    Ok(words)
}
