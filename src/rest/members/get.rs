//! `GET /api/v1/projects/{project}/members/{user}`: one member.

use axum::response::Response;
use uuid::Uuid;

use crate::model::UserId;
use crate::rest::RestError;
use crate::rest::documented::ProjectPath;
use crate::rest::etag::tagged;
use crate::rest::members::{MemberView, shown};
use crate::rest::named::Named;
use crate::rest::project::ProjectAdmin;
use crate::rest::users::UserPath;
use crate::store::pg::members;

#[utoipa::path(
    get,
    path = "/api/v1/projects/{project}/members/{user}",
    tag = "members",
    operation_id = "getMember",
    summary = "Show a member",
    description = "With the role that the user has in this project.",
    params(ProjectPath, UserPath),
    responses((
        status = 200,
        description = "The member.",
        body = MemberView,
        headers(("ETag" = String, description = "For `If-Match`."))
    ))
)]
pub(in crate::rest) async fn handler(
    admin: ProjectAdmin,
    Named((_, user)): Named<(String, Uuid)>,
) -> Result<Response, RestError> {
    let found =
        admin.read(async |tx, desk| Ok(members::find(tx, desk.project, UserId(user)).await?));
    tagged(shown(&found.await?.ok_or_else(RestError::not_found)?)?)
}
