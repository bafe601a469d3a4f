//! `POST /api/v1/projects/{project}/members`: makes someone a member.

use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::access::directory::members::add;
use crate::model::Role;
use crate::rest::RestError;
use crate::rest::directory::person;
use crate::rest::documented::{ProjectPath, RepeatHeader};
use crate::rest::input::Input;
use crate::rest::members::{MemberView, shown};
use crate::rest::project::ProjectAdmin;
use crate::rest::repeat::{Created, Repeat};

/// The operation, as idempotency keys know it.
const ROUTE: &str = "members.add";

/// A member to be added: by one of `userId` and `email`.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewMember {
    /// For the operator alone.
    #[schema(nullable = false)]
    user_id: Option<Uuid>,
    /// The user is made if there is none with this address.
    #[schema(max_length = 320, nullable = false)]
    email: Option<String>,
    #[schema(inline)]
    role: Role,
}

#[utoipa::path(
    post,
    path = "/api/v1/projects/{project}/members",
    tag = "members",
    operation_id = "addMember",
    summary = "Add a member",
    description = "Whose address is not known yet is made a user, and answered alike.",
    params(ProjectPath, RepeatHeader),
    request_body = NewMember,
    responses((
        status = 201,
        description = "The member.",
        body = MemberView,
        headers(("Location" = String, description = "Where it is."))
    ))
)]
pub(in crate::rest) async fn handler(
    admin: ProjectAdmin,
    repeat: Repeat,
    Input { value: NewMember { user_id, email, role }, sha256 }: Input<NewMember>,
) -> Result<Response, RestError> {
    let person = person("", user_id, email)?;
    let added = admin.write(async |tx, desk| {
        let block = async || {
            let member = add(tx, &admin.clerk(desk), desk.project, &person, role).await?;
            let location = format!("/api/v1/projects/{}/members/{}", desk.project, member.user);
            Ok(Created { location, body: shown(&member)?, secret: None })
        };
        repeat.once(tx, &admin.requester, (ROUTE, sha256), block).await
    });
    added.await
}
