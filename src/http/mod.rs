//! Floor 6: the edge. The whole router and the whole layer stack stand in [`router()`].

mod authenticate;
mod health;
mod limits;
mod middleware;
pub mod openapi;
mod own_project;
mod server;
mod stream;
mod unread;

use std::sync::Arc;
use std::time::Duration;

use axum::middleware::{from_fn, from_fn_with_state};
use axum::{Router, routing};

use crate::access::{AdminToken, Authenticator, Limits, Usage};
use crate::mcp::transport::{self, Transport};
use crate::model::{Clock, TrustedProxies};
use crate::rest::{self, Problem, Rest};

use authenticate::Gate;

pub use health::Health;
pub use middleware::origin::Origins;
pub use server::{Lifecycle, serve};

/// What a request may take beside its call: for its body to arrive.
const ARRIVAL: Duration = Duration::from_secs(5);

/// What the edge needs.
#[derive(Clone)]
pub struct Edge {
    /// Turns keys into callers.
    pub authenticator: Arc<Authenticator>,
    /// How many calls are answered.
    pub limits: Limits,
    /// Tells when there will be more.
    pub clock: Clock,
    /// The platform token, if there is one.
    pub admin_token: Option<AdminToken>,
    /// Counts calls.
    pub usage: Arc<Usage>,
    /// What the REST API needs.
    pub rest: Arc<Rest>,
    /// Knows whether the server can work.
    pub health: Arc<Health>,
    /// The proxies before the server.
    pub trusted_proxies: TrustedProxies,
    /// The web pages that may call.
    pub origins: Origins,
    /// Answers MCP.
    pub transport: Transport,
    /// The longest that a call may take; a request gets [`ARRIVAL`] more.
    pub request_timeout: Duration,
}

/// All routes and, from the outside in, all layers.
pub fn router(edge: Edge) -> Router {
    // Before the body is read: who calls, and has he called too often? Only then, inside the
    // transport: how large is it?
    let Edge { authenticator, limits, clock, admin_token, usage, .. } = edge.clone();
    let gate = Gate { authenticator, limits, clock, admin_token, usage };
    let administering = from_fn_with_state(gate.clone(), authenticate::administration);
    let authenticated = from_fn_with_state(gate, authenticate::layer);
    let own_project = from_fn(own_project::layer);
    let mcp = transport::routes(edge.transport);
    let mcp = mcp.route_layer(own_project).route_layer(authenticated);
    let rest = rest::routes(edge.rest).route_layer(administering);
    let health = Router::new()
        .route("/health", routing::get(health::health))
        .route("/live", routing::get(health::live))
        .route("/ready", routing::get(health::ready))
        .with_state(edge.health);
    Router::new()
        .merge(mcp)
        .merge(rest)
        .merge(health)
        .merge(openapi::browser::routes())
        .fallback(async || Problem::no_route())
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        // The innermost: a request that takes too long becomes an answer like any other. A call
        // has ended itself by then: what remains is a body that does not arrive.
        .layer(from_fn_with_state(edge.request_timeout + ARRIVAL, middleware::timeout::layer))
        // Who may not call is not asked for a key; what browsers ask beforehand needs none.
        .layer(middleware::origin::cors(&edge.origins))
        .layer(from_fn_with_state(edge.origins, middleware::origin::layer))
        // Every answer below carries them, the time-out's included.
        .layer(from_fn(middleware::security_headers::layer))
        // Below the line, to which it adds the address; above all that asks for it.
        .layer(from_fn_with_state(edge.trusted_proxies, middleware::client_ip::layer))
        // Sees the status that is really sent, and opens the line that all below adds to.
        .layer(from_fn(middleware::access_log::layer))
        // The outermost: everything else names the request by its id.
        .layer(from_fn(middleware::request_id::layer))
}
