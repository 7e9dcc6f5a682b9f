//! Structured logs on standard error. Nothing logs bodies, data subjects, tokens or signing keys, at any level.

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{LogConfig, LogFormat};

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// `log.level` is none.
    #[error(
        "malformed log.level, expected a level such as info, or levels by target such as warn,grantbook_server=debug"
    )]
    Level,
    /// There is a subscriber already.
    #[error("logging is set up already")]
    Twice,
}

/// Sends what this process logs to standard error, in the form and from the levels that `config` says.
pub fn init(config: &LogConfig) -> Result<(), LoggingError> {
    let levels: Targets = config.level.parse().map_err(|_| LoggingError::Level)?;
    let registry = tracing_subscriber::registry().with(levels);
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match config.format {
        LogFormat::Text => registry.with(layer.with_ansi(false)).try_init(),
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).try_init(),
    }
    .map_err(|_| LoggingError::Twice)
}
