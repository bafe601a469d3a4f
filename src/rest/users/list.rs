//! `GET /api/v1/users`: all users, oldest first.

use axum::extract::OriginalUri;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::model::UserId;
use crate::rest::paging::{Asked, Page};
use crate::rest::platform::PlatformAdmin;
use crate::rest::users::{UserView, shown};
use crate::rest::{Problem, RestError};
use crate::store::pg::users::{self, User};

/// Which users.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub struct UserQuery {
    /// The one with exactly this address.
    email: Option<String>,
    /// How many.
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<u16>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
}

/// A page of users.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "described, not made: `paging` writes it")]
pub struct UserList {
    items: Vec<UserView>,
    /// Present when there are more.
    #[schema(nullable = false)]
    next_cursor: Option<String>,
}

#[utoipa::path(
    get,
    path = "/api/v1/users",
    tag = "users",
    operation_id = "listUsers",
    summary = "List users",
    description = "For the operator. Oldest first.",
    params(UserQuery),
    responses((
        status = 200,
        description = "A page of users.",
        body = UserList,
        headers(("Link" = String, description = "The next page, if there is one (RFC 8288)."))
    ))
)]
pub(in crate::rest) async fn handler(
    admin: PlatformAdmin,
    uri: OriginalUri,
    Asked(query): Asked<UserQuery>,
) -> Result<Response, RestError> {
    let email = query.email.as_deref();
    if email.is_some_and(|email| email.contains('\0')) {
        return Err(Problem::invalid_field("email", "no address has a NUL").into());
    }
    let list = format!("users\n{email:?}");
    let (sealer, cursor) = (&admin.rest.sealer, query.cursor.as_deref());
    let page = Page::new(sealer, &admin.requester, &list, query.limit, cursor)?;
    let (time, id) = page.after;
    let listed =
        admin.read(async |tx| Ok(users::list(tx, email, (time, UserId(id)), page.wanted()).await?));
    page.answer(&uri, listed.await?, |user: &User| (user.created_at, user.id.0), shown)
}
