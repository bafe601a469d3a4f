//! Floor 7: the composition root: configuration in, everything built once.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;

use crate::access::keys::KeyPolicy;
use crate::access::limits::MINUTE;
use crate::access::{AdminToken, Authenticator, KeyWatch, Limits, Usage, WrongKeys, usage};
use crate::config::{BACKGROUND_CONNECTIONS, Config, WATCH_CONNECTIONS};
use crate::http::{Edge, Health, Lifecycle, Origins, router};
use crate::mcp::bus::{Bus, Obey};
use crate::mcp::streams::{Calls, LEASE, Streams};
use crate::mcp::transport::Transport;
use crate::mcp::{Handler, MemoryBank, Service};
use crate::model::{Ambient, EntropyError, Sealer};
use crate::rest::{RequestLimits, Rest};
use crate::store::kv::{KeyCache, RateLimits, Redis, Wakes};
use crate::store::migrate::{self, MigrateError};
use crate::store::walls::{self, WallsError};
use crate::store::{ConnectError, Store};
use crate::worker::Purge;

/// Why the server does not start. Each sentence says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Postgres.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The schema.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// The walls between tenants.
    #[error(transparent)]
    Walls(#[from] WallsError),
    /// Redis.
    #[error(transparent)]
    Redis(#[from] crate::store::kv::redis::RedisUrlError),
    /// Randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// A tool.
    #[error("a tool of this build is broken: {0}")]
    Tools(String),
    /// The address.
    #[error("{address} cannot be listened on: {source}; stop what uses it, or set MCP_PORT")]
    Listen {
        /// As configured.
        address: std::net::SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// What a server is made of beside its configuration.
pub struct Parts {
    /// Who answers behind the protocol.
    pub handler: Box<dyn Handler>,
    /// How long the writer of a stream counts as alive without a word of it: [`LEASE`], or less in a
    /// test that kills one. All replicas have the same.
    pub lease: Duration,
    /// What counts as a minute where calls are counted: [`MINUTE`], or less in a test that has no time
    /// for one. All replicas have the same.
    pub minute: Duration,
}

impl Parts {
    /// With another handler than the product's.
    #[must_use]
    pub fn of(handler: Box<dyn Handler>) -> Self {
        Self { handler, lease: LEASE, minute: MINUTE }
    }
}

/// Proves that the database is one to serve on, and builds the server on it.
///
/// # Errors
/// See [`StartError`].
pub async fn build(
    config: &Config,
    ambient: Ambient,
    lifecycle: &Lifecycle,
) -> Result<Router, StartError> {
    let handler = MemoryBank::new().map_err(StartError::Tools)?;
    build_with(Parts::of(Box::new(handler)), config, ambient, lifecycle).await
}

/// The same with other parts than the product's.
///
/// # Errors
/// See [`StartError`].
pub async fn build_with(
    Parts { handler, lease, minute }: Parts,
    config: &Config,
    ambient: Ambient,
    lifecycle: &Lifecycle,
) -> Result<Router, StartError> {
    let store = open(config).await?;
    let apart = Store::apart(&config.database, BACKGROUND_CONNECTIONS)?;
    let unhindered = Store::apart(&config.database, WATCH_CONNECTIONS)?;
    let sealer = Sealer::new(config.secrets.server_secret.clone());
    let redis = config.redis.as_ref().map(Redis::new).transpose()?.map(Arc::new);
    let clock = ambient.clock.clone();
    let shared = redis.clone().map(|redis| KeyCache::new(redis, sealer.clone(), clock.clone()));
    let counts = redis.clone().map(RateLimits::new);
    let wrong = WrongKeys::new(counts.clone(), minute);
    let watch = KeyWatch::new(unhindered.clone(), clock.clone());
    let authenticator = Authenticator::new(store.clone(), watch, shared, wrong, clock.clone());
    let authenticator = watching(authenticator, lifecycle);
    let call_limits = Limits::new(config.limits, minute, counts);
    let (streams, bus) = keep_streams(lease, apart.clone(), redis.clone(), &ambient, lifecycle)?;
    let announce = bus.clone();
    keep_clean(apart.clone(), &bus, config, &ambient, lifecycle);
    let health = Arc::new(Health::new(unhindered, redis, lifecycle.stopping.clone()));
    let usage = count_usage(apart, &ambient, lifecycle);
    let rest = Arc::new(Rest {
        authenticator: authenticator.clone(),
        limits: limits(config),
        call_limits: call_limits.clone(),
        store: store.clone(),
        ambient: ambient.clone(),
        sealer: sealer.clone(),
        max_body_bytes: config.server.max_body_bytes,
        key_policy: KeyPolicy::new(config.keys.max_lifetime),
        announce: Box::new(move || announce.wake()),
    });
    let admin_token = config.secrets.admin_token.as_ref().map(AdminToken::new);
    let service = Arc::new(Service {
        store,
        ambient,
        sealer,
        call_timeout: config.server.request_timeout,
        session_ttl: config.server.session_ttl,
        max_sessions: config.server.max_sessions,
        streams,
        bus,
        handler,
    });
    let transport = transport(service, authenticator.clone(), config, lifecycle);
    let loopback = config.server.address.ip().is_loopback();
    let origins = Origins::new(config.edge.allowed_origins.clone(), loopback);
    let edge = Edge {
        authenticator,
        limits: call_limits,
        clock,
        admin_token,
        usage,
        rest,
        health,
        trusted_proxies: config.edge.trusted_proxies.clone(),
        origins,
        transport,
        request_timeout: config.server.request_timeout,
    };
    Ok(router(edge))
}

fn transport(
    service: Arc<Service>,
    authenticator: Arc<Authenticator>,
    config: &Config,
    lifecycle: &Lifecycle,
) -> Transport {
    Transport {
        service,
        authenticator,
        tasks: lifecycle.tasks.clone(),
        stopping: lifecycle.stopping.clone(),
        json_response: config.server.json_response,
        max_body_bytes: config.server.max_body_bytes,
    }
}

/// The database, proven to be one to serve on.
async fn open(config: &Config) -> Result<Store, StartError> {
    let store = Store::new(&config.database)?;
    migrate::check(&store).await?;
    for warning in walls::prove(&store).await? {
        tracing::warn!("{warning}");
    }
    for warning in config.secrets.weaknesses() {
        tracing::warn!("{warning}");
    }
    Ok(store)
}

/// Reads what changes of keys until the process ends.
fn watching(authenticator: Authenticator, lifecycle: &Lifecycle) -> Arc<Authenticator> {
    let authenticator = Arc::new(authenticator);
    let (watching, drained) = (authenticator.clone(), lifecycle.drained.clone());
    lifecycle.keepers.spawn(async move { watching.watch().keep(&drained).await });
    authenticator
}

/// Stores what sessions are sent, and learns what happens on other replicas, until the process ends.
fn keep_streams(
    lease: Duration,
    store: Store,
    redis: Option<Arc<Redis>>,
    ambient: &Ambient,
    lifecycle: &Lifecycle,
) -> Result<(Streams, Arc<Bus>), StartError> {
    let replica = ambient.uuid()?;
    let calls = Calls::default();
    let (streams, queue) = Streams::new(replica, lease, calls.clone(), lifecycle.tasks.clone());
    let wakes = redis.map(|redis| Wakes::new(redis, replica));
    let obey: Obey = Box::new(move |signal| calls.obey(signal));
    let bus = Arc::new(Bus::new(store.clone(), wakes, ambient.clock.clone(), obey));
    let (hearing, drained) = (bus.clone(), lifecycle.drained.clone());
    lifecycle.keepers.spawn(async move { hearing.keep(&drained).await });
    let (writing, telling, drained) = (store.clone(), bus.clone(), lifecycle.drained.clone());
    lifecycle.keepers.spawn(async move { queue.keep(&writing, &telling, &drained).await });
    let (leased, drained) = (streams.clone(), lifecycle.drained.clone());
    lifecycle.keepers.spawn(async move { leased.keep(&store, &drained).await });
    Ok((streams, bus))
}

/// Purges what is old until the process ends.
fn keep_clean(
    store: Store,
    bus: &Arc<Bus>,
    config: &Config,
    ambient: &Ambient,
    lifecycle: &Lifecycle,
) {
    let (bus, drained) = (bus.clone(), lifecycle.drained.clone());
    let purge = Purge {
        store,
        ambient: ambient.clone(),
        event_retention: config.server.event_retention,
        announce: Box::new(move || bus.wake()),
    };
    lifecycle.keepers.spawn(async move { purge.keep(&drained).await });
}

/// Counts calls, and stores that until the process ends.
fn count_usage(store: Store, ambient: &Ambient, lifecycle: &Lifecycle) -> Arc<Usage> {
    let usage = Arc::new(Usage::new(ambient.clock.clone()));
    let (counting, Lifecycle { stopping, drained, .. }) = (usage.clone(), lifecycle.clone());
    let keeping = async move { usage::keep(&counting, &store, &stopping, &drained).await };
    lifecycle.keepers.spawn(keeping);
    usage
}

/// What is said of the limits of requests.
fn limits(config: &Config) -> RequestLimits {
    RequestLimits {
        body_bytes: config.server.max_body_bytes,
        seconds: config.server.request_timeout.as_secs(),
        session_hours: config.server.session_ttl.as_secs() / 3600,
        calls_per_address: config.limits.per_address,
        sessions_per_key: config.limits.initialize,
    }
}
