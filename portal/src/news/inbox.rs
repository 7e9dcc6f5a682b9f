//! An account's list of what has happened.

use grantbook_record::Jti;
use serde::{Deserialize, Serialize};

use super::{Happened, Topic};
use crate::account::{AccountId, put, row};
use crate::backend::write::Rows;
use crate::failure::Failure;

/// Items that an inbox keeps: the oldest goes when there is one more.
pub(super) const ITEMS_MAX: usize = 100;

/// What was mailed of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mailed {
    /// Nothing is to be.
    Unwanted,
    /// It waits.
    Waiting,
    /// It was handed to the mail server, or was about to be when a crash came.
    HandedOver,
}

/// Something that has happened, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Its number in the inbox, never used again.
    pub number: u64,
    /// What has happened.
    pub happened: Happened,
    /// What was mailed of it.
    pub mailed: Mailed,
}

impl Item {
    /// Page of the portal that it is about.
    pub fn link(&self) -> String {
        let about = |path: &str, rest: &str| match &self.happened.about {
            Some(id) => format!("{path}/{id}{rest}"),
            None => "/my".to_owned(),
        };
        match self.happened.topic {
            Topic::Request => about("/my/requests", ""),
            Topic::Ending | Topic::Revoked => about("/my/grants", ""),
            Topic::Stopped => about("/my/grants", "/stopped"),
            Topic::Signature => "/my#signatures".to_owned(),
            Topic::Money => "/my/value".to_owned(),
            Topic::Answered => "/my/account/complaints".to_owned(),
            Topic::Keys | Topic::Page => "/my/account".to_owned(),
        }
    }
}

/// An account's items, the latest last.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inbox {
    /// What has happened.
    pub items: Vec<Item>,
    /// Number of the next item.
    pub next: u64,
    /// Items before this number were seen.
    pub seen: u64,
    /// Open grants of which the customer was reminded that they end.
    pub reminded: Vec<Jti>,
}

impl Inbox {
    pub(super) fn name(id: &AccountId) -> String {
        format!("inbox/{}", id.as_str())
    }

    /// The account's; empty where there is none.
    pub(crate) fn read(rows: &dyn Rows, id: &AccountId) -> Result<Self, Failure> {
        Ok(row(rows, &Self::name(id))?.unwrap_or_default())
    }

    pub(super) fn write(&self, rows: &mut dyn Rows, id: &AccountId) {
        put(rows, &Self::name(id), self);
    }

    pub(super) fn push(&mut self, happened: Happened, mailed: Mailed) {
        if self.items.len() >= ITEMS_MAX {
            self.items.remove(0);
        }
        self.items.push(Item { number: self.next, happened, mailed });
        self.next = self.next.saturating_add(1);
    }

    /// How many were not seen.
    pub fn unseen(&self) -> usize {
        self.items.iter().filter(|item| item.number >= self.seen).count()
    }

    pub(super) fn waiting(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| item.mailed == Mailed::Waiting)
    }

    /// What waits is not to be mailed; whether there was something.
    pub(super) fn unwant(&mut self) -> bool {
        let waiting: Vec<u64> = self.waiting().map(|item| item.number).collect();
        self.mark(&waiting, Mailed::Unwanted);
        !waiting.is_empty()
    }

    /// Notes what became of some items.
    pub(super) fn mark(&mut self, numbers: &[u64], mailed: Mailed) {
        for item in self.items.iter_mut().filter(|item| numbers.contains(&item.number)) {
            item.mailed = mailed;
        }
    }
}
