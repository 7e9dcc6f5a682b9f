//! The page that reads a kit: the second verifier's modules and a form, in one file that loads nothing.

use std::sync::OnceLock;

use crate::one_file::{policy, script};

const PAGE: &str = include_str!("../../../../sdk/verifier/page/reader.html");
const STYLE: &str = include_str!("../../../../sdk/verifier/page/reader.css");
/// Name and text of each module, those first that others import.
const MODULES: &[(&str, &str)] = &[
    ("bytes.js", include_str!("../../../../sdk/verifier/src/bytes.js")),
    ("calendar.js", include_str!("../../../../sdk/verifier/src/calendar.js")),
    ("base64.js", include_str!("../../../../sdk/verifier/src/base64.js")),
    ("decimal.js", include_str!("../../../../sdk/verifier/src/decimal.js")),
    ("error.js", include_str!("../../../../sdk/verifier/src/error.js")),
    ("field.js", include_str!("../../../../sdk/verifier/src/field.js")),
    ("edwards.js", include_str!("../../../../sdk/verifier/src/edwards.js")),
    ("multiscalar.js", include_str!("../../../../sdk/verifier/src/multiscalar.js")),
    ("ristretto.js", include_str!("../../../../sdk/verifier/src/ristretto.js")),
    ("scalar.js", include_str!("../../../../sdk/verifier/src/scalar.js")),
    ("sha2.js", include_str!("../../../../sdk/verifier/src/sha2.js")),
    ("ed25519.js", include_str!("../../../../sdk/verifier/src/ed25519.js")),
    ("note.js", include_str!("../../../../sdk/verifier/src/note.js")),
    ("tree.js", include_str!("../../../../sdk/verifier/src/tree.js")),
    ("checkpoint.js", include_str!("../../../../sdk/verifier/src/checkpoint.js")),
    ("keccak.js", include_str!("../../../../sdk/verifier/src/keccak.js")),
    ("generators.js", include_str!("../../../../sdk/verifier/src/generators.js")),
    ("combination.js", include_str!("../../../../sdk/verifier/src/combination.js")),
    ("commitment.js", include_str!("../../../../sdk/verifier/src/commitment.js")),
    ("strobe.js", include_str!("../../../../sdk/verifier/src/strobe.js")),
    ("merlin.js", include_str!("../../../../sdk/verifier/src/merlin.js")),
    ("term.js", include_str!("../../../../sdk/verifier/src/term.js")),
    ("range-proof.js", include_str!("../../../../sdk/verifier/src/range-proof.js")),
    ("statement.js", include_str!("../../../../sdk/verifier/src/statement.js")),
    ("batch.js", include_str!("../../../../sdk/verifier/src/batch.js")),
    ("bundle-cursor.js", include_str!("../../../../sdk/verifier/src/bundle-cursor.js")),
    ("policy.js", include_str!("../../../../sdk/verifier/src/policy.js")),
    ("registry.js", include_str!("../../../../sdk/verifier/src/registry.js")),
    ("entry.js", include_str!("../../../../sdk/verifier/src/entry.js")),
    ("strict-json.js", include_str!("../../../../sdk/verifier/src/strict-json.js")),
    ("statement-policy.js", include_str!("../../../../sdk/verifier/src/statement-policy.js")),
    ("statements.js", include_str!("../../../../sdk/verifier/src/statements.js")),
    ("preamble.js", include_str!("../../../../sdk/verifier/src/preamble.js")),
    ("close.js", include_str!("../../../../sdk/verifier/src/close.js")),
    ("kept.js", include_str!("../../../../sdk/verifier/src/kept.js")),
    ("terms.js", include_str!("../../../../sdk/verifier/src/terms.js")),
    ("report.js", include_str!("../../../../sdk/verifier/src/report.js")),
    ("walk.js", include_str!("../../../../sdk/verifier/src/walk.js")),
    ("bundle.js", include_str!("../../../../sdk/verifier/src/bundle.js")),
    ("jws.js", include_str!("../../../../sdk/verifier/src/jws.js")),
    ("proof-file.js", include_str!("../../../../sdk/verifier/src/proof-file.js")),
    ("kit.js", include_str!("../../../../sdk/verifier/src/kit.js")),
    ("words.js", include_str!("../../../../sdk/verifier/page/words.js")),
    ("reader.js", include_str!("../../../../sdk/verifier/page/reader.js")),
];

/// The page, the same for every kit.
pub fn reader_page() -> &'static str {
    static READER: OnceLock<String> = OnceLock::new();
    READER.get_or_init(|| {
        let (script, style) = (script(MODULES), STYLE.trim_end());
        let page = PAGE.replace("{{policy}}", &policy(&script, style)).replace("{{style}}", style);
        page.replace("{{script}}", &script)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{MODULES, reader_page};
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
        let page = reader_page();
        assert_eq!(page.matches("<script").count(), 1);
        assert_eq!(page.matches("</script").count(), 1);
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
