//! Logs.

use std::str::FromStr;

use tracing::level_filters::LevelFilter;

use super::Variables;

/// What is logged, and how.
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// `LOG_LEVEL` (info): off, error, warn, info, debug, trace. `debug` and below are for looking
    /// at one problem: they cost time and disk. Above `info` the line of each call is lost.
    pub level: LevelFilter,
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
        let level = variables.parsed("LOG_LEVEL", LevelFilter::INFO);
        Self { level, format: variables.parsed("LOG_FORMAT", LogFormat::Json) }
    }
}
