//! Why something is not admitted under a mandate, or a mandate not at all.

/// In order of precedence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MandateError {
    /// No such mandate, or it has ended.
    #[error("no such mandate, expected one of this customer that is in force")]
    NoSuchMandate,
    /// The agent's key belongs to the customer, the enterprise or the operator.
    #[error("agent's key is a party's, expected a key of the agent's own")]
    NotAnAgentsKey,
    /// What an agent agreed to is not what its mandate accepts.
    #[error("{what} outside the mandate, expected {expected}")]
    Outside {
        /// Which part of the grant.
        what: &'static str,
        /// What the mandate wants of it.
        expected: &'static str,
    },
    /// A mandate that was handed on accepts, or may accept, what the one above it does not.
    #[error("{what} wider than in the mandate above, expected {expected}")]
    Wider {
        /// Which part of the mandate.
        what: &'static str,
        /// What it may be.
        expected: &'static str,
    },
}
