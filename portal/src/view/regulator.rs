//! What regulators and auditors see: nothing that is not public.

use grantbook_record::day::UnixSeconds;

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
    /// The witnesses' policy, where there is one: names, and whether each has cosigned the published checkpoint.
    pub witnesses: Vec<(String, bool)>,
    /// How many of them must.
    pub quorum: usize,
    /// Names of what the log publishes about itself, with the leaf index of each: the latest first.
    pub public: Vec<(u64, String)>,
}
