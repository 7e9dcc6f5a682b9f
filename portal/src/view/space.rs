//! A customer's data space: copies of what enterprises' systems say of the customer.

use grantbook_record::day::{DataDay, UnixSeconds};
pub use grantbook_record::mirror::RecordKind;

use super::Wording;

/// Which records are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SpaceFilter {
    /// Of this kind alone.
    pub kind: Option<RecordKind>,
    /// Of this enterprise alone.
    pub tenant: Option<String>,
}

/// Name in addresses and key of the name in the words, for each kind.
pub const KINDS: [(RecordKind, &str, &str); 3] = [
    (RecordKind::Interaction, "interaction", "space-interactions"),
    (RecordKind::ContractTerm, "contract_term", "space-contract-terms"),
    (RecordKind::Ticket, "ticket", "space-tickets"),
];

/// Key of the name of one record of a kind.
pub fn kind_key(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::Interaction => "space-interaction",
        RecordKind::ContractTerm => "space-contract-term",
        RecordKind::Ticket => "space-ticket",
    }
}

impl SpaceFilter {
    /// Of the query of an address; what is none of ours filters nothing.
    pub fn of_query(query: &str) -> Self {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let value = |wanted: &str| pairs.clone().find(|(name, _)| *name == wanted).map(|(_, value)| value);
        let kind = value("kind").and_then(|value| KINDS.iter().find(|(_, name, _)| *name == value));
        let is_id = |id: &&str| id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
        let tenant = value("company").filter(|id| !id.is_empty()).filter(is_id);
        Self { kind: kind.map(|(kind, ..)| *kind), tenant: tenant.map(str::to_owned) }
    }

    /// Whether a record is among those that are wanted.
    pub fn wants(&self, card: &RecordCard) -> bool {
        self.kind.is_none_or(|kind| kind == card.kind)
            && self.tenant.as_ref().is_none_or(|tenant| *tenant == card.tenant)
    }

    /// The address of the list under this filter.
    pub fn address(&self) -> String {
        let kind = KINDS.iter().find(|(kind, ..)| Some(*kind) == self.kind);
        let kind = kind.map(|(_, name, _)| format!("kind={name}"));
        let company = self.tenant.as_ref().map(|tenant| format!("company={tenant}"));
        let pairs: Vec<_> = kind.into_iter().chain(company).collect();
        if pairs.is_empty() { "/my/space".to_owned() } else { format!("/my/space?{}", pairs.join("&")) }
    }
}

/// The data space.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Space {
    /// Enterprises whose systems have a place in it.
    pub companies: Vec<SpaceCompany>,
    /// Their records, the latest first.
    pub records: Vec<RecordCard>,
    /// Which are shown.
    pub filter: SpaceFilter,
}

/// An enterprise, and how fresh its records are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpaceCompany {
    /// Its id.
    pub tenant: String,
    /// Its name.
    pub company: Wording,
    /// By its own systems' clock: everything that they had by then is here. `None`: nothing has come yet.
    pub as_of: Option<UnixSeconds>,
    /// How many there are.
    pub records: usize,
}

/// A record in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordCard {
    /// The enterprise's id.
    pub tenant: String,
    /// The enterprise.
    pub company: Wording,
    /// Its name there.
    pub id: String,
    /// Its kind.
    pub kind: RecordKind,
    /// What it is, in the enterprise's words.
    pub title: String,
    /// When it happened or began to hold.
    pub at: UnixSeconds,
    /// Changes that wait for the enterprise.
    pub waiting: usize,
    /// Milestones that wait for the customer.
    pub to_confirm: usize,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpaceRecord {
    /// As in lists.
    pub card: RecordCard,
    /// As of when its system's records are.
    pub as_of: Option<UnixSeconds>,
    /// What it says.
    pub fields: Vec<SpaceField>,
    /// Milestones.
    pub milestones: Vec<SpaceMilestone>,
    /// What the customer wished to have changed, the latest first.
    pub wishes: Vec<SpaceWish>,
}

/// A field of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpaceField {
    /// Its name in forms.
    pub name: String,
    /// Its name for people.
    pub label: Wording,
    /// What it holds.
    pub value: String,
    /// Whether the customer may change it.
    pub editable: bool,
    /// What the customer wishes it to hold, while that waits.
    pub waiting: Option<String>,
}

/// A milestone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpaceMilestone {
    /// Its name in forms.
    pub id: String,
    /// What was reached.
    pub title: String,
    /// When, as the enterprise says.
    pub reached_on: DataDay,
    /// When the customer confirmed it, and where that stands on the log.
    pub confirmed: Option<(UnixSeconds, u64)>,
}

/// A wish, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpaceWish {
    /// The field.
    pub label: Wording,
    /// What it held.
    pub was: String,
    /// What it shall hold.
    pub value: String,
    /// When the customer said so.
    pub made_at: UnixSeconds,
    /// What became of it.
    pub state: WishState,
}

/// What became of a wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WishState {
    /// The enterprise's system has not answered.
    Waiting,
    /// It has the new value.
    Done(UnixSeconds),
    /// It keeps the old one, and why.
    Refused(UnixSeconds, String),
}
