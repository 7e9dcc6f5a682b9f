//! Terms that amendments have replaced. A use that happened before an amendment and arrives after it is linked to, priced and
//! judged by the terms of its own time.

use std::borrow::Cow;

use grantbook_plan::{EntryRef, GrantState};
use grantbook_record::day::UnixSeconds;
use grantbook_record::{Jti, Terms};
use serde::{Deserialize, Serialize};

use super::rows::Customer;

/// Replaced terms that are kept for one grant, the latest ones. A use that is older than all of them is judged by the oldest.
const KEPT_MAX: usize = 8;

/// Terms that were in force until an amendment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EarlierTerms {
    terms: Terms,
    group: u16,
    starts: UnixSeconds,
    entry: EntryRef,
    /// When the amendment was admitted.
    until: UnixSeconds,
}

impl Customer {
    /// The grant as it was at a time.
    pub(crate) fn grant_at(&self, id: &Jti, at: UnixSeconds) -> Option<Cow<'_, GrantState>> {
        let grant = self.state.grant(id)?;
        let earlier = self.earlier.get(id).and_then(|all| all.iter().find(|terms| at < terms.until));
        Some(match earlier {
            None => Cow::Borrowed(grant),
            Some(EarlierTerms { terms, group, starts, entry, .. }) => Cow::Owned(GrantState {
                terms: terms.clone(),
                group: *group,
                starts: *starts,
                terms_entry: *entry,
                ..grant.clone()
            }),
        })
    }

    /// Keeps the terms that an amendment is about to replace.
    pub(super) fn keep_terms(&mut self, id: &Jti, until: UnixSeconds) {
        let Some(GrantState { terms, group, starts, terms_entry: entry, .. }) = self.state.grant(id) else {
            return;
        };
        let terms =
            EarlierTerms { terms: terms.clone(), group: *group, starts: *starts, entry: *entry, until };
        let all = self.earlier.entry(*id).or_default();
        all.push(terms);
        if all.len() > KEPT_MAX {
            all.remove(0);
        }
    }
}
