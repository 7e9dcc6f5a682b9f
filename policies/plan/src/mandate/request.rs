//! What is asked for, with what the tenant's publications say about it.

use std::collections::BTreeSet;

use grantbook_record::event::Audience;
use grantbook_record::{Term, Terms};

use super::consents::needed_consents;
use super::judgement::Why;
use crate::cover::{has_some_of, has_some_of_field};
use crate::tenant::{PublishedTemplate, TenantState};
use crate::vocabulary::Version;

/// Terms that somebody asks for, or that an agent has agreed to.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    pub(super) terms: &'a Terms,
    /// Of which kind the recipient is, if the template says so.
    pub(super) kind: Option<&'a Term>,
    /// Separate consents that agreeing takes.
    pub(super) consents: BTreeSet<&'a str>,
    /// Why the template leaves it to the customer.
    by_template: Option<Why>,
}

impl<'a> Request<'a> {
    /// Under the template and in the words that the terms name.
    pub fn new(terms: &'a Terms, tenant: &'a TenantState) -> Self {
        let template = tenant.template(&terms.template);
        let words = tenant.vocabulary.version(terms.vocabulary);
        let kinds = template.map(|template| &*template.bounds.kinds).unwrap_or_default();
        let kind = kinds.iter().find(|known| known.recipient == terms.recipient).map(|known| &known.kind);
        let by_template = match template {
            Some(template) => left_to_the_customer(template),
            None => Some(Why { what: "template", expected: "one that is published" }),
        };
        Self { by_template, ..Self::of_kind(terms, kind, words) }
    }

    /// From a recipient of this kind, under whatever template.
    pub(super) fn of_kind(terms: &'a Terms, kind: Option<&'a Term>, words: Option<&'a Version>) -> Self {
        Self { terms, kind, consents: needed_consents(terms, words), by_template: None }
    }

    /// What no rule can say for the customer.
    pub(super) fn reserved(&self) -> Option<Why> {
        let Terms { licence, supersedes, .. } = self.terms;
        let of_terms = [
            (licence.is_some(), Why { what: "licence", expected: "none: it is the customer's to give" }),
            (supersedes.is_some(), Why { what: "earlier grant", expected: "none that it ends" }),
        ];
        let mut of_terms = of_terms.into_iter().filter(|(reserved, _)| *reserved).map(|(_, why)| why);
        of_terms.next().or(self.by_template)
    }

    /// Whether something of a category is asked for.
    pub(super) fn touches(&self, category: &Term) -> bool {
        has_some_of(&self.terms.scope, category)
    }

    /// Whether something of a field is asked for.
    pub(super) fn touches_field(&self, category: &Term, field: &Term) -> bool {
        has_some_of_field(&self.terms.scope, category, field)
    }
}

fn left_to_the_customer(template: &PublishedTemplate) -> Option<Why> {
    let bounds = &template.bounds;
    if template.audience == Some(Audience::Enterprise) {
        return Some(Why { what: "template", expected: "one under which the customer gives alone" });
    }
    if bounds.signatures_min.is_some_and(|keys| keys.get() > 1) {
        return Some(Why { what: "template", expected: "one that asks for a single signature" });
    }
    bounds.birth_day.then_some(Why { what: "birth day", expected: "none: it is the customer's to state" })
}
