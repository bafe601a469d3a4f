//! `DELETE /api/v1/projects/{project}/keys/{key}`: revokes a key for good.

use axum::http::StatusCode;
use uuid::Uuid;

use crate::access::keys::change::revoke;
use crate::model::KeyId;
use crate::rest::RestError;
use crate::rest::documented::ProjectPath;
use crate::rest::keys::KeyPath;
use crate::rest::named::Named;
use crate::rest::project::ProjectAdmin;

#[utoipa::path(
    delete,
    path = "/api/v1/projects/{project}/keys/{key}",
    tag = "keys",
    operation_id = "revokeKey",
    summary = "Revoke a key",
    description = "For good. A key that is revoked already stays so.",
    params(ProjectPath, KeyPath),
    responses((status = 204, description = "It is revoked."))
)]
pub(in crate::rest) async fn handler(
    admin: ProjectAdmin,
    Named((_, id)): Named<(String, Uuid)>,
) -> Result<StatusCode, RestError> {
    let revoked = admin.write(async |tx, desk| Ok(revoke(tx, &admin.keys(desk), KeyId(id)).await?));
    revoked.await?;
    Ok(StatusCode::NO_CONTENT)
}
