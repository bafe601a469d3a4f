//! `DELETE /api/v1/projects/{project}/members/{user}`: ends a membership.

use axum::http::StatusCode;
use uuid::Uuid;

use crate::access::directory::members::remove;
use crate::model::UserId;
use crate::rest::RestError;
use crate::rest::documented::ProjectPath;
use crate::rest::named::Named;
use crate::rest::problem::Body;
use crate::rest::project::ProjectAdmin;
use crate::rest::users::UserPath;

#[utoipa::path(
    delete,
    path = "/api/v1/projects/{project}/members/{user}",
    tag = "members",
    operation_id = "removeMember",
    summary = "Remove a member",
    description = "The member's keys and sessions in this project end; what the member wrote stays.",
    params(ProjectPath, UserPath),
    responses(
        (status = 204, description = "The user is no member any more."),
        (
            status = 409,
            description = "The project would be left without an owner.",
            body = Body,
            content_type = "application/problem+json"
        )
    )
)]
pub(in crate::rest) async fn handler(
    admin: ProjectAdmin,
    Named((_, user)): Named<(String, Uuid)>,
) -> Result<StatusCode, RestError> {
    let removed = admin.write(async |tx, desk| {
        Ok(remove(tx, &admin.clerk(desk), desk.project, UserId(user)).await?)
    });
    removed.await?;
    Ok(StatusCode::NO_CONTENT)
}
