//! What regulators and auditors see: nothing that is not public.

use grantbook_record::day::UnixSeconds;

use super::company::ComplaintCounts;

/// The log as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogState {
    /// Origin of the log.
    pub origin: String,
    /// Entries.
    pub size: u64,
    /// Root hash, base64.
    pub root: String,
    /// When the clock cosigned it.
    pub signed_at: Option<UnixSeconds>,
    /// How all enterprises together deal with complaints.
    pub complaints: ComplaintCounts,
    /// The witnesses' policy, where there is one: names, and whether each has cosigned the published checkpoint.
    pub witnesses: Vec<(String, bool)>,
}
