//! Entries that are excepted from a statement by opening them.

use std::collections::BTreeMap;

use grantbook_compliance::{Blinding, Commitment, Opening, verify_opening};
use grantbook_record::Kind;

use super::{Own, Reader};
use crate::chain::Chain;
use crate::error::ProofError;
use crate::policy::StatementPolicy;
use crate::statement::Statement;

/// Exceptions by leaf index and statement, with the values that were opened.
pub(crate) type Exceptions = BTreeMap<(u64, Statement), Vec<u64>>;

/// An entry and what it is excepted from.
pub(crate) struct Exception<'a> {
    pub(crate) leaf: u64,
    pub(crate) statement: Statement,
    /// Of the entry's commitments; of an entry of an earlier day, of its time alone.
    pub(crate) openings: &'a [Opening],
}

impl Exception<'_> {
    pub(crate) fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.leaf.to_be_bytes());
        bytes.push(self.statement.number());
        for opening in self.openings {
            bytes.extend(opening.value.to_be_bytes());
            bytes.extend(opening.blinding.to_bytes());
        }
    }

    /// Reads all exceptions and checks what they open.
    pub(crate) fn parse_all(
        reader: &mut Reader<'_>,
        policy: &StatementPolicy,
        own: &[Own],
        chain: &Chain,
    ) -> Result<Exceptions, ProofError> {
        let mut exceptions = Exceptions::new();
        for _ in 0..reader.u32("exceptions")? {
            let leaf = reader.u64("exceptions")?;
            let expected = "the number of a statement that is asked and has exceptions";
            let statement = Statement::from_number(reader.u8("exceptions")?)
                .filter(|statement| *statement != Statement::ValuesInRange && statement.is_asked(policy))
                .ok_or(ProofError::Field { field: "exceptions", expected })?;
            let wrong = |expected| ProofError::Exception { leaf, statement, expected };
            if exceptions.last_key_value().is_some_and(|(last, _)| *last >= (leaf, statement)) {
                return Err(wrong("rising leaf indexes, then statements"));
            }
            let commitments = commitments(own, chain, leaf).ok_or(wrong("an entry that is known"))?;
            let mut values = Vec::new();
            for commitment in commitments {
                let value = reader.u64("exceptions")?;
                let blinding = Blinding::from_bytes(reader.array("exceptions")?);
                let opened =
                    blinding.and_then(|blinding| verify_opening(commitment, &Opening { value, blinding }));
                opened.map_err(|_| wrong("openings of the entry's commitments"))?;
                values.push(value);
            }
            let wide = own_at(own, leaf).is_some_and(|own| own.entry.kind == Kind::SettlementPosted);
            if !wide && values.iter().any(|value| u32::try_from(*value).is_err()) {
                return Err(wrong("values of 32 bits"));
            }
            exceptions.insert((leaf, statement), values);
        }
        Ok(exceptions)
    }
}

/// What an exception of this entry opens.
pub(crate) fn commitments<'a>(own: &'a [Own], chain: &'a Chain, leaf: u64) -> Option<&'a [Commitment]> {
    match own_at(own, leaf) {
        Some(own) => Some(&own.entry.commitments),
        None => chain.time_of(leaf).map(std::slice::from_ref),
    }
}

fn own_at(own: &[Own], leaf: u64) -> Option<&Own> {
    own.get(own.binary_search_by_key(&leaf, |own| own.leaf).ok()?)
}
