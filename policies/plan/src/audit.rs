//! Random audits: checks of what an operator has opened, and what follows from it.
//!
//! Specification: `docs/spec/audit.md`. An [`Auditor`] takes the answers line by line and keeps of each only what others are
//! compared with. What it cannot find: uses that were never recorded.

mod opened;
mod report;

use std::collections::{BTreeMap, BTreeSet};

use grantbook_record::audit::{Answer, AuditError, Request};
use grantbook_record::encoding::Bytes32;
use grantbook_record::entry::DayKey;
use grantbook_record::receipt::Content;
use grantbook_record::{Day, Entry, Jti, Kind, Receipt, TenantId};
use grantbook_tlog::{Demands, Hash, LeafIndex, LogKeys, TreeSize};

use crate::tenant::GroupTerms;
use opened::{Opened, Under};
pub use report::{Check, Finding, Report};

/// What is wrong with one answer.
#[derive(Debug)]
struct Fault {
    check: Check,
    what: String,
}

impl Fault {
    #[allow(clippy::needless_pass_by_value, reason = "errors end here")]
    fn new(check: Check, what: impl ToString) -> Self {
        Self { check, what: what.to_string() }
    }
}

/// What an answer without a fault has said.
enum Said {
    /// All of it, by kind, and whether the ledger had flagged it.
    All(Kind, bool),
    /// The entry, but not the terms that it is under: those are erased.
    WithoutTerms,
    /// Nothing: it is erased.
    Nothing,
}

/// Checks the answers to one request.
pub struct Auditor {
    keys: LogKeys,
    tree: (TreeSize, Hash),
    drawn: Vec<LeafIndex>,
    /// Their places in the draw.
    places: BTreeMap<u64, usize>,
    answered: BTreeSet<u64>,
    /// Place in the draw after the last answer.
    next: usize,
    known: Known,
    report: Report,
}

/// What must be the same in all answers.
#[derive(Default)]
struct Known {
    day_keys: BTreeMap<(Day, TenantId), Bytes32>,
    tenants: BTreeMap<Bytes32, TenantId>,
    groups: BTreeMap<(TenantId, u16), GroupTerms>,
}

impl Auditor {
    /// Begins with the regulator's own request, whose checkpoint is verified; the answers must be under this very tree.
    pub fn new(request: &Request, keys: &LogKeys, demands: &Demands) -> Result<Self, AuditError> {
        let vouched = demands.verify(keys, request.checkpoint().as_bytes())?;
        let drawn = request.draw()?;
        let checkpoint = &vouched.checkpoint;
        Ok(Self {
            tree: (checkpoint.size(), checkpoint.root()),
            places: drawn.iter().enumerate().map(|(place, index)| (index.0, place)).collect(),
            answered: BTreeSet::new(),
            next: 0,
            known: Known::default(),
            report: Report::new(request, &vouched, drawn.len()),
            drawn,
            keys: keys.clone(),
        })
    }

    /// The entries that must be answered, in this order.
    pub fn drawn(&self) -> &[LeafIndex] {
        &self.drawn
    }

    /// Checks the next answer: a line of JSON.
    pub fn take(&mut self, line: &[u8]) {
        let answer = match Answer::parse(line) {
            Ok(answer) => answer,
            Err(error) => return self.report.find(None, Fault::new(Check::Form, error)),
        };
        let index = Some(LeafIndex(answer.index));
        if let Err(fault) = self.in_order(answer.index) {
            self.report.find(index, fault);
        }
        match self.check(&answer) {
            Ok(said) => self.report.count(&said),
            Err(fault) => self.report.find(index, fault),
        }
    }

    /// What was found, once there are no more answers.
    pub fn finish(mut self) -> Report {
        for index in self.places.into_keys().filter(|index| !self.answered.contains(index)) {
            let fault = Fault::new(Check::Missing, "it was drawn and is not answered");
            self.report.find(Some(LeafIndex(index)), fault);
        }
        self.report.conclude();
        self.report
    }

    fn in_order(&mut self, index: u64) -> Result<(), Fault> {
        let Some(place) = self.places.get(&index).copied() else {
            return Err(Fault::new(Check::Order, "not drawn"));
        };
        if !self.answered.insert(index) {
            return Err(Fault::new(Check::Order, "answered twice"));
        }
        let in_order = place >= self.next;
        self.next = self.next.max(place + 1);
        if in_order { Ok(()) } else { Err(Fault::new(Check::Order, "answered after entries drawn later")) }
    }

    fn check(&mut self, answer: &Answer) -> Result<Said, Fault> {
        let receipt = self.receipt(&answer.receipt, Some(answer.index))?;
        let entry = Entry::parse(&receipt.entry.0).map_err(|error| Fault::new(Check::Receipt, error))?;
        let origin = self.keys.origin();
        let tag = DayKey::from_bytes(answer.day_key.0).tag(origin, LeafIndex(answer.index));
        if tag != entry.tag {
            return Err(Fault::new(Check::Tag, "the tag is not of this day key"));
        }
        if receipt.content == Content::Erased {
            return erasable(entry.kind).map(|()| Said::Nothing);
        }
        let opened = Opened::verify(receipt, &self.keys)?;
        self.check_owner(&opened, answer)?;
        let under = self.under(&opened, answer)?;
        opened.check_time()?;
        opened.check_under(&under, answer.flag)?;
        self.check_group(&opened)?;
        match &under {
            Under::Nothing => opened.check_group_without_target()?,
            Under::Erased => return Ok(Said::WithoutTerms),
            Under::Entry(under) => {
                self.check_group(under)?;
                opened.check_group_under(under)?;
            }
        }
        Ok(Said::All(opened.verified.entry.kind, answer.flag.is_some()))
    }

    /// A receipt in the regulator's own tree, of the entry at this index where one is given.
    fn receipt(&self, text: &str, index: Option<u64>) -> Result<Receipt, Fault> {
        let wrong = |error| Fault::new(Check::Receipt, error);
        let receipt = Receipt::parse(text.as_bytes()).map_err(wrong)?;
        let logged = receipt.verify_logged(&self.keys).map_err(wrong)?;
        if (logged.tree_size, logged.root) != self.tree {
            return Err(Fault::new(
                Check::Receipt,
                "its proof leads to another checkpoint than the request's",
            ));
        }
        if index.is_some_and(|index| logged.leaf_index != LeafIndex(index)) {
            let what = format!("the receipt is of entry {}", logged.leaf_index);
            return Err(Fault::new(Check::Receipt, what));
        }
        Ok(receipt)
    }

    /// One key for a day and an enterprise, and one enterprise for a key; the log's own key is known.
    fn check_owner(&mut self, opened: &Opened, answer: &Answer) -> Result<(), Fault> {
        let Opened { aud, verified, .. } = opened;
        let log = TenantId::of_log(self.keys.origin());
        if verified.entry.kind.is_public() != (*aud == log) {
            return Err(Fault::new(Check::Owner, "it is for the log itself, or is public, and not both"));
        }
        let day = verified.entry.day;
        let key = answer.day_key;
        if *aud == log
            && key.0 != grantbook_record::TagKey::of_log(self.keys.origin()).day_key(day).to_bytes()
        {
            return Err(Fault::new(Check::DayKey, "it is not the log's own"));
        }
        if *self.known.day_keys.entry((day, *aud)).or_insert(key) != key {
            return Err(Fault::new(
                Check::DayKey,
                "another entry of this enterprise and day has another key",
            ));
        }
        if *self.known.tenants.entry(key).or_insert(*aud) != *aud {
            return Err(Fault::new(Check::DayKey, "an entry of another enterprise has the same key"));
        }
        Ok(())
    }

    /// The entry that the link names.
    fn under(&self, opened: &Opened, answer: &Answer) -> Result<Under, Fault> {
        let fault = |what: &str| Err(Fault::new(Check::Link, what));
        if let (None, Some(mandate)) = (opened.target(), opened.named_mandate()) {
            return self.mandate(opened, mandate, answer.under.as_deref());
        }
        let (target, text) = match (opened.target(), &answer.under) {
            (None, None) => return Ok(Under::Nothing),
            (None, Some(_)) => return fault("it names no entry, and one is shown"),
            (Some(_), None) => return fault("the entry that it names is not shown"),
            (Some(target), Some(text)) => (target, text),
        };
        let receipt = self.receipt(text, Some(target.leaf_index))?;
        if target.leaf_index >= opened.verified.leaf_index.0 {
            return fault("it names a later entry");
        }
        let origin = Bytes32::sha256(self.keys.origin().as_bytes());
        if target.origin_sha256 != origin
            || target.leaf_hash.0 != grantbook_tlog::leaf_hash(&receipt.entry.0).0
        {
            return fault("the entry shown is not the one that it names");
        }
        if receipt.content == Content::Erased {
            let entry = Entry::parse(&receipt.entry.0).map_err(|error| Fault::new(Check::Receipt, error))?;
            return erasable(entry.kind).map(|()| Under::Erased);
        }
        let under = Opened::verify(receipt, &self.keys)?;
        if under.aud != opened.aud {
            return fault("it names an entry of another enterprise");
        }
        Ok(Under::Entry(Box::new(under)))
    }

    /// The mandate that an event names; it cannot be erased and the event not.
    fn mandate(&self, opened: &Opened, mandate: Jti, text: Option<&str>) -> Result<Under, Fault> {
        let fault = |what: &str| Err(Fault::new(Check::Mandate, what));
        let Some(text) = text else { return fault("the mandate that it names is not shown") };
        let receipt = self.receipt(text, None)?;
        let under = Opened::verify(receipt, &self.keys)?;
        if under.verified.leaf_index >= opened.verified.leaf_index {
            return fault("the mandate is a later entry");
        }
        if !under.is_mandate_of(opened, mandate) {
            return fault("the entry shown is not the mandate that it names");
        }
        Ok(Under::Entry(Box::new(under)))
    }

    /// A group stands for one mode and share, and these for one group.
    fn check_group(&mut self, opened: &Opened) -> Result<(), Fault> {
        let Some(terms) = opened.granted_terms() else { return Ok(()) };
        let (group, fixed) = (opened.link.group, GroupTerms::of(terms));
        let mut others = self.known.groups.iter().filter(|((aud, _), _)| *aud == opened.aud);
        if group == 0 || others.any(|((_, number), known)| (*number == group) != (*known == fixed)) {
            return Err(Fault::new(Check::Group, "it stands for other terms elsewhere"));
        }
        self.known.groups.insert((opened.aud, group), fixed);
        Ok(())
    }
}

/// Only what lies under a customer's key, or under one grant's, can be erased.
fn erasable(kind: Kind) -> Result<(), Fault> {
    let enterprises = matches!(
        kind,
        Kind::VocabularyPublished
            | Kind::TemplatePublished
            | Kind::NoticePublished
            | Kind::PolicyPublished
            | Kind::SubjectErased
            | Kind::TenantHandedOver
    );
    if kind.is_public() || enterprises {
        Err(Fault::new(Check::Erased, format!("{kind} is no customer's, and cannot be erased")))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
