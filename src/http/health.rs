//! Whether the server lives, can work, and is ready for more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

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

/// The answer of `/live`.
#[derive(Serialize, ToSchema)]
pub(super) struct LiveReport {
    #[schema(inline)]
    status: Alive,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Alive {
    Ok,
}

/// The answer of `/health`.
#[derive(Serialize, ToSchema)]
pub(super) struct HealthReport {
    // Described at the types: where a type is inlined, utoipa makes the description of a field a
    // second schema, of an object, that the value must fit as well.
    #[schema(inline)]
    status: Overall,
    #[schema(inline)]
    db: Database,
    #[schema(inline)]
    redis: Cache,
    /// Seconds since the start.
    uptime: f64,
}

/// `degraded` while Redis alone does not answer.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Overall {
    Ok,
    Degraded,
    Error,
}

/// Whether Postgres answers.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Database {
    Ok,
    Error,
}

/// Whether Redis answers; `disabled` when none is configured.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Cache {
    Ok,
    Error,
    Disabled,
}

/// The answer of `/ready`.
#[derive(Serialize, ToSchema)]
pub(super) struct ReadyReport {
    #[schema(inline)]
    status: Readiness,
    /// Why it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<&'static str>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Readiness {
    Ready,
    #[serde(rename = "not ready")]
    NotReady,
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

/// Whether the process answers
///
/// For supervisors. Touches nothing that the server depends on.
#[utoipa::path(
    get,
    path = "/live",
    tag = "health",
    security(()),
    responses((status = 200, description = "It does.", body = LiveReport)),
)]
pub(super) async fn live() -> Json<LiveReport> {
    Json(LiveReport { status: Alive::Ok })
}

/// Whether requests can be served
///
/// For people and monitors. Redis down degrades and stays 200. The answer may be a second old.
#[utoipa::path(
    get,
    path = "/health",
    tag = "health",
    security(()),
    responses(
        (status = 200, description = "They can.", body = HealthReport),
        (status = 503, description = "Postgres does not answer.", body = HealthReport),
    ),
)]
pub(super) async fn health(State(health): State<Arc<Health>>) -> Response {
    let probe = health.probe().await;
    let (status, overall) = match (probe.database, probe.redis) {
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, Overall::Error),
        (true, Some(false)) => (StatusCode::OK, Overall::Degraded),
        (true, _) => (StatusCode::OK, Overall::Ok),
    };
    let report = HealthReport {
        status: overall,
        db: if probe.database { Database::Ok } else { Database::Error },
        redis: match probe.redis {
            None => Cache::Disabled,
            Some(true) => Cache::Ok,
            Some(false) => Cache::Error,
        },
        uptime: (health.started.elapsed().as_secs_f64() * 100.0).round() / 100.0,
    };
    (status, Json(report)).into_response()
}

/// Whether new requests are welcome
///
/// For load balancers: the database answers, no migration is missing, the server is not stopping.
/// The answer may be a second old.
#[utoipa::path(
    get,
    path = "/ready",
    tag = "health",
    security(()),
    responses(
        (status = 200, description = "They are.", body = ReadyReport),
        (status = 503, description = "They are not; `reason` says why.", body = ReadyReport),
    ),
)]
pub(super) async fn ready(State(health): State<Arc<Health>>) -> Response {
    let reason = health.unready().await;
    let (code, status) = match reason {
        None => (StatusCode::OK, Readiness::Ready),
        Some(_) => (StatusCode::SERVICE_UNAVAILABLE, Readiness::NotReady),
    };
    (code, Json(ReadyReport { status, reason })).into_response()
}
