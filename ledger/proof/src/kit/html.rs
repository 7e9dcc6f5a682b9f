//! The tables as one page of HTML without anything from elsewhere, to be printed.

use std::fmt::{self, Display, Write};

use grantbook_record::Term;
use grantbook_record::terms::Language;

use super::details::{Contact, Details, Place, Text};
use super::figure::Figure;
use super::tables::{Activity, Tables};
use super::words::{self, Words};

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#111}\
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}table{border-collapse:collapse;width:100%;margin:1rem 0}\
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #bbb;vertical-align:top}\
td.n{text-align:right;font-variant-numeric:tabular-nums}small{color:#555}\
@media print{@page{size:landscape}body{margin:0;max-width:none;font-size:11px}}";

impl Tables {
    /// A page of its own in one language.
    pub fn to_html(&self, language: Language) -> String {
        let mut page = Page { text: String::new(), language };
        // writing to a string does not fail
        let _ = self.write(&mut page);
        page.text
    }

    fn write(&self, page: &mut Page) -> fmt::Result {
        let tag = match page.language {
            Language::English => "en",
            Language::SimplifiedChinese => "zh-CN",
        };
        let title = page.say(&words::TITLE);
        write!(
            page.text,
            "<!doctype html><html lang=\"{tag}\"><head><meta charset=\"utf-8\"><title>{title}</title>\
             <style>{STYLE}</style></head><body><h1>{title}</h1><table>"
        )?;
        page.row(&words::ENTERPRISE, &format!("{} ({})", self.enterprise, self.tenant))?;
        page.row(&words::LOG, &self.origin)?;
        let dates: Vec<_> = self.period.dates().collect();
        let ends = [dates.first(), dates.last()].map(|date| date.map_or("", String::as_str));
        page.row(&words::PERIOD, &ends.join(" – "))?;
        page.text.push_str("</table>");
        self.write_record(page)?;
        self.write_rates(page)?;
        self.write_fairness(page)?;
        write!(page.text, "<p>{}</p></body></html>", page.say(&words::LIMITS))?;
        page.text.push('\n');
        Ok(())
    }

    fn write_record(&self, page: &mut Page) -> fmt::Result {
        page.heading(&words::RECORD, &words::RECORD_SAYS)?;
        page.head(&[
            &words::CONTROLLER,
            &words::PURPOSE,
            &words::CATEGORIES,
            &words::RECIPIENT,
            &words::RETENTION,
            &words::SAFEGUARDS,
            &words::CONSENTS,
            &words::TEMPLATE,
            &words::GRANTS,
        ])?;
        for activity in &self.record.activities {
            self.write_activity(page, activity)?;
        }
        write!(page.text, "<tr><th colspan=\"8\">{}</th>", page.say(&words::ALL))?;
        page.number(self.record.active_grants)?;
        write!(page.text, "</tr></table><p>{}</p><table>", page.say(&words::BASIS))?;
        let not_known = page.say(&words::NOT_KNOWN);
        let said = |text: fn(&Details) -> Option<&Text>| {
            self.details.as_ref().and_then(text).map_or(not_known, Text::as_str)
        };
        page.row(&words::SUBJECTS, said(|details| details.subjects.as_ref()))?;
        page.row(&words::MEASURES, said(|details| details.measures.as_ref()))?;
        page.text.push_str("</table>");
        Ok(())
    }

    fn write_activity(&self, page: &mut Page, activity: &Activity) -> fmt::Result {
        let details = self.details.as_ref();
        let contact = details.and_then(|details| details.controllers.get(&activity.controller));
        let place = details.and_then(|details| details.recipients.get(&activity.recipient));
        let list = |terms: &[Term]| terms.iter().map(Term::as_str).collect::<Vec<_>>().join(", ");
        let said = page.contact(contact);
        write!(page.text, "<tr><td>{}<br><small>{}</small></td>", activity.controller, Escaped(&said))?;
        write!(page.text, "<td>{}</td>", activity.purpose)?;
        write!(page.text, "<td>{}</td>", list(&activity.categories))?;
        let said = page.place(place);
        write!(page.text, "<td>{}<br><small>{}</small></td>", activity.recipient, Escaped(&said))?;
        match activity.retention_days_max {
            Some(days) => write!(page.text, "<td class=\"n\">{days}</td>")?,
            None => write!(page.text, "<td class=\"n\">{}</td>", page.say(&words::UNLIMITED))?,
        }
        write!(page.text, "<td>{}</td>", Escaped(&activity.obligations.join(", ")))?;
        write!(page.text, "<td>{}</td>", list(&activity.consents))?;
        write!(page.text, "<td>{} {}</td>", activity.template, activity.version)?;
        page.number(activity.active_grants)?;
        page.text.push_str("</tr>");
        Ok(())
    }

    fn write_rates(&self, page: &mut Page) -> fmt::Result {
        let (requests, withdrawals) = (&self.requests, &self.withdrawals);
        page.heading(&words::RATES, &words::FLOOR)?;
        page.text.push_str("<table>");
        for (name, figure) in [
            (&words::MADE, requests.made),
            (&words::GRANTED, requests.granted),
            (&words::DECLINED, requests.declined),
            (&words::UNANSWERED, requests.unanswered),
        ] {
            page.row(name, &page.figure(figure))?;
        }
        page.row(&words::AUTHORISATION_RATE, &page.percent(requests.authorisation_rate))?;
        page.row(&words::RESPONSE_RATE, &page.percent(requests.response_rate))?;
        let reached = match requests.reaches_line {
            Some(true) => page.say(&words::REACHED),
            Some(false) => page.say(&words::MISSED),
            None => "–",
        };
        let line = page.percent(Figure::Number(requests.response_line));
        page.row(&words::LINE, &format!("{line}: {reached}"))?;
        page.row(&words::WITHDRAWN, &page.figure(withdrawals.made))?;
        for step in &withdrawals.steps {
            let name = format!("{} {}", page.say(&words::WITHIN), page.time(step.within));
            write!(page.text, "<tr><th>{}</th><td>{}</td></tr>", Escaped(&name), step.count)?;
        }
        for (name, figure) in
            [(&words::P50, withdrawals.p50), (&words::P90, withdrawals.p90), (&words::MAX, withdrawals.max)]
        {
            page.row(name, &page.time(figure))?;
        }
        page.row(&words::UNREADABLE, &page.figure(self.unreadable))?;
        page.text.push_str("</table>");
        Ok(())
    }

    fn write_fairness(&self, page: &mut Page) -> fmt::Result {
        page.heading(&words::FAIRNESS, &words::FAIRNESS_SAYS)?;
        page.head(&[&words::DAY, &words::OUTCOME, &words::COMPARISONS, &words::EXCEPTIONS])?;
        for day in &self.fairness {
            let outcome = words::outcome(day.outcome, page.language);
            write!(page.text, "<tr><td>{}</td><td>{outcome}</td>", Escaped(&day.day))?;
            page.number(Figure::Number(day.comparisons))?;
            page.number(Figure::Number(day.exceptions))?;
            page.text.push_str("</tr>");
        }
        page.text.push_str("</table>");
        Ok(())
    }
}

struct Page {
    text: String,
    language: Language,
}

impl Page {
    fn say(&self, words: &Words) -> &'static str {
        words.of(self.language)
    }

    fn heading(&mut self, title: &Words, says: &Words) -> fmt::Result {
        let (title, says) = (self.say(title), self.say(says));
        write!(self.text, "<h2>{title}</h2><p>{says}</p>")
    }

    /// Begins a table.
    fn head(&mut self, names: &[&Words]) -> fmt::Result {
        self.text.push_str("<table><tr>");
        for name in names {
            let name = self.say(name);
            write!(self.text, "<th>{name}</th>")?;
        }
        self.text.push_str("</tr>");
        Ok(())
    }

    fn row(&mut self, name: &Words, value: &str) -> fmt::Result {
        let name = self.say(name);
        write!(self.text, "<tr><th>{name}</th><td>{}</td></tr>", Escaped(value))
    }

    fn number(&mut self, figure: Figure) -> fmt::Result {
        let figure = self.figure(figure);
        write!(self.text, "<td class=\"n\">{figure}</td>")
    }

    fn figure(&self, figure: Figure) -> String {
        match figure {
            Figure::Number(number) => number.to_string(),
            Figure::Word(word) => words::word(word, self.language).to_owned(),
        }
    }

    /// Basis points as a percentage.
    fn percent(&self, figure: Figure) -> String {
        match figure {
            Figure::Number(points) => format!("{}.{:02} %", points / 100, points % 100),
            Figure::Word(_) => self.figure(figure),
        }
    }

    fn time(&self, figure: Figure) -> String {
        match figure {
            Figure::Number(seconds) => format!("{seconds} s"),
            Figure::Word(_) => self.figure(figure),
        }
    }

    fn contact(&self, contact: Option<&Contact>) -> String {
        let Some(Contact { name, contact, joint_controller, representative, data_protection_officer }) =
            contact
        else {
            return self.say(&words::NOT_KNOWN).to_owned();
        };
        let mut said = format!("{}, {}", name.as_str(), contact.as_str());
        for (word, text) in [
            (&words::JOINT, joint_controller),
            (&words::REPRESENTATIVE, representative),
            (&words::OFFICER, data_protection_officer),
        ] {
            self.add(&mut said, word, text.as_ref());
        }
        said
    }

    fn place(&self, place: Option<&Place>) -> String {
        let Some(Place { name, third_country, safeguards }) = place else {
            return self.say(&words::NOT_KNOWN).to_owned();
        };
        let mut said = name.as_str().to_owned();
        self.add(&mut said, &words::THIRD_COUNTRY, third_country.as_ref());
        self.add(&mut said, &words::TRANSFER_SAFEGUARDS, safeguards.as_ref());
        said
    }

    fn add(&self, said: &mut String, word: &Words, text: Option<&Text>) {
        if let Some(text) = text {
            // writing to a string does not fail
            let _ = write!(said, "; {}: {}", self.say(word), text.as_str());
        }
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
