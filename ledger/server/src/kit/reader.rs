//! The page that reads a kit: the second verifier's modules and a form, in one file that loads nothing.
//!
//! The modules become one script, so that the page's policy can name it by its hash and forbid everything else: each one
//! becomes a function of those before it, and nothing else of its text changes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::OnceLock;

use grantbook_record::encoding::Bytes32;

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
        let policy = format!(
            "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'; \
             require-trusted-types-for 'script'; trusted-types 'none'",
            digest(&script),
            digest(style)
        );
        let page = PAGE.replace("{{policy}}", &policy).replace("{{style}}", style);
        page.replace("{{script}}", &script)
    })
}

/// SHA-256 in the spelling of a content security policy.
fn digest(text: &str) -> String {
    let mut digest = format!("{:?}", Bytes32::sha256(text.as_bytes())).replace('-', "+").replace('_', "/");
    digest.push('=');
    digest
}

/// One statement that begins with `import {`: the names, and the module's file.
struct Import<'a> {
    names: &'a str,
    from: &'a str,
}

/// Imports of a module, and the text without them.
fn parts(module: &str) -> (Vec<Import<'_>>, String) {
    let (mut imports, mut rest) = (Vec::new(), String::new());
    let mut text = module;
    while let Some((line, after)) = text.split_once('\n') {
        let import = text.strip_prefix("import {").and_then(|text| text.split_once("} from '"));
        if let Some((names, (from, after))) =
            import.and_then(|(names, text)| Some((names, text.split_once("';\n")?)))
        {
            imports.push(Import { names, from: from.rsplit('/').next().unwrap_or(from) });
            text = after;
            continue;
        }
        rest.push_str(line.strip_prefix("export ").unwrap_or(line));
        rest.push('\n');
        text = after;
    }
    rest.push_str(text);
    (imports, rest)
}

/// All modules as one script.
fn script(modules: &[(&str, &str)]) -> String {
    let parts: Vec<_> = modules.iter().map(|(name, text)| (*name, parts(text))).collect();
    let mut wanted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for import in parts.iter().flat_map(|(_, (imports, _))| imports) {
        let names = import.names.split(',').filter_map(|name| name.split_whitespace().next());
        wanted.entry(import.from).or_default().extend(names);
    }
    let mut script = String::from("const modules = {};\n");
    for (name, (imports, rest)) in &parts {
        // writing to a string does not fail
        let _ = writeln!(script, "modules['{name}'] = (() => {{");
        for Import { names, from } in imports {
            let _ = writeln!(script, "const {{{}}} = modules['{from}'];", names.replace(" as ", ": "));
        }
        let exported: Vec<_> = wanted.get(name).into_iter().flatten().copied().collect();
        let _ = writeln!(script, "{rest}return {{ {} }};\n}})();", exported.join(", "));
    }
    script
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{MODULES, parts, reader_page, script};

    #[test]
    fn every_module_comes_after_those_that_it_imports() {
        let mut before = BTreeSet::new();
        for (name, text) in MODULES {
            for import in parts(text).0 {
                assert!(before.contains(import.from), "{name} imports {}", import.from);
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

    #[test]
    fn modules_become_functions() {
        let one = "import { a, b as c } from './x.js';\nimport {\n    d,\n} from '../src/x.js';\n\nexport const e = a;\n";
        let x = "export const a = 1, b = 2;\nexport function d() {}\n";
        let script = script(&[("x.js", x), ("one.js", one)]);
        let expected = "const modules = {};\nmodules['x.js'] = (() => {\nconst a = 1, b = 2;\nfunction d() {}\n\
            return { a, b, d };\n})();\nmodules['one.js'] = (() => {\nconst { a, b: c } = modules['x.js'];\n\
            const {\n    d,\n} = modules['x.js'];\n\nconst e = a;\nreturn {  };\n})();\n";
        assert_eq!(script, expected);
    }
}
