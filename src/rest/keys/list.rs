//! `GET /api/v1/projects/{project}/keys`: the keys of a project, oldest first.

use axum::extract::OriginalUri;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::model::{KeyId, UserId};
use crate::rest::RestError;
use crate::rest::documented::ProjectPath;
use crate::rest::keys::KeyView;
use crate::rest::paging::{Asked, Page};
use crate::rest::project::ProjectAdmin;
use crate::store::pg::api_keys;

/// Which keys.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub struct KeyQuery {
    /// Those of this user.
    user_id: Option<Uuid>,
    /// How many.
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<u16>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
}

/// A page of keys.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "described, not made: `paging` writes it")]
pub struct KeyList {
    items: Vec<KeyView>,
    /// Present when there are more.
    #[schema(nullable = false)]
    next_cursor: Option<String>,
}

#[utoipa::path(
    get,
    path = "/api/v1/projects/{project}/keys",
    tag = "keys",
    operation_id = "listKeys",
    summary = "List keys",
    description = "Oldest first, revoked and expired ones included.",
    params(ProjectPath, KeyQuery),
    responses((
        status = 200,
        description = "A page of keys.",
        body = KeyList,
        headers(("Link" = String, description = "The next page, if there is one (RFC 8288)."))
    ))
)]
pub(in crate::rest) async fn handler(
    admin: ProjectAdmin,
    uri: OriginalUri,
    Asked(query): Asked<KeyQuery>,
) -> Result<Response, RestError> {
    let list = format!("keys\n{}\n{:?}", admin.name, query.user_id);
    let (sealer, cursor) = (&admin.rest.sealer, query.cursor.as_deref());
    let page = Page::new(sealer, &admin.requester, &list, query.limit, cursor)?;
    let (time, id) = page.after;
    let listed = admin.read(async |tx, desk| {
        let user = query.user_id.map(UserId);
        Ok(api_keys::list(tx, desk.project, user, (time, KeyId(id)), page.wanted()).await?)
    });
    let position = |key: &api_keys::Key| (key.created_at, key.id.0);
    page.answer(&uri, listed.await?, position, |key| admin.shown(key))
}
