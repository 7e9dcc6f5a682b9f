//! Obligations carried out on data: what a permit demands, done before anybody sees the data.
//!
//! [`carry_out`] takes records as JSON, [`carry_out_table`] rows of text as CSV has them, and with the feature `arrow`
//! `arrow::carry_out_batch` record batches. What comes back may be used; nothing comes back unless everything was
//! done. The order in which obligations stand does not matter: they are carried out in the order
//!
//! 1. scope, `keep_fields` and `audit_only`: a field that the use does not name is dropped, whatever the obligations are;
//!    then one that some `keep_fields` does not name, or that is for audits alone and the use is none;
//! 2. `mask`, which wins over 3;
//! 3. `generalise`, to the coarsest level that is demanded of a field;
//! 4. `watermark`;
//! 5. `delete_by`, the earliest date;
//! 6. `notify`, last, so that nobody is told of a use that is not to be.
//!
//! Not here: the permit ([`crate::Permit`]), and deleting the data when it is [`due`].

#[cfg(feature = "arrow")]
pub mod arrow;
pub mod due;
mod fates;
mod ladder;
pub mod notify;
mod places;
mod record;
mod table;

use std::sync::Arc;

use grantbook_plan::Vocabulary;
use grantbook_record::terms::Obligation;
use grantbook_record::uses::{UseFacts, UseId};
use grantbook_record::{DenialReason, Jti, Term, UnixSeconds};
use serde_json::Value;

use due::{Due, DueError, DueList};
use fates::Fates;
use notify::{Notice, Notifier, NotifyError};

pub use places::{PLACES_BYTES_MAX, Places, PlacesError};
pub use table::Table;

/// The member, column or field in which a watermark stands.
pub const WATERMARK: &str = "_grantbook";
/// How deep a record may be nested.
pub const DEPTH_MAX: usize = 64;

const SECONDS_PER_DAY: u64 = 86_400;

/// What a gate can carry obligations out with. The default masks by `null` and knows neither places nor parties.
#[derive(Clone, Default)]
pub struct Means {
    /// What takes the place of a masked value.
    pub mask: Mask,
    /// What lies within what, for `generalise`.
    pub places: Places,
    /// Who passes messages on, for `notify`.
    pub notifier: Option<Arc<dyn Notifier>>,
    /// What is to be deleted, for `delete_by` and the grant's limit of retention.
    pub due: Option<Arc<DueList>>,
}

/// What takes the place of a masked value: always the same, so that nothing of the value is left.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Mask {
    /// `null`; in a table an empty cell.
    #[default]
    Null,
    /// A fixed text.
    Mark(Box<str>),
}

/// The use whose data it is.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// What the obligations are carried out with.
    pub means: &'a Means,
    /// The enterprise's vocabulary ([`crate::Gate::vocabulary`]): what a field holds under the name of another field is no
    /// part of it.
    pub vocabulary: &'a Vocabulary,
    /// What was asked: data of other fields is dropped.
    pub facts: &'a UseFacts,
    /// The grant under which it was permitted: the `jti` of its `grant.given`.
    pub grant: Jti,
    /// The use's id.
    pub use_ref: &'a UseId,
    /// When it was permitted.
    pub at: UnixSeconds,
    /// The grant's limit of retention, if it has one. Noted in the due list where there is one.
    pub retention_days: Option<u32>,
}

/// Why the data must not be used. No value of the data is named.
#[derive(Debug, thiserror::Error)]
pub enum ObligationError {
    /// A level of `generalise` that this gate does not know.
    #[error("unknown level {to}, expected day, month, quarter, year, bands-of-<n> or a level of the places")]
    Level {
        /// The level.
        to: Term,
    },
    /// Levels of which none is coarser than the other.
    #[error("{field} is to be generalised to levels of which none is the coarsest")]
    Levels {
        /// The field.
        field: Term,
    },
    /// `notify`, and nobody to pass it on.
    #[error("somebody is to be told, expected a notifier")]
    NoNotifier,
    /// `delete_by`, and no list to note it in.
    #[error("data is to be deleted, expected a due list")]
    NoDueList,
    /// A record that is no object.
    #[error("record {at} is no object")]
    NoObject {
        /// Its place, from 0.
        at: usize,
    },
    /// A record nested deeper than [`DEPTH_MAX`].
    #[error("record {at} is nested deeper than {DEPTH_MAX}")]
    Depth {
        /// Its place, from 0.
        at: usize,
    },
    /// A row with more or fewer cells than there are columns.
    #[error("row {at} has {got} cells, expected {expected}")]
    Cells {
        /// Its place, from 0.
        at: usize,
        /// Its cells.
        got: usize,
        /// The columns.
        expected: usize,
    },
    /// Two columns of one name.
    #[error("two columns of one name, expected each name once")]
    Columns,
    /// A value that cannot be made coarser.
    #[error("value of {field} in record {at} cannot be generalised to {to}")]
    Value {
        /// Place of the record, from 0.
        at: usize,
        /// The field.
        field: String,
        /// The level.
        to: String,
    },
    /// A column whose type the obligation cannot be carried out on.
    #[error("column of {field} has a type on which this cannot be carried out")]
    Type {
        /// The field.
        field: String,
    },
    /// The deletion could not be noted.
    #[error(transparent)]
    Due(#[from] DueError),
    /// Somebody could not be told.
    #[error(transparent)]
    Notify(#[from] NotifyError),
}

impl ObligationError {
    /// The reason of the denial.
    pub fn reason(&self) -> DenialReason {
        match self {
            Self::Level { .. } | Self::Levels { .. } | Self::NoNotifier | Self::NoDueList => {
                DenialReason::UnknownObligation
            }
            _ => DenialReason::EvaluationError,
        }
    }
}

impl Means {
    /// Whether the obligations can be carried out at all: to be asked before a use is permitted.
    pub fn support(&self, obligations: &[Obligation]) -> Result<(), ObligationError> {
        for obligation in obligations {
            match obligation {
                Obligation::Notify(_) if self.notifier.is_none() => return Err(ObligationError::NoNotifier),
                Obligation::DeleteBy(_) if self.due.is_none() => return Err(ObligationError::NoDueList),
                _ => {}
            }
        }
        fates::levels(obligations, &self.places).map(|_| ())
    }
}

impl std::fmt::Debug for Means {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Means").field("mask", &self.mask).finish_non_exhaustive()
    }
}

/// Carries obligations out on JSON objects; what comes back has the same order. A field is a member of its name at any
/// depth, with all that it holds but members that are other fields of the vocabulary, in whatever version.
pub fn carry_out(
    obligations: &[Obligation],
    context: &Context<'_>,
    records: Vec<Value>,
) -> Result<Vec<Value>, ObligationError> {
    carry_out_with(obligations, context, |fates| {
        let redacted = records.into_iter().enumerate().map(|(at, record)| record::redact(fates, at, record));
        redacted.collect()
    })
}

/// Carries obligations out on rows of text. An empty cell is no value.
pub fn carry_out_table(
    obligations: &[Obligation],
    context: &Context<'_>,
    table: Table,
) -> Result<Table, ObligationError> {
    carry_out_with(obligations, context, |fates| table::redact(fates, table))
}

/// Redacts, and then does what is to be done once for the use.
fn carry_out_with<T>(
    obligations: &[Obligation],
    context: &Context<'_>,
    redact: impl FnOnce(&Fates<'_>) -> Result<T, ObligationError>,
) -> Result<T, ObligationError> {
    context.means.support(obligations)?;
    let redacted = redact(&Fates::of(obligations, context)?)?;
    note_deletion(obligations, context)?;
    tell(obligations, context)?;
    Ok(redacted)
}

fn note_deletion(obligations: &[Obligation], context: &Context<'_>) -> Result<(), ObligationError> {
    let demanded = obligations.iter().filter_map(|obligation| match obligation {
        Obligation::DeleteBy(delete_by) => Some(delete_by.days.get()),
        _ => None,
    });
    let Some(days) = demanded.chain(context.retention_days).min() else { return Ok(()) };
    let Some(due) = &context.means.due else { return Ok(()) };
    let by = UnixSeconds(context.at.0.saturating_add(u64::from(days) * SECONDS_PER_DAY));
    Ok(due.add(&Due { grant: context.grant, use_ref: context.use_ref.clone(), by })?)
}

fn tell(obligations: &[Obligation], context: &Context<'_>) -> Result<(), ObligationError> {
    let parties = obligations.iter().filter_map(|obligation| match obligation {
        Obligation::Notify(notify) => Some(&notify.party),
        _ => None,
    });
    let parties: std::collections::BTreeSet<&Term> = parties.collect();
    let Some(notifier) = &context.means.notifier else { return Ok(()) };
    for party in parties {
        notifier.notify(&Notice::of(party, context))?;
    }
    Ok(())
}
