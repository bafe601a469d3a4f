//! `POST /api/v1/users`: makes a user.

use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::access::directory::users::create;
use crate::rest::RestError;
use crate::rest::documented::RepeatHeader;
use crate::rest::input::Input;
use crate::rest::platform::PlatformAdmin;
use crate::rest::repeat::{Created, Repeat};
use crate::rest::users::{UserView, shown};

/// The operation, as idempotency keys know it.
const ROUTE: &str = "users.create";

/// A user to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewUser {
    /// No other user has it.
    #[schema(max_length = 320)]
    email: String,
    /// What people call the user.
    #[serde(default)]
    #[schema(max_length = 200)]
    display_name: String,
}

#[utoipa::path(
    post,
    path = "/api/v1/users",
    tag = "users",
    operation_id = "createUser",
    summary = "Make a user",
    description = "For the operator. A user without a membership has access to nothing.",
    params(RepeatHeader),
    request_body = NewUser,
    responses((
        status = 201,
        description = "The user.",
        body = UserView,
        headers(("Location" = String, description = "Where it is."))
    ))
)]
pub(in crate::rest) async fn handler(
    admin: PlatformAdmin,
    repeat: Repeat,
    Input { value: new, sha256 }: Input<NewUser>,
) -> Result<Response, RestError> {
    let created = admin.write(async |tx| {
        let block = async || {
            let user = create(tx, &admin.clerk(), &new.email, &new.display_name).await?;
            let location = format!("/api/v1/users/{}", user.id);
            Ok(Created { location, body: shown(&user)?, secret: None })
        };
        repeat.once(tx, &admin.requester, (ROUTE, sha256), block).await
    });
    created.await
}
