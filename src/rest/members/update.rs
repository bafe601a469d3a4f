//! `PATCH /api/v1/projects/{project}/members/{user}`: gives a member another role.

use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::access::directory::members::{lock, update};
use crate::model::{Role, UserId};
use crate::rest::RestError;
use crate::rest::documented::{IfMatchHeader, ProjectPath};
use crate::rest::etag::{IfMatch, tagged};
use crate::rest::input::Input;
use crate::rest::members::{MemberView, shown};
use crate::rest::named::Named;
use crate::rest::project::ProjectAdmin;
use crate::rest::users::UserPath;

/// What of a member is to change.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MemberPatch {
    #[schema(inline)]
    role: Role,
}

#[utoipa::path(
    patch,
    path = "/api/v1/projects/{project}/members/{user}",
    tag = "members",
    operation_id = "updateMember",
    summary = "Change a member's role",
    description = "At once. Keys keep their scopes, but do no more than the role allows.",
    params(ProjectPath, UserPath, IfMatchHeader),
    request_body = MemberPatch,
    responses((
        status = 200,
        description = "The member as it is now.",
        body = MemberView,
        headers(("ETag" = String, description = "For `If-Match`."))
    ))
)]
pub(in crate::rest) async fn handler(
    admin: ProjectAdmin,
    Named((_, user)): Named<(String, Uuid)>,
    if_match: IfMatch,
    Input { value: MemberPatch { role }, .. }: Input<MemberPatch>,
) -> Result<Response, RestError> {
    let user = UserId(user);
    let updated = admin.write(async |tx, desk| {
        if_match.check(async || shown(&lock(tx, desk.project, user).await?)).await?;
        Ok(update(tx, &admin.clerk(desk), desk.project, user, role).await?)
    });
    tagged(shown(&updated.await?)?)
}
