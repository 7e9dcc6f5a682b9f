//! Agreeing to less than was asked for. Nothing here can widen anything: what is left out is excluded, limits only fall.

use std::collections::BTreeMap;

use grantbook_record::day::UnixSeconds;
use grantbook_record::list::List;
use grantbook_record::scope::Clause;
use grantbook_record::terms::{UseCap, Validity};
use grantbook_record::{Scope, Term, Terms};

use crate::failure::Failure;

const SECONDS_PER_DAY: u64 = 86_400;
/// Names and values of one form.
const PAIRS_MAX: usize = 256;

/// How a customer narrows a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Narrowing {
    /// `category/field`, or a whole category.
    pub without: Vec<String>,
    /// Days from its start, fewer than asked for.
    pub days: Option<u32>,
    /// Fewer uses than asked for.
    pub uses: Option<u32>,
}

impl Narrowing {
    /// From the query of the form's preview. Repeated names are what HTML's check boxes send; what cannot be read is passed
    /// over, as nothing is decided by it.
    pub fn of_query(query: &str) -> Self {
        let mut narrowing = Self::default();
        for pair in query.split('&').take(PAIRS_MAX) {
            let Some((name, value)) = pair.split_once('=') else { continue };
            // a form writes the slash as %2F; terms have no other character that it would escape
            let _ = narrowing.take(name, value.replace("%2F", "/").replace("%2f", "/"));
        }
        narrowing
    }

    /// From the form by which the customer answers.
    pub fn of_form(pairs: &[(String, String)]) -> Result<Self, Failure> {
        let mut narrowing = Self::default();
        for (name, value) in pairs.iter().take(PAIRS_MAX) {
            narrowing.take(name, value.clone())?;
        }
        Ok(narrowing)
    }

    fn take(&mut self, name: &str, value: String) -> Result<(), Failure> {
        let number =
            |text: &str| text.parse().map_err(|_| Failure::Malformed("a number of days or uses".to_owned()));
        match name {
            "without" => self.without.push(value),
            "days" if !value.is_empty() => self.days = Some(number(&value)?),
            "uses" if !value.is_empty() => self.uses = Some(number(&value)?),
            _ => {}
        }
        Ok(())
    }

    /// The query that [`Self::of_query`] reads.
    pub fn to_query(&self) -> String {
        let without = self.without.iter().map(|left_out| format!("without={}", left_out.replace('/', "%2F")));
        let days = self.days.map(|days| format!("days={days}"));
        let uses = self.uses.map(|uses| format!("uses={uses}"));
        without.chain(days).chain(uses).collect::<Vec<_>>().join("&")
    }

    /// Whether nothing is narrowed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The terms that are left; `None` where nothing is, or where it names what was not asked for.
    pub fn apply(&self, asked: &Terms) -> Option<Terms> {
        let mut fields: BTreeMap<Term, Vec<Term>> = BTreeMap::new();
        let mut categories = Vec::new();
        for left_out in &self.without {
            match left_out.split_once('/') {
                Some((category, field)) => {
                    let field = Term::parse(field).ok()?;
                    fields.entry(Term::parse(category).ok()?).or_default().push(field);
                }
                None => categories.push(Term::parse(left_out).ok()?),
            }
        }
        let is_asked =
            |category: &Term| asked.scope.include.iter().any(|clause| clause.category == *category);
        if !fields.keys().chain(&categories).all(is_asked) {
            return None;
        }
        let include = asked.scope.include.iter().filter(|clause| !categories.contains(&clause.category));
        let mut exclude = asked.scope.exclude.to_vec();
        // clauses that are there stay as they are, or the terms would not count as narrower
        for (category, mut fields) in
            fields.into_iter().filter(|(category, _)| !categories.contains(category))
        {
            fields.sort();
            fields.dedup();
            let clause =
                Clause { category, period: None, fields: Some(List::new(fields)?), filter: List::default() };
            if !exclude.contains(&clause) {
                exclude.push(clause);
            }
        }
        let mut left = asked.clone();
        left.scope = Scope { include: List::new(include.cloned().collect())?, exclude: List::new(exclude)? };
        if let Some(days) = self.days {
            let start = asked.validity.start();
            let end = start.0.saturating_add(u64::from(days).saturating_mul(SECONDS_PER_DAY));
            left.validity = Validity::new(start, UnixSeconds(end.min(asked.validity.end().0)))?;
        }
        if let Some(uses) = self.uses {
            let most = asked.limits.uses.map_or(u32::MAX, UseCap::get);
            left.limits.uses = Some(UseCap::new(uses.min(most))?);
        }
        Some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use grantbook_record::strict_json;

    fn asked() -> Terms {
        let hash = "A".repeat(43);
        let json = format!(
            r#"{{"controller":"meridian","recipient":"harbour","purpose":"research","scope":{{"include":[{{"category":"driving"}},{{"category":"fast-charging"}}],"exclude":[{{"category":"driving","fields":["location"]}}]}},"validity":{{"start":1800000000,"end":1808640000}},"limits":{{"uses":20}},"compensation":"none","notice":{{"hash":"{hash}","language":"en","shown_at":1800000000}},"template":{{"id":"t","version":1,"hash":"{hash}"}}}}"#
        );
        strict_json::parse(json.as_bytes()).unwrap()
    }

    fn narrowed(form: &str) -> Option<Terms> {
        Narrowing::of_query(form).apply(&asked())
    }

    #[test]
    fn fields_and_categories_are_left_out() {
        let terms =
            narrowed("without=driving%2Fspeed&without=driving%2fdate&without=fast-charging/soc").unwrap();
        let excluded: Vec<_> =
            terms.scope.exclude.iter().map(|clause| clause.fields.as_ref().unwrap().len()).collect();
        assert_eq!(excluded, [1, 2, 1]);
        let terms = narrowed("without=driving").unwrap();
        assert_eq!(terms.scope.include.len(), 1);
        assert_eq!(narrowed("without=driving&without=fast-charging"), None, "nothing is left");
    }

    #[test]
    fn nothing_widens() {
        for form in ["days=100000&uses=4000000000", "", "days=x&uses=-1"] {
            assert_eq!(narrowed(form), Some(asked()), "{form}");
        }
        let terms = narrowed("days=7&uses=3").unwrap();
        assert_eq!(terms.validity.end().0 - terms.validity.start().0, 7 * SECONDS_PER_DAY);
        assert_eq!(terms.limits.uses.map(UseCap::get), Some(3));
        assert_eq!((narrowed("days=0"), narrowed("uses=0")), (None, None), "that would be no grant");
        assert_eq!(
            (narrowed("without=dreams/all"), narrowed("without=%00")),
            (None, None),
            "nobody asked for it"
        );
        assert!(Narrowing::of_form(&[("days".to_owned(), "x".to_owned())]).is_err());
    }
}
