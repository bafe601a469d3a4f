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
use utoipa::openapi::{OpenApi as Document, RefOr, Response, SecurityRequirement};
use utoipa::{Modify, OpenApi};

use super::health;
use crate::rest::{self, problem};

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
        (
            name = "audit",
            description = "Who changed what, newest first. Entries are only ever added.",
        ),
        (
            name = "keys",
            description = "The keys of a project: each is one member's way in. For the operator, by \
                           the platform token, and for owners, by a key with the scope `admin`.",
        ),
        (
            name = "sessions",
            description = "Sessions of MCP, as clients of its versions up to 2025-11-25 open them. \
                           Where one is named here, the name opens nothing.",
        ),
        (name = "usage", description = "How much a project is used, and how much it may be."),
        (name = "health", description = "For monitors, load balancers and supervisors; no key"),
    ),
    paths(health::health, health::live, health::ready),
    components(schemas(problem::Body, messages::Message, messages::Response)),
    modifiers(&Mcp, &Rest, &Edge),
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

/// Adds the REST API, with what all of its operations answer.
struct Rest;

impl Modify for Rest {
    fn modify(&self, document: &mut Document) {
        let mut rest = rest::Described::openapi();
        for item in rest.paths.paths.values_mut() {
            let PathItem { get, post, put, patch, delete, .. } = item;
            for operation in [get, post, put, patch, delete].into_iter().flatten() {
                let no_scopes = || Vec::<String>::new();
                operation.security = Some(vec![
                    SecurityRequirement::new(BEARER, no_scopes()),
                    SecurityRequirement::new(API_KEY, no_scopes()),
                ]);
                let body = operation.request_body.is_some();
                let of_body = answers::OF_BODIES.into_iter().filter(|_| body);
                for (status, answer) in answers::OF_REST.into_iter().chain(of_body) {
                    let responses = &mut operation.responses.responses;
                    responses.insert(status.to_owned(), answers::named(answer).into());
                }
            }
        }
        document.merge(rest);
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
                let forbidden = || answers::named("Forbidden").into();
                responses.entry("403".to_owned()).or_insert_with(forbidden);
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
