//! Agreeing to less than was asked for. Nothing here can widen anything: what is left out is excluded, limits only fall.

use grantbook_record::day::UnixSeconds;
use grantbook_record::list::List;
use grantbook_record::scope::Clause;
use grantbook_record::terms::{UseCap, Validity};
use grantbook_record::{Term, Terms};

const SECONDS_PER_DAY: u64 = 86_400;

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
    /// From the query or the body of the form. Repeated names are what HTML's check boxes send.
    pub fn of_form(form: &str) -> Self {
        let mut narrowing = Self::default();
        for pair in form.split('&').take(256) {
            let Some((name, value)) = pair.split_once('=') else { continue };
            match name {
                // a form writes the slash as %2F; terms have no other character that it would escape
                "without" => narrowing.without.push(value.replace("%2F", "/").replace("%2f", "/")),
                "days" => narrowing.days = value.parse().ok(),
                "uses" => narrowing.uses = value.parse().ok(),
                _ => {}
            }
        }
        narrowing
    }

    /// Whether nothing is narrowed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What is left of the terms; `None` if that is nothing. What the form names and the terms do not have is passed over.
    pub fn apply(&self, asked: &Terms) -> Option<Terms> {
        let mut terms = asked.clone();
        let named = |term: &str| self.without.iter().any(|without| without == term);
        let include: Vec<Clause> =
            asked.scope.include.iter().filter(|clause| !named(clause.category.as_str())).cloned().collect();
        let mut exclude = asked.scope.exclude.to_vec();
        for without in &self.without {
            let Some((category, field)) = without.split_once('/') else { continue };
            let (Ok(category), Ok(field)) = (Term::parse(category), Term::parse(field)) else { continue };
            if include.iter().any(|clause| clause.category == category) {
                leave_out(&mut exclude, category, field);
            }
        }
        terms.scope.include = List::new(include)?;
        terms.scope.exclude = List::new(exclude)?;
        if let Some(days) = self.days {
            let start = terms.validity.start();
            let end = start.0.saturating_add(u64::from(days).saturating_mul(SECONDS_PER_DAY));
            terms.validity = Validity::new(start, UnixSeconds(end.min(terms.validity.end().0)))?;
        }
        if let Some(uses) = self.uses {
            let most = terms.limits.uses.map_or(u32::MAX, UseCap::get);
            terms.limits.uses = Some(UseCap::new(uses.min(most))?);
        }
        Some(terms)
    }
}

/// One clause for each category, with all its fields: what is excluded anywhere is excluded.
fn leave_out(exclude: &mut Vec<Clause>, category: Term, field: Term) {
    let plain = |clause: &&mut Clause| {
        clause.category == category && clause.period.is_none() && clause.filter.is_empty()
    };
    if let Some(clause) = exclude.iter_mut().find(plain)
        && let Some(fields) = &clause.fields
    {
        let mut all = fields.to_vec();
        if !all.contains(&field) {
            all.push(field.clone());
        }
        if let Some(fields) = List::new(all) {
            clause.fields = Some(fields);
            return;
        }
    }
    exclude.push(Clause { category, period: None, fields: List::new(vec![field]), filter: List::default() });
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
        Narrowing::of_form(form).apply(&asked())
    }

    #[test]
    fn fields_and_categories_are_left_out() {
        let terms =
            narrowed("without=driving%2Fspeed&without=driving%2fdate&without=fast-charging/soc").unwrap();
        let excluded: Vec<_> =
            terms.scope.exclude.iter().map(|clause| clause.fields.as_ref().unwrap().len()).collect();
        assert_eq!(excluded, [3, 1]);
        let terms = narrowed("without=driving").unwrap();
        assert_eq!(terms.scope.include.len(), 1);
        assert_eq!(narrowed("without=driving&without=fast-charging"), None, "nothing is left");
    }

    #[test]
    fn nothing_widens() {
        for form in ["days=100000&uses=4000000000", "", "without=dreams/all&without=%00&days=x&uses=-1"] {
            assert_eq!(narrowed(form), Some(asked()), "{form}");
        }
        let terms = narrowed("days=7&uses=3").unwrap();
        assert_eq!(terms.validity.end().0 - terms.validity.start().0, 7 * SECONDS_PER_DAY);
        assert_eq!(terms.limits.uses.map(UseCap::get), Some(3));
        assert_eq!((narrowed("days=0"), narrowed("uses=0")), (None, None), "that would be no grant");
    }
}
