//! `PATCH /api/v1/users/{user}`: changes a user's address and name.

use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::access::directory::users::{Patch, update};
use crate::model::UserId;
use crate::rest::RestError;
use crate::rest::documented::IfMatchHeader;
use crate::rest::etag::{IfMatch, tagged};
use crate::rest::input::Input;
use crate::rest::named::Named;
use crate::rest::platform::PlatformAdmin;
use crate::rest::users::{UserPath, UserView, shown};
use crate::store::pg::users;

/// What of a user is to change.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UserPatch {
    /// No other user has it.
    #[schema(max_length = 320, nullable = false)]
    email: Option<String>,
    #[schema(max_length = 200, nullable = false)]
    display_name: Option<String>,
}

#[utoipa::path(
    patch,
    path = "/api/v1/users/{user}",
    tag = "users",
    operation_id = "updateUser",
    summary = "Change a user",
    description = "For the operator. Memberships and keys stay as they are.",
    params(UserPath, IfMatchHeader),
    request_body = UserPatch,
    responses((
        status = 200,
        description = "The user as it is now.",
        body = UserView,
        headers(("ETag" = String, description = "For `If-Match`."))
    ))
)]
pub(in crate::rest) async fn handler(
    admin: PlatformAdmin,
    Named(id): Named<Uuid>,
    if_match: IfMatch,
    Input { value, .. }: Input<UserPatch>,
) -> Result<Response, RestError> {
    let patch = Patch { email: value.email, display_name: value.display_name };
    let updated = admin.write(async |tx| {
        let now = async || {
            let user = users::lock(tx, UserId(id)).await?;
            shown(&user.ok_or_else(RestError::not_found)?)
        };
        if_match.check(now).await?;
        Ok(update(tx, &admin.clerk(), UserId(id), patch).await?)
    });
    tagged(shown(&updated.await?)?)
}
