//! `DELETE /api/v1/projects/{project}/sessions/{session}`: ends a session.

use axum::http::StatusCode;
use serde_json::json;
use uuid::Uuid;

use crate::model::Change;
use crate::rest::RestError;
use crate::rest::documented::ProjectPath;
use crate::rest::named::Named;
use crate::rest::project::ProjectAdmin;
use crate::store::pg::{audit, project_sessions};

/// The session of a path.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "described, not read: the handler reads it")]
struct SessionPath {
    session: Uuid,
}

#[utoipa::path(
    delete,
    path = "/api/v1/projects/{project}/sessions/{session}",
    tag = "sessions",
    operation_id = "closeSession",
    summary = "End a session",
    description = "Its client initialises again, if its key still works: to keep it out, revoke \
                   that.",
    params(ProjectPath, SessionPath),
    responses((status = 204, description = "It has ended."))
)]
pub(in crate::rest) async fn handler(
    admin: ProjectAdmin,
    Named((_, handle)): Named<(String, Uuid)>,
) -> Result<StatusCode, RestError> {
    let entry = admin.rest.ambient.uuid().map_err(RestError::broken)?;
    let ended = admin.write(async |tx, desk| {
        let ended = project_sessions::end(tx, admin.through(desk), handle).await?;
        let ended = ended.ok_or_else(RestError::not_found)?;
        let change = Change {
            action: "session.end",
            target_kind: "session",
            target: handle.to_string(),
            before: Some(json!({ "userId": ended.user, "clientName": ended.client_name })),
            after: None,
        };
        Ok(audit::insert(tx, desk.project, entry, &desk.actor, &change).await?)
    });
    ended.await?;
    (admin.rest.announce)();
    Ok(StatusCode::NO_CONTENT)
}
