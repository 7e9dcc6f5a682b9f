//! How a command ends that does not end well, and the exit status that says so.

use std::process::ExitCode;

use grantbook_engine::{AppendError, OpenError, ReadError, TenantError};

/// Why a command did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Exit status 1: the answer is no.
    #[error("{0}")]
    No(String),
    /// Exit status 2: what was given cannot be used.
    #[error("{0}")]
    Input(String),
    /// Exit status 3: the system is at fault: files, network, another process.
    #[error("{0}")]
    Fault(String),
}

/// The exit status of an answer that is no, and of invalid things.
pub(crate) const EXIT_NO: u8 = 1;

#[allow(clippy::needless_pass_by_value, reason = "by value these are what `map_err` takes")]
impl Failure {
    /// The exit status.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::No(_) => EXIT_NO,
            Self::Input(_) => 2,
            Self::Fault(_) => 3,
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.status())
    }

    /// The answer is no.
    pub(crate) fn no(why: impl ToString) -> Self {
        Self::No(why.to_string())
    }

    /// Input that cannot be used.
    pub(crate) fn input(why: impl ToString) -> Self {
        Self::Input(why.to_string())
    }

    /// A fault of the system.
    pub(crate) fn fault(why: impl ToString) -> Self {
        Self::Fault(why.to_string())
    }

    /// Puts what was being done before the message.
    pub(crate) fn during(self, what: &str) -> Self {
        match self {
            Self::No(why) => Self::No(format!("{what}: {why}")),
            Self::Input(why) => Self::Input(format!("{what}: {why}")),
            Self::Fault(why) => Self::Fault(format!("{what}: {why}")),
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self::fault(error)
    }
}

impl From<AppendError> for Failure {
    fn from(error: AppendError) -> Self {
        match error {
            // who runs the command may know the file
            AppendError::Store(fault) => Self::fault(fault),
            AppendError::Busy | AppendError::Stopped => Self::fault(error),
            _ => Self::no(error),
        }
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::NotFound | ReadError::Erased | ReadError::NotYet => Self::no(error),
            ReadError::Store(fault) => Self::fault(fault),
            ReadError::Stopped | ReadError::Damaged(_) => Self::fault(error),
        }
    }
}

impl From<TenantError> for Failure {
    fn from(error: TenantError) -> Self {
        match error {
            TenantError::UnknownTenant | TenantError::UnknownGate | TenantError::UnknownToken => {
                Self::no(error)
            }
            TenantError::Refused { .. } => Self::input(error),
            TenantError::Keyring(_) => Self::fault(error),
        }
    }
}
