//! The mark of the log of leases: a file of two slots like the anchor's and beside it.

use std::path::Path;

use super::anchor::Anchor;

/// What the anchor's name has appended to it.
const MARK_SUFFIX: &str = ".leases";

/// The mark that belongs to an anchor.
pub(super) fn mark_of(anchor: &Path) -> Anchor {
    let mut name = anchor.file_name().unwrap_or_default().to_owned();
    name.push(MARK_SUFFIX);
    Anchor::new(&anchor.with_file_name(name))
}
