//! `PATCH /api/v1/projects/{project}/keys/{key}`: changes label, limit, scopes downwards, expiry.

use axum::response::Response;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::access::keys::change::{NewEnd, Patch, update};
use crate::model::{KeyId, Scope, Scopes};
use crate::rest::RestError;
use crate::rest::documented::{IfMatchHeader, ProjectPath};
use crate::rest::etag::{IfMatch, tagged};
use crate::rest::input::Input;
use crate::rest::keys::{KeyPath, KeyView};
use crate::rest::named::Named;
use crate::rest::project::ProjectAdmin;
use crate::rest::when;
use crate::store::pg::api_keys;

/// What of a key is to change (RFC 7396).
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyPatch {
    #[schema(max_length = 100, nullable = false)]
    label: Option<String>,
    /// Some of those that it has.
    #[schema(inline, min_items = 1, max_items = 3, nullable = false)]
    scopes: Option<Vec<Scope>>,
    /// Calls a minute.
    #[schema(minimum = 1, maximum = 100_000, nullable = false)]
    rate_limit: Option<i32>,
    /// When it ends; `null` for never, if the operator allows it.
    #[serde(default, deserialize_with = "new_end")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: NewEnd,
}

/// An explicit `null` is something else than absence.
fn new_end<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NewEnd, D::Error> {
    let end = when::optional(deserializer)?;
    Ok(end.map_or(NewEnd::Never, NewEnd::At))
}

#[utoipa::path(
    patch,
    path = "/api/v1/projects/{project}/keys/{key}",
    tag = "keys",
    operation_id = "updateKey",
    summary = "Change a key",
    description = "Scopes can only be taken away.",
    params(ProjectPath, KeyPath, IfMatchHeader),
    request_body = KeyPatch,
    responses((
        status = 200,
        description = "The key as it is now.",
        body = KeyView,
        headers(("ETag" = String, description = "For `If-Match`."))
    ))
)]
pub(in crate::rest) async fn handler(
    admin: ProjectAdmin,
    Named((_, id)): Named<(String, Uuid)>,
    if_match: IfMatch,
    Input { value, .. }: Input<KeyPatch>,
) -> Result<Response, RestError> {
    let patch = Patch {
        label: value.label,
        scopes: value.scopes.map(Scopes::new),
        rate_limit: value.rate_limit,
        end: value.expires_at,
    };
    let updated = admin.write(async |tx, desk| {
        if_match
            .check(async || {
                let key = api_keys::lock(tx, desk.project, KeyId(id)).await?;
                admin.shown(&key.ok_or_else(RestError::not_found)?)
            })
            .await?;
        Ok(update(tx, &admin.keys(desk), KeyId(id), patch).await?)
    });
    let key = updated.await?;
    tagged(admin.shown(&key)?)
}
