//! What the tests stand on: a [`Database`] each, a [`Server`] in the process or as a
//! [`Process`] of its own, perhaps behind [`Traefik`], a [`Client`] that speaks MCP over plain HTTP.

mod client;
mod database;
mod events;
mod pgbouncer;
mod port;
mod private_cluster;
mod private_redis;
mod process;
mod proxy;
mod rest;
mod server;
mod traefik;
mod wait;

pub use client::{Client, MODERN, Reply, accepting, modern_meta};
pub use database::{Database, Login, TestKey};
pub use events::Events;
pub use pgbouncer::PgBouncer;
pub use port::free_port;
pub use private_cluster::PrivateCluster;
pub use private_redis::PrivateRedis;
pub use process::{Process, mbmcp};
pub use proxy::Proxy;
pub use rest::{ADMIN_TOKEN, RestClient};
pub use server::Server;
pub use traefik::{CLIENT, DOMAIN, Traefik};
pub use wait::eventually;

/// Where the private Redis listens.
pub fn redis_url() -> String {
    variable("TEST_REDIS_URL")
}

/// The superuser where the owner is none, as `scripts/with-services --supabase` says.
#[expect(clippy::disallowed_methods, reason = "the tests' own configuration")]
fn superuser() -> Option<String> {
    std::env::var("TEST_SUPERUSER").ok()
}

/// The Postgres that `PG_BIN` chooses, as `scripts/with-services` does.
#[expect(clippy::disallowed_methods, reason = "the tests' own configuration")]
pub fn pg_bin() -> Option<std::path::PathBuf> {
    std::env::var_os("PG_BIN").filter(|folder| !folder.is_empty()).map(Into::into)
}

/// How long a test under load lasts: `TEST_LOAD_SECONDS`, or a few seconds.
#[expect(clippy::disallowed_methods, reason = "the tests' own configuration")]
pub fn seconds_of_load() -> std::time::Duration {
    let seconds = std::env::var("TEST_LOAD_SECONDS").ok();
    let seconds = seconds.map_or(6, |text| text.parse().expect("TEST_LOAD_SECONDS is a number"));
    std::time::Duration::from_secs(seconds)
}

/// How often keys are revoked in each way: `TEST_REVOCATIONS`, or a few times.
#[expect(clippy::disallowed_methods, reason = "the tests' own configuration")]
pub fn revocations() -> usize {
    let times = std::env::var("TEST_REVOCATIONS").ok();
    times.map_or(5, |text| text.parse().expect("TEST_REVOCATIONS is a number"))
}

/// What lets all tests call from one address as often as they want.
pub const NO_LIMITS: [(&str, &str); 2] =
    [("RATE_LIMIT_PER_IP", "0"), ("RATE_LIMIT_INITIALIZE", "100000")];

/// Whether what takes minutes is done as well: `TEST_REAL_MINUTES`.
#[expect(clippy::disallowed_methods, reason = "the tests' own configuration")]
pub fn real_minutes() -> bool {
    std::env::var_os("TEST_REAL_MINUTES").is_some()
}

/// How long a test of silence is silent: `TEST_SILENCE_SECONDS`, or longer than what it configures.
#[expect(clippy::disallowed_methods, reason = "the tests' own configuration")]
pub fn seconds_of_silence() -> std::time::Duration {
    let seconds = std::env::var("TEST_SILENCE_SECONDS").ok();
    let seconds = seconds.map_or(4, |text| text.parse().expect("TEST_SILENCE_SECONDS is a number"));
    std::time::Duration::from_secs(seconds)
}

/// The server secret of all test servers, so that they are replicas of each other.
pub const SECRET: &str = "a server secret of the tests, 40 bytes long";

#[expect(clippy::disallowed_methods, reason = "the tests' own configuration")]
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `make test`"))
}
