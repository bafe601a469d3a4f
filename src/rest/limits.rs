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
use crate::access::Principal;
use crate::access::keys::KeyState;
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
    /// Rates are recorded, but no call is refused for them yet.
    enforced: bool,
    #[schema(inline)]
    keys: Vec<Rate>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Rate {
    key_id: Uuid,
    calls_per_minute: i32,
}

#[utoipa::path(
    get,
    path = "/api/v1/projects/{project}/limits",
    tag = "usage",
    operation_id = "showLimits",
    summary = "Show limits and what is used of them",
    description = "All of them are enforced, but for the rates of keys, which are recorded only.",
    params(ProjectPath),
    responses((status = 200, description = "The limits.", body = LimitsView))
)]
pub(in crate::rest) async fn handler(admin: ProjectAdmin) -> Result<Json<LimitsView>, RestError> {
    let shown = admin.read(async |tx, desk| {
        let (documents, bytes) = used(tx, &admin).await?;
        Ok(LimitsView {
            documents: Share { limit: MAX_DOCUMENTS, used: documents },
            bytes: Share { limit: MAX_PROJECT_BYTES, used: bytes },
            document_bytes: MAX_DOCUMENT_BYTES,
            requests: admin.rest.limits,
            rates: Rates { enforced: false, keys: rates(tx, desk, &admin).await? },
        })
    });
    Ok(Json(shown.await?))
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

async fn rates(tx: &Tx, desk: &Desk, admin: &ProjectAdmin) -> Result<Vec<Rate>, RestError> {
    let start = (OffsetDateTime::UNIX_EPOCH, KeyId(Uuid::nil()));
    let keys = api_keys::list(tx, desk.project, None, start, MAX_KEYS).await?;
    let now = admin.rest.ambient.clock.now();
    let works = |key: &&api_keys::Key| {
        matches!(KeyState::of(key, now), KeyState::Active | KeyState::Rotated)
    };
    let rate = |key: &api_keys::Key| Rate { key_id: key.id.0, calls_per_minute: key.rate_limit };
    Ok(keys.iter().filter(works).map(rate).collect())
}
