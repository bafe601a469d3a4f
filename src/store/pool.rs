//! The store: a pool of connections, and transactions on them as blocks.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts};
use tokio::time::Instant;
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::tenant::{Authority, Principal};
use super::turns::{Turn, Turns};
use super::tx::{Mode, Tx};
use super::{StoreError, tls};
use crate::config::{DatabaseConfig, Pooler};
use crate::model::Secret;

/// Postgres. Cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    pool: Pool,
    tls: MakeRustlsConnect,
    limits: Limits,
    /// Where calls compete for connections.
    turns: Option<Turns>,
    /// How long a call waits for its connection, its project's turn included.
    patience: Duration,
}

/// The time-outs that each transaction sets, as Postgres reads them: milliseconds.
#[derive(Debug)]
pub(super) struct Limits {
    pub(super) statement: String,
    pub(super) lock: String,
    pub(super) idle: String,
    /// After this a statement's answer is not waited for: Postgres would have ended it, so the
    /// network is gone.
    pub(super) answer: Duration,
    /// Whether a connection keeps its statements prepared.
    pub(super) prepared: bool,
}

/// What is added to the time-outs of Postgres before its silence counts as a lost network.
const ANSWER_MARGIN: Duration = Duration::from_secs(2);
/// The longest that one host may take to answer a new connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// An idle connection is probed after this, so that a lost one is noticed, …
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
/// … this often, …
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(3);
/// … this many times.
const KEEPALIVE_RETRIES: u32 = 3;
/// What was sent and not acknowledged for so long is lost.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(15);

/// The pool could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL cannot be read. The URL itself is not shown: it holds the password.
    #[error("the database URL cannot be read: {0}; use postgres://user:password@host/name")]
    Url(String),
    /// TLS could not be set up.
    #[error("TLS to the database cannot be set up: {0}")]
    Tls(String),
    /// Postgres does not answer.
    #[error("the database cannot be reached: {0}; check that it runs and that the URL is right")]
    Unreachable(String),
}

impl Store {
    /// A store on the database of `config`. Connects at first use.
    ///
    /// # Errors
    /// When the URL or the CA file cannot be read.
    pub fn new(config: &DatabaseConfig) -> Result<Self, ConnectError> {
        let DatabaseConfig { max_connections, max_connections_per_project, .. } = *config;
        let turns = Turns::new(max_connections, max_connections_per_project);
        Self::of(config, max_connections, Some(turns))
    }

    /// A store on the same database with so many connections of its own, for what runs beside the
    /// calls: neither waits for the other.
    ///
    /// # Errors
    /// When the URL or the CA file cannot be read.
    pub fn apart(config: &DatabaseConfig, connections: usize) -> Result<Self, ConnectError> {
        Self::of(config, connections, None)
    }

    fn of(
        config: &DatabaseConfig,
        connections: usize,
        turns: Option<Turns>,
    ) -> Result<Self, ConnectError> {
        let tls = tls::connector(config.ca_file.as_deref())?;
        let recycling_method = RecyclingMethod::Fast;
        let manager = Manager::from_config(
            parse_url(&config.url)?,
            tls.clone(),
            ManagerConfig { recycling_method },
        );
        let wait = Some(config.acquire_timeout);
        let pool = Pool::builder(manager)
            .max_size(connections)
            .timeouts(Timeouts { wait, create: wait, recycle: wait })
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| ConnectError::Url(error.to_string()))?;
        let limits = Limits {
            statement: config.statement_timeout.as_millis().to_string(),
            lock: config.lock_timeout.as_millis().to_string(),
            idle: config.idle_in_transaction_timeout().as_millis().to_string(),
            answer: config.statement_timeout + config.lock_timeout + ANSWER_MARGIN,
            prepared: config.pooler != Pooler::Transaction,
        };
        let patience = config.acquire_timeout;
        Ok(Self(Arc::new(Inner { pool, tls, limits, turns, patience })))
    }

    /// Runs `block` in a read-only transaction with the rights of `authority`; its `Ok` commits.
    ///
    /// # Errors
    /// What the block returns, or what went wrong around it.
    pub async fn read<'a, T, E, F>(
        &self,
        authority: impl Into<Authority<'a>>,
        block: F,
    ) -> Result<T, E>
    where
        F: AsyncFnOnce(&Tx) -> Result<T, E>,
        E: From<StoreError>,
    {
        self.run(authority.into().0, Mode::ReadOnly, block).await
    }

    /// Runs `block` in a transaction with the rights of `authority`; its `Ok` commits, its `Err`
    /// rolls back, and so does dropping the future.
    ///
    /// # Errors
    /// What the block returns, or what went wrong around it.
    pub async fn write<'a, T, E, F>(
        &self,
        authority: impl Into<Authority<'a>>,
        block: F,
    ) -> Result<T, E>
    where
        F: AsyncFnOnce(&Tx) -> Result<T, E>,
        E: From<StoreError>,
    {
        self.run(authority.into().0, Mode::ReadWrite, block).await
    }

    /// Runs `block` in a read-only transaction of the server itself, outside any tenant.
    pub(in crate::store) async fn serve<T, E, F>(&self, block: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&Tx) -> Result<T, E>,
        E: From<StoreError>,
    {
        self.run(Principal::Server, Mode::ReadOnly, block).await
    }

    /// The same in a transaction that may change what the server's functions change.
    pub(in crate::store) async fn serve_write<T, E, F>(&self, block: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&Tx) -> Result<T, E>,
        E: From<StoreError>,
    {
        self.run(Principal::Server, Mode::ReadWrite, block).await
    }

    async fn run<T, E, F>(&self, principal: Principal<'_>, mode: Mode, block: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&Tx) -> Result<T, E>,
        E: From<StoreError>,
    {
        let deadline = Instant::now() + self.0.patience;
        let _turn = self.turn(principal, deadline).await?;
        let connection = tokio::time::timeout_at(deadline, self.queued()).await;
        let connection = connection.unwrap_or_else(|_| Err(StoreError::no_connection_in_time()))?;
        let tx = Tx::new(connection, self.0.tls.clone(), principal, mode, &self.0.limits).await?;
        match block(&tx).await {
            Ok(value) => {
                tx.commit().await?;
                Ok(value)
            }
            Err(error) => {
                tx.rollback().await;
                Err(error)
            }
        }
    }

    /// The turn of a tenant's project, where calls compete.
    async fn turn(
        &self,
        principal: Principal<'_>,
        deadline: Instant,
    ) -> Result<Option<Turn<'_>>, StoreError> {
        match (&self.0.turns, principal) {
            (Some(turns), Principal::Tenant(tenant)) => {
                turns.next(tenant.project(), deadline).await.map(Some)
            }
            _ => Ok(None),
        }
    }

    /// A connection, unless too many wait for one.
    async fn queued(&self) -> Result<Object, StoreError> {
        match &self.0.turns {
            Some(turns) => turns.queue(self.connection()).await,
            None => self.connection().await,
        }
    }

    /// A connection outside any transaction and role: for the proof of the walls alone.
    pub(super) async fn connection(&self) -> Result<Object, StoreError> {
        self.0.pool.get().await.map_err(|error| StoreError::no_connection(&error))
    }
}

pub(super) fn parse_url(url: &Secret) -> Result<Config, ConnectError> {
    let mut config: Config = url.reveal().parse().map_err(|error: tokio_postgres::Error| {
        let reason = std::error::Error::source(&error).map(ToString::to_string);
        ConnectError::Url(reason.unwrap_or_else(|| error.to_string()))
    })?;
    if config.get_application_name().is_none() {
        config.application_name("mbmcp");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    let defaults = Config::new();
    if config.get_keepalives_idle() == defaults.get_keepalives_idle() {
        config.keepalives_idle(KEEPALIVE_IDLE);
        config.keepalives_interval(KEEPALIVE_INTERVAL);
        config.keepalives_retries(KEEPALIVE_RETRIES);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(TCP_USER_TIMEOUT);
    }
    Ok(config)
}
