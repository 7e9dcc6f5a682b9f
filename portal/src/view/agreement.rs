//! Terms as facts: the same at the request, on the grant's page, at its end and in the enterprise's preview.

use std::collections::BTreeSet;

use grantbook_record::compensation::{TieredPrice, TieredShare};
use grantbook_record::day::{DataPeriod, UnixSeconds};
use grantbook_record::event::Law;
use grantbook_record::money::Price;
use grantbook_record::scope::Clause;
use grantbook_record::terms::{Compensation, Level, Obligation, RevenueShare, UseCap};
use grantbook_record::{Currency, Term, Terms};

use super::{Names, Wording, as_phrase};

/// What a customer agrees to, or is asked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// Who decides why and how the data is used.
    pub controller: Wording,
    /// Who receives it.
    pub recipient: Wording,
    /// What for.
    pub purpose: Wording,
    /// Which data.
    pub clusters: Vec<Cluster>,
    /// Which of it not.
    pub left_out: Vec<Cluster>,
    /// First second.
    pub from: UnixSeconds,
    /// First second after it.
    pub until: UnixSeconds,
    /// Uses at most.
    pub uses_max: Option<u32>,
    /// Uses at most within so many seconds.
    pub rate: Option<(u32, u32)>,
    /// Days after a use by which the data is deleted.
    pub kept_days: Option<u32>,
    /// How far a service may be fitted to the customer, 0 to 4.
    pub level: Option<u8>,
    /// What the customer gets.
    pub pay: Pay,
    /// What the recipient has to do.
    pub duties: Vec<Duty>,
    /// Consents given separately.
    pub consents: Vec<Term>,
    /// Name and version of the template that bounds the terms.
    pub template: (String, u32),
}

/// A separate consent, as the customer is asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentAsked {
    /// What to.
    pub to: Term,
    /// The sentence by which it is asked; `None` where the enterprise has published none that terms name: then nobody can give it.
    pub sentence: Option<String>,
    /// Laws that ask for it, each with the article.
    pub basis: Vec<(Law, &'static str)>,
    /// Whether there is no grant without it.
    pub required: bool,
}

/// Data of one category.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// The category, as forms name it.
    pub category: Term,
    /// What it is called.
    pub name: Wording,
    /// The days on which the data arose; `None`: any.
    pub period: Option<DataPeriod>,
    /// Whether all fields are meant.
    pub whole: bool,
    /// The fields: of a whole category all that it has today.
    pub fields: Vec<Field>,
    /// Only rows with these attributes: a name, and the values that it may have.
    pub only: Vec<(String, Vec<String>)>,
}

impl Cluster {
    /// Whether it has every row of this field.
    fn covers(&self, category: &Term, field: &Field) -> bool {
        self.category == *category
            && self.period.is_none()
            && self.only.is_empty()
            && self.fields.contains(field)
    }
}

/// A field of a category.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Field {
    /// As forms name it.
    pub term: Term,
    /// What it is called.
    pub name: Wording,
}

/// What the customer gets for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pay {
    /// Nothing.
    Nothing,
    /// Once.
    Once(Price),
    /// For each use.
    EachUse(Price),
    /// A part of revenue.
    Share(RevenueShare),
    /// For each use, more from some number on.
    RisingPrice(TieredPrice),
    /// A part of revenue, more above some amount.
    RisingShare(TieredShare),
    /// Something other than money.
    Benefit(Wording),
}

impl Pay {
    /// The currency of what is paid for each use or once; `None` for anything else.
    pub fn currency(&self) -> Option<Currency> {
        match self {
            Self::Once(price) | Self::EachUse(price) => Some(price.currency),
            Self::RisingPrice(price) => Some(price.currency),
            Self::Nothing | Self::Share(_) | Self::RisingShare(_) | Self::Benefit(_) => None,
        }
    }

    /// Whether it is money.
    pub fn is_money(&self) -> bool {
        !matches!(self, Self::Nothing | Self::Benefit(_))
    }
}

/// What the recipient has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Duty {
    /// Hide the values of these fields.
    Mask(Vec<Wording>),
    /// Take nothing but these fields.
    Keep(Vec<Wording>),
    /// Coarsen a field.
    Coarsen(Wording, String),
    /// Delete within days.
    Delete(u32),
    /// Mark what it passes on.
    Mark(String),
    /// Tell somebody of each use.
    Tell(Wording),
    /// Show these fields in audits alone.
    AuditOnly(Vec<Wording>),
}

impl Agreement {
    /// From terms as they were signed or asked for.
    pub fn of(terms: &Terms, names: &impl Names) -> Self {
        let known: Vec<(Term, Wording)> =
            terms.scope.include.iter().flat_map(|clause| names.fields(&clause.category)).collect();
        let field = |term: &Term| {
            let name = known.iter().find(|(known, _)| known == term);
            name.map_or_else(|| Wording::same(term.as_str()), |(_, name)| name.clone())
        };
        let fields = |terms: &[Term]| terms.iter().map(field).collect();
        let duty = |obligation: &Obligation| match obligation {
            Obligation::Mask(mask) => Duty::Mask(fields(&mask.fields)),
            Obligation::KeepFields(keep) => Duty::Keep(fields(&keep.fields)),
            Obligation::Generalise(coarsen) => {
                Duty::Coarsen(field(&coarsen.field), coarsen.to.as_str().to_owned())
            }
            Obligation::DeleteBy(delete) => Duty::Delete(delete.days.get()),
            Obligation::Watermark(mark) => Duty::Mark(mark.label.as_str().to_owned()),
            Obligation::Notify(tell) => Duty::Tell(names.party(&tell.party)),
            Obligation::AuditOnly(seen) => Duty::AuditOnly(fields(&seen.fields)),
        };
        let left_out = clusters(&terms.scope.exclude, names);
        let mut clusters = clusters(&terms.scope.include, names);
        for cluster in &mut clusters {
            // a field that is left out whenever and wherever is not listed among those that are meant
            cluster.fields.retain(|field| !left_out.iter().any(|left| left.covers(&cluster.category, field)));
        }
        Self {
            controller: names.party(&terms.controller),
            recipient: names.party(&terms.recipient),
            purpose: names.purpose(&terms.purpose),
            clusters,
            left_out,
            from: terms.validity.start(),
            until: terms.validity.end(),
            uses_max: terms.limits.uses.map(UseCap::get),
            rate: terms.limits.rate.map(|rate| (rate.uses.get(), rate.seconds.get())),
            kept_days: terms.deletion_days(),
            level: terms.limits.level.map(Level::get),
            pay: pay(&terms.compensation),
            duties: terms.obligations.iter().map(duty).collect(),
            consents: terms.consents.iter().map(|consent| consent.to.clone()).collect(),
            template: (terms.template.id.as_str().to_owned(), terms.template.version),
        }
    }

    /// The categories with their names, each once.
    pub fn categories(&self) -> Vec<(&Term, &Wording)> {
        let mut seen = BTreeSet::new();
        let once = self.clusters.iter().filter(|cluster| seen.insert(&cluster.category));
        once.map(|cluster| (&cluster.category, &cluster.name)).collect()
    }

    /// Names of the categories, each once.
    pub fn data(&self) -> Vec<&Wording> {
        self.categories().into_iter().map(|(_, name)| name).collect()
    }
}

fn clusters(clauses: &[Clause], names: &impl Names) -> Vec<Cluster> {
    let cluster = |clause: &Clause| {
        let known = names.fields(&clause.category);
        let field = |term: &Term| {
            let name = known.iter().find(|(known, _)| known == term).map(|(_, name)| name.clone());
            Field { term: term.clone(), name: name.unwrap_or_else(|| Wording::same(term.as_str())) }
        };
        Cluster {
            category: clause.category.clone(),
            name: names.category(&clause.category),
            period: clause.period,
            whole: clause.fields.is_none(),
            fields: match &clause.fields {
                Some(fields) => fields.iter().map(field).collect(),
                None => known.iter().map(|(term, _)| field(term)).collect(),
            },
            only: clause.filter.iter().map(condition).collect(),
        }
    };
    clauses.iter().map(cluster).collect()
}

fn condition(condition: &grantbook_record::scope::Condition) -> (String, Vec<String>) {
    let values = condition.any_of.iter().map(|value| value.as_str().to_owned());
    (condition.attribute.as_str().to_owned(), values.collect())
}

fn pay(compensation: &Compensation) -> Pay {
    match compensation {
        Compensation::None => Pay::Nothing,
        Compensation::PerGrant(price) => Pay::Once(*price),
        Compensation::PerUse(price) => Pay::EachUse(*price),
        Compensation::RevenueShare(share) => Pay::Share(*share),
        Compensation::TieredPrice(price) => Pay::RisingPrice(price.clone()),
        Compensation::TieredShare(share) => Pay::RisingShare(share.clone()),
        Compensation::Benefit(benefit) => Pay::Benefit(Wording::same(as_phrase(&benefit.what))),
    }
}

#[cfg(all(test, feature = "gallery"))]
mod tests {
    use crate::gallery::quote;

    #[test]
    fn a_field_that_is_left_out_is_not_counted_among_those_that_are_meant() {
        let agreement = quote();
        let charging = &agreement.clusters[0];
        assert_eq!((charging.whole, charging.fields.len()), (true, 5), "of six, work orders are left out");
        assert_eq!(agreement.left_out[0].fields[0].term.as_str(), "work_order");
        assert_eq!(agreement.clusters[1].fields.len(), 2);
        assert_eq!(agreement.data().len(), 2);
    }
}
