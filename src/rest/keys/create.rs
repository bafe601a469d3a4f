//! `POST /api/v1/projects/{project}/keys`: issues a key to a member.

use axum::response::Response;
use serde::Deserialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::access::keys::issue::{Request, issue};
use crate::model::{Scope, Scopes, UserId};
use crate::rest::RestError;
use crate::rest::documented::{ProjectPath, RepeatHeader};
use crate::rest::input::Input;
use crate::rest::keys::IssuedKey;
use crate::rest::project::ProjectAdmin;
use crate::rest::repeat::Repeat;
use crate::rest::when;

/// The operation, as idempotency keys know it.
const ROUTE: &str = "keys.create";

/// A key to be issued.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewKey {
    /// A member of the project.
    user_id: Uuid,
    /// What people call it.
    #[serde(default)]
    #[schema(max_length = 100)]
    label: String,
    /// Within what the user's role allows. `write` includes `read`; `admin` includes neither.
    #[schema(inline, min_items = 1, max_items = 3)]
    scopes: Vec<Scope>,
    /// Whether it is a test key: works alike, but is marked in logs and lists.
    #[serde(default)]
    test: bool,
    /// Calls a minute.
    #[schema(minimum = 1, maximum = 100_000, nullable = false)]
    rate_limit: Option<i32>,
    /// When it ends; without it never, or as late as the operator allows.
    #[serde(default, deserialize_with = "when::optional")]
    expires_at: Option<OffsetDateTime>,
}

#[utoipa::path(
    post,
    path = "/api/v1/projects/{project}/keys",
    tag = "keys",
    operation_id = "createKey",
    summary = "Issue a key",
    description = "The key itself is in this answer and nowhere else.",
    params(ProjectPath, RepeatHeader),
    request_body = NewKey,
    responses((
        status = 201,
        description = "It was issued.",
        body = IssuedKey,
        headers(("Location" = String, description = "Where it is."))
    ))
)]
pub(in crate::rest) async fn handler(
    admin: ProjectAdmin,
    repeat: Repeat,
    Input { value: new, sha256 }: Input<NewKey>,
) -> Result<Response, RestError> {
    let request = Request {
        user: UserId(new.user_id),
        label: new.label,
        scopes: Scopes::new(new.scopes),
        test: new.test,
        rate_limit: new.rate_limit,
        expires_at: new.expires_at,
    };
    let created = admin.write(async |tx, desk| {
        let block = async || {
            let issued = issue(tx, &admin.keys(desk), request).await?;
            admin.issued(desk, &issued)
        };
        repeat.once(tx, &admin.requester, (ROUTE, sha256), block).await
    });
    created.await
}
