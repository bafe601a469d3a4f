//! `GET /api/v1/projects/{project}/sessions`: the open sessions of a project, oldest first.

use axum::extract::OriginalUri;
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::rest::RestError;
use crate::rest::documented::ProjectPath;
use crate::rest::paging::{Asked, Page, PageQuery};
use crate::rest::project::ProjectAdmin;
use crate::store::pg::project_sessions::{self, OpenSession};

/// A page of sessions.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "described, not made: `paging` writes it")]
pub struct SessionList {
    items: Vec<SessionView>,
    /// Present when there are more.
    #[schema(nullable = false)]
    next_cursor: Option<String>,
}

/// An open session.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
#[serde(rename_all = "camelCase")]
pub struct SessionView {
    /// Names it here; not its `Mcp-Session-Id`.
    id: Uuid,
    user_id: Uuid,
    email: String,
    /// The key that opened it, while that exists.
    key_id: Option<Uuid>,
    /// As the client says.
    client_name: String,
    client_version: String,
    protocol_version: String,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// To within a minute.
    #[serde(with = "time::serde::rfc3339")]
    last_seen_at: OffsetDateTime,
    /// Unless it is used before.
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
}

#[utoipa::path(
    get,
    path = "/api/v1/projects/{project}/sessions",
    tag = "sessions",
    operation_id = "listSessions",
    summary = "List sessions",
    description = "Those that are open, oldest first. Clients from 2026-07-28 on have none.",
    params(ProjectPath, PageQuery),
    responses((
        status = 200,
        description = "A page of sessions.",
        body = SessionList,
        headers(("Link" = String, description = "The next page, if there is one (RFC 8288)."))
    ))
)]
pub(in crate::rest) async fn handler(
    admin: ProjectAdmin,
    uri: OriginalUri,
    Asked(query): Asked<PageQuery>,
) -> Result<Response, RestError> {
    let list = format!("sessions\n{}", admin.name);
    let (sealer, cursor) = (&admin.rest.sealer, query.cursor.as_deref());
    let page = Page::new(sealer, &admin.requester, &list, query.limit, cursor)?;
    let listed = admin.read(async |tx, desk| {
        let through = admin.through(desk);
        Ok(project_sessions::list(tx, through, page.after, page.wanted()).await?)
    });
    let position = |session: &OpenSession| (session.created_at, session.handle);
    page.answer(&uri, listed.await?, position, shown)
}

fn shown(session: &OpenSession) -> Result<Value, RestError> {
    let view = SessionView {
        id: session.handle,
        user_id: session.user.0,
        email: session.email.clone(),
        key_id: session.key.map(|key| key.0),
        client_name: session.client_name.clone(),
        client_version: session.client_version.clone(),
        protocol_version: session.protocol_version.clone(),
        created_at: session.created_at,
        last_seen_at: session.last_seen_at,
        expires_at: session.expires_at,
    };
    serde_json::to_value(view).map_err(RestError::broken)
}
