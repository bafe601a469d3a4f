//! `GET /api/v1/projects/{project}/keys/{key}`: one key.

use axum::response::Response;
use uuid::Uuid;

use crate::model::KeyId;
use crate::rest::RestError;
use crate::rest::documented::ProjectPath;
use crate::rest::etag::tagged;
use crate::rest::keys::{KeyPath, KeyView};
use crate::rest::named::Named;
use crate::rest::project::ProjectAdmin;
use crate::store::pg::api_keys;

#[utoipa::path(
    get,
    path = "/api/v1/projects/{project}/keys/{key}",
    tag = "keys",
    operation_id = "getKey",
    summary = "Show a key",
    description = "What is known of it; the key itself is stored nowhere.",
    params(ProjectPath, KeyPath),
    responses((
        status = 200,
        description = "The key.",
        body = KeyView,
        headers(("ETag" = String, description = "For `If-Match`."))
    ))
)]
pub(in crate::rest) async fn handler(
    admin: ProjectAdmin,
    Named((_, id)): Named<(String, Uuid)>,
) -> Result<Response, RestError> {
    let found = admin.read(async |tx, desk| Ok(api_keys::find(tx, desk.project, KeyId(id)).await?));
    let key = found.await?.ok_or_else(RestError::not_found)?;
    tagged(admin.shown(&key)?)
}
