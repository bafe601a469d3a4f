//! Logs.

use std::str::FromStr;

use super::Variables;

/// What is logged, and how.
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// `LOG_LEVEL` (info): error, warn, info, debug, trace, or a directive of `tracing`.
    /// `debug` and below are for looking at one problem: they cost time and disk.
    pub level: String,
    /// `LOG_FORMAT` (json).
    pub format: LogFormat,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For a person at a terminal.
    Text,
}

impl FromStr for LogFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            _ => Err("use json or text"),
        }
    }
}

impl LogConfig {
    pub(super) fn read(variables: &mut Variables) -> Self {
        let level = variables.text("LOG_LEVEL").unwrap_or_else(|| "info".to_owned());
        Self { level, format: variables.parsed("LOG_FORMAT", LogFormat::Json) }
    }
}
