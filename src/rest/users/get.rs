//! `GET /api/v1/users/{user}`: one user.

use axum::response::Response;
use uuid::Uuid;

use crate::model::UserId;
use crate::rest::RestError;
use crate::rest::etag::tagged;
use crate::rest::named::Named;
use crate::rest::platform::PlatformAdmin;
use crate::rest::users::{UserPath, UserView, shown};
use crate::store::pg::users;

#[utoipa::path(
    get,
    path = "/api/v1/users/{user}",
    tag = "users",
    operation_id = "getUser",
    summary = "Show a user",
    description = "For the operator. Owners see the people of their project as its members.",
    params(UserPath),
    responses((
        status = 200,
        description = "The user.",
        body = UserView,
        headers(("ETag" = String, description = "For `If-Match`."))
    ))
)]
pub(in crate::rest) async fn handler(
    admin: PlatformAdmin,
    Named(id): Named<Uuid>,
) -> Result<Response, RestError> {
    let found = admin.read(async |tx| Ok(users::find(tx, UserId(id)).await?)).await?;
    tagged(shown(&found.ok_or_else(RestError::not_found)?)?)
}
