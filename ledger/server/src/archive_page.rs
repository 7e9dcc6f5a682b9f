//! One customer's archive as a page that checks itself: the archive, a summary of its consents and the second verifier's
//! modules in one file, which works from a disk and without any network. Specification: `docs/spec/archive.md`, "As a page".

use std::sync::OnceLock;

use grantbook_plan::Vocabulary;
use grantbook_record::archive::{ArchiveError, Reader};
use grantbook_record::encoding::{from_base64url, to_base64url};
use grantbook_record::event::Law;
use grantbook_record::strict_json::{self, JsonError};
use grantbook_tlog::LogKeys;

use crate::consents::{Summary, SummaryError, laws_in};
use crate::one_file::{policy, script};

const PAGE: &str = include_str!("../../../portal/static/archive/page.html");
const STYLE: &str = include_str!("../../../portal/static/archive/page.css");
/// Name and text of each module, those first that others import.
const MODULES: &[(&str, &str)] = &[
    ("bytes.js", include_str!("../../../sdk/verifier/src/bytes.js")),
    ("base64.js", include_str!("../../../sdk/verifier/src/base64.js")),
    ("decimal.js", include_str!("../../../sdk/verifier/src/decimal.js")),
    ("error.js", include_str!("../../../sdk/verifier/src/error.js")),
    ("field.js", include_str!("../../../sdk/verifier/src/field.js")),
    ("edwards.js", include_str!("../../../sdk/verifier/src/edwards.js")),
    ("multiscalar.js", include_str!("../../../sdk/verifier/src/multiscalar.js")),
    ("ristretto.js", include_str!("../../../sdk/verifier/src/ristretto.js")),
    ("scalar.js", include_str!("../../../sdk/verifier/src/scalar.js")),
    ("sha2.js", include_str!("../../../sdk/verifier/src/sha2.js")),
    ("ed25519.js", include_str!("../../../sdk/verifier/src/ed25519.js")),
    ("note.js", include_str!("../../../sdk/verifier/src/note.js")),
    ("tree.js", include_str!("../../../sdk/verifier/src/tree.js")),
    ("checkpoint.js", include_str!("../../../sdk/verifier/src/checkpoint.js")),
    ("keccak.js", include_str!("../../../sdk/verifier/src/keccak.js")),
    ("generators.js", include_str!("../../../sdk/verifier/src/generators.js")),
    ("combination.js", include_str!("../../../sdk/verifier/src/combination.js")),
    ("commitment.js", include_str!("../../../sdk/verifier/src/commitment.js")),
    ("registry.js", include_str!("../../../sdk/verifier/src/registry.js")),
    ("entry.js", include_str!("../../../sdk/verifier/src/entry.js")),
    ("strict-json.js", include_str!("../../../sdk/verifier/src/strict-json.js")),
    ("jws.js", include_str!("../../../sdk/verifier/src/jws.js")),
    ("proof-file.js", include_str!("../../../sdk/verifier/src/proof-file.js")),
    ("receipt-check.js", include_str!("../../../portal/static/receipt-check.js")),
    ("states.js", include_str!("../../../portal/static/archive/states.js")),
    ("check.js", include_str!("../../../portal/static/archive/check.js")),
    ("words.js", include_str!("../../../portal/static/archive/words.js")),
    ("page.js", include_str!("../../../portal/static/archive/page.js")),
];
/// What stands before and behind the archive and the summary.
const ARCHIVE_BEGINS: &str = "<script type=\"text/plain\" id=\"archive\">";
const SUMMARY_BEGINS: &str = "<script type=\"application/json\" id=\"summary\">";
const ENDS: &str = "</script>";

/// Why a page is refused.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// It is no page of an archive.
    #[error("no archive in this page, expected one that the portal made")]
    Layout,
    /// The archive within it.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The summary is no such thing.
    #[error("refused summary: {0}")]
    Schema(#[from] JsonError),
    /// The summary says something else than the records.
    #[error("summary: {0}")]
    Summary(#[from] SummaryError),
}

/// A page taken apart; nothing of it is verified.
#[derive(Debug)]
pub struct PageParts {
    /// The archive, line by line, with their line feeds.
    pub lines: Vec<Vec<u8>>,
    /// What the page says of the consents.
    pub summary: Summary,
    /// Whether everything around them is what this version of the program writes.
    pub own: bool,
}

/// The page without archive and summary.
fn shell() -> &'static str {
    static SHELL: OnceLock<String> = OnceLock::new();
    SHELL.get_or_init(|| {
        let (script, style) = (script(MODULES), STYLE.trim_end());
        let page = PAGE.replace("{{policy}}", &policy(&script, style)).replace("{{style}}", style);
        page.replace("{{script}}", &script)
    })
}

fn write(lines: &[Vec<u8>], summary: &Summary) -> String {
    // string keys, no fallible serialisers; nothing in a string may end the element
    let summary = serde_json::to_string(summary).unwrap_or_default().replace('<', "\\u003c");
    let page = shell().replacen("{{archive}}", &to_base64url(&lines.concat()), 1);
    // last, since it holds what people wrote
    page.replacen("{{summary}}", &summary, 1)
}

/// Makes the page of an archive, which is verified on the way. The vocabulary says what terms are called.
pub fn page(lines: &[Vec<u8>], keys: &LogKeys, vocabulary: &Vocabulary) -> Result<String, ArchiveError> {
    Ok(write(lines, &summary(lines, keys, vocabulary)?))
}

/// What an archive's records say of the consents, once they have verified.
pub fn summary(lines: &[Vec<u8>], keys: &LogKeys, vocabulary: &Vocabulary) -> Result<Summary, ArchiveError> {
    let (reader, laws) = read(lines, Some(keys))?;
    Ok(Summary::of(reader.header(), reader.grants().all(), laws, vocabulary))
}

/// Reads lines to their end; gives the laws that the enterprise has said it keeps to as well.
fn read(lines: &[Vec<u8>], pinned: Option<&LogKeys>) -> Result<(Reader, Vec<Law>), ArchiveError> {
    let none = Vec::new();
    let (first, rest) = lines.split_first().unwrap_or((&none, &[]));
    let mut reader = Reader::begin(first, pinned)?;
    let mut laws = Vec::new();
    for line in rest {
        if let Some(record) = reader.line(line)?
            && let Some(now) = laws_in(&record)
        {
            laws = now;
        }
    }
    Ok((reader, laws))
}

/// Whether bytes are a page and not the lines of an archive.
pub fn is_page(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"<!doctype html>")
}

/// Takes a page apart.
pub fn parse(page: &[u8]) -> Result<PageParts, PageError> {
    let text = std::str::from_utf8(page).map_err(|_| PageError::Layout)?;
    let between = |begins: &str| {
        let (_, after) = text.split_once(begins)?;
        Some(after.split_once(ENDS)?.0)
    };
    let archive = between(ARCHIVE_BEGINS).and_then(from_base64url).ok_or(PageError::Layout)?;
    let summary = between(SUMMARY_BEGINS).ok_or(PageError::Layout)?;
    let lines: Vec<Vec<u8>> = archive.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let summary: Summary = strict_json::parse(summary.as_bytes())?;
    let own = write(&lines, &summary) == text;
    Ok(PageParts { lines, summary, own })
}

/// Verifies a page: the archive, and that the summary says what its records say.
pub fn verify(parts: &PageParts, pinned: Option<&LogKeys>) -> Result<Reader, PageError> {
    let (reader, laws) = read(&parts.lines, pinned)?;
    parts.summary.check(reader.header(), reader.grants().all(), &laws)?;
    Ok(reader)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{MODULES, shell};
    use crate::one_file::imports;

    #[test]
    fn every_module_comes_after_those_that_it_imports() {
        let mut before = BTreeSet::new();
        for (name, text) in MODULES {
            for import in imports(text) {
                assert!(before.contains(import), "{name} imports {import}");
            }
            assert!(before.insert(*name), "{name} comes twice");
        }
    }

    #[test]
    fn the_page_is_one_file_that_loads_nothing() {
        let page = shell();
        assert_eq!((page.matches("<script").count(), page.matches("</script").count()), (3, 3));
        for loads in [
            "{{policy}}",
            "{{style}}",
            "{{script}}",
            "<link",
            " src=",
            "\nimport ",
            "\nexport ",
            "innerHTML",
            "fetch(",
        ] {
            assert!(!page.contains(loads), "{loads}");
        }
        assert!(page.contains("default-src 'none'; script-src 'sha256-"));
    }
}
