//! The report as one page of HTML without anything from elsewhere, to be printed or kept.

use std::fmt::{self, Display, Write};

use grantbook_record::terms::Language;

use super::Report;
use super::words::{self, Words};
use crate::calendar::instant;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#111}\
table{border-collapse:collapse;width:100%;margin:1rem 0}th,td{text-align:left;padding:.3rem .6rem;\
border-bottom:1px solid #bbb;vertical-align:top}th{width:16rem}.n{text-align:right;width:6rem;font-variant-numeric:tabular-nums}\
code{overflow-wrap:anywhere;font-size:.87em}.small{color:#555}\
.verdict{padding:.7rem 1rem;border-left:.4rem solid #1a7f37;background:#eaf6ed;font-weight:600}\
.verdict.but{border-color:#9a6700;background:#fdf5dc}.verdict.none{border-color:#b42318;background:#fdecea}\
@media print{body{margin:0;max-width:none}.verdict{print-color-adjust:exact}tr{break-inside:avoid}}";

impl Report {
    /// A page of its own in one language.
    pub fn to_html(&self, language: Language) -> String {
        let mut page = String::new();
        // writing to a string does not fail
        let _ = self.write_html(language, &mut page);
        page
    }

    fn write_html(&self, language: Language, page: &mut String) -> fmt::Result {
        let say = |words: &Words| words.of(language);
        let tag = match language {
            Language::English => "en",
            Language::SimplifiedChinese => "zh-CN",
        };
        let title = say(&words::TITLE);
        write!(
            page,
            "<!doctype html><html lang=\"{tag}\"><head><meta charset=\"utf-8\"><title>{title}</title>"
        )?;
        write!(page, "<style>{STYLE}</style></head><body><h1>{title}</h1>")?;
        let (class, verdict) = match () {
            () if self.is_nothing_proved() => (" none", &words::NOTHING),
            () if !self.exceptions.is_empty() => (" but", &words::PROVED_BUT),
            () => ("", &words::PROVED),
        };
        write!(page, "<p class=\"verdict{class}\">{}</p><table>", say(verdict))?;
        let mut row = |name: &Words, value: &dyn Display| {
            write!(
                page,
                "<tr><th>{}</th><td><code>{}</code></td></tr>",
                say(name),
                Escaped(&value.to_string())
            )
        };
        row(&words::LOG, &self.origin)?;
        row(&words::DAY, &self.day)?;
        row(&words::POLICY, &format!("{} ({:?})", self.policy, self.policy_sha256))?;
        row(&words::DIGEST, &format!("{:?}", self.digest))?;
        row(&words::TREE, &format!("{} – {} ({})", self.start.size, self.end.size, self.entries))?;
        row(&words::OWN, &self.own_entries)?;
        row(&words::FROM, &self.from_size)?;
        if self.vouched.witnessed {
            let by = format!("{}; {}", self.vouched.witnesses.join(", "), instant(self.vouched.time));
            row(&words::WITNESSED, &by)?;
        } else {
            row(&words::SIGNED, &instant(self.vouched.time))?;
        }
        page.push_str("</table>");
        if !self.is_nothing_proved() {
            self.write_statements(language, page)?;
        }
        write!(page, "<p class=\"small\">{}</p></body></html>", say(&words::NOT_PROVED))
    }

    fn write_statements(&self, language: Language, page: &mut String) -> fmt::Result {
        let say = |words: &Words| words.of(language);
        let counts = [&words::ENTRIES, &words::SUMMED, &words::TERMS, &words::EXCEPTED];
        let counts = counts.map(|words| format!("<th class=\"n\">{}</th>", say(words))).concat();
        write!(page, "<table><tr><th>{}</th>{counts}</tr>", say(&words::STATEMENT))?;
        for report in &self.statements {
            let sentence = words::statement(report.statement);
            write!(
                page,
                "<tr><td>{}<br><code class=\"small\">{}</code></td>",
                say(&sentence),
                report.statement
            )?;
            if report.asked {
                for number in [report.entries, report.summed, report.terms, report.exceptions] {
                    write!(page, "<td class=\"n\">{number}</td>")?;
                }
            } else {
                write!(page, "<td class=\"n\" colspan=\"4\">{}</td>", say(&words::NOT_ASKED))?;
            }
            page.push_str("</tr>");
        }
        page.push_str("</table>");
        if self.exceptions.is_empty() {
            return Ok(());
        }
        let head = [&words::LEAF, &words::STATEMENT, &words::VALUES];
        write!(page, "<h2>{}</h2><table><tr>", say(&words::EXCEPTIONS))?;
        write!(page, "{}</tr>", head.map(|words| format!("<th>{}</th>", say(words))).concat())?;
        for exception in &self.exceptions {
            let values: Vec<String> = exception.values.iter().map(u64::to_string).collect();
            let (leaf, statement) = (exception.leaf, exception.statement);
            write!(page, "<tr><td>{leaf}</td><td>{statement}</td><td>{}</td></tr>", values.join(", "))?;
        }
        page.push_str("</table>");
        Ok(())
    }
}

/// Text in which nothing is markup.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            other => f.write_char(other),
        })
    }
}
