//! What terms are called on pages: the words of the vocabulary; parties by their own names.

use grantbook_plan::vocabulary::Vocabulary;

/// The words of an enterprise.
pub(super) fn names() -> &'static Vocabulary {
    Vocabulary::builtin()
}
