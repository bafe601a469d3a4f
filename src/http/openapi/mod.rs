//! The OpenAPI document, made from the code: [`json()`] is what openapi/openapi.json must be, and
//! `mbmcp openapi` prints it.
//!
//! Health is described where it is answered. MCP is described in `mcp`, its bodies in `messages`;
//! `answers` holds what routes have in common.

mod answers;
mod mcp;
mod messages;

use utoipa::openapi::path::PathItem;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{OpenApi as Document, RefOr, Response};
use utoipa::{Modify, OpenApi};

use super::{health, problem};

/// The names of the security schemes.
const BEARER: &str = "bearer";
const API_KEY: &str = "apiKey";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Memory Bank",
        description = "The hosted memory for AI coding assistants: an MCP server whose tenants are \
                       kept apart by Postgres. A project's API key opens its memory; tools, \
                       resources and prompts are listed over MCP itself.",
        license(name = "MIT", identifier = "MIT"),
    ),
    servers((url = "/", description = "The server that this document comes from")),
    tags(
        (
            name = "mcp",
            description = "The Model Context Protocol over Streamable HTTP. A client of its \
                           versions up to 2025-11-25 sends `initialize` first, and from then on \
                           the `Mcp-Session-Id` that it was answered with. From 2026-07-28 on \
                           there are no sessions, and `Mcp-Method` and `Mcp-Name` repeat what the \
                           message asks for. GET is answered with 405 and `Allow`, as every other \
                           method is: the server has no stream of its own.",
        ),
        (name = "health", description = "For monitors, load balancers and supervisors; no key"),
    ),
    paths(health::health, health::live, health::ready),
    components(schemas(problem::Body, messages::Message, messages::Response)),
    modifiers(&Mcp, &Edge),
)]
struct Described;

/// The document, as it is committed.
///
/// # Errors
/// When it cannot be JSON, which is a fault of ours.
pub fn json() -> Result<String, serde_json::Error> {
    Described::openapi().to_pretty_json()
}

/// Adds the routes of MCP.
struct Mcp;

impl Modify for Mcp {
    fn modify(&self, document: &mut Document) {
        document.paths.merge(mcp::paths());
        let components = document.components.get_or_insert_default();
        mcp::add_parameters(components);
        answers::add_to(components);
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        let header = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-API-Key")));
        components.add_security_schemes_from_iter([(BEARER, bearer), (API_KEY, header)]);
    }
}

/// Adds what the layers answer at every route, and the header that they give to every answer.
struct Edge;

impl Modify for Edge {
    fn modify(&self, document: &mut Document) {
        for item in document.paths.paths.values_mut() {
            let PathItem { get, post, put, patch, delete, .. } = item;
            for operation in [get, post, put, patch, delete].into_iter().flatten() {
                let responses = &mut operation.responses.responses;
                responses.insert("403".to_owned(), answers::named("Forbidden").into());
                responses.values_mut().for_each(name_request);
            }
        }
        let components = document.components.get_or_insert_default();
        components.responses.values_mut().for_each(name_request);
    }
}

fn name_request(response: &mut RefOr<Response>) {
    if let RefOr::T(response) = response {
        let header = RefOr::Ref(answers::header("RequestId"));
        response.headers.insert("X-Request-Id".to_owned(), header);
    }
}
