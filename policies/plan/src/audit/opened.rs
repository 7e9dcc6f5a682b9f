//! One entry with a verified receipt, and what must hold between it and the entry that its link names.

use grantbook_record::day::{SecondsSince2020, UnixSeconds};
use grantbook_record::entry::LinkTarget;
use grantbook_record::event::{Event, Money};
use grantbook_record::receipt::{LinkOpening, VerifiedContent, VerifiedReceipt};
use grantbook_record::uses::UseRecord;
use grantbook_record::{
    Class, Currency, DenialReason, Jti, Kind, Quantity, Receipt, SubjectId, TenantId, Terms,
    VocabularyVersion,
};
use grantbook_tlog::LogKeys;

use super::Fault;
use super::report::Check;
use crate::admission::check_amendment;
use crate::decide::judge_terms;
use crate::mandate;
use crate::vocabulary::Vocabulary;

pub(super) struct Opened {
    pub(super) verified: VerifiedReceipt,
    pub(super) link: LinkOpening,
    /// The enterprise, or the log.
    pub(super) aud: TenantId,
}

/// What is shown of the entry that a link names.
pub(super) enum Under {
    /// It names none.
    Nothing,
    /// That it is there.
    Erased,
    /// All of it.
    Entry(Box<Opened>),
}

/// A grant's terms as an entry puts them in force.
struct InForce<'a> {
    grant: Jti,
    sub: &'a SubjectId,
    terms: &'a Terms,
    starts: UnixSeconds,
}

impl Opened {
    pub(super) fn verify(receipt: Receipt, keys: &LogKeys) -> Result<Self, Fault> {
        let verified = receipt.verify(keys).map_err(|error| Fault::new(Check::Receipt, error))?;
        let aud = match &verified.content {
            VerifiedContent::Event { claims, .. } => claims.aud,
            VerifiedContent::Use { batch, .. } => batch.aud,
        };
        Ok(Self { verified, link: receipt.link, aud })
    }

    /// The entry that the link names, where it names one.
    pub(super) fn target(&self) -> Option<&LinkTarget> {
        Some(&self.link.target).filter(|target| **target != LinkTarget::NONE)
    }

    fn event(&self) -> Option<&Event> {
        match &self.verified.content {
            VerifiedContent::Event { claims, .. } => Some(&claims.event),
            VerifiedContent::Use { .. } => None,
        }
    }

    fn record(&self) -> Option<&UseRecord> {
        match &self.verified.content {
            VerifiedContent::Event { .. } => None,
            VerifiedContent::Use { record, .. } => Some(record),
        }
    }

    fn jti(&self) -> Option<Jti> {
        match &self.verified.content {
            VerifiedContent::Event { claims, .. } => Some(claims.jti),
            VerifiedContent::Use { .. } => None,
        }
    }

    /// The mandate that an event names.
    pub(super) fn named_mandate(&self) -> Option<Jti> {
        self.event().and_then(Event::named_mandate)
    }

    /// Whether it is the `mandate.given` of this `jti`, of the same customer at the same enterprise.
    pub(super) fn is_mandate_of(&self, other: &Self, mandate: Jti) -> bool {
        let subject = |opened: &Self| opened.event().and_then(Event::subject).cloned();
        matches!(self.event(), Some(Event::MandateGiven(_)))
            && self.jti() == Some(mandate)
            && self.aud == other.aud
            && subject(self) == subject(other)
    }

    /// Whoever signed under a mandate was its agent, while it was in force, and kept within it.
    fn check_mandate(&self, event: &Event, under: &Self) -> Result<(), Fault> {
        let (Some(Event::MandateGiven(mandate)), VerifiedContent::Event { keys, .. }) =
            (under.event(), &self.verified.content)
        else {
            return Ok(());
        };
        let wider = |refusal| Fault::new(Check::Mandate, refusal);
        match event {
            Event::GrantGiven(given) => mandate::may_narrow(mandate, &given.terms).map_err(wider)?,
            Event::MandateGiven(child) => mandate::check_handed_on(child, mandate).map_err(wider)?,
            Event::RequestDeclined(_) => {}
            // the customer ends it by a key that is not shown here
            _ => return Ok(()),
        }
        if keys[..] != [mandate.agent] {
            return Err(Fault::new(Check::Mandate, "signed by another key than the agent's"));
        }
        if self.verified.entry.day.begins().seconds() >= mandate.until {
            return Err(Fault::new(Check::Mandate, "the mandate had ended by its time"));
        }
        Ok(())
    }

    pub(super) fn granted_terms(&self) -> Option<&Terms> {
        self.event().and_then(Event::granted_terms)
    }

    fn quantity(&self, wanted: Quantity) -> Option<u64> {
        self.verified.quantities.iter().find(|(quantity, _)| *quantity == wanted).map(|(_, value)| *value)
    }

    fn seconds(&self, wanted: Quantity) -> Option<UnixSeconds> {
        let since_2020 = u32::try_from(self.quantity(wanted)?).ok()?;
        Some(SecondsSince2020(since_2020).unix())
    }

    fn in_force(&self) -> Option<InForce<'_>> {
        let (grant, sub, terms) = match self.event()? {
            Event::GrantGiven(given) => (self.jti()?, &given.sub, &given.terms),
            Event::GrantAmended(amended) => (amended.grant, &amended.sub, &amended.terms),
            _ => return None,
        };
        Some(InForce { grant, sub, terms, starts: self.seconds(Quantity::Start)? })
    }

    /// What is committed as the time is when the ledger could take the event in, and of a use what its record says.
    pub(super) fn check_time(&self) -> Result<(), Fault> {
        let fault = |what: &str| Err(Fault::new(Check::Time, what));
        let entry = &self.verified.entry;
        match &self.verified.content {
            VerifiedContent::Use { record, .. } => {
                let committed = self.quantity(Quantity::Time);
                if entry.class == Class::Use && committed != Some(record.at.since_2020().0.into()) {
                    return fault("the committed time is not that of the record");
                }
            }
            VerifiedContent::Event { claims, .. } => {
                let at = match (&claims.event, self.granted_terms()) {
                    // an amendment starts at its admission, unless its validity begins later
                    (Event::GrantAmended(_), Some(terms)) => {
                        self.seconds(Quantity::Start).filter(|start| *start != terms.validity.start())
                    }
                    _ => self.seconds(Quantity::Time),
                };
                let Some(at) = at else { return Ok(()) };
                if claims.check(claims.aud, at).is_err() {
                    return fault("nobody could take the event in at the committed time");
                }
                // the ledger's clock may step back over midnight, and days never do
                if at.day().0 > entry.day.0.saturating_add(1) {
                    return fault("the committed time is after the entry's day");
                }
            }
        }
        Ok(())
    }

    /// What the entry says must be about what its link names.
    pub(super) fn check_under(&self, under: &Under, flag: Option<DenialReason>) -> Result<(), Fault> {
        if flag.is_some() && self.verified.entry.kind != Kind::UseRecorded {
            return Err(Fault::new(Check::Form, "only a recorded use can have been flagged"));
        }
        match (&self.verified.content, under) {
            (VerifiedContent::Use { record, .. }, under) => self.check_use(record, under, flag),
            (VerifiedContent::Event { claims, .. }, Under::Entry(under)) => {
                check_event(&claims.event, under)?;
                self.check_mandate(&claims.event, under)?;
                self.check_no_currency()
            }
            (VerifiedContent::Event { .. }, Under::Nothing | Under::Erased) => self.check_no_currency(),
        }
    }

    fn check_no_currency(&self) -> Result<(), Fault> {
        let kind = self.verified.entry.kind;
        let without = self.granted_terms().is_none() && kind.is_grant_state();
        if without && self.verified.entry.currency != Currency::NONE {
            return Err(Fault::new(Check::Terms, "it has a currency and no amount"));
        }
        Ok(())
    }

    fn check_use(&self, record: &UseRecord, under: &Under, flag: Option<DenialReason>) -> Result<(), Fault> {
        let recorded = self.verified.entry.kind == Kind::UseRecorded;
        let pays = (self.verified.entry.currency, self.quantity(Quantity::Payout).unwrap_or_default());
        let under = match under {
            Under::Nothing if pays != (Currency::NONE, 0) => {
                return Err(Fault::new(Check::Payout, "it pays under no grant"));
            }
            Under::Nothing if recorded && flag.is_none() => {
                return Err(Fault::new(Check::Use, "recorded under no grant, and not flagged"));
            }
            Under::Nothing | Under::Erased => return Ok(()),
            Under::Entry(under) => under,
        };
        let Some(InForce { grant, sub, terms, starts }) = under.in_force() else {
            return Err(Fault::new(Check::Link, "a use names an entry that puts no terms in force"));
        };
        if record.grant() != Some(grant) || record.facts.data_subject != *sub {
            return Err(Fault::new(Check::Link, "a use names another grant's terms"));
        }
        let owed = if recorded {
            (terms.compensation.currency(), terms.compensation.payout_per_use_minor())
        } else {
            (Currency::NONE, 0)
        };
        if pays != (owed.0, owed.1.into()) {
            return Err(Fault::new(Check::Payout, "it pays something else than the price of its terms"));
        }
        if !recorded || flag.is_some() {
            return Ok(());
        }
        // what another version's words meant stands in an entry that was not drawn
        if terms.vocabulary != VocabularyVersion::FIRST {
            return Ok(());
        }
        judge_terms(Vocabulary::builtin(), (grant, terms), starts, &record.facts, record.at).map_err(
            |denial| Fault::new(Check::Use, format!("recorded as permitted and not flagged, but {denial}")),
        )
    }

    /// The group that an event about money names itself.
    fn named_group(&self) -> Option<u16> {
        match self.event()? {
            Event::Money(Money::PayoutAccrued(accrued)) => Some(accrued.group),
            Event::Money(Money::SettlementPosted(posted)) => Some(posted.group),
            _ => None,
        }
    }

    /// Without an entry that the link names, only terms have a group, and what names one.
    pub(super) fn check_group_without_target(&self) -> Result<(), Fault> {
        let expected = self.named_group().unwrap_or(0);
        if self.granted_terms().is_none() && self.link.group != expected {
            return Err(Fault::new(Check::Group, "it is none that its entry names, and no terms have it"));
        }
        Ok(())
    }

    /// The group is the one that the entry names, or that of the terms under which it is.
    pub(super) fn check_group_under(&self, under: &Self) -> Result<(), Fault> {
        let expected = self.named_group().unwrap_or(under.link.group);
        if self.granted_terms().is_none() && self.link.group != expected {
            return Err(Fault::new(Check::Group, "it is another than that of the entry that the link names"));
        }
        Ok(())
    }
}

/// An event names the latest terms of its grant; an acknowledgement the end, a deletion the last use that it covers.
fn check_event(event: &Event, under: &Opened) -> Result<(), Fault> {
    let about_the_same = match event {
        Event::RecipientAcknowledged(acknowledged) => {
            let ended = matches!(under.event(), Some(Event::GrantWithdrawn(_) | Event::GrantRevoked(_)));
            ended && under.jti() == Some(acknowledged.ended) && is_about(event, under.event())
        }
        Event::DataDeleted(deleted) => under.record().is_some_and(|record| {
            record.gate == deleted.through.gate
                && record.seq == deleted.through.seq
                && record.grant() == Some(deleted.grant)
                && record.facts.data_subject == deleted.sub
        }),
        _ => match (event.changed_grant(), under.in_force()) {
            (Some(grant), Some(terms)) => terms.grant == grant && event.subject() == Some(terms.sub),
            // of a kind that is about no grant: that it is the entry named is all that can be said
            (None, _) => true,
            (Some(_), None) => false,
        },
    };
    if !about_the_same {
        return Err(Fault::new(Check::Link, "it names an entry about something else"));
    }
    if let (Event::GrantAmended(amended), Some(before)) = (event, under.in_force()) {
        check_amendment(before.terms, &amended.terms).map_err(|refusal| Fault::new(Check::Terms, refusal))?;
    }
    Ok(())
}

/// Whether two events are about one grant of one customer.
fn is_about(event: &Event, other: Option<&Event>) -> bool {
    other.is_some_and(|other| {
        event.changed_grant() == other.changed_grant() && event.subject() == other.subject()
    })
}
