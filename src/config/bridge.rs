//! The bridge of `mbmcp stdio --url`.

use super::{ConfigError, Variables};
use crate::model::Secret;

/// What the bridge to a hosted server needs to know.
#[derive(Clone, Debug)]
pub struct BridgeConfig {
    /// `MBMCP_KEY` (none): the API key of the hosted server. Without one it refuses every call.
    pub key: Option<Secret>,
}

impl BridgeConfig {
    /// Reads this section alone.
    ///
    /// # Errors
    /// All that is wrong, at once.
    pub fn read_alone(mut variables: Variables) -> Result<Self, ConfigError> {
        let key = variables.secret("MBMCP_KEY", "MBMCP_KEY_FILE");
        variables.finish()?;
        Ok(Self { key })
    }
}
