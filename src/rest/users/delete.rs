//! `DELETE /api/v1/users/{user}`: removes a user for good.

use axum::http::StatusCode;
use uuid::Uuid;

use crate::access::directory::users::delete;
use crate::model::UserId;
use crate::rest::RestError;
use crate::rest::named::Named;
use crate::rest::platform::PlatformAdmin;
use crate::rest::problem::Body;
use crate::rest::users::UserPath;

#[utoipa::path(
    delete,
    path = "/api/v1/users/{user}",
    tag = "users",
    operation_id = "deleteUser",
    summary = "Remove a user",
    description = "For good, and for the operator. What the user wrote stays.",
    params(UserPath),
    responses(
        (status = 204, description = "There is no such user any more."),
        (
            status = 409,
            description = "The user is a member of a project.",
            body = Body,
            content_type = "application/problem+json"
        )
    )
)]
pub(in crate::rest) async fn handler(
    admin: PlatformAdmin,
    Named(id): Named<Uuid>,
) -> Result<StatusCode, RestError> {
    admin.write(async |tx| Ok(delete(tx, &admin.clerk(), UserId(id)).await?)).await?;
    Ok(StatusCode::NO_CONTENT)
}
