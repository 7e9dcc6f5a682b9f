//! What the interface says of compliance proofs; the command line reads it, too.

use grantbook_proof::Statement;
use grantbook_proof::prove::{Violation, Why};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An entry that is to be excepted from a statement, by opening it in the bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExceptionView {
    /// Its leaf index.
    pub leaf_index: u64,
    /// Name of the statement.
    #[schema(value_type = String, example = "use-before-end")]
    pub statement: Statement,
}

impl From<(u64, Statement)> for ExceptionView {
    fn from((leaf_index, statement): (u64, Statement)) -> Self {
        Self { leaf_index, statement }
    }
}

/// An entry that does not comply and is not excepted. No value is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ViolationView {
    /// Its leaf index.
    pub leaf_index: u64,
    /// Name of the statement.
    pub statement: String,
    /// `names-nothing`, `out-of-range` or `not-equal`.
    pub why: String,
}

impl From<&Violation> for ViolationView {
    fn from(found: &Violation) -> Self {
        let why = match found.why {
            Why::NamesNothing => "names-nothing",
            Why::OutOfRange => "out-of-range",
            Why::NotEqual => "not-equal",
        };
        Self { leaf_index: found.leaf, statement: found.statement.name().to_owned(), why: why.to_owned() }
    }
}

/// The last run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunView {
    /// The day, `YYYY-MM-DD`.
    pub day: String,
    /// How far it is.
    #[serde(flatten)]
    pub state: RunState,
}

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RunState {
    /// It is under way.
    Running {
        /// Terms that are proved.
        done: u64,
        /// Terms of all statements; 0 until they are known.
        total: u64,
    },
    /// The day is proved.
    Proved {
        /// Entries of the enterprise.
        own_entries: u64,
        /// Entries that were opened.
        exceptions: usize,
        /// SHA-256 of the bundle, base64url.
        bundle_sha256: String,
        /// Where `proof.published` stands.
        leaf_index: u64,
    },
    /// Entries do not comply and are not excepted.
    Refused {
        /// Which.
        entries: Vec<ViolationView>,
    },
    /// It could not be proved.
    Failed {
        /// Why.
        why: String,
    },
}

/// An enterprise's days and their proofs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProofsView {
    /// Days that are proved, `YYYY-MM-DD`, in order.
    pub days: Vec<String>,
    /// The next day to be proved; absent where none is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// The last run since the server was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunView>,
}
