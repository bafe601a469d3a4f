//! Sending logs to standard error.

use tracing_subscriber::EnvFilter;

use crate::config::{LogConfig, LogFormat};

/// Logs could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// `LOG_LEVEL` cannot be read.
    #[error("LOG_LEVEL={level} is no level: use error, warn, info, debug or trace")]
    Level {
        /// As given.
        level: String,
    },
    /// Something else installed a subscriber before.
    #[error("logs are set up already")]
    Twice,
}

/// Sends logs to standard error, in the form and from the level that `config` says.
///
/// # Errors
/// When the level cannot be read, or logs are set up already.
pub fn install(config: &LogConfig) -> Result<(), InstallError> {
    let filter = EnvFilter::try_new(&config.level)
        .map_err(|_| InstallError::Level { level: config.level.clone() })?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let installed = match config.format {
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
        LogFormat::Text => lines.compact().with_target(false).try_init(),
    };
    installed.map_err(|_| InstallError::Twice)
}
