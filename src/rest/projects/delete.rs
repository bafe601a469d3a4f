//! `DELETE /api/v1/projects/{project}`: closes a project.

use axum::http::StatusCode;

use crate::access::directory::projects::delete;
use crate::rest::RestError;
use crate::rest::documented::ProjectPath;
use crate::rest::platform::PlatformAdmin;
use crate::rest::project::ProjectAdmin;

#[utoipa::path(
    delete,
    path = "/api/v1/projects/{project}",
    tag = "projects",
    operation_id = "deleteProject",
    summary = "Delete a project",
    description = "For the operator. From now on no key of it reads or changes anything; one that a \
                   server has just seen is refused as a key without a role, and as an unknown one as \
                   soon as the server's memory of it ends. Its content and its audit log stay in the \
                   database, and its short name stays taken.",
    params(ProjectPath),
    responses((status = 204, description = "It is deleted."))
)]
pub(in crate::rest) async fn handler(
    operator: PlatformAdmin,
    project: ProjectAdmin,
) -> Result<StatusCode, RestError> {
    let clerk = operator.clerk();
    project.write(async |tx, desk| Ok(delete(tx, &clerk, desk.project).await?)).await?;
    Ok(StatusCode::NO_CONTENT)
}
