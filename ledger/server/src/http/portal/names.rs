//! What terms are called on pages: the words of the version of the enterprise's vocabulary that they were written in; parties
//! by their own names where it has none for them.

use grantbook_engine::{Ledger, ReadError};
use grantbook_plan::Vocabulary;
use grantbook_portal::view::Names;
use grantbook_portal::view::Wording;
use grantbook_portal::view::agreement::Agreement;
use grantbook_record::{TenantId, Term, Terms};

/// The words of an enterprise.
pub(super) struct TenantNames(Vocabulary);

impl TenantNames {
    /// As of now.
    pub(super) fn of(ledger: &Ledger, tenant: TenantId) -> Result<Self, ReadError> {
        match ledger.tenant_state(tenant) {
            Ok(state) => Ok(Self(state.vocabulary)),
            Err(ReadError::NotFound) => Ok(Self(Vocabulary::default())),
            Err(error) => Err(error),
        }
    }

    /// A field of a record that no terms speak of: of whatever category has it.
    pub(super) fn field(&self, name: &Term) -> Wording {
        let mut categories = self.0.latest().words().categories.values();
        let label = categories.find_map(|category| category.fields.get(name));
        label.map_or_else(|| Wording::same(name.as_str()), Wording::from)
    }

    /// Terms as facts, in the words that they pin.
    pub(super) fn agreement(&self, terms: &Terms) -> Agreement {
        Agreement::of(terms, self.0.version(terms.vocabulary).unwrap_or_else(|| self.0.latest()))
    }

    /// The words themselves.
    pub(super) fn vocabulary(&self) -> &Vocabulary {
        &self.0
    }
}

/// What stands outside of terms is named in today's words.
impl Names for TenantNames {
    fn purpose(&self, term: &Term) -> Wording {
        self.0.latest().purpose(term)
    }

    fn category(&self, term: &Term) -> Wording {
        self.0.latest().category(term)
    }

    fn fields(&self, category: &Term) -> Vec<(Term, Wording)> {
        self.0.latest().fields(category)
    }

    fn action(&self, term: &Term) -> Wording {
        self.0.latest().action(term)
    }

    fn party(&self, term: &Term) -> Wording {
        self.0.latest().party(term)
    }
}
