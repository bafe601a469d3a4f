//! Sending logs to standard error.

use crate::config::{LogConfig, LogFormat};

/// Something else had set up logs before.
#[derive(Debug, thiserror::Error)]
#[error("logs are set up already")]
pub struct InstalledTwice;

/// Sends logs to standard error, in the form and from the level that `config` says.
///
/// # Errors
/// When logs are set up already.
pub fn install(config: &LogConfig) -> Result<(), InstalledTwice> {
    let lines = tracing_subscriber::fmt().with_max_level(config.level).with_writer(std::io::stderr);
    let installed = match config.format {
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
        LogFormat::Text => lines.compact().with_target(false).try_init(),
    };
    installed.map_err(|_| InstalledTwice)
}
