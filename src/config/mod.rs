//! Floor 1: what the operator says.
//!
//! Every variable is read here and nowhere else, from the environment, `NAME_FILE` (secrets) and
//! an optional TOML file. Each section is one file that lists its variables with units, defaults
//! and what goes wrong at both extremes, in the order of `.env.example`. All problems are
//! reported at once.

mod bridge;
mod database;
mod edge;
mod env;
mod keys;
mod limits;
mod log;
mod redis;
mod secrets;
mod server;

pub use bridge::BridgeConfig;
pub use database::{BACKGROUND_CONNECTIONS, DatabaseConfig, Pooler, WATCH_CONNECTIONS};
pub use edge::EdgeConfig;
pub use env::{ConfigError, Variables};
pub use keys::KeysConfig;
pub use limits::{Fallback, LimitsConfig};
pub use log::{LogConfig, LogFormat};
pub use redis::RedisConfig;
pub use secrets::{AppEnv, SecretsConfig};
pub use server::{JsonResponse, ServerConfig, Transport};

/// Everything that `mbmcp serve` needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Listening, limits of requests, sessions.
    pub server: ServerConfig,
    /// Proxies and origins.
    pub edge: EdgeConfig,
    /// Postgres.
    pub database: DatabaseConfig,
    /// Redis; `None` means that each replica has caches and counts calls by itself.
    pub redis: Option<RedisConfig>,
    /// Environment and secrets.
    pub secrets: SecretsConfig,
    /// API keys.
    pub keys: KeysConfig,
    /// How many calls are answered.
    pub limits: LimitsConfig,
    /// Logs.
    pub log: LogConfig,
}

impl Config {
    /// Reads every section.
    ///
    /// # Errors
    /// All that is wrong, at once: bad values, missing ones, misspelt names.
    pub fn read(mut variables: Variables) -> Result<Self, ConfigError> {
        let secrets = SecretsConfig::read(&mut variables);
        let server = ServerConfig::read(&mut variables);
        let edge = EdgeConfig::read(&mut variables);
        let database = DatabaseConfig::read(&mut variables);
        let redis = RedisConfig::read(&mut variables);
        let keys = KeysConfig::read(&mut variables);
        let limits = LimitsConfig::read(&mut variables);
        let log = LogConfig::read(&mut variables);
        variables.finish()?;
        Ok(Self { server, edge, database, redis, secrets, keys, limits, log })
    }
}
