//! What only the ledger can say of data assets: that data was used under the grants a report was derived from, and that a
//! licence keeps to what its asset offers.

use grantbook_plan::Refusal;
use grantbook_plan::assets::check_licence;
use grantbook_record::event::Event;

use super::Builder;
use crate::state::Customer;

impl Builder<'_> {
    /// Whether an event that issues an asset, or gives or asks for a licence of one, is admitted.
    pub(super) fn check_asset(&self, event: &Event, customer: &Customer) -> Result<(), Refusal> {
        if let Event::AssetIssued(issued) = event
            && issued.derived_from.iter().any(|grant| customer.count(grant).uses == 0)
        {
            return Err(Refusal::NotDerivable { expected: "grants under which uses are recorded" });
        }
        check_licence(event, &customer.state, self.now)
    }
}
