//! What an enterprise sees of its own.

use grantbook_record::DenialReason;
use grantbook_record::day::UnixSeconds;

use super::Wording;
use super::customer::{Connection, Standing};
use super::money::Amount;

/// The first page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Desk {
    /// The enterprise.
    pub name: String,
    /// Whether it is the sandbox's.
    pub sandbox: bool,
    /// A page of grants, in the order in which they were given.
    pub grants: Vec<Held>,
    /// The cursor of the next page of them.
    pub later_grants: Option<u64>,
    /// A page of uses, the latest first.
    pub uses: Vec<UseLine>,
    /// The cursor of the next page of them.
    pub earlier_uses: Option<u64>,
    /// Refusals by reason, the most frequent first.
    pub denials: Vec<(DenialReason, u64)>,
    /// Its gates.
    pub gates: Vec<Gate>,
    /// Requests that wait for an answer, the most urgent first.
    pub waiting: Vec<WaitingRequest>,
    /// Templates from which requests are made.
    pub templates: Vec<TemplateCard>,
    /// Periods, the latest first.
    pub periods: Vec<Period>,
}

/// A request that waits for an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingRequest {
    /// The customer's pseudonym.
    pub customer: String,
    /// Who would get the data.
    pub recipient: Wording,
    /// What for.
    pub purpose: Wording,
    /// The template.
    pub template: String,
    /// When it was made.
    pub at: UnixSeconds,
    /// Until when it may be answered.
    pub expires: UnixSeconds,
    /// Where its entry stands.
    pub leaf_index: u64,
}

/// Complaints that wait for an answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WaitingComplaints {
    /// Those that are due first, first.
    pub waiting: Vec<WaitingComplaint>,
    /// How the others went.
    pub counts: ComplaintCounts,
}

/// A complaint that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingComplaint {
    /// Its name.
    pub id: String,
    /// The customer's pseudonym.
    pub customer: String,
    /// What it says.
    pub text: String,
    /// When it was made.
    pub at: UnixSeconds,
    /// By when it is to be answered.
    pub due: UnixSeconds,
}

/// How complaints are dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ComplaintCounts {
    /// Answered when due.
    pub in_time: u64,
    /// Answered later.
    pub late: u64,
    /// Waiting, and not due yet.
    pub open: u64,
    /// Waiting for longer than they may.
    pub overdue: u64,
    /// Erased before they were answered, with all else of the customer.
    pub erased: u64,
}

/// Which pages of the long lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Paging {
    /// Grants after the one at this leaf.
    pub after: Option<u64>,
    /// Uses before the one at this leaf.
    pub before: Option<u64>,
}

impl Paging {
    /// From the query; what is no number is the first page.
    pub fn of_query(query: &str) -> Self {
        let number = |name: &str| {
            let found = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            found.and_then(|number| number.parse().ok())
        };
        Self { after: number("after"), before: number("before") }
    }
}

/// A customer's grant, as the enterprise sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The customer's pseudonym.
    pub customer: String,
    /// The grant.
    pub connection: Connection,
}

/// One use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UseLine {
    /// When.
    pub at: UnixSeconds,
    /// The customer's pseudonym.
    pub customer: String,
    /// Which service asked.
    pub by: Wording,
    /// What for.
    pub purpose: Wording,
    /// Why it was refused; `None`: it was permitted.
    pub refused: Option<DenialReason>,
    /// What it costs.
    pub cost: Option<Amount>,
    /// Where the entry stands.
    pub leaf_index: u64,
}

/// A gate and how fresh it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// Its name.
    pub name: String,
    /// Seconds since it last asked for a head; `None`: not since the server began.
    pub heard: Option<u64>,
    /// Whether it is young enough to permit.
    pub fresh: bool,
    /// Frames that it has not taken in yet.
    pub behind: u64,
    /// Permitted uses that it has recorded.
    pub permitted: u64,
    /// Denials that it has recorded.
    pub denied: u64,
}

/// A template from which a request is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateCard {
    /// Its name.
    pub id: String,
    /// Its latest version.
    pub version: u32,
    /// What customers are told.
    pub title: Wording,
}

/// A period of settlement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    /// Its number.
    pub number: u32,
    /// Key of its state in the words.
    pub state: &'static str,
    /// Uses.
    pub uses: u64,
    /// What is due to customers.
    pub due: Vec<Amount>,
}

impl Held {
    /// Whether it can still permit a use.
    pub fn is_open(&self) -> bool {
        !matches!(
            self.connection.standing,
            Standing::Expired | Standing::Superseded | Standing::Withdrawn | Standing::Revoked
        )
    }
}
