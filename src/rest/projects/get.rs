//! `GET /api/v1/projects/{project}`: one project.

use axum::response::Response;

use crate::rest::RestError;
use crate::rest::documented::ProjectPath;
use crate::rest::etag::tagged;
use crate::rest::project::ProjectAdmin;
use crate::rest::projects::{ProjectView, shown};
use crate::store::pg::projects;

#[utoipa::path(
    get,
    path = "/api/v1/projects/{project}",
    tag = "projects",
    operation_id = "getProject",
    summary = "Show a project",
    description = "With its settings.",
    params(ProjectPath),
    responses((
        status = 200,
        description = "The project.",
        body = ProjectView,
        headers(("ETag" = String, description = "For `If-Match`."))
    ))
)]
pub(in crate::rest) async fn handler(admin: ProjectAdmin) -> Result<Response, RestError> {
    let found = admin.read(async |tx, desk| Ok(projects::get(tx, desk.project).await?)).await?;
    tagged(shown(&found.ok_or_else(RestError::not_found)?)?)
}
