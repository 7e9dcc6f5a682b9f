//! What a customer should come to know: a list in the page, and mail to an address that they have confirmed.
//!
//! What happened becomes an item of the account's inbox in the same change of rows that moves the position up to which the log
//! was read, so each is there once, whatever crashes. A mail's items are marked as handed over, durably, *before* the mail server
//! is given the message: a crash in between loses a mail and never sends one twice (`docs/decisions/027-mail-at-most-once.md`).
//! The page has what was lost.
//!
//! | row | holds |
//! |---|---|
//! | `inbox/` account's id | an [`Inbox`] |
//! | `contact/` account's id | a [`Contact`] |
//! | `due/` account's id | a `Due`: something waits to be mailed |
//! | `confirm/` SHA-256 of a secret | whose address the secret confirms |
//! | `unsubscribe/` SHA-256 of a secret | whose mails the secret ends |
//! | `news` | up to where the log was read, and which signing page customers were told of |

mod contact;
mod inbox;
mod letter;
mod pages;

use grantbook_record::encoding::Bytes32;
use grantbook_record::{Currency, Jti, SubjectId, TenantId, UnixSeconds};
use serde::{Deserialize, Serialize};

pub use contact::{Address, Contact, Digest};
pub use inbox::{Inbox, Item, Mailed};
pub(crate) use letter::says;
pub use letter::{Letter, Sent};
pub(crate) use pages::{routes, routes_of_mail};

use crate::account::{self, Account, AccountId, put, row};
use crate::backend::write::Rows;
use crate::failure::Failure;
use crate::signing::Portal;

const ROW: &str = "news";
/// Entries after which the position is kept though nothing was news: what a start reads again at most.
const KEPT_ENTRIES: u64 = 1024;
/// A customer is reminded when a grant has no longer than this, in seconds.
const SOON_SECONDS: u64 = 7 * 86_400;

/// What kind of thing has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// A company asks.
    Request,
    /// Something waits for a further signature.
    Signature,
    /// A grant ends within a week.
    Ending,
    /// A company or the operator has ended a grant.
    Revoked,
    /// Every gate has taken an end in.
    Stopped,
    /// Money was paid.
    Money,
    /// A company has answered a complaint.
    Answered,
    /// Another key or passkey, or a recovery.
    Keys,
    /// The signing page is another one.
    Page,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Request,
        Self::Signature,
        Self::Ending,
        Self::Revoked,
        Self::Stopped,
        Self::Money,
        Self::Answered,
        Self::Keys,
        Self::Page,
    ];

    /// Its name in forms.
    pub fn code(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Signature => "signature",
            Self::Ending => "ending",
            Self::Revoked => "revoked",
            Self::Stopped => "stopped",
            Self::Money => "money",
            Self::Answered => "answered",
            Self::Keys => "keys",
            Self::Page => "page",
        }
    }

    /// The one of this name.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.code() == code)
    }

    /// Key of the words that say what it is.
    pub fn words(self) -> &'static str {
        match self {
            Self::Request => "topic-request",
            Self::Signature => "topic-signature",
            Self::Ending => "topic-ending",
            Self::Revoked => "topic-revoked",
            Self::Stopped => "topic-stopped",
            Self::Money => "topic-money",
            Self::Answered => "topic-answered",
            Self::Keys => "topic-keys",
            Self::Page => "topic-page",
        }
    }
}

/// Something that has happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Happened {
    /// What.
    pub topic: Topic,
    /// When.
    pub at: UnixSeconds,
    /// At which enterprise; none for what is about the account.
    pub tenant: Option<TenantId>,
    /// Which request or grant.
    pub about: Option<Jti>,
    /// How much money.
    pub amount: Option<(Currency, i64)>,
}

/// Something that has happened to a customer of an enterprise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AboutCustomer {
    /// The enterprise.
    pub tenant: TenantId,
    /// The pseudonym.
    pub sub: SubjectId,
    /// What.
    pub happened: Happened,
}

/// A grant that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenGrant {
    /// Its id.
    pub id: Jti,
    /// Since when.
    pub from: UnixSeconds,
    /// Until when.
    pub until: UnixSeconds,
}

/// Something waits to be mailed to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Due {
    /// Not before.
    after: UnixSeconds,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Position {
    /// The first leaf index that was not read.
    next: u64,
    /// The signing page that customers know of.
    page: Option<Bytes32>,
}

/// Puts an item into an inbox, and has it mailed where the customer wishes.
pub(crate) fn deliver(
    rows: &mut dyn Rows,
    id: &AccountId,
    happened: Happened,
    now: UnixSeconds,
) -> Result<(), Failure> {
    let contact = Contact::read(rows, id)?;
    let wanted = contact.as_ref().is_some_and(|contact| contact.wants(happened.topic));
    let mut inbox = Inbox::read(rows, id)?;
    inbox.push(happened, if wanted { Mailed::Waiting } else { Mailed::Unwanted });
    inbox.write(rows, id);
    if let Some(contact) = contact.filter(|_| wanted)
        && rows.get(&due_row(id)).is_none()
    {
        let after = UnixSeconds(now.0.saturating_add(contact.digest.seconds()));
        put(rows, &due_row(id), &Due { after });
    }
    Ok(())
}

/// Removes everything that there is here of an account.
pub(crate) fn forget(rows: &mut dyn Rows, id: &AccountId) -> Result<(), Failure> {
    if let Some(contact) = Contact::read(rows, id)? {
        contact.forget(rows, id);
    }
    rows.remove(&Inbox::name(id));
    rows.remove(&due_row(id));
    Ok(())
}

fn due_row(id: &AccountId) -> String {
    format!("due/{}", id.as_str())
}

impl Portal {
    /// The first entry of the log that is still to be read for news. At first that is the log's end: nobody is told what was
    /// before.
    pub fn news_position(&self, size: u64) -> Result<u64, Failure> {
        self.0.change(|rows| {
            if let Some(Position { next, .. }) = row(rows, ROW)? {
                return Ok(next);
            }
            put(rows, ROW, &Position { next: size, page: None });
            Ok(size)
        })
    }

    /// Tells customers what the log says of them up to the entry `next`: once, though a crash may have it read again.
    pub fn tell(&self, about: &[AboutCustomer], next: u64) -> Result<(), Failure> {
        let now = self.0.now();
        self.0.change(|rows| {
            let position: Position = row(rows, ROW)?.unwrap_or_default();
            if next <= position.next {
                return Ok(());
            }
            let mut told = false;
            for AboutCustomer { tenant, sub, happened } in about {
                for id in account::people(rows, *tenant, sub)? {
                    deliver(rows, &id, happened.clone(), now)?;
                    told = true;
                }
            }
            if told || next >= position.next.saturating_add(KEPT_ENTRIES) {
                put(rows, ROW, &Position { next, ..position });
            }
            Ok(())
        })
    }

    /// Tells every customer that the signing page is another one than that which they know of.
    pub fn tell_of_page(&self) -> Result<(), Failure> {
        let (now, page) = (self.0.now(), self.client().files_sha256);
        self.0.change(|rows| {
            let position: Position = row(rows, ROW)?.unwrap_or_default();
            if position.page == Some(page) {
                return Ok(());
            }
            if position.page.is_some() {
                for id in account::all(rows) {
                    let (topic, at) = (Topic::Page, now);
                    let happened = Happened { topic, at, tenant: None, about: None, amount: None };
                    deliver(rows, &id, happened, now)?;
                }
            }
            put(rows, ROW, &Position { page: Some(page), ..position });
            Ok(())
        })
    }

    /// Reminds customers of grants that end within a week, once of each. A grant that was never longer needs no reminder.
    pub fn remind(&self) -> Result<(), Failure> {
        let now = self.0.now();
        let accounts = self.0.change(|rows| Ok(account::all(rows)))?;
        for id in accounts {
            // gone meanwhile
            let Ok(account) = self.0.account(&id) else { continue };
            let mut open = Vec::new();
            for account::Membership { tenant, sub, .. } in &account.memberships {
                let grants = self.0.backend().open_grants(*tenant, sub)?;
                open.extend(grants.into_iter().map(|grant| (*tenant, grant)));
            }
            self.0.change(|rows| remind(rows, &id, &open, now))?;
        }
        Ok(())
    }
}

fn remind(
    rows: &mut dyn Rows,
    id: &AccountId,
    open: &[(TenantId, OpenGrant)],
    now: UnixSeconds,
) -> Result<(), Failure> {
    if Account::read(rows, id).is_err() {
        return Ok(());
    }
    let reminded = Inbox::read(rows, id)?.reminded;
    let soon = |grant: &OpenGrant| {
        let ends = now < grant.until && grant.until.0 <= now.0.saturating_add(SOON_SECONDS);
        ends && grant.until.0.saturating_sub(grant.from.0) > SOON_SECONDS
    };
    let ending: Vec<_> = open.iter().filter(|(_, grant)| soon(grant)).collect();
    for (tenant, grant) in ending.iter().filter(|(_, grant)| !reminded.contains(&grant.id)) {
        let (topic, tenant, about) = (Topic::Ending, Some(*tenant), Some(grant.id));
        deliver(rows, id, Happened { topic, at: now, tenant, about, amount: None }, now)?;
    }
    let now_reminded: Vec<Jti> = ending.iter().map(|(_, grant)| grant.id).collect();
    if now_reminded != reminded {
        let mut inbox = Inbox::read(rows, id)?;
        inbox.reminded = now_reminded;
        inbox.write(rows, id);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
