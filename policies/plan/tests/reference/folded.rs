//! A world as the plan takes it: its vocabulary, the customer's state and the counts of uses.

use grantbook_plan::{Admitted, CustomerState, EntryRef, UseCount, Vocabulary};
use grantbook_record::Jti;
use grantbook_record::day::{UnixMillis, UnixSeconds};
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{Event, GrantGiven};
use serde_json::json;

use super::world::{EPOCH, Grant, World};

/// The words of [`super::world`], and no others.
pub(crate) fn vocabulary() -> Vocabulary {
    let label = json!({"en": "word", "zh-CN": "词"});
    let json = json!({
        "version": 1,
        "purposes": {"research": label, "marketing": label},
        "categories": {
            "driving": {"label": label, "fields": {"date": label, "speed": label}},
            "purchases": {"label": label, "fields": {"date": label, "quantity": label}},
        },
        "actions": {"read": label},
    });
    Vocabulary::parse(json.to_string().as_bytes()).unwrap()
}

/// The id of the grant at this position.
pub(crate) fn id(at: usize) -> Jti {
    Jti::new(UnixMillis(EPOCH * 1000), [u8::try_from(at).unwrap(); 10])
}

impl World {
    /// The customer, folded from the events of the world's grants.
    pub(crate) fn customer(&self) -> CustomerState {
        let mut customer = CustomerState::default();
        for (at, grant) in self.grants.iter().enumerate() {
            let entry = EntryRef { leaf_index: at as u64 * 3, leaf_hash: Bytes32([0; 32]) };
            let event = GrantGiven {
                sub: self.facts.data_subject.clone(),
                terms: grant.terms.clone(),
                request: None,
                birth_day: None,
                mandate: None,
            };
            let admitted = Admitted { jti: id(at), entry, at: UnixSeconds(EPOCH), group: 1 };
            customer.apply(&Event::GrantGiven(event), &admitted);
            let state = &mut customer.grants[at];
            state.status = grant.status;
            state.starts = grant.amended_at.unwrap_or(state.starts);
            state.ended_at = grant.ended_at.filter(|_| grant.status.is_ended());
        }
        customer
    }

    pub(crate) fn count(&self, grant: &Jti) -> UseCount {
        let at = (0..self.grants.len()).find(|&at| id(at) == *grant).unwrap();
        let Grant { terms, past, .. } = &self.grants[at];
        let mut count = UseCount::default();
        for &at in past {
            count.count(terms.limits.rate.as_ref(), at);
        }
        count
    }
}
