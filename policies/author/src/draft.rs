//! What is wrong with a draft: all of it at once, each with the place in the draft and plain words.

use std::collections::BTreeMap;
use std::fmt;

use grantbook_plan::admission::{Refusal, TEXT_BYTES_MAX, beyond_template};
use grantbook_plan::notice::{self, Fault};
use grantbook_plan::vocabulary::Version;
use grantbook_plan::{PolicyPlan, Vocabulary, consents};
use grantbook_record::event::{Audience, Bounds, NoticePublished, TemplatePublished};
use grantbook_record::scope::Clause;
use grantbook_record::terms::Obligation;
use grantbook_record::{Term, Terms, VocabularyVersion};
use serde::Serialize;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where in the draft's JSON, such as `bounds.categories[1]`.
    pub at: String,
    /// What is wrong and what was expected, as a sentence without its full stop.
    pub what: String,
}

/// Everything that is wrong with a draft; never empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(transparent)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// The problems, in the draft's order.
    pub fn list(&self) -> &[Problem] {
        &self.0
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { "\n" };
            write!(f, "{separator}{}: {}", problem.at, problem.what)?;
        }
        Ok(())
    }
}

/// Checks a template before the enterprise signs it. Whether its version comes next is known to the ledger alone.
pub fn validate_template(template: &TemplatePublished, vocabulary: &Vocabulary) -> Result<(), Problems> {
    let mut found = Found::default();
    if template.version == 0 {
        found.add("version", "is 0, expected 1 for the first version");
    }
    for (at, text) in template.text.iter().enumerate() {
        for (name, value) in [("title", &text.title), ("body", &text.body)] {
            let bytes = value.len();
            if !(1..=TEXT_BYTES_MAX).contains(&bytes) {
                let what = format!("has {bytes} bytes, expected 1 to {TEXT_BYTES_MAX}");
                found.add(format!("text[{at}].{name}"), what);
            }
        }
        if template.text.iter().take(at).any(|earlier| earlier.language == text.language) {
            found.add(format!("text[{at}]"), "is the second text in one language, expected one for each");
        }
    }
    found.audience(template);
    found.bounds("bounds.", &template.bounds, vocabulary);
    found.into_result()
}

/// Checks bounds alone.
pub fn validate_bounds(bounds: &Bounds, vocabulary: &Vocabulary) -> Result<(), Problems> {
    let mut found = Found::default();
    found.bounds("", bounds, vocabulary);
    found.into_result()
}

/// Checks terms before anybody signs them, against the bounds of their template where these are known.
///
/// Stricter than admission: it also finds parts that have no effect, which an author hardly means.
pub fn validate_terms(
    terms: &Terms,
    bounds: Option<&Bounds>,
    vocabulary: &Vocabulary,
) -> Result<(), Problems> {
    let mut found = Found::default();
    let Some(vocabulary) = found.version("vocabulary", terms.vocabulary, vocabulary) else {
        return found.into_result();
    };
    found.known(String::from("purpose"), "purpose", &terms.purpose, &vocabulary.words().purposes);
    for (at, clause) in terms.scope.include.iter().enumerate() {
        found.clause(&format!("scope.include[{at}]"), clause, vocabulary);
    }
    let included = |category: &Term| terms.scope.include.iter().any(|clause| clause.category == *category);
    for (at, clause) in terms.scope.exclude.iter().enumerate() {
        let place = format!("scope.exclude[{at}]");
        found.clause(&place, clause, vocabulary);
        if !included(&clause.category) {
            found.add(place, format!("excludes `{}`, of which nothing is included", clause.category));
        }
    }
    for (at, obligation) in terms.obligations.iter().enumerate() {
        let fields = match obligation {
            Obligation::Mask(fields) | Obligation::KeepFields(fields) | Obligation::AuditOnly(fields) => {
                &*fields.fields
            }
            Obligation::Generalise(generalise) => std::slice::from_ref(&generalise.field),
            Obligation::DeleteBy(_) | Obligation::Watermark(_) | Obligation::Notify(_) => &[],
        };
        for field in fields {
            let categories = terms.scope.include.iter().map(|clause| &clause.category);
            if !categories.into_iter().any(|category| vocabulary.has_field(category, field)) {
                let what = format!("names the field `{field}`, which no included category has");
                found.add(format!("obligations[{at}]"), what);
            }
        }
    }
    // a draft that says when consents were given is one of somebody who has given them
    let given = terms.consents.iter().any(|consent| consent.given_at.is_some());
    if let Err(refusal) = consents::ticks(terms, given) {
        found.add("consents", refusal.to_string());
    }
    for refusal in bounds.into_iter().flat_map(|bounds| beyond_template(terms, bounds)) {
        if let Refusal::OutsideTemplate { what, expected } = refusal {
            found.add(place_of(what), format!("the {what} is outside the template, expected {expected}"));
        }
    }
    found.into_result()
}

/// Which separate consents terms lack that the rules of an enterprise demand for such terms.
pub fn validate_consents(terms: &Terms, rules: &PolicyPlan, vocabulary: &Vocabulary) -> Result<(), Problems> {
    let mut found = Found::default();
    if let Some(words) = found.version("vocabulary", terms.vocabulary, vocabulary) {
        for to in consents::missing(terms, words, Some(rules)) {
            found.add("consents", format!("lack one to `{to}`, which such terms need separately"));
        }
    }
    found.into_result()
}

/// What a notice's contents lack or contradict, before it is signed.
pub fn validate_notice(
    notice: &NoticePublished,
    rules: Option<&PolicyPlan>,
    vocabulary: &Vocabulary,
) -> Result<(), Problems> {
    let mut found = Found::default();
    let bytes = notice.text.len();
    if !(1..=TEXT_BYTES_MAX).contains(&bytes) {
        found.add("text", format!("has {bytes} bytes, expected 1 to {TEXT_BYTES_MAX}"));
    }
    if let Some(contents) = &notice.contents {
        for fault in notice::faults(contents, &notice.text, vocabulary.latest(), rules) {
            match fault {
                Fault::Contents(expected) => found.add("contents", format!("expected {expected}")),
                Fault::Lacks(law, part, provision) => {
                    let (member, law) = (part.member(), law.word());
                    found.add(
                        format!("contents.{member}"),
                        format!("is missing, which {law} {provision} asks for"),
                    );
                }
            }
        }
    }
    found.into_result()
}

/// Where a draft of terms has the part that admission calls `what`.
fn place_of(what: &str) -> &str {
    match what {
        "category" => "scope.include",
        "cap" => "limits.uses",
        "retention" => "limits.retention_days",
        "level" => "limits.level",
        "price" | "budget" => "compensation",
        same => same,
    }
}

#[derive(Default)]
struct Found(Vec<Problem>);

impl Found {
    fn add(&mut self, at: impl Into<String>, what: impl Into<String>) {
        self.0.push(Problem { at: at.into(), what: what.into() });
    }

    fn into_result(self) -> Result<(), Problems> {
        if self.0.is_empty() { Ok(()) } else { Err(Problems(self.0)) }
    }

    fn version<'v>(
        &mut self,
        at: &str,
        number: VocabularyVersion,
        vocabulary: &'v Vocabulary,
    ) -> Option<&'v Version> {
        let version = vocabulary.version(number);
        if version.is_none() {
            let latest = vocabulary.latest().number();
            self.add(at, format!("is version {number}, expected one up to {latest}"));
        }
        version
    }

    /// What only some of those who give grants can be asked for.
    fn audience(&mut self, template: &TemplatePublished) {
        let TemplatePublished { audience, phase, bounds, .. } = template;
        let person = matches!(audience, None | Some(Audience::Person));
        if person && phase.is_some() {
            self.add("phase", "is of a project, which only organisations have");
        }
        if person && bounds.tier.is_some() {
            self.add("bounds.tier", "is agreed with organisations, expected the audience `organisation`");
        }
        if !person && bounds.birth_day {
            self.add("bounds.birth_day", "is asked of an organisation, which has none");
        }
    }

    fn bounds(&mut self, prefix: &str, bounds: &Bounds, vocabulary: &Vocabulary) {
        let Some(vocabulary) = self.version(&format!("{prefix}vocabulary"), bounds.vocabulary, vocabulary)
        else {
            return;
        };
        for (name, terms) in [
            ("controllers", &*bounds.controllers),
            ("recipients", &*bounds.recipients),
            ("purposes", &*bounds.purposes),
            ("categories", &*bounds.categories),
        ] {
            self.once(&format!("{prefix}{name}"), terms);
        }
        for (at, purpose) in bounds.purposes.iter().enumerate() {
            self.known(format!("{prefix}purposes[{at}]"), "purpose", purpose, &vocabulary.words().purposes);
        }
        for (at, category) in bounds.categories.iter().enumerate() {
            self.known(
                format!("{prefix}categories[{at}]"),
                "category",
                category,
                &vocabulary.words().categories,
            );
        }
        for (at, rule) in bounds.fields.iter().enumerate() {
            if !bounds.categories.contains(&rule.category)
                || !vocabulary.has_field(&rule.category, &rule.field)
            {
                let what = format!(
                    "names `{}.{}`, which is no field of these categories",
                    rule.category, rule.field
                );
                self.add(format!("{prefix}fields[{at}]"), what);
            }
        }
        if bounds.validity_days_max == 0 {
            let what = "is 0, which no grant can satisfy, expected at least 1 day";
            self.add(format!("{prefix}validity_days_max"), what);
        }
    }

    fn clause(&mut self, place: &str, clause: &Clause, vocabulary: &Version) {
        self.known(format!("{place}.category"), "category", &clause.category, &vocabulary.words().categories);
        let fields = clause.fields.as_deref().unwrap_or_default();
        self.once(&format!("{place}.fields"), fields);
        // of an unknown category no field is known; saying so would hide the one mistake
        if let Some(category) = vocabulary.words().categories.get(&clause.category) {
            for (at, field) in fields.iter().enumerate() {
                self.known(format!("{place}.fields[{at}]"), "field", field, &category.fields);
            }
        }
        for (at, condition) in clause.filter.iter().enumerate() {
            if clause.filter.iter().take(at).any(|earlier| earlier.attribute == condition.attribute) {
                let what = format!(
                    "is a second condition on `{}`, expected one that lists all its values",
                    condition.attribute
                );
                self.add(format!("{place}.filter[{at}]"), what);
            }
        }
    }

    fn known<V>(&mut self, at: String, what: &str, term: &Term, known: &BTreeMap<Term, V>) {
        if !known.contains_key(term) {
            let known: Vec<&str> = known.keys().map(Term::as_str).collect();
            self.add(at, format!("unknown {what} `{term}`, expected one of {}", known.join(", ")));
        }
    }

    fn once(&mut self, place: &str, terms: &[Term]) {
        for (at, term) in terms.iter().enumerate() {
            if terms.iter().take(at).any(|earlier| earlier == term) {
                self.add(format!("{place}[{at}]"), format!("names `{term}` a second time"));
            }
        }
    }
}

#[cfg(test)]
mod tests;
