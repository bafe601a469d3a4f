//! The whole API on one page: its routes, and the same for the OpenAPI document.

use std::sync::Arc;

use axum::{Router, routing};

use super::{
    Rest, audit, documents, keys, limits, members, own_key, projects, sessions, usage, users,
};

/// The operations, for the OpenAPI document.
#[derive(utoipa::OpenApi)]
#[openapi(paths(
    audit::all::handler,
    audit::project::handler,
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
    limits::handler,
    members::list::handler,
    members::add::handler,
    members::get::handler,
    members::update::handler,
    members::remove::handler,
    own_key::handler,
    projects::list::handler,
    projects::create::handler,
    projects::get::handler,
    projects::update::handler,
    projects::delete::handler,
    sessions::list::handler,
    sessions::end::handler,
    usage::handler,
    users::list::handler,
    users::create::handler,
    users::get::handler,
    users::update::handler,
    users::delete::handler,
))]
pub struct Described;

/// The routes. The [`Requester`](super::Requester) must be in the request's extensions.
pub fn routes(rest: Arc<Rest>) -> Router {
    Router::new()
        .route("/api/v1/audit", routing::get(audit::all::handler))
        .route("/api/v1/key", routing::delete(own_key::handler))
        .route("/api/v1/projects/{project}/audit", routing::get(audit::project::handler))
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
        .route("/api/v1/projects/{project}/limits", routing::get(limits::handler))
        .route("/api/v1/projects/{project}/sessions", routing::get(sessions::list::handler))
        .route(
            "/api/v1/projects/{project}/sessions/{session}",
            routing::delete(sessions::end::handler),
        )
        .route("/api/v1/projects/{project}/usage", routing::get(usage::handler))
        .with_state(rest)
}
