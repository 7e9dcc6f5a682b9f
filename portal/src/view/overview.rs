//! What everybody sees.

/// The front page: what this server is, and the state of its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// Origin of the log.
    pub origin: String,
    /// Entries in the log.
    pub tree_size: u64,
    /// Root hash, base64.
    pub root: String,
    /// Whether there is a sandbox tenant.
    pub sandbox: bool,
    /// The portal's own origin, where the sandbox's doors are open to whoever sits at this machine.
    pub doors: Option<String>,
    /// The server's address, without a final slash.
    pub base_url: String,
}
