//! One question about many customers: which of them may I use this for?

mod recorded;

use std::borrow::Borrow;

use grantbook_plan::decide::{Decision, Denial};
use grantbook_record::uses::UseFacts;
use grantbook_record::{DenialReason, SubjectId};

use crate::clock::BootTime;
use crate::gate::Gate;
use crate::replica::Replica;

pub use recorded::{BulkMark, BulkRun, RecordedAnswer, RecordedFilter, RecordedUse};

/// Customers who are decided under one reading of the replica: the feed waits as long.
const CHUNK: usize = 1024;

/// A customer and the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filtered<T> {
    /// As it came.
    pub item: T,
    /// What [`Gate::decide`] says of the use of this customer's data.
    pub decision: Decision,
}

/// Answers in the order of the customers, see [`Gate::filter`].
pub struct Filter<'g, I: Iterator> {
    gate: &'g Gate,
    facts: UseFacts,
    items: std::iter::Fuse<I>,
    answered: std::vec::IntoIter<Filtered<I::Item>>,
}

impl<I: Iterator> std::fmt::Debug for Filter<'_, I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Filter").finish_non_exhaustive()
    }
}

impl Gate {
    /// Asks about each of these customers what [`Gate::decide`] answers for one: `facts` with the customer as whose data
    /// is used. Nothing is recorded, so no answer is a permission to use anything, and caps and rates are not looked at.
    ///
    /// Customers are taken from the iterator in chunks of 1,024. Each chunk is decided as of one moment, with freshness
    /// asked again: where the replica goes stale on the way, the rest is denied as stale. A remote gate denies all of
    /// them as stale.
    pub fn filter<I>(&self, facts: &UseFacts, customers: I) -> Filter<'_, I::IntoIter>
    where
        I: IntoIterator,
        I::Item: Borrow<SubjectId>,
    {
        Filter {
            gate: self,
            facts: facts.clone(),
            items: customers.into_iter().fuse(),
            answered: Vec::new().into_iter(),
        }
    }
}

impl<I> Filter<'_, I>
where
    I: Iterator,
    I::Item: Borrow<SubjectId>,
{
    fn answer(&mut self, items: Vec<I::Item>) -> Vec<Filtered<I::Item>> {
        let Some(link) = self.gate.link() else {
            return all_denied(items, DenialReason::Stale);
        };
        let facts = &mut self.facts;
        let mut items = items;
        let now = BootTime::now();
        let answered = link.read(|replica| replica.decide_each(facts, std::mem::take(&mut items), now));
        answered.unwrap_or_else(|| all_denied(items, DenialReason::EvaluationError))
    }
}

impl Replica {
    /// Decides about each of these customers as of one moment; `facts` are left with the last of them.
    pub fn decide_each<T: Borrow<SubjectId>>(
        &self,
        facts: &mut UseFacts,
        customers: Vec<T>,
        now: BootTime,
    ) -> Vec<Filtered<T>> {
        let decide = |item: T| {
            facts.data_subject.clone_from(item.borrow());
            let decision = self.decide(facts, None, now);
            Filtered { item, decision }
        };
        customers.into_iter().map(decide).collect()
    }
}

fn all_denied<T>(items: Vec<T>, reason: DenialReason) -> Vec<Filtered<T>> {
    let denied = |item| Filtered { item, decision: Decision::Denial(Denial::of(reason)) };
    items.into_iter().map(denied).collect()
}

impl<I> Iterator for Filter<'_, I>
where
    I: Iterator,
    I::Item: Borrow<SubjectId>,
{
    type Item = Filtered<I::Item>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(answered) = self.answered.next() {
            return Some(answered);
        }
        let items: Vec<I::Item> = self.items.by_ref().take(CHUNK).collect();
        self.answered = self.answer(items).into_iter();
        self.answered.next()
    }
}
