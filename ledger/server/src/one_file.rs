//! Pages in one file that load nothing: their modules as one script, and the policy that allows it and nothing else.
//!
//! The modules become one script, so that the page's policy can name it by its hash and forbid everything else: each one
//! becomes a function of those before it, and nothing else of its text changes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use grantbook_record::encoding::Bytes32;

/// The content security policy of a page with this script and this style sheet.
pub(crate) fn policy(script: &str, style: &str) -> String {
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
        digest(script),
        digest(style)
    )
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
pub(crate) fn script(modules: &[(&str, &str)]) -> String {
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

/// Files that a module imports.
#[cfg(test)]
pub(crate) fn imports(module: &str) -> Vec<&str> {
    parts(module).0.into_iter().map(|import| import.from).collect()
}

#[cfg(test)]
mod tests {
    use super::script;

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
