//! A page of headings, paragraphs, rows and quotes, as text or as HTML that prints well and loads nothing.

enum Part {
    Section(&'static str),
    Paragraph(String),
    Row(String, String),
    Quote(String),
}

pub(super) struct Page {
    title: String,
    parts: Vec<Part>,
}

impl Page {
    pub(super) fn new(title: String) -> Self {
        Self { title, parts: Vec::new() }
    }

    pub(super) fn section(&mut self, heading: &'static str) {
        self.parts.push(Part::Section(heading));
    }

    pub(super) fn paragraph(&mut self, text: String) {
        self.parts.push(Part::Paragraph(text));
    }

    pub(super) fn row(&mut self, label: &str, text: &str) {
        self.parts.push(Part::Row(label.to_owned(), text.to_owned()));
    }

    pub(super) fn rows(&mut self, rows: Vec<(&'static str, String)>) {
        for (label, text) in rows {
            self.row(label, &text);
        }
    }

    pub(super) fn quote(&mut self, text: &str) {
        self.parts.push(Part::Quote(text.to_owned()));
    }

    /// For a terminal.
    pub(super) fn text(&self) -> String {
        let parts = self.parts.iter().map(|part| match part {
            Part::Section(heading) => format!("\n{}\n\n", heading.to_uppercase()),
            Part::Paragraph(paragraph) => format!("{paragraph}\n"),
            Part::Row(label, value) => format!("  {label:<22} {value}\n"),
            Part::Quote(quote) => format!("    | {}\n", quote.replace('\n', "\n    | ")),
        });
        std::iter::once(format!("{}\n", self.title.to_uppercase())).chain(parts).collect()
    }

    /// For paper.
    pub(super) fn html(&self) -> String {
        let title = escaped(&self.title);
        let head = format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{title}</title>\n\
             <style>{STYLE}</style>\n<h1>{title}</h1>\n"
        );
        let mut in_table = false;
        let parts = self.parts.iter().map(|part| {
            let is_row = matches!(part, Part::Row(..));
            let table = match (in_table, is_row) {
                (false, true) => "<table>\n",
                (true, false) => "</table>\n",
                _ => "",
            };
            in_table = is_row;
            let part = match part {
                Part::Section(heading) => format!("<h2>{}</h2>\n", escaped(heading)),
                Part::Paragraph(paragraph) => format!("<p>{}</p>\n", escaped(paragraph)),
                Part::Row(label, value) => {
                    format!("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", escaped(label), escaped(value))
                }
                Part::Quote(quote) => format!("<blockquote><pre>{}</pre></blockquote>\n", escaped(quote)),
            };
            format!("{table}{part}")
        });
        // the last part is no row
        std::iter::once(head).chain(parts).chain(std::iter::once("</html>\n".to_owned())).collect()
    }
}

const STYLE: &str = "body{font:11pt/1.45 serif;max-width:46em;margin:2em auto;padding:0 1em}\
h1,h2{font-family:sans-serif}h2{margin-top:1.6em;break-after:avoid}table{border-collapse:collapse}\
th,td{text-align:left;vertical-align:top;padding:.15em .8em .15em 0}tr,blockquote{break-inside:avoid}\
blockquote{margin:.6em 0;padding-left:1em;border-left:2px solid}\
pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:0;font-size:10pt}td,p{overflow-wrap:anywhere}";

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::Page;

    #[test]
    fn what_is_quoted_is_never_markup() {
        let mut page = Page::new("<b>".to_owned());
        page.row("<i>", "a & b");
        page.quote("<script>alert(1)</script>");
        page.paragraph("\"quoted\"".to_owned());
        let html = page.html();
        for markup in ["<b>", "<i>", "<script>"] {
            assert!(!html.contains(markup), "{html}");
        }
        assert!(html.contains("a &amp; b") && html.contains("&quot;quoted&quot;"));
        assert!(page.text().contains("    | <script>alert(1)</script>\n"));
    }
}
