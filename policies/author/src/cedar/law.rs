//! The page that maps articles of law to rules and their cases.

use std::fmt::Write as _;

/// A law with its rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// What people call it.
    pub title: String,
    /// Its folder.
    pub folder: String,
    /// Rule by rule.
    pub rows: Vec<Row>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The article that it carries out, as far as it does.
    pub article: String,
    /// Its id.
    pub rule: String,
    /// The folder of its policy.
    pub folder: String,
    /// What it demands.
    pub demands: String,
    /// Each permitted use with the change that is denied.
    pub cases: Vec<(String, String)>,
}

/// `docs/law.md`.
pub fn law_page(profiles: &[Profile]) -> String {
    let mut page = String::from(
        "# Law: article, rule, cases\n\n\
         Generated from `policies/law` and its cases; a test holds this page to them. **Counsel must check.** A rule carries out what its row\n\
         says and no more of the article, and none of this is legal advice: which law applies, whether a basis other than consent does, and\n\
         whether what was recorded is true are questions that no rule answers.\n\n\
         Each case is tried on Cedar and on the lowered plan: the use in the fourth column is permitted, and the change of one attribute in\n\
         the fifth makes this rule deny it. Format: [policy plans](spec/policy-plan.md).\n",
    );
    for Profile { title, folder, rows } in profiles {
        // writing to a string cannot fail
        let _ = writeln!(page, "\n## {title}\n\n`{folder}`\n");
        page.push_str("| article | rule | demands | permitted | denied |\n|---|---|---|---|---|\n");
        for Row { article, rule, folder, demands, cases } in rows {
            for (permitted, denied) in cases {
                let _ = writeln!(
                    page,
                    "| {article} | [`{rule}`](../{folder}) | {demands} | {permitted} | {denied} |"
                );
            }
        }
    }
    page
}
