//! What customers see.

use grantbook_record::day::UnixSeconds;

use super::Wording;
use super::agreement::{Agreement, ConsentAsked};
use super::erasure::ErasureReport;
use super::money::Amount;
use super::signers::SignatureCard;
use super::story::Happening;
pub use crate::narrowing::Narrowing;

/// The first page after signing in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Home {
    /// What waits for further signatures.
    pub signatures: Vec<SignatureCard>,
    /// Requests that wait for an answer, the most urgent first.
    pub waiting: Vec<RequestCard>,
    /// Grants that permit uses now or are paused, the latest first.
    pub connections: Vec<Connection>,
    /// Uses of the last thirty days.
    pub uses_lately: u64,
    /// What all uses have brought so far.
    pub earned: Vec<Amount>,
    /// Whether only the operator vouches for the customer's first key somewhere.
    pub operators_word: bool,
}

/// A request in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestCard {
    /// Its id.
    pub id: String,
    /// Whose data, where that is somebody's whose guardian the viewer is.
    pub ward: Option<String>,
    /// Who asks.
    pub recipient: Wording,
    /// What for.
    pub purpose: Wording,
    /// Which data.
    pub data: Vec<Wording>,
    /// Until when it may be answered.
    pub expires: UnixSeconds,
}

/// A grant in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Its id.
    pub id: String,
    /// Whose data, where that is somebody's whose guardian the viewer is.
    pub ward: Option<String>,
    /// Who receives the data.
    pub recipient: Wording,
    /// What for.
    pub purpose: Wording,
    /// Which data.
    pub data: Vec<Wording>,
    /// Where it stands.
    pub standing: Standing,
    /// First second of its validity.
    pub from: UnixSeconds,
    /// First second after its validity.
    pub until: UnixSeconds,
    /// Permitted uses.
    pub uses: u64,
    /// At most.
    pub uses_max: Option<u32>,
    /// The last one.
    pub last_use: Option<UnixSeconds>,
    /// What it has brought.
    pub earned: Vec<Amount>,
}

/// Where a grant stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Uses may go on.
    Active,
    /// Not until the customer resumes it.
    Paused,
    /// Its validity has not begun.
    NotStarted,
    /// Its validity has ended.
    Expired,
    /// A later one took its place.
    Superseded,
    /// The customer ended it.
    Withdrawn,
    /// Somebody else ended it.
    Revoked,
}

impl Standing {
    /// Key of its name in the words.
    pub fn key(self) -> &'static str {
        match self {
            Self::Active => "standing-active",
            Self::Paused => "standing-paused",
            Self::NotStarted => "standing-not-started",
            Self::Expired => "standing-expired",
            Self::Superseded => "standing-superseded",
            Self::Withdrawn => "standing-withdrawn",
            Self::Revoked => "standing-revoked",
        }
    }

    /// The same for the enterprise, to whom "you" is somebody else.
    pub fn key_for_company(self) -> &'static str {
        match self {
            Self::Withdrawn => "standing-withdrawn-by-customer",
            Self::Revoked => "standing-revoked-by-others",
            other => other.key(),
        }
    }

    /// Whether it can permit a use now or later.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Active | Self::Paused | Self::NotStarted)
    }

    /// The chip's class.
    pub fn tone(self) -> &'static str {
        match self {
            Self::Active => "on",
            Self::Paused | Self::NotStarted => "held",
            _ => "off",
        }
    }
}

/// All grants, the open ones and those that have ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Connections {
    /// Those that permit uses now or later, or are paused.
    pub open: Vec<Connection>,
    /// Those that never will again, the latest first.
    pub ended: Vec<Connection>,
}

/// A request, to be read and answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestReview {
    /// Its id.
    pub id: String,
    /// Whose data, where that is somebody's whose guardian the viewer is.
    pub ward: Option<String>,
    /// What is asked for.
    pub asked: Agreement,
    /// What the customer would agree to instead, if they have narrowed it.
    pub narrowed: Option<Narrowed>,
    /// Consents that are given separately, as far as the customer has not narrowed them away.
    pub consents: Vec<ConsentAsked>,
    /// What the enterprise says about the template: a title and a text.
    pub notice: Option<(Wording, Wording)>,
    /// Until when it may be answered.
    pub expires: UnixSeconds,
    /// The open grant to the same recipient for the same purpose, where there is one.
    pub already: Option<String>,
}

impl RequestReview {
    /// Whether nobody can agree, because a consent that is needed has no sentence to be shown.
    pub fn is_unaskable(&self) -> bool {
        self.consents.iter().any(|consent| consent.required && consent.sentence.is_none())
    }
}

/// A request cut down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Narrowed {
    /// What is left of it.
    pub agreement: Agreement,
    /// The answer as the form named it, to be sent on unchanged.
    pub answer: Narrowing,
}

/// One grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantPage {
    /// As in lists.
    pub connection: Connection,
    /// The terms now in force.
    pub agreement: Agreement,
    /// What happened, the latest first.
    pub story: Vec<Happening>,
    /// Whether there is more than is shown.
    pub more: bool,
    /// Leaf index of its `grant.given`.
    pub leaf_index: u64,
    /// When data that is still kept must be deleted.
    pub deletion_due: Option<UnixSeconds>,
    /// Whether only the operator vouches for the customer's first key.
    pub operators_word: bool,
}

/// A grant that is to be cut down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeReview {
    /// The grant.
    pub connection: Connection,
    /// The terms now in force.
    pub agreement: Agreement,
    /// What would be left, if the customer has said of what.
    pub narrowed: Option<Narrowed>,
}

/// What stopping means, before it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopReview {
    /// The grant.
    pub connection: Connection,
    /// The terms now in force.
    pub agreement: Agreement,
    /// Seconds within which every gate refuses.
    pub within_seconds: u64,
    /// When data that is still kept must be deleted.
    pub deletion_due: Option<UnixSeconds>,
    /// What is owed and will be paid all the same.
    pub owed: Vec<Amount>,
}

/// That it is stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// The grant.
    pub connection: Connection,
    /// When the withdrawal counted.
    pub at: UnixSeconds,
    /// Where its entry stands.
    pub leaf_index: u64,
    /// Gates that have taken it in, and those that have not yet.
    pub gates: Vec<GateTaken>,
    /// Whether all have, or none is left that has not.
    pub complete: bool,
    /// When data that is still kept must be deleted.
    pub deletion_due: Option<UnixSeconds>,
}

/// A gate, and since when it knows of a withdrawal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateTaken {
    /// Its name.
    pub gate: String,
    /// Since when; `None`: not yet.
    pub at: Option<UnixSeconds>,
}

/// Keys, devices and recovery.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Keys {
    /// The browsers that have them.
    pub devices: Vec<Device>,
    /// Passkeys that log in.
    pub passkeys: Vec<Passkey>,
    /// The keys, by enterprise.
    pub keys: Vec<Key>,
    /// Whether there is a recovery code.
    pub recovery: bool,
}

/// A browser that has keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its id.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// Since when.
    pub since: UnixSeconds,
    /// When its passkey last logged in.
    pub seen: Option<UnixSeconds>,
    /// Whether another device has the same passkey.
    pub shared: bool,
    /// Its keys: enterprise and thumbprint.
    pub keys: Vec<String>,
}

impl Device {
    /// Where its keys may still sign, as the log has them.
    pub fn companies<'k>(&self, all: &'k [Key]) -> Vec<&'k Wording> {
        let live = all.iter().filter(|key| !key.ended && self.keys.contains(&key.name));
        live.map(|key| &key.company).collect()
    }

    /// Its keys, as the browser knows them.
    pub fn names(&self) -> String {
        self.keys.join(" ")
    }
}

/// A passkey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passkey {
    /// When it was made.
    pub since: UnixSeconds,
    /// When it last logged in.
    pub seen: Option<UnixSeconds>,
    /// The devices that came by it.
    pub devices: String,
}

/// A signing key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Enterprise and thumbprint.
    pub name: String,
    /// For which enterprise.
    pub company: Wording,
    /// Its thumbprint, shortened for people.
    pub thumbprint: String,
    /// Who vouches for it: key of the words.
    pub evidence: &'static str,
    /// Whether it may still sign.
    pub ended: bool,
}

/// Taking everything along, and erasing it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MyData {
    /// The enterprises, each with its id and what stands in the way of erasing: keys of the words.
    pub companies: Vec<Holding>,
    /// Where everything was erased, or is being, not long ago.
    pub erased: Vec<ErasureReport>,
}

/// What an enterprise's ledger holds about the customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// Its id.
    pub tenant: String,
    /// Its name.
    pub company: Wording,
    /// Records.
    pub records: u64,
    /// Grants that are still open, and end with an erasure.
    pub open: usize,
    /// Whether a legal hold keeps the records.
    pub held: bool,
}

/// Complaints.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Complaints {
    /// Those made, the latest first.
    pub made: Vec<Complaint>,
    /// Enterprises to which one can complain: id and name.
    pub companies: Vec<(String, Wording)>,
}

/// A complaint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// About whom.
    pub company: Wording,
    /// What about.
    pub text: String,
    /// When it was made.
    pub at: UnixSeconds,
    /// By when an answer is due.
    pub due: UnixSeconds,
    /// The answer.
    pub answer: Option<String>,
}
