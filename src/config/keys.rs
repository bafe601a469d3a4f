//! What the operator demands of API keys.

use std::time::Duration;

use super::{ConfigError, Variables};

/// Demands on API keys.
#[derive(Clone, Copy, Debug)]
pub struct KeysConfig {
    /// `KEY_MAX_LIFETIME_DAYS`: the longest that a key may live; without it keys may live for ever.
    /// Too short makes people store keys where they rotate easily; none leaves forgotten keys open.
    pub max_lifetime: Option<Duration>,
}

const DAY: u64 = 24 * 3600;

impl KeysConfig {
    pub(super) fn read(variables: &mut Variables) -> Self {
        let name = "KEY_MAX_LIFETIME_DAYS";
        let days = variables.text(name).map(|_| variables.number(name, 365, 1..=3650));
        Self { max_lifetime: days.map(|days| Duration::from_secs(days * DAY)) }
    }

    /// For commands that need nothing else.
    ///
    /// # Errors
    /// When the variable is not usable.
    pub fn read_alone(mut variables: Variables) -> Result<Self, ConfigError> {
        let config = Self::read(&mut variables);
        variables.finish().map(|()| config)
    }
}
