//! What is still owed under a grant because of its uses and its end: recipients who must acknowledge that it ended, and
//! data that must be deleted.

use std::collections::{BTreeMap, BTreeSet};

use grantbook_record::day::{Day, UnixSeconds};
use grantbook_record::feed::FeedPosition;
use grantbook_record::{Term, Terms};
use serde::{Deserialize, Serialize};

use crate::admission::Refusal;

/// Recipients to whom data was passed on that are followed for one grant.
pub const ONWARD_MAX: usize = 64;
/// Days with uses that are told apart for one grant; beyond, the oldest two count as the older one.
pub const KEPT_DAYS_MAX: usize = 400;

const SECONDS_PER_DAY: u64 = 86_400;

/// What is owed under one grant.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Duties {
    /// The frame of the feed with its withdrawal or revocation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    frame: Option<FeedPosition>,
    /// To whom its uses passed data on.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    onward: BTreeSet<Term>,
    /// Recipients who have acknowledged its end, and the leaf index of each word.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    acknowledged: BTreeMap<Term, u64>,
    /// Leaf index of the last use whose data is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deleted: Option<u64>,
    /// Days of use of which data is kept, and the leaf index of each one's last use; by rising day.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    kept: BTreeMap<Day, u64>,
}

/// A recipient of a grant, and its acknowledgement of the grant's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recipient<'a> {
    /// Who.
    pub recipient: &'a Term,
    /// Whether data was passed on to it by the recipient of the terms.
    pub onward: bool,
    /// Leaf index of its acknowledgement.
    pub acknowledged: Option<u64>,
}

impl Duties {
    /// Whether nothing was ever owed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Takes in a use that was permitted under `terms`, of a UTC day.
    pub fn used(&mut self, onward: &[Term], terms: &Terms, day: Day, leaf_index: u64) {
        for recipient in onward {
            if *recipient != terms.recipient && self.onward.len() < ONWARD_MAX {
                self.onward.insert(recipient.clone());
            }
        }
        if terms.deletion_days().is_none() {
            return;
        }
        self.kept.insert(day, leaf_index);
        if self.kept.len() > KEPT_DAYS_MAX
            && let Some((oldest, leaf)) = self.kept.pop_first()
            && let Some((_, next)) = self.kept.pop_first()
        {
            self.kept.insert(oldest, leaf.max(next));
        }
    }

    /// Takes in that the grant was withdrawn or revoked, by this frame of the feed.
    pub fn ended(&mut self, frame: FeedPosition) {
        self.frame = Some(frame);
    }

    /// The frame of the feed that ended the grant; `None` if it was neither withdrawn nor revoked.
    pub fn frame(&self) -> Option<FeedPosition> {
        self.frame
    }

    /// Takes in an acknowledgement.
    pub fn acknowledged(&mut self, recipient: &Term, leaf_index: u64) {
        self.acknowledged.entry(recipient.clone()).or_insert(leaf_index);
    }

    /// Who has to acknowledge the grant's end, or has: the recipient of the terms first.
    pub fn recipients<'a>(&'a self, terms: &'a Terms) -> impl Iterator<Item = Recipient<'a>> {
        let named = std::iter::once((&terms.recipient, false));
        let all = named.chain(self.onward.iter().map(|onward| (onward, true)));
        all.map(|(recipient, onward)| Recipient {
            recipient,
            onward,
            acknowledged: self.acknowledged.get(recipient).copied(),
        })
    }

    /// Whether the grant has ended and somebody has not acknowledged it yet.
    pub fn is_open(&self, terms: &Terms) -> bool {
        self.frame.is_some() && self.recipients(terms).any(|recipient| recipient.acknowledged.is_none())
    }

    /// Whether the recipient may acknowledge the grant's end now.
    pub fn check_acknowledgement(&self, recipient: &Term, terms: &Terms) -> Result<(), Refusal> {
        let known = self.recipients(terms).find(|known| known.recipient == recipient);
        match known.ok_or(Refusal::NotARecipient)?.acknowledged {
            None => Ok(()),
            Some(_) => Err(Refusal::AlreadyAcknowledged),
        }
    }

    /// Takes in that the data of the use at `through` and of all earlier ones is deleted.
    pub fn deleted(&mut self, through: u64) {
        self.deleted = Some(through);
        self.kept.retain(|_, last| *last > through);
    }

    /// Leaf index of the last use whose data is deleted.
    pub fn deleted_through(&self) -> Option<u64> {
        self.deleted
    }

    /// Whether a deletion may reach up to the use at `through`.
    pub fn check_deletion(&self, through: u64) -> Result<(), Refusal> {
        if self.deleted.is_none_or(|last| last < through) { Ok(()) } else { Err(Refusal::DeletedAlready) }
    }

    /// When the oldest data that is kept must be deleted; `None` where none is kept, or kept without limit.
    pub fn deletion_due(&self, terms: &Terms) -> Option<UnixSeconds> {
        let (oldest, _) = self.kept.first_key_value()?;
        let begins = oldest.begins().seconds();
        Some(UnixSeconds(begins.0.saturating_add(u64::from(terms.deletion_days()?) * SECONDS_PER_DAY)))
    }
}

#[cfg(test)]
mod tests;
