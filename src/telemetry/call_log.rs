//! The canonical line of a call: one line, written at its end, with everything about it.
//!
//! The HTTP layer opens it with [`within`]; whatever runs below adds to it with [`note`] and
//! [`count_statement`]. Never a key, never content.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::model::{KeyId, ProjectId};

tokio::task_local! {
    static CALL: CallLog;
}

/// A call slower than this is marked.
const SLOW: Duration = Duration::from_millis(500);

/// The line of one call while it is being gathered.
#[derive(Clone, Debug, Default)]
pub struct CallLog(Arc<Mutex<Fields>>);

/// What is known of a call.
#[derive(Debug, Default)]
pub struct Fields {
    /// `X-Request-Id`.
    pub request_id: String,
    /// The HTTP method.
    pub http_method: String,
    /// The route, never the path itself.
    pub route: String,
    /// The client's address, seen through trusted proxies.
    pub client_ip: Option<IpAddr>,
    /// The project of the key.
    pub project_id: Option<ProjectId>,
    /// The key.
    pub key_id: Option<KeyId>,
    /// Whether it is a test key.
    pub test_key: bool,
    /// The client's name as it introduced itself.
    pub client: Option<String>,
    /// The JSON-RPC method, or `unknown`.
    pub method: Option<&'static str>,
    /// The tool, where the method is `tools/call`.
    pub tool: Option<String>,
    /// Statements sent to Postgres.
    pub queries: u64,
    /// Rows that came back.
    pub rows: u64,
    /// How long the call has waited for Redis.
    pub redis: Duration,
}

impl CallLog {
    /// A line for a request.
    #[must_use]
    pub fn new(request_id: &str, http_method: &str, route: &str) -> Self {
        let log = Self::default();
        log.edit(|fields| {
            request_id.clone_into(&mut fields.request_id);
            http_method.clone_into(&mut fields.http_method);
            route.clone_into(&mut fields.route);
        });
        log
    }

    /// The client, as it introduced itself so far.
    #[must_use]
    pub fn client(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).client.clone()
    }

    fn edit(&self, change: impl FnOnce(&mut Fields)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Writes the line.
    pub fn write(&self, status: u16, duration: Duration) {
        self.edit(|fields| {
            tracing::info!(
                target: "call",
                request_id = fields.request_id,
                http_method = fields.http_method,
                route = fields.route,
                status,
                duration_ms = duration.as_secs_f64() * 1000.0,
                client_ip = fields.client_ip.map(tracing::field::display),
                project_id = fields.project_id.map(tracing::field::display),
                key_id = fields.key_id.map(tracing::field::display),
                test_key = fields.test_key.then_some(true),
                client = fields.client,
                method = fields.method,
                tool = fields.tool,
                queries = fields.queries,
                rows = fields.rows,
                redis_ms = (!fields.redis.is_zero()).then_some(fields.redis.as_secs_f64() * 1000.0),
                slow = (duration > SLOW).then_some(true),
                "call"
            );
        });
    }
}

/// Runs `future` as part of the call of `log`.
pub async fn within<F: Future>(log: CallLog, future: F) -> F::Output {
    CALL.scope(log, future).await
}

/// The line of the running call, to carry it into a task of its own; a fresh one outside a call.
#[must_use]
pub fn current() -> CallLog {
    CALL.try_with(Clone::clone).unwrap_or_default()
}

/// Adds to the line of the running call; outside a call nothing happens.
pub fn note(change: impl FnOnce(&mut Fields)) {
    // Outside a call there is no line to add to.
    let _outside = CALL.try_with(|log| log.edit(change));
}

/// How long the running call has waited for Redis; outside a call not at all.
#[must_use]
pub fn waited_for_redis() -> Duration {
    CALL.try_with(|log| log.0.lock().unwrap_or_else(PoisonError::into_inner).redis)
        .unwrap_or_default()
}

/// Adds to that.
pub fn count_redis(waited: Duration) {
    note(|fields| fields.redis += waited);
}

/// Counts a statement and the rows it gave.
pub fn count_statement(rows: u64) {
    note(|fields| {
        fields.queries += 1;
        fields.rows += rows;
    });
}
