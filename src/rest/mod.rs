//! Floor 5: the REST API, `/api/v1`. All routes stand in [`routes`]; each operation has a file.
//!
//! A handler says in its signature who may call it: [`project::ProjectAdmin`] is someone who
//! administers the project of the path, [`operator::Operator`] who runs the server. It opens the transaction in which the caller's role is asked
//! once more, and hands in whose name the change is written to the audit log. [`input`] reads and
//! checks bodies, [`paging`] lists, [`repeat`] makes a repeated creation harmless, [`etag`] a change
//! conditional; [`problem`] is how everything is refused.

pub mod audit;
mod documented;
mod error;
mod etag;
mod input;
pub mod keys;
pub mod limits;
mod operator;
pub mod own_key;
mod paging;
pub mod problem;
mod project;
mod repeat;
mod requester;
pub mod sessions;
pub mod usage;

use std::sync::Arc;

use axum::{Router, routing};

use crate::access::Authenticator;
use crate::access::keys::KeyPolicy;
use crate::model::{Ambient, Sealer};
use crate::store::Store;

pub use error::RestError;
pub use limits::RequestLimits;
pub use problem::Problem;
pub use requester::Requester;

/// The operations, for the OpenAPI document.
#[derive(utoipa::OpenApi)]
#[openapi(paths(
    audit::all::handler,
    audit::project::handler,
    keys::list::handler,
    keys::create::handler,
    keys::get::handler,
    keys::update::handler,
    keys::revoke::handler,
    keys::rotate::handler,
    limits::handler,
    own_key::handler,
    sessions::list::handler,
    sessions::end::handler,
    usage::handler,
))]
pub struct Described;

/// What the API needs.
pub struct Rest {
    /// Forgets keys that are changed.
    pub authenticator: Arc<Authenticator>,
    /// What is said of the limits of requests.
    pub limits: RequestLimits,
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
        .route("/api/v1/audit", routing::get(audit::all::handler))
        .route("/api/v1/key", routing::delete(own_key::handler))
        .route("/api/v1/projects/{project}/audit", routing::get(audit::project::handler))
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
        .route("/api/v1/projects/{project}/limits", routing::get(limits::handler))
        .route("/api/v1/projects/{project}/sessions", routing::get(sessions::list::handler))
        .route(
            "/api/v1/projects/{project}/sessions/{session}",
            routing::delete(sessions::end::handler),
        )
        .route("/api/v1/projects/{project}/usage", routing::get(usage::handler))
        .with_state(rest)
}
