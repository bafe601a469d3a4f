//! Floor 5: the REST API, `/api/v1`. All routes stand in [`routes`]; each operation has a file.
//!
//! A handler says in its signature who may call it: [`project::ProjectAdmin`] is someone who
//! administers the project of the path, [`platform::PlatformAdmin`] the operator,
//! [`memory::ProjectReader`] and [`memory::ProjectWriter`] are who reads and writes what the project
//! remembers. They open the transaction in which the caller's role is asked once more, and know in
//! whose name the change is written to the audit log. [`input`] reads and
//! checks bodies, [`paging`] lists, [`repeat`] makes a repeated creation harmless, [`etag`] a change
//! conditional; [`problem`] is how everything is refused.

mod administrator;
mod directory;
mod documented;
pub mod documents;
mod error;
mod etag;
mod input;
pub mod keys;
pub mod members;
mod memory;
mod named;
mod paging;
mod platform;
pub mod problem;
mod project;
pub mod projects;
mod repeat;
mod requester;
pub mod users;

use std::sync::Arc;

use axum::{Router, routing};

use crate::access::keys::KeyPolicy;
use crate::model::{Ambient, Sealer};
use crate::store::Store;

pub use error::RestError;
pub use problem::Problem;
pub use requester::Requester;

/// The operations, for the OpenAPI document.
#[derive(utoipa::OpenApi)]
#[openapi(paths(
    documents::list::handler,
    documents::get::handler,
    documents::put::handler,
    documents::delete::handler,
    keys::list::handler,
    keys::create::handler,
    keys::get::handler,
    keys::update::handler,
    keys::revoke::handler,
    keys::rotate::handler,
    members::list::handler,
    members::add::handler,
    members::get::handler,
    members::update::handler,
    members::remove::handler,
    projects::list::handler,
    projects::create::handler,
    projects::get::handler,
    projects::update::handler,
    projects::delete::handler,
    users::list::handler,
    users::create::handler,
    users::get::handler,
    users::update::handler,
    users::delete::handler,
))]
pub struct Described;

/// What the API needs.
pub struct Rest {
    /// Postgres.
    pub store: Store,
    /// Time and randomness.
    pub ambient: Ambient,
    /// Seals cursors.
    pub sealer: Sealer,
    /// The largest body, in bytes.
    pub max_body_bytes: usize,
    /// The rules of keys.
    pub key_policy: KeyPolicy,
}

/// The routes. The [`Requester`] must be in the request's extensions.
pub fn routes(rest: Arc<Rest>) -> Router {
    Router::new()
        .route("/api/v1/projects/{project}/documents", routing::get(documents::list::handler))
        .route(
            "/api/v1/projects/{project}/documents/{*path}",
            routing::get(documents::get::handler)
                .put(documents::put::handler)
                .delete(documents::delete::handler),
        )
        .route(
            "/api/v1/projects/{project}/keys",
            routing::get(keys::list::handler).post(keys::create::handler),
        )
        .route(
            "/api/v1/projects/{project}/keys/{key}",
            routing::get(keys::get::handler)
                .patch(keys::update::handler)
                .delete(keys::revoke::handler),
        )
        .route("/api/v1/projects/{project}/keys/{key}/rotate", routing::post(keys::rotate::handler))
        .route(
            "/api/v1/projects/{project}/members",
            routing::get(members::list::handler).post(members::add::handler),
        )
        .route(
            "/api/v1/projects/{project}/members/{user}",
            routing::get(members::get::handler)
                .patch(members::update::handler)
                .delete(members::remove::handler),
        )
        .route(
            "/api/v1/projects",
            routing::get(projects::list::handler).post(projects::create::handler),
        )
        .route(
            "/api/v1/projects/{project}",
            routing::get(projects::get::handler)
                .patch(projects::update::handler)
                .delete(projects::delete::handler),
        )
        .route("/api/v1/users", routing::get(users::list::handler).post(users::create::handler))
        .route(
            "/api/v1/users/{user}",
            routing::get(users::get::handler)
                .patch(users::update::handler)
                .delete(users::delete::handler),
        )
        .with_state(rest)
}
