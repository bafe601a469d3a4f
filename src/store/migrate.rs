//! Bringing the schema up, and refusing to serve on any other.
//!
//! Each file carries its own BEGIN, the row it inserts into `schema_migrations`, and COMMIT, so
//! that `psql -f` does the same as this runner. The runner executes it verbatim on a direct
//! connection and then fills in its checksum.

use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Row};

use super::error::Refusal;
use super::pool::parse_url;
use super::{ConnectError, Statement, Store, StoreError, tls};
use crate::config::DatabaseConfig;

/// A file of `migrations/`.
#[derive(Debug)]
pub struct Migration {
    /// Its name without the ending.
    pub version: &'static str,
    /// Its text.
    pub sql: &'static str,
}

/// The migrations of this build, in order.
pub const MIGRATIONS: [Migration; 3] = [
    Migration { version: "001_schema", sql: include_str!("../../migrations/001_schema.sql") },
    Migration { version: "002_policies", sql: include_str!("../../migrations/002_policies.sql") },
    Migration { version: "003_functions", sql: include_str!("../../migrations/003_functions.sql") },
];

const APPLIED: Statement = Statement {
    name: "migrate.applied",
    sql: "select version, checksum from public.schema_migrations order by version",
    types: &[],
};

/// Held while migrations run, so that two runners take turns. `mbmcp` in ASCII.
const LOCK: i64 = 0x6d_62_6d_63_70;
/// How often a waiting runner asks for the lock. A blocking wait would deadlock with
/// CREATE INDEX CONCURRENTLY.
const LOCK_POLL: Duration = Duration::from_millis(100);
/// How long it asks.
const LOCK_WAIT: Duration = Duration::from_mins(1);

/// Why the schema cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// Postgres cannot be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The state cannot be read.
    #[error("the state of the schema cannot be read: {0}")]
    Read(#[from] StoreError),
    /// A file failed; nothing of it was kept.
    #[error(
        "migration {version} failed and was rolled back: {reason}; fix the cause and run `mbmcp migrate` again"
    )]
    Failed {
        /// The file.
        version: &'static str,
        /// What Postgres said.
        reason: String,
    },
    /// Some have not been applied.
    #[error("the database lacks the migrations {}: run `mbmcp migrate` with the owner's login", .0.join(", "))]
    Pending(Vec<&'static str>),
    /// An applied file is not the one of this build.
    #[error(
        "migration {0} was changed after it was applied: serve with the build that applied it, or restore the database it belongs to"
    )]
    Changed(String),
    /// The database is ahead of this build.
    #[error(
        "the database has the migration {0}, which this build does not know: serve with a newer build"
    )]
    Unknown(String),
    /// The table of migrations is there, but the server does not see into it.
    #[error(
        "the applied migrations cannot be seen: the policy server_reads on public.schema_migrations or the grant of select on it to app_server is missing; restore it from `migrations/001_schema.sql`, as the owner; then start again"
    )]
    Unseen,
    /// The login may not act as the server.
    #[error(
        "the database login may not act as app_server; run: GRANT app_server TO the login of DATABASE_URL"
    )]
    NotServer,
    /// The login does not own the schema.
    #[error(
        "this login may not migrate: set DATABASE_MIGRATION_URL to the login that owns the schema"
    )]
    NotOwner,
    /// Another runner did not finish.
    #[error("another migration has been running for {} s: wait for it, or end its session", LOCK_WAIT.as_secs())]
    Busy,
}

/// What is in `schema_migrations`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Applied {
    /// The file.
    version: String,
    /// SHA-256 of its text in hex; `None` when `psql` applied it and no runner has come since.
    checksum: Option<String>,
}

/// Applies what is missing and gives its versions; twice is a no-op.
///
/// # Errors
/// When Postgres cannot be reached, a file fails, or the database is not one of this build.
pub async fn run(config: &DatabaseConfig) -> Result<Vec<&'static str>, MigrateError> {
    let client = connect(config).await?;
    wait_for_lock(&client).await?;
    let mut done = Vec::new();
    let applied = applied(&client).await?;
    for migration in pending(&applied)? {
        apply(&client, migration).await?;
        done.push(migration.version);
    }
    for migration in &MIGRATIONS {
        match fill_checksum(&client, migration).await {
            Err(StoreError::Forbidden { .. }) => return Err(MigrateError::NotOwner),
            filled => filled?,
        }
    }
    Ok(done)
}

/// The login that `mbmcp dev` serves as: what a production server's login is, a member of the three
/// roles that serve and of nothing else, so that the walls hold here as they do there.
pub const SERVER_LOGIN: &str = "mbmcp_server";

/// Makes [`SERVER_LOGIN`], without a password, on a private Postgres.
///
/// # Errors
/// When Postgres cannot be reached or refuses.
pub async fn make_server_login(config: &DatabaseConfig) -> Result<(), MigrateError> {
    // The name is in the text: a utility statement takes no parameters.
    let sql = "do $$ begin create role mbmcp_server login noinherit; \
               exception when duplicate_object then null; end $$; \
               grant app_user, app_platform, app_server to mbmcp_server";
    let made = connect(config).await?.batch_execute(sql).await;
    Ok(made.map_err(|error| StoreError::of("migrate.server_login", &error))?)
}

/// Each migration of this build or of the database with what it is: `applied`, `missing`,
/// `changed` since, or `unknown` to this build.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn status(config: &DatabaseConfig) -> Result<Vec<(String, &'static str)>, MigrateError> {
    let applied = applied(&connect(config).await?).await?;
    let missing =
        |migration: &&Migration| !applied.iter().any(|row| row.version == migration.version);
    let missing = MIGRATIONS.iter().filter(missing);
    let missing = missing.map(|migration| (migration.version.to_owned(), "missing"));
    let present = applied.iter().map(|row| {
        let state = match pending(std::slice::from_ref(row)) {
            Ok(_) => "applied",
            Err(MigrateError::Unknown(_)) => "unknown",
            Err(_) => "changed",
        };
        (row.version.clone(), state)
    });
    Ok(present.chain(missing).collect())
}

/// Proves that the schema is exactly this build's.
///
/// # Errors
/// When a migration is missing, changed or unknown, with what to do.
pub async fn check(store: &Store) -> Result<(), MigrateError> {
    let rows = store.serve(async |tx| tx.rows(&APPLIED, &[]).await).await;
    let applied = match rows {
        Err(error) if is_fresh(&error) => Vec::new(),
        Err(StoreError::Forbidden { statement, .. }) if statement == APPLIED.name => {
            return Err(MigrateError::Unseen);
        }
        Err(StoreError::Forbidden { .. }) => return Err(MigrateError::NotServer),
        // The first file makes the table and a row in it, so it is never seen empty.
        Ok(rows) if rows.is_empty() => return Err(MigrateError::Unseen),
        rows => rows?.iter().map(applied_row).collect(),
    };
    let missing: Vec<_> = pending(&applied)?.map(|migration| migration.version).collect();
    if missing.is_empty() { Ok(()) } else { Err(MigrateError::Pending(missing)) }
}

/// Whether the error says that there is no table of migrations yet, or not even our roles.
fn is_fresh(error: &StoreError) -> bool {
    let StoreError::Broken { refusal, .. } = error else { return false };
    let fresh = [SqlState::UNDEFINED_TABLE, SqlState::INVALID_PARAMETER_VALUE];
    refusal.code.as_ref().is_some_and(|code| fresh.contains(code))
}

fn applied_row(row: &Row) -> Applied {
    Applied { version: row.get("version"), checksum: row.get("checksum") }
}

/// The migrations that `applied` lacks.
fn pending(applied: &[Applied]) -> Result<impl Iterator<Item = &'static Migration>, MigrateError> {
    for row in applied {
        let known = MIGRATIONS.iter().find(|migration| migration.version == row.version);
        let migration = known.ok_or_else(|| MigrateError::Unknown(row.version.clone()))?;
        if row.checksum.as_ref().is_some_and(|checksum| *checksum != checksum_of(migration)) {
            return Err(MigrateError::Changed(row.version.clone()));
        }
    }
    let have: Vec<&str> = applied.iter().map(|row| row.version.as_str()).collect();
    let missing: Vec<_> =
        MIGRATIONS.iter().filter(|migration| !have.contains(&migration.version)).collect();
    Ok(missing.into_iter())
}

fn checksum_of(migration: &Migration) -> String {
    hex::encode(Sha256::digest(migration.sql))
}

async fn connect(config: &DatabaseConfig) -> Result<Client, ConnectError> {
    let tls = tls::connector(config.ca_file.as_deref())?;
    let (client, connection) = parse_url(&config.migration_url)?
        .connect(tls)
        .await
        .map_err(|error| ConnectError::Unreachable(Refusal::of(&error).to_string()))?;
    // Ends when the client is dropped; its errors reach the client's calls.
    tokio::spawn(connection);
    Ok(client)
}

async fn wait_for_lock(client: &Client) -> Result<(), MigrateError> {
    let ask = async {
        loop {
            let row = client.query_one("select pg_try_advisory_lock($1)", &[&LOCK]).await;
            if row.map_err(|error| StoreError::of("migrate.lock", &error))?.get(0) {
                return Ok(());
            }
            tokio::time::sleep(LOCK_POLL).await;
        }
    };
    tokio::time::timeout(LOCK_WAIT, ask).await.unwrap_or(Err(MigrateError::Busy))
}

async fn applied(client: &Client) -> Result<Vec<Applied>, MigrateError> {
    let rows = client.query_typed(APPLIED.sql, &[]).await;
    match rows.map_err(|error| StoreError::of(APPLIED.name, &error)) {
        Ok(rows) => Ok(rows.iter().map(applied_row).collect()),
        Err(error) if is_fresh(&error) => Ok(Vec::new()),
        Err(StoreError::Forbidden { .. }) => Err(MigrateError::NotOwner),
        Err(error) => Err(error.into()),
    }
}

async fn apply(client: &Client, migration: &Migration) -> Result<(), MigrateError> {
    if let Err(error) = client.batch_execute(migration.sql).await {
        // The file's own BEGIN is still open.
        client
            .batch_execute("ROLLBACK")
            .await
            .map_err(|error| StoreError::of("migrate.rollback", &error))?;
        let version = migration.version;
        return Err(MigrateError::Failed { version, reason: Refusal::of(&error).to_string() });
    }
    Ok(())
}

async fn fill_checksum(client: &Client, migration: &Migration) -> Result<(), StoreError> {
    let sql = "update public.schema_migrations set checksum = $1 \
               where version = $2 and checksum is null";
    client
        .execute(sql, &[&checksum_of(migration), &migration.version])
        .await
        .map_err(|error| StoreError::of("migrate.checksum", &error))?;
    Ok(())
}
