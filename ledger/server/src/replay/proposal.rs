//! When customers withdraw, and the use that each row is.

use grantbook_record::list::List;
use grantbook_record::uses::UseFacts;
use grantbook_record::{DataDay, DataPeriod, SubjectId, Term};

use super::offer::{Offer, term, terms_list};
use crate::cli::failure::Failure;

/// The first row of this day or later comes after the withdrawals.
const WITHDRAWALS: &str = "1997-06-30";
/// Each customer whose number is a multiple of this withdraws.
pub(super) const WITHDRAWS_EVERY: u64 = 7;

/// Whether the withdrawals come before this day's rows.
pub(super) fn after_withdrawals(day: DataDay) -> bool {
    DataDay::parse(WITHDRAWALS).is_some_and(|from| day >= from)
}

/// The use that a row is, still without its customer and day.
pub(super) struct UseForm {
    requester: Term,
    recipient: Term,
    purpose: Term,
    action: Term,
    categories: List<Term, 1, 16>,
    fields: List<Term, 1, 64>,
}

impl UseForm {
    /// Dates and quantities, never dollars.
    pub(super) fn new(offer: &Offer) -> Result<Self, Failure> {
        let (recipient, purpose) = offer.aim()?;
        Ok(Self {
            requester: term("replay")?,
            recipient,
            purpose,
            action: term("share")?,
            categories: terms_list(&["purchases"])?,
            fields: terms_list(&["date", "quantity"])?,
        })
    }

    /// The use of one row.
    pub(super) fn of(&self, data_subject: SubjectId, day: DataDay) -> Result<UseFacts, Failure> {
        let data_period = DataPeriod::new(day, day).ok_or_else(|| Failure::fault("a day before itself"))?;
        Ok(UseFacts {
            data_subject,
            requester: self.requester.clone(),
            recipient: self.recipient.clone(),
            purpose: self.purpose.clone(),
            action: self.action.clone(),
            categories: self.categories.clone(),
            fields: self.fields.clone(),
            data_period,
            rows: std::collections::BTreeMap::new(),
            level: None,
            onward: List::default(),
        })
    }
}
