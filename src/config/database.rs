//! Postgres: where it is and how long anyone waits for it.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::{ConfigError, Variables};
use crate::model::Secret;

/// How the server reaches Postgres.
#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    /// `DATABASE_URL` (or `SUPABASE_DB_URL` with `DB_PROVIDER=supabase`): a libpq URL or
    /// key/value string; several hosts and `target_session_attrs` work, `sslmode` is honoured,
    /// and `require` verifies the certificate.
    pub url: Secret,
    /// `DATABASE_MIGRATION_URL` (the same as `url`): the owner's login, on a direct connection,
    /// used by `mbmcp migrate` alone.
    pub migration_url: Secret,
    /// `DATABASE_CA_FILE`: certificates (PEM) to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// `DB_POOLER` (none): what pools connections between the server and Postgres. With
    /// `transaction` statements are not kept prepared, since the next one may meet another server
    /// process; that costs about half the speed. With `none` behind such a pooler calls fail.
    pub pooler: Pooler,
    /// `DB_MAX_CONNECTIONS` (20; 10 for Supabase): too few queue calls, too many raise every
    /// call's latency; about eight per two cores of the database serve best. What runs beside the
    /// calls has [`BACKGROUND_CONNECTIONS`] and [`WATCH_CONNECTIONS`] more.
    pub max_connections: usize,
    /// `DB_MAX_CONNECTIONS_PER_PROJECT` (half of them): connections that the calls of one project use
    /// at once; more of its calls wait. Equal to `DB_MAX_CONNECTIONS`, one project can take all; too
    /// few slow the only project of a server.
    pub max_connections_per_project: usize,
    /// `DB_ACQUIRE_TIMEOUT_MS` (3000): how long a call waits for a connection before its 503.
    pub acquire_timeout: Duration,
    /// `DB_STATEMENT_TIMEOUT_MS` (10000): the longest statement. Too short fails large writes;
    /// too long lets one bad query hold a connection.
    pub statement_timeout: Duration,
    /// `DB_LOCK_TIMEOUT_MS` (5000): the longest wait for another writer.
    pub lock_timeout: Duration,
}

/// What pools connections between the server and Postgres.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooler {
    /// Nothing.
    None,
    /// A pooler that keeps a connection for a client.
    Session,
    /// A pooler that gives each transaction any connection, as `PgBouncer` in transaction mode and
    /// Supabase's port 6543 do.
    Transaction,
}

impl FromStr for Pooler {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self::None),
            "session" => Ok(Self::Session),
            "transaction" => Ok(Self::Transaction),
            _ => Err("use none, session or transaction"),
        }
    }
}

/// Connections, beside those of the calls, for what a server does for all of them: hearing what
/// happens on others, storing events, cleaning up.
pub const BACKGROUND_CONNECTIONS: usize = 3;
/// The same for what no lock of anybody may hold up: hearing which keys have changed, and health.
pub const WATCH_CONNECTIONS: usize = 1;

/// Seconds after which Postgres ends a transaction that sends nothing more, as a factor of the
/// statement time-out: only a lost server leaves one open that long.
const IDLE_FACTOR: u32 = 2;

impl DatabaseConfig {
    /// Whether a database is named at all; if none is, `mbmcp dev` starts a private one.
    #[must_use]
    pub fn is_named(variables: &Variables) -> bool {
        ["DATABASE_URL", "DATABASE_URL_FILE", "SUPABASE_DB_URL", "SUPABASE_DB_URL_FILE"]
            .iter()
            .any(|name| variables.peek(name).is_some())
    }

    /// Reads this section alone, for commands that need nothing but the database.
    ///
    /// # Errors
    /// All that is wrong, at once.
    pub fn read_alone(mut variables: Variables) -> Result<Self, ConfigError> {
        let config = Self::read(&mut variables);
        variables.finish()?;
        Ok(config)
    }

    pub(super) fn read(variables: &mut Variables) -> Self {
        let url = variables.secret("DATABASE_URL", "DATABASE_URL_FILE");
        let supabase_url = variables.secret("SUPABASE_DB_URL", "SUPABASE_DB_URL_FILE");
        let migration_url =
            variables.secret("DATABASE_MIGRATION_URL", "DATABASE_MIGRATION_URL_FILE");
        let provider = variables.text("DB_PROVIDER").unwrap_or_else(|| "postgres".to_owned());
        let (url, name, connections) = match provider.as_str() {
            "postgres" => (url, "DATABASE_URL", 20),
            "supabase" => (supabase_url, "SUPABASE_DB_URL", 10),
            other => {
                variables.problem(format!("DB_PROVIDER={other}: use postgres or supabase"));
                (url, "DATABASE_URL", 20)
            }
        };
        let url = url.unwrap_or_else(|| {
            variables.problem(format!("{name} is not set: say where Postgres is"));
            Secret::new("")
        });
        let connections = variables.number("DB_MAX_CONNECTIONS", connections, 1..=1000);
        let half = connections.div_ceil(2);
        let per_project = variables.number("DB_MAX_CONNECTIONS_PER_PROJECT", half, 1..=1000);
        Self {
            migration_url: migration_url.unwrap_or_else(|| url.clone()),
            url,
            ca_file: variables.text("DATABASE_CA_FILE").map(PathBuf::from),
            pooler: variables.parsed("DB_POOLER", Pooler::None),
            max_connections: usize::try_from(connections).unwrap_or(usize::MAX),
            max_connections_per_project: usize::try_from(per_project).unwrap_or(usize::MAX),
            acquire_timeout: millis(variables, "DB_ACQUIRE_TIMEOUT_MS", 3000),
            statement_timeout: millis(variables, "DB_STATEMENT_TIMEOUT_MS", 10_000),
            lock_timeout: millis(variables, "DB_LOCK_TIMEOUT_MS", 5000),
        }
    }

    /// How long a transaction may stand idle before Postgres ends it.
    #[must_use]
    pub fn idle_in_transaction_timeout(&self) -> Duration {
        self.statement_timeout * IDLE_FACTOR
    }
}

fn millis(variables: &mut Variables, name: &'static str, default: u64) -> Duration {
    Duration::from_millis(variables.number(name, default, 50..=600_000))
}
