//! Typed readers of variables, which collect problems instead of stopping at the first.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;

use crate::model::Secret;

/// The variables as given, and what was found wrong so far.
#[derive(Debug, Default)]
pub struct Variables {
    values: BTreeMap<String, String>,
    known: BTreeSet<&'static str>,
    problems: Vec<String>,
}

/// All that is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
#[error("the configuration is not usable:\n  - {}", .0.join("\n  - "))]
pub struct ConfigError(pub Vec<String>);

/// Names are compared for misspelling up to this many edits…
const MAX_EDITS: usize = 2;
/// …and only from this length on, so that short names of others are left alone.
const MIN_LENGTH: usize = 7;

impl Variables {
    /// The process's environment, over the TOML file named by `MBMCP_CONFIG` if there is one.
    ///
    /// # Errors
    /// When the file cannot be read or is not a flat table.
    #[expect(clippy::disallowed_methods, reason = "the one reader of the environment")]
    pub fn of_process() -> Result<Self, ConfigError> {
        let mut values = match std::env::var("MBMCP_CONFIG") {
            Ok(file) => read_toml(Path::new(&file))?,
            Err(_) => BTreeMap::new(),
        };
        // A variable that is not Unicode cannot be one of ours.
        values.extend(std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        }));
        Ok(Self { values, ..Self::default() })
    }

    /// Variables from pairs, for `dev` and for tests.
    pub fn of<K: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        let values = pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { values, ..Self::default() }
    }

    /// Sets `name` unless it is set already.
    pub fn default_to(&mut self, name: &str, value: impl Into<String>) {
        if self.peek(name).is_none() {
            self.values.insert(name.to_owned(), value.into());
        }
    }

    /// The value of `name` without counting it as read; empty is the same as absent.
    #[must_use]
    pub fn peek(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The text of `name`.
    pub fn text(&mut self, name: &'static str) -> Option<String> {
        self.known.insert(name);
        self.peek(name).map(str::to_owned)
    }

    /// The value of `name`, or `default`.
    pub fn parsed<T>(&mut self, name: &'static str, default: T) -> T
    where
        T: FromStr,
        T::Err: Display,
    {
        let Some(text) = self.text(name) else {
            return default;
        };
        text.parse().unwrap_or_else(|error| {
            self.problem(format!("{name}={text} is not usable: {error}"));
            default
        })
    }

    /// A whole number of `name` within `range`, or `default`.
    pub fn number(
        &mut self,
        name: &'static str,
        default: u64,
        range: std::ops::RangeInclusive<u64>,
    ) -> u64 {
        let value = self.parsed(name, default);
        if !range.contains(&value) {
            let (low, high) = (range.start(), range.end());
            self.problem(format!("{name}={value} is out of range: use {low} to {high}"));
            return default;
        }
        value
    }

    /// The secret of `name`, or the content of the file that `NAME_FILE` names.
    pub fn secret(&mut self, name: &'static str, file_name: &'static str) -> Option<Secret> {
        let direct = self.text(name);
        let Some(file) = self.text(file_name) else {
            return direct.map(Secret::new);
        };
        if direct.is_some() {
            self.problem(format!("{name} and {file_name} are both set; keep one"));
        }
        match std::fs::read_to_string(&file) {
            Ok(text) => Some(Secret::new(text.trim_end_matches(['\r', '\n']))),
            Err(error) => {
                self.problem(format!("{file_name}={file} cannot be read: {error}"));
                None
            }
        }
    }

    /// Records something wrong.
    pub fn problem(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    /// Ends the reading: misspelt names are found last, when all right ones are known.
    ///
    /// # Errors
    /// When any problem was recorded.
    pub fn finish(mut self) -> Result<(), ConfigError> {
        let unknown = self.values.keys().filter(|name| !self.known.contains(name.as_str()));
        let misspelt: Vec<String> = unknown
            .filter_map(|name| {
                let meant = self.known.iter().find(|known| is_near(name, known))?;
                Some(format!("{name} is not a variable of ours; did you mean {meant}?"))
            })
            .collect();
        self.problems.extend(misspelt);
        if self.problems.is_empty() { Ok(()) } else { Err(ConfigError(self.problems)) }
    }
}

fn is_near(name: &str, known: &str) -> bool {
    name.len() >= MIN_LENGTH
        && known.len() >= MIN_LENGTH
        && strsim::osa_distance(name, known) <= MAX_EDITS
}

fn read_toml(file: &Path) -> Result<BTreeMap<String, String>, ConfigError> {
    let failed =
        |error: String| ConfigError(vec![format!("MBMCP_CONFIG={}: {error}", file.display())]);
    let text = std::fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
    // Only the message: the error itself shows the line, which may hold a secret.
    let table: toml::Table =
        text.parse().map_err(|error: toml::de::Error| failed(error.message().to_owned()))?;
    let flat = table.into_iter().map(|(name, value)| match value {
        toml::Value::String(text) => Ok((name, text)),
        toml::Value::Integer(number) => Ok((name, number.to_string())),
        toml::Value::Boolean(yes) => Ok((name, yes.to_string())),
        _ => Err(failed(format!("{name} must be a text, a number or a boolean"))),
    });
    flat.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_problems_come_at_once() {
        let mut variables =
            Variables::of([("MCP_PORT", "many"), ("DB_MAX", "0"), ("REDIS_ULR", "redis://x")]);
        assert_eq!(variables.parsed("MCP_PORT", 3100_u16), 3100);
        assert_eq!(variables.number("DB_MAX", 20, 1..=100), 20);
        assert_eq!(variables.text("REDIS_URL"), None);
        let problems = variables.finish().unwrap_err().0;
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems[2].contains("did you mean REDIS_URL?"));
    }

    #[test]
    fn names_of_others_are_left_alone() {
        let mut variables = Variables::of([("PATH", "/bin"), ("HOME", "/"), ("LOGNAME", "me")]);
        variables.text("LOG_LEVEL");
        variables.text("MCP_HOST");
        assert!(variables.finish().is_ok());
    }
}
