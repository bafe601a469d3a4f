//! Whether the server lives, can work, and is ready for more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::store::Store;
use crate::store::kv::Redis;
use crate::store::migrate::{self, MigrateError};

/// How long a probe's answer serves everyone: anonymous load must not reach the database.
const CACHED: Duration = Duration::from_secs(1);

/// How long a probe waits for the database.
const PATIENCE: Duration = Duration::from_secs(2);

/// Probes what the server depends on.
pub struct Health {
    store: Store,
    redis: Option<Arc<Redis>>,
    draining: CancellationToken,
    started: Instant,
    last: Mutex<Option<(Instant, Probe)>>,
}

#[derive(Clone, Copy)]
struct Probe {
    database: bool,
    schema: bool,
    /// `None` when none is configured.
    redis: Option<bool>,
}

impl Health {
    /// Probes of `store` and `redis`; `draining` says that the server is stopping.
    #[must_use]
    pub fn new(store: Store, redis: Option<Arc<Redis>>, draining: CancellationToken) -> Self {
        Self { store, redis, draining, started: Instant::now(), last: Mutex::new(None) }
    }

    /// In a task of its own, so that who hangs up does not keep the answer from being kept.
    async fn probe(self: &Arc<Self>) -> Probe {
        let this = self.clone();
        let probing = tokio::spawn(async move {
            let mut last = this.last.lock().await;
            match *last {
                Some((at, probe)) if at.elapsed() < CACHED => probe,
                _ => {
                    let probe = this.ask().await;
                    *last = Some((Instant::now(), probe));
                    probe
                }
            }
        });
        probing.await.unwrap_or(Probe { database: false, schema: false, redis: None })
    }

    /// Why no new requests are welcome.
    async fn unready(self: &Arc<Self>) -> Option<&'static str> {
        if self.draining.is_cancelled() {
            return Some("draining");
        }
        let probe = self.probe().await;
        match (probe.database, probe.schema) {
            (false, _) => Some("the database does not answer"),
            (true, false) => Some("the database lacks migrations"),
            (true, true) => None,
        }
    }

    async fn ask(&self) -> Probe {
        let checked = tokio::time::timeout(PATIENCE, migrate::check(&self.store)).await;
        let silent = matches!(checked, Err(_) | Ok(Err(MigrateError::Read(_))));
        let (database, schema) = (!silent, matches!(checked, Ok(Ok(()))));
        let redis = match &self.redis {
            Some(redis) => Some(redis.is_up().await),
            None => None,
        };
        Probe { database, schema, redis }
    }
}

/// `GET /live`: the process answers. Touches no dependency.
pub(super) async fn live() -> Response {
    Json(json!({ "status": "ok" })).into_response()
}

/// `GET /health`: 200 while requests can be served, 503 while Postgres does not answer. Redis
/// down degrades and stays 200.
pub(super) async fn health(State(health): State<Arc<Health>>) -> Response {
    let probe = health.probe().await;
    let (status, word) = match (probe.database, probe.redis) {
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "error"),
        (true, Some(false)) => (StatusCode::OK, "degraded"),
        (true, _) => (StatusCode::OK, "ok"),
    };
    let uptime = (health.started.elapsed().as_secs_f64() * 100.0).round() / 100.0;
    let body = json!({
        "status": word,
        "db": if probe.database { "ok" } else { "error" },
        "redis": match probe.redis {
            None => "disabled",
            Some(true) => "ok",
            Some(false) => "error",
        },
        "uptime": uptime,
    });
    (status, Json(body)).into_response()
}

/// `GET /ready`: 200 while new requests are welcome: database, migrations, not stopping.
pub(super) async fn ready(State(health): State<Arc<Health>>) -> Response {
    let Some(reason) = health.unready().await else {
        return Json(json!({ "status": "ready" })).into_response();
    };
    let body = Json(json!({ "status": "not ready", "reason": reason }));
    (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
}
