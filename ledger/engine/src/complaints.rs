//! Complaints of customers, and what enterprises answer. They are never on the log.
//!
//! | row of [`crate::accounts`] | holds |
//! |---|---|
//! | `complaints/` tenant `/made/` customer `/` complaint | a [`Complaint`], under the customer's data key |
//! | `complaints/` tenant `/open/` complaint | whose it is, and by when it is answered |
//! | `complaints/` tenant `/ended` | how many were answered in time, answered late, erased unanswered |

use grantbook_plan::complaint::due;
use grantbook_record::complaint::ComplaintText;
use grantbook_record::{Jti, SubjectId, TenantId, UnixSeconds};
use serde::{Deserialize, Serialize};

use crate::accounts::AccountChange;
use crate::customer_rows::{damaged, decode, encode, last, open, seal};
use crate::error::ReadError;
use crate::ledger::Ledger;
use crate::state::DataKey;
use crate::store::Fault;

/// Complaints of one customer to one enterprise that may wait for an answer.
const WAITING_MAX: usize = 20;
/// Complaints of one customer to one enterprise that are kept; the oldest that are answered make room.
const KEPT_MAX: usize = 100;

/// A complaint, and what was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complaint {
    /// What of.
    pub text: ComplaintText,
    /// When it was made.
    pub made: UnixSeconds,
    /// By when it is to be answered, by the laws that the enterprise kept to then.
    pub due: UnixSeconds,
    /// The answer.
    pub answer: Option<ComplaintAnswer>,
}

/// What an enterprise answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComplaintAnswer {
    /// What it says.
    pub text: ComplaintText,
    /// When.
    pub at: UnixSeconds,
}

/// A complaint in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComplaintRow {
    /// Its name.
    pub id: Jti,
    /// Whose it is.
    pub sub: SubjectId,
    /// It.
    pub complaint: Complaint,
}

/// How an enterprise deals with complaints, without saying whose or of what.
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

/// Why a complaint or an answer is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ComplaintError {
    /// No such customer, or no complaint of this name.
    #[error("no such complaint")]
    NotFound,
    /// It was answered before.
    #[error("answered already, expected a complaint that waits")]
    Answered,
    /// As many wait as may.
    #[error("too many complaints wait, expected at most {WAITING_MAX}")]
    TooMany,
    /// Stored bytes are not what was stored.
    #[error("the complaints cannot be read")]
    Read(#[from] ReadError),
    /// The store.
    #[error("the store has a fault")]
    Store(#[from] Fault),
}

/// Of one that waits.
#[derive(Serialize, Deserialize)]
struct Waiting {
    sub: SubjectId,
    due: UnixSeconds,
}

#[derive(Default, Serialize, Deserialize)]
struct Ended {
    in_time: u64,
    late: u64,
    erased: u64,
}

/// The names of one tenant's rows. None of their parts has a slash in it.
struct Names(String);

impl Names {
    fn of(tenant: TenantId) -> Self {
        Self(format!("complaints/{tenant}"))
    }

    fn made_by(&self, sub: &SubjectId) -> String {
        format!("{}/made/{sub}/", self.0)
    }

    fn made(&self, sub: &SubjectId, id: &Jti) -> String {
        format!("{}{id}", self.made_by(sub))
    }

    fn all_open(&self) -> String {
        format!("{}/open/", self.0)
    }

    fn open(&self, id: &Jti) -> String {
        format!("{}{id}", self.all_open())
    }

    fn ended(&self) -> String {
        format!("{}/ended", self.0)
    }

    fn read_ended(&self, rows: &AccountChange<'_>) -> Result<Ended, ReadError> {
        rows.get(&self.ended()).map_or_else(|| Ok(Ended::default()), decode)
    }
}

fn id_of(name: &str) -> Result<Jti, ReadError> {
    last(name).and_then(|id| Jti::parse(id).ok()).ok_or_else(damaged)
}

impl Ledger {
    /// Takes a customer's complaint.
    pub fn complain(
        &self,
        tenant: TenantId,
        sub: &SubjectId,
        text: ComplaintText,
    ) -> Result<Jti, ComplaintError> {
        let names = Names::of(tenant);
        let key = self.inner.data_key_of(tenant, sub)?.ok_or(ComplaintError::NotFound)?;
        let laws = self.tenant_state(tenant)?.laws();
        let (id, made) = (self.new_id(), self.now().seconds());
        let due = due(made, &laws);
        self.change_account_rows(|rows| {
            let before = rows.names(&names.made_by(sub));
            let mut answered = Vec::new();
            for name in &before {
                if rows.get(&names.open(&id_of(name)?)).is_none() {
                    answered.push(name.clone());
                }
            }
            if before.len() - answered.len() >= WAITING_MAX {
                return Err(ComplaintError::TooMany);
            }
            if before.len() >= KEPT_MAX {
                // by rising id, and so by time
                answered.first().inspect(|oldest| rows.remove(oldest));
            }
            let name = names.made(sub, &id);
            rows.put(&name, seal(&key, &name, &Complaint { text, made, due, answer: None }));
            rows.put(&names.open(&id), encode(&Waiting { sub: sub.clone(), due }));
            Ok(id)
        })
    }

    /// A customer's complaints, the latest first.
    pub fn complaints_of(&self, tenant: TenantId, sub: &SubjectId) -> Result<Vec<ComplaintRow>, ReadError> {
        let Some(key) = self.inner.data_key_of(tenant, sub)? else { return Ok(Vec::new()) };
        let made = self.account_rows(&Names::of(tenant).made_by(sub)).into_iter().rev();
        made.map(|(name, sealed)| row(&key, &name, sub, &sealed)).collect()
    }

    /// Complaints that wait for a tenant's answer, those that are due first, first; at most `limit`.
    pub fn open_complaints(&self, tenant: TenantId, limit: usize) -> Result<Vec<ComplaintRow>, ReadError> {
        let names = Names::of(tenant);
        let mut waiting = Vec::new();
        for (name, row) in self.account_rows(&names.all_open()) {
            let Waiting { sub, due } = decode(&row)?;
            waiting.push((due, id_of(&name)?, sub));
        }
        waiting.sort();
        let mut rows = Vec::new();
        for (_, id, sub) in waiting {
            if rows.len() == limit {
                break;
            }
            // one who is being erased complains no more
            let Some(key) = self.inner.data_key_of(tenant, &sub)? else { continue };
            let name = names.made(&sub, &id);
            let Some(sealed) = self.account_row(&name) else { continue };
            rows.push(row(&key, &name, &sub, &sealed)?);
        }
        Ok(rows)
    }

    /// Takes a tenant's answer; gives the customer, who is told of it.
    pub fn answer_complaint(
        &self,
        tenant: TenantId,
        id: &Jti,
        text: ComplaintText,
    ) -> Result<SubjectId, ComplaintError> {
        let names = Names::of(tenant);
        let at = self.now().seconds();
        self.change_account_rows(|rows| {
            let Some(waiting) = rows.get(&names.open(id)) else {
                let mut made = rows.names(&format!("{}/made/", names.0)).into_iter();
                let is_known = made.any(|name| last(&name) == Some(&id.to_string()));
                return Err(if is_known { ComplaintError::Answered } else { ComplaintError::NotFound });
            };
            let Waiting { sub, due } = decode(waiting)?;
            let key = self.inner.data_key_of(tenant, &sub)?.ok_or(ComplaintError::NotFound)?;
            let name = names.made(&sub, id);
            let mut complaint: Complaint =
                open(&key, &name, rows.get(&name).ok_or(ComplaintError::NotFound)?)?;
            complaint.answer = Some(ComplaintAnswer { text, at });
            rows.put(&name, seal(&key, &name, &complaint));
            rows.remove(&names.open(id));
            let mut ended = names.read_ended(rows)?;
            if at <= due {
                ended.in_time = ended.in_time.saturating_add(1);
            } else {
                ended.late = ended.late.saturating_add(1);
            }
            rows.put(&names.ended(), encode(&ended));
            Ok(sub)
        })
    }

    /// How a tenant deals with complaints.
    pub fn complaint_counts(&self, tenant: TenantId) -> Result<ComplaintCounts, ReadError> {
        let names = Names::of(tenant);
        let ended = self.account_row(&names.ended()).map_or_else(|| Ok(Ended::default()), |row| decode(&row));
        let Ended { in_time, late, erased } = ended?;
        let now = self.now().seconds();
        let mut counts = ComplaintCounts { in_time, late, erased, ..ComplaintCounts::default() };
        for (_, row) in self.account_rows(&names.all_open()) {
            let Waiting { due, .. } = decode(&row)?;
            *(if now <= due { &mut counts.open } else { &mut counts.overdue }) += 1;
        }
        Ok(counts)
    }

    /// Forgets the complaints of a customer who is erased.
    pub(crate) fn forget_complaints(&self, tenant: TenantId, sub: &SubjectId) -> Result<(), Fault> {
        let names = Names::of(tenant);
        let removed = self.change_account_rows(|rows| {
            let made = rows.names(&names.made_by(sub));
            let mut ended = names.read_ended(rows)?;
            for name in &made {
                let waiting = names.open(&id_of(name)?);
                if rows.get(&waiting).is_some() {
                    ended.erased = ended.erased.saturating_add(1);
                    rows.remove(&waiting);
                }
                rows.remove(name);
            }
            if !made.is_empty() {
                rows.put(&names.ended(), encode(&ended));
            }
            Ok::<_, ReadError>(!made.is_empty())
        });
        match removed {
            Ok(true) => self.forget_account_rows(),
            Ok(false) => Ok(()),
            Err(ReadError::Store(fault)) => Err(fault),
            Err(error) => Err(Fault::Damaged { what: "complaints".to_owned(), why: error.to_string() }),
        }
    }
}

fn row(key: &DataKey, name: &str, sub: &SubjectId, sealed: &[u8]) -> Result<ComplaintRow, ReadError> {
    Ok(ComplaintRow { id: id_of(name)?, sub: sub.clone(), complaint: open(key, name, sealed)? })
}
