//! `PATCH /api/v1/projects/{project}`: changes name, language and settings.

use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::access::directory::projects::{Patch, update};
use crate::rest::RestError;
use crate::rest::documented::{IfMatchHeader, ProjectPath};
use crate::rest::etag::{IfMatch, tagged};
use crate::rest::input::Input;
use crate::rest::project::ProjectAdmin;
use crate::rest::projects::{ProjectView, shown};
use crate::store::pg::projects;

/// What of a project is to change.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProjectPatch {
    #[schema(min_length = 1, max_length = 200, nullable = false)]
    name: Option<String>,
    /// The language of its texts, for the search, from their next change on; `simple` for none.
    #[schema(nullable = false)]
    search_language: Option<String>,
    /// All of them, in place of those before; at most 64 KiB.
    #[schema(value_type = Option<Object>, nullable = false)]
    settings: Option<Map<String, Value>>,
}

#[utoipa::path(
    patch,
    path = "/api/v1/projects/{project}",
    tag = "projects",
    operation_id = "updateProject",
    summary = "Change a project",
    description = "Its short name stays.",
    params(ProjectPath, IfMatchHeader),
    request_body = ProjectPatch,
    responses((
        status = 200,
        description = "The project as it is now.",
        body = ProjectView,
        headers(("ETag" = String, description = "For `If-Match`."))
    ))
)]
pub(in crate::rest) async fn handler(
    admin: ProjectAdmin,
    if_match: IfMatch,
    Input { value: ProjectPatch { name, search_language, settings }, .. }: Input<ProjectPatch>,
) -> Result<Response, RestError> {
    let patch = Patch { name, search_language, settings: settings.map(Value::Object) };
    let updated = admin.write(async |tx, desk| {
        let now = async || {
            let project = projects::lock(tx, desk.project).await?;
            shown(&project.ok_or_else(RestError::not_found)?)
        };
        if_match.check(now).await?;
        Ok(update(tx, &admin.clerk(desk), desk.project, patch).await?)
    });
    tagged(shown(&updated.await?)?)
}
