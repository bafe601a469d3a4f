//! `GET /api/v1/projects/{project}/limits`: how much a project may hold and a request be, and how
//! much of that is used.

use axum::Json;
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::RestError;
use super::documented::ProjectPath;
use super::project::{Desk, ProjectAdmin};
use crate::access::keys::KeyState;
use crate::access::{Limits, Principal};
use crate::model::KeyId;
use crate::model::document::{MAX_DOCUMENT_BYTES, MAX_DOCUMENTS, MAX_PROJECT_BYTES};
use crate::store::Tx;
use crate::store::pg::{api_keys, documents};

/// The most keys whose rate is shown.
const MAX_KEYS: i64 = 1000;

/// Limits of requests and sessions, as the server is configured.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestLimits {
    /// The largest body, in bytes.
    pub body_bytes: usize,
    /// The longest that a call of MCP may take; then it is undone.
    pub seconds: u64,
    /// How long an unused session lives.
    pub session_hours: u64,
    /// Calls a minute from one address, all keys together; `null` for any number.
    pub calls_per_address: Option<u32>,
    /// Sessions that one key opens a minute.
    pub sessions_per_key: u32,
}

/// What is limited.
#[derive(Serialize, ToSchema)]
#[schema(as = Limits)]
#[serde(rename_all = "camelCase")]
pub struct LimitsView {
    #[schema(inline)]
    documents: Share,
    /// All texts together.
    #[schema(inline)]
    bytes: Share,
    /// The largest document, in bytes.
    document_bytes: usize,
    #[schema(inline)]
    requests: RequestLimits,
    #[schema(inline)]
    rates: Rates,
}

/// How much there may be and how much there is.
#[derive(Serialize, ToSchema)]
struct Share {
    limit: i64,
    /// `null` for the operator, who does not see what a project remembers.
    used: Option<i64>,
}

/// The rates of the keys that work, of the 1,000 that were issued first.
#[derive(Serialize, ToSchema)]
struct Rates {
    /// Calls beyond them are refused.
    enforced: bool,
    #[schema(inline)]
    keys: Vec<Rate>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Rate {
    key_id: Uuid,
    calls_per_minute: i32,
    /// How many of these are left now; `null` where that is not known.
    left: Option<u32>,
}

#[utoipa::path(
    get,
    path = "/api/v1/projects/{project}/limits",
    tag = "usage",
    operation_id = "showLimits",
    summary = "Show limits and what is used of them",
    description = "All of them are enforced.",
    params(ProjectPath),
    responses((status = 200, description = "The limits.", body = LimitsView))
)]
pub(in crate::rest) async fn handler(admin: ProjectAdmin) -> Result<Json<LimitsView>, RestError> {
    let read = admin
        .read(async |tx, desk| Ok((used(tx, &admin).await?, working(tx, desk, &admin).await?)));
    let ((documents, bytes), keys) = read.await?;
    Ok(Json(LimitsView {
        documents: Share { limit: MAX_DOCUMENTS, used: documents },
        bytes: Share { limit: MAX_PROJECT_BYTES, used: bytes },
        document_bytes: MAX_DOCUMENT_BYTES,
        requests: admin.rest.limits,
        rates: Rates { enforced: true, keys: rates(&keys, &admin.rest.call_limits).await },
    }))
}

/// Documents and bytes.
async fn used(tx: &Tx, admin: &ProjectAdmin) -> Result<(Option<i64>, Option<i64>), RestError> {
    match &admin.requester.principal {
        Principal::Platform(_) => Ok((None, None)),
        Principal::Key(caller) => {
            let totals = documents::totals(tx, caller.tenant()).await?;
            Ok((Some(totals.documents), Some(totals.bytes)))
        }
    }
}

/// The keys that work, and how many calls each has a minute.
async fn working(
    tx: &Tx,
    desk: &Desk,
    admin: &ProjectAdmin,
) -> Result<Vec<(KeyId, i32)>, RestError> {
    let start = (OffsetDateTime::UNIX_EPOCH, KeyId(Uuid::nil()));
    let keys = api_keys::list(tx, desk.project, None, start, MAX_KEYS).await?;
    let now = admin.rest.ambient.clock.now();
    let works = |key: &&api_keys::Key| {
        matches!(KeyState::of(key, now), KeyState::Active | KeyState::Rotated)
    };
    Ok(keys.iter().filter(works).map(|key| (key.id, key.rate_limit)).collect())
}

async fn rates(keys: &[(KeyId, i32)], limits: &Limits) -> Vec<Rate> {
    let left = limits.left(keys).await;
    let rate = |((key, calls_per_minute), left): (&(KeyId, i32), Option<u32>)| Rate {
        key_id: key.0,
        calls_per_minute: *calls_per_minute,
        left,
    };
    keys.iter().zip(left).map(rate).collect()
}
