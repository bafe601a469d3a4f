//! `GET /api/v1/projects/{project}/members`: the members of a project, oldest first.

use axum::extract::OriginalUri;
use axum::response::Response;
use utoipa::ToSchema;

use crate::model::UserId;
use crate::rest::RestError;
use crate::rest::documented::ProjectPath;
use crate::rest::members::{MemberView, shown};
use crate::rest::paging::{Asked, Page, PageQuery};
use crate::rest::project::ProjectAdmin;
use crate::store::pg::members::{self, Member};

/// A page of members.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "described, not made: `paging` writes it")]
pub struct MemberList {
    items: Vec<MemberView>,
    /// Present when there are more.
    #[schema(nullable = false)]
    next_cursor: Option<String>,
}

#[utoipa::path(
    get,
    path = "/api/v1/projects/{project}/members",
    tag = "members",
    operation_id = "listMembers",
    summary = "List members",
    description = "Oldest first.",
    params(ProjectPath, PageQuery),
    responses((
        status = 200,
        description = "A page of members.",
        body = MemberList,
        headers(("Link" = String, description = "The next page, if there is one (RFC 8288)."))
    ))
)]
pub(in crate::rest) async fn handler(
    admin: ProjectAdmin,
    uri: OriginalUri,
    Asked(query): Asked<PageQuery>,
) -> Result<Response, RestError> {
    let list = format!("members\n{}", admin.name);
    let (sealer, cursor) = (&admin.rest.sealer, query.cursor.as_deref());
    let page = Page::new(sealer, &admin.requester, &list, query.limit, cursor)?;
    let (time, id) = page.after;
    let listed = admin.read(async |tx, desk| {
        Ok(members::list(tx, desk.project, (time, UserId(id)), page.wanted()).await?)
    });
    let position = |member: &Member| (member.created_at, member.user.0);
    page.answer(&uri, listed.await?, position, shown)
}
