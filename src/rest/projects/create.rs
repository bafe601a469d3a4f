//! `POST /api/v1/projects`: makes a project with its owner and the owner's first key.

use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::access::directory::projects::{NewProject as New, create};
use crate::rest::RestError;
use crate::rest::directory::person;
use crate::rest::documented::RepeatHeader;
use crate::rest::input::Input;
use crate::rest::platform::PlatformAdmin;
use crate::rest::projects::{ProjectView, shown};
use crate::rest::repeat::{Created, Repeat};

/// The operation, as idempotency keys know it.
const ROUTE: &str = "projects.create";

/// A project to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewProject {
    /// Its short name, which stands in paths and never changes; no other project has or had it.
    #[schema(pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    slug: String,
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// The language of its texts, for the search; `simple` for none.
    #[serde(default = "english")]
    #[schema(default = "english")]
    search_language: String,
    #[schema(inline)]
    owner: Owner,
}

/// Who the project's owner is: one of both.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Owner {
    #[schema(nullable = false)]
    user_id: Option<Uuid>,
    /// The user is made if there is none with this address.
    #[schema(max_length = 320, nullable = false)]
    email: Option<String>,
}

fn english() -> String {
    "english".to_owned()
}

/// A project that was made.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described, not made: `repeat` puts the key into its body")]
pub(super) struct MadeProject {
    #[schema(inline)]
    #[serde(flatten)]
    described: ProjectView,
    /// The owner's first key, with the scope `admin`; not in the answer to a repeat.
    #[schema(nullable = false)]
    key: Option<String>,
}

#[utoipa::path(
    post,
    path = "/api/v1/projects",
    tag = "projects",
    operation_id = "createProject",
    summary = "Make a project",
    description = "For the operator. The owner's first key is in this answer and nowhere else: it \
                   issues all others.",
    params(RepeatHeader),
    request_body = NewProject,
    responses((
        status = 201,
        description = "The project, with a key.",
        body = MadeProject,
        headers(("Location" = String, description = "Where it is."))
    ))
)]
pub(in crate::rest) async fn handler(
    admin: PlatformAdmin,
    repeat: Repeat,
    Input { value: NewProject { slug, name, search_language, owner }, sha256 }: Input<NewProject>,
) -> Result<Response, RestError> {
    let owner = person("/owner", owner.user_id, owner.email)?;
    let new = New { slug, name, search_language, owner };
    let created = admin.write(async |tx| {
        let block = async || {
            let policy = admin.rest.key_policy;
            let (project, first) = create(tx, &admin.clerk(), policy, new).await?;
            Ok(Created {
                location: format!("/api/v1/projects/{}", project.id),
                body: shown(&project)?,
                secret: Some(("key", first.plaintext.reveal().to_owned())),
            })
        };
        repeat.once(tx, &admin.requester, (ROUTE, sha256), block).await
    });
    created.await
}
