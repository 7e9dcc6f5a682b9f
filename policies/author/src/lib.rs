//! Vocabulary and templates, checked before they are published.
