//! `POST /api/v1/projects/{project}/keys/{key}/rotate`: issues a key in place of another, which lives
//! on for a while.

use axum::response::Response;
use serde::Deserialize;
use time::Duration;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::access::keys::change::rotate;
use crate::model::KeyId;
use crate::rest::RestError;
use crate::rest::documented::{ProjectPath, RepeatHeader};
use crate::rest::input::Input;
use crate::rest::keys::{IssuedKey, KeyPath};
use crate::rest::named::Named;
use crate::rest::project::ProjectAdmin;
use crate::rest::repeat::Repeat;

/// The operation, as idempotency keys know it.
const ROUTE: &str = "keys.rotate";

/// How a key is rotated.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rotation {
    /// Seconds that the old key lives on, at most 30 days and never past its own end.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 2_592_000, default = 0)]
    grace_seconds: u32,
}

#[utoipa::path(
    post,
    path = "/api/v1/projects/{project}/keys/{key}/rotate",
    tag = "keys",
    operation_id = "rotateKey",
    summary = "Rotate a key",
    description = "Issues a key in its place. Until its grace ends, both work.",
    params(ProjectPath, KeyPath, RepeatHeader),
    request_body = Rotation,
    responses((
        status = 201,
        description = "The new key.",
        body = IssuedKey,
        headers(("Location" = String, description = "Where it is."))
    ))
)]
pub(in crate::rest) async fn handler(
    admin: ProjectAdmin,
    Named((_, id)): Named<(String, Uuid)>,
    repeat: Repeat,
    Input { value: rotation, sha256 }: Input<Rotation>,
) -> Result<Response, RestError> {
    let grace = Duration::seconds(rotation.grace_seconds.into());
    let rotated = admin.write(async |tx, desk| {
        let block = async || {
            let issued = rotate(tx, &admin.keys(desk), KeyId(id), grace).await?;
            admin.issued(desk, &issued)
        };
        repeat.once(tx, &admin.requester, (ROUTE, sha256), block).await
    });
    let answer = rotated.await?;
    Ok(answer)
}
