//! Owner periods of what data comes from, such as a vehicle. Specification: `docs/spec/vocabulary.md`, "Owner periods".

use serde::{Deserialize, Serialize};

use crate::day::DataDay;
use crate::id::{SubjectId, Term};
use crate::jwk::Thumbprint;
use crate::list::List;
use crate::scope::AttributeValue;

/// From when to when data of a source is the customer's. Signed by the customer or the enterprise; by both where it says
/// more than was said before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceOwned {
    /// The customer.
    pub sub: SubjectId,
    /// The source.
    pub source: DataSource,
    /// Categories of data that come from it.
    pub categories: List<Term, 1, 16>,
    /// First day whose data is the customer's.
    pub from: DataDay,
    /// The last one; absent: there is none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<DataDay>,
    /// Where it is owned jointly: a key of each owner, all of which sign what is granted of this period's data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joint: Option<List<Thumbprint, 2, 3>>,
}

/// What data comes from, by the row attribute that names it, such as `vehicle` `V-81`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSource {
    /// Name of the row attribute.
    pub attribute: Term,
    /// The attribute's value in all rows of the source.
    pub value: AttributeValue,
}
