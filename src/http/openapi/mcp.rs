//! The routes of MCP: one pair of operations, at everyone's endpoint and at that of one project.
//! `mcp::transport` answers them.

use serde_json::json;
use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, ParameterBuilder, ParameterIn, PathItemBuilder, Paths,
    PathsBuilder,
};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::{
    Components, ContentBuilder, ObjectBuilder, Ref, RefOr, Required, SecurityRequirement, Type,
};

use super::{API_KEY, BEARER, answers};

const POST: &str = "One JSON-RPC message in each request; its answer in the response. In sessions of \
                    2025-03-26 an array of messages as well, answered by an array.";
const GET: &str = "What the server tells the session by itself; with `Last-Event-ID`, the rest of a \
                   stream of the session whose connection broke, on whichever server. From \
                   2026-07-28 on there is no such stream.";
const DELETE: &str = "Its id cannot be used again; what was remembered stays. From 2026-07-28 on \
                      there are no sessions, and nothing to end.";
const PROJECT: &str = "The project's short name. Keys of other projects are answered as if there \
                       were none of this name.";

/// The headers of a request: the names of their components, their own, what they say.
const HEADERS: [(&str, &str, &str); 5] = [
    ("SessionId", "Mcp-Session-Id", "The session; not with `initialize`."),
    ("ProtocolVersion", "MCP-Protocol-Version", "The version of the protocol that is spoken."),
    ("Method", "Mcp-Method", "The `method` of the message."),
    ("Name", "Mcp-Name", "The tool, prompt or resource that the message asks for."),
    ("LastEventId", "Last-Event-ID", "The last event of a stream that broke."),
];

/// An endpoint: its part of ids, its part of summaries, what answers 404 there.
type Endpoint = (&'static str, &'static str, &'static str);

/// The operations.
pub(super) fn paths() -> Paths {
    let schema = ObjectBuilder::new().schema_type(Type::String);
    let project = ParameterBuilder::new()
        .name("project")
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(PROJECT))
        .schema(Some(schema))
        .build();
    let item = |endpoint| {
        PathItemBuilder::new()
            .operation(HttpMethod::Post, post(endpoint))
            .operation(HttpMethod::Get, get(endpoint))
            .operation(HttpMethod::Delete, delete(endpoint))
    };
    let own = item(("Project", ", at one project's endpoint", "NotFound"));
    PathsBuilder::new()
        .path("/mcp", item(("", "", "SessionEnded")).build())
        .path("/mcp/{project}", own.parameters(Some([project])).build())
        .build()
}

/// Puts the headers of requests into the components.
pub(super) fn add_parameters(components: &mut Components) {
    for (component, name, description) in HEADERS {
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(description))
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)));
        components.parameters.insert(component.to_owned(), RefOr::T(parameter.build()));
    }
}

fn post((name, whose, not_found): Endpoint) -> Operation {
    operation(&["SessionId", "ProtocolVersion", "Method", "Name"], not_found)
        .operation_id(Some(format!("post{name}Message")))
        .summary(Some(format!("Send a message{whose}")))
        .description(Some(POST))
        .request_body(Some(message()))
        .response("200", answers::answered())
        .response("202", answers::named("Accepted"))
        .response("406", answers::named("NotAStream"))
        .response("413", answers::named("TooLarge"))
        .response("415", answers::named("UnsupportedMediaType"))
        .build()
}

fn get((name, whose, not_found): Endpoint) -> Operation {
    operation(&["SessionId", "ProtocolVersion", "LastEventId"], not_found)
        .operation_id(Some(format!("listen{name}Session")))
        .summary(Some(format!("Listen to a session, or resume a stream of it{whose}")))
        .description(Some(GET))
        .response("200", answers::listened())
        .response("405", answers::named("PostOnly"))
        .build()
}

fn delete((name, whose, not_found): Endpoint) -> Operation {
    operation(&["SessionId", "ProtocolVersion"], not_found)
        .operation_id(Some(format!("end{name}Session")))
        .summary(Some(format!("End a session{whose}")))
        .description(Some(DELETE))
        .response("204", answers::named("Ended"))
        .response("405", answers::named("PostOnly"))
        .build()
}

/// What all have.
fn operation(headers: &[&str], not_found: &str) -> OperationBuilder {
    let no_scopes = || Vec::<String>::new();
    let mut operation = OperationBuilder::new()
        .tag("mcp")
        .security(SecurityRequirement::new(BEARER, no_scopes()))
        .security(SecurityRequirement::new(API_KEY, no_scopes()))
        .response("404", answers::named(not_found));
    for header in headers {
        operation = operation.parameter_ref(Ref::new(format!("#/components/parameters/{header}")));
    }
    for (status, answer) in answers::OF_MCP {
        operation = operation.response(status, answers::named(answer));
    }
    operation
}

fn message() -> RequestBody {
    let example = json!({ "id": 1, "jsonrpc": "2.0", "method": "tools/list" });
    let content = ContentBuilder::new()
        .schema(Some(answers::one_or_several("JsonRpcMessage")))
        .example(Some(example));
    RequestBodyBuilder::new()
        .required(Some(Required::True))
        .content("application/json", content.build())
        .build()
}
