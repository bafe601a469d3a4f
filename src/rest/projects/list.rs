//! `GET /api/v1/projects`: the projects that the caller administers, oldest first.

use axum::extract::OriginalUri;
use axum::response::Response;
use utoipa::ToSchema;

use crate::model::ProjectId;
use crate::rest::RestError;
use crate::rest::administrator::Administrator;
use crate::rest::paging::{Asked, Page, PageQuery};
use crate::rest::projects::{ProjectView, shown};
use crate::store::pg::projects::{self, Project};

/// A page of projects.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "described, not made: `paging` writes it")]
pub struct ProjectList {
    items: Vec<ProjectView>,
    /// Present when there are more.
    #[schema(nullable = false)]
    next_cursor: Option<String>,
}

#[utoipa::path(
    get,
    path = "/api/v1/projects",
    tag = "projects",
    operation_id = "listProjects",
    summary = "List projects",
    description = "For the operator all that are not deleted, oldest first; for a key its own.",
    params(PageQuery),
    responses((
        status = 200,
        description = "A page of projects.",
        body = ProjectList,
        headers(("Link" = String, description = "The next page, if there is one (RFC 8288)."))
    ))
)]
pub(in crate::rest) async fn handler(
    admin: Administrator,
    uri: OriginalUri,
    Asked(query): Asked<PageQuery>,
) -> Result<Response, RestError> {
    let (rest, requester) = admin.asks();
    let cursor = query.cursor.as_deref();
    let page = Page::new(&rest.sealer, requester, "projects", query.limit, cursor)?;
    let (time, id) = page.after;
    let listed = admin.read(async |tx, own| {
        Ok(projects::list(tx, own, (time, ProjectId(id)), page.wanted()).await?)
    });
    let position = |project: &Project| (project.created_at, project.id.0);
    page.answer(&uri, listed.await?, position, shown)
}
