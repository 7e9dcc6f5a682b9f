//! Receipts that came back lately, and those that the ledger gives again.

use std::collections::BTreeMap;

use grantbook_record::{Receipt, SubjectId};

use super::UseRef;
use crate::denial::LinkFault;
use crate::http::Http;

/// Receipts that are held, some 5 kB each.
const RECENT_MAX: usize = 1024;

/// The latest receipts, each given once: who asks again gets a later one from the ledger.
#[derive(Default)]
pub(super) struct Recent {
    by_seq: BTreeMap<u64, (SubjectId, Receipt)>,
}

impl Recent {
    pub(super) fn extend(&mut self, receipts: Vec<(u64, SubjectId, Receipt)>) {
        self.by_seq.extend(receipts.into_iter().map(|(seq, sub, receipt)| (seq, (sub, receipt))));
        while self.by_seq.len() > RECENT_MAX {
            self.by_seq.pop_first();
        }
    }

    pub(super) fn take(&mut self, seq: u64) -> Option<Receipt> {
        self.by_seq.remove(&seq).map(|(_, receipt)| receipt)
    }

    pub(super) fn forget(&mut self, sub: &SubjectId) {
        self.by_seq.retain(|_, (of, _)| of != sub);
    }
}

/// The receipt of a use, as the ledger gives it now; not verified.
pub(crate) async fn fetch(http: &Http, use_ref: &UseRef) -> Result<Receipt, LinkFault> {
    let UseRef { gate, seq } = use_ref;
    http.read(&format!("/v1/uses/{gate}/{seq}/receipt")).await
}
