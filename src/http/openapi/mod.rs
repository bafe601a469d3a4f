//! The OpenAPI document, made from the code: [`json()`] is what openapi/openapi.json must be, and
//! `mbmcp openapi` prints it.
//!
//! `browser` serves it, and a page that shows it. Health and REST are described where they are
//! answered, MCP in `mcp`, its bodies in `messages`; `answers` holds what routes have in common;
//! `parts` puts all of it together.

mod answers;
pub(super) mod browser;
mod mcp;
mod messages;
mod parts;

use utoipa::OpenApi;

use super::health;
use crate::rest::problem;
use parts::{Edge, Mcp, Rest};

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
            name = "documents",
            description = "What a project remembers, as its tools see it: for members, by a key with \
                           the scope `read` or `write`. The operator does not see it.",
        ),
        (
            name = "keys",
            description = "The keys of a project: each is one member's way in. For the operator, by \
                           the platform token, and for owners, by a key with the scope `admin`.",
        ),
        (
            name = "members",
            description = "Who is what in a project. A viewer reads, an editor writes too, an owner \
                           also administers. For the operator and for owners.",
        ),
        (
            name = "projects",
            description = "The tenants. The operator makes and deletes them; their owners change \
                           them.",
        ),
        (
            name = "sessions",
            description = "Sessions of MCP, as clients of its versions up to 2025-11-25 open them. \
                           Where one is named here, the name opens nothing.",
        ),
        (name = "usage", description = "How much a project is used, and how much it may be."),
        (
            name = "users",
            description = "People and agents, who are members of projects. For the operator: to \
                           everyone else there is nothing here.",
        ),
        (name = "health", description = "For monitors, load balancers and supervisors; no key"),
        (
            name = "openapi",
            description = "This document, and a page that shows it; no key. What the page tries out \
                           is sent by a web page: `ALLOWED_ORIGINS` must name the server's own origin.",
        ),
    ),
    paths(
        browser::page,
        browser::file,
        browser::document,
        health::health,
        health::live,
        health::ready,
    ),
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
