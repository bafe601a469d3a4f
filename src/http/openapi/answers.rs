//! What several routes answer: each answer stands in the components once, and the routes name it.

use utoipa::openapi::header::Header;
use utoipa::openapi::{
    ArrayBuilder, Components, Content, HeaderBuilder, ObjectBuilder, OneOfBuilder, Ref, RefOr,
    Response, ResponseBuilder, Schema, Type,
};

const JSON: &str = "application/json";
const PROBLEM: &str = "application/problem+json";

const NOT_FOUND: &str = "The session has ended or is not the caller's: initialize again. From \
                         2026-07-28 on: there is no such method.";

const TOO_MANY: &str = "More calls than the key or the address has in a minute, more sessions than the key \
                        opens, or too many wrong keys from the address. `RateLimit` says which limit, \
                        but for wrong keys.";

/// What every answer to a caller says of his limits: the header, its component.
pub(super) const LIMITS: [(&str, &str); 5] = [
    ("RateLimit-Policy", "RateLimitPolicy"),
    ("RateLimit", "RateLimit"),
    ("X-RateLimit-Limit", "OldLimit"),
    ("X-RateLimit-Remaining", "OldRemaining"),
    ("X-RateLimit-Reset", "OldReset"),
];

/// What all routes of MCP answer, by status.
pub(super) const OF_MCP: [(&str, &str); 6] = [
    ("400", "BadMessage"),
    ("401", "Unauthorized"),
    ("429", "TooMany"),
    ("500", "Failed"),
    ("503", "Unavailable"),
    ("504", "TooLate"),
];

/// What all operations of the REST API answer.
pub(super) const OF_REST: [(&str, &str); 8] = [
    ("401", "Unauthorized"),
    ("403", "NotAllowed"),
    ("404", "Missing"),
    ("422", "Invalid"),
    ("429", "TooMany"),
    ("500", "Broken"),
    ("503", "Unavailable"),
    ("504", "TooLate"),
];

/// What those with a body answer besides.
pub(super) const OF_BODIES: [(&str, &str); 5] = [
    ("400", "NotJson"),
    ("409", "Conflict"),
    ("412", "Changed"),
    ("413", "TooLargeBody"),
    ("415", "NotTypedJson"),
];

/// Puts the answers and their headers into the components.
pub(super) fn add_to(components: &mut Components) {
    for (name, answer) in answers() {
        components.responses.insert(name.to_owned(), RefOr::T(answer.build()));
    }
    for (name, header) in headers() {
        components.headers.insert(name.to_owned(), RefOr::T(header));
    }
}

/// The answer `name` of the components.
pub(super) fn named(name: &str) -> Ref {
    Ref::new(format!("#/components/responses/{name}"))
}

/// The header `name` of the components.
pub(super) fn header(name: &str) -> Ref {
    Ref::new(format!("#/components/headers/{name}"))
}

/// The answer to a request of MCP.
pub(super) fn answered() -> Response {
    said("The answer to a request, at once or at the end of a stream.")
        .content(JSON, Content::new(Some(one_or_several("JsonRpcResponse"))))
        .content("text/event-stream", events("; the last is the answer"))
        .header_ref("Mcp-Session-Id", header("SessionId"))
        .build()
}

/// The answer to who listens.
pub(super) fn listened() -> Response {
    said("A stream, open until its session ends, or until what broke is complete.")
        .content("text/event-stream", events(""))
        .build()
}

/// The schema `name`, or an array of it.
pub(super) fn one_or_several(name: &str) -> Schema {
    let one = || Ref::from_schema_name(name);
    let several = ArrayBuilder::new().items(one());
    Schema::OneOf(OneOfBuilder::new().item(one()).item(several).build())
}

fn events(last: &str) -> Content {
    let events = format!("Server-sent events. The `data` of each is a JSON-RPC message{last}.");
    let events = ObjectBuilder::new().schema_type(Type::String).description(Some(events));
    Content::new(Some(events))
}

fn answers() -> [(&'static str, ResponseBuilder); 24] {
    let challenge = header("Challenge");
    let retry = header("RetryAfter");
    [
        ("Accepted", said("A notification or a response was taken.")),
        ("Ended", said("The session has ended.")),
        ("BadMessage", rpc("The headers or the body are no message that can be answered.")),
        (
            "Unauthorized",
            any("No key, or one that is not good.").header_ref("WWW-Authenticate", challenge),
        ),
        ("Forbidden", problem("The page's origin, or the host name, is none that may call.")),
        ("SessionEnded", rpc(NOT_FOUND)),
        ("NotFound", any(&format!("{NOT_FOUND} Or the project is another."))),
        (
            "PostOnly",
            rpc("From 2026-07-28 on there is POST only.").header_ref("Allow", header("Allow")),
        ),
        ("NotAStream", rpc("`subscriptions/listen` without `Accept: text/event-stream`.")),
        ("TooLarge", rpc("The body is larger than the server takes.")),
        ("UnsupportedMediaType", rpc("The body is not `application/json`.")),
        ("TooMany", any(TOO_MANY).header_ref("Retry-After", retry.clone())),
        ("Failed", rpc("The server failed; its operator finds why by the `X-Request-Id`.")),
        (
            "Unavailable",
            any("The database is not there, or calls are more than it can answer, or the request did not \
                 arrive in time.")
                .header_ref("Retry-After", retry),
        ),
        ("TooLate", any("The call took too long. The message says whether it was undone.")),
        ("NotAllowed", problem("The origin, the key's scopes or the user's role do not allow it.")),
        ("Missing", problem("What the path names does not exist, or is none of the caller's.")),
        ("Invalid", problem("The input is not usable; `errors` says what of it.")),
        ("Broken", problem("The server failed; its operator finds why by the `X-Request-Id`.")),
        ("NotJson", problem("The body is no JSON, or a header is not usable.")),
        ("Conflict", problem("What is there does not allow it, or the first request still runs.")),
        ("Changed", problem("It has changed since it was read.")),
        ("TooLargeBody", problem("The body is larger than the server takes.")),
        ("NotTypedJson", problem("The body is not `application/json`.")),
    ]
}

fn headers() -> [(&'static str, Header); 10] {
    let header = |kind, description: &str| {
        let schema = ObjectBuilder::new().schema_type(kind);
        HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build()
    };
    let text = |description| header(Type::String, description);
    [
        ("RequestId", text("Finds the request in the log: its own `X-Request-Id`, or a new one.")),
        ("SessionId", text("The session that `initialize` has opened; with no other answer.")),
        ("Challenge", text("`Bearer`, with `error=\"invalid_token\"` where a key was sent.")),
        ("Allow", text("The methods that there are.")),
        ("RetryAfter", header(Type::Integer, "Seconds to wait, where that is known.")),
        (
            "RateLimitPolicy",
            text("The limits of the caller, such as `\"key\";q=60;w=60`: 60 in 60 s."),
        ),
        ("RateLimit", text("What is left of them, and for how many seconds: `\"key\";r=59;t=60`.")),
        ("OldLimit", header(Type::Integer, "For old clients: the limit of which least is left.")),
        ("OldRemaining", header(Type::Integer, "What is left of that.")),
        ("OldReset", header(Type::Integer, "When there is more again, in seconds since 1970.")),
    ]
}

fn said(description: &str) -> ResponseBuilder {
    ResponseBuilder::new().description(description)
}

/// An error of the protocol.
fn rpc(description: &str) -> ResponseBuilder {
    said(description).content(JSON, schema("JsonRpcErrorResponse"))
}

/// An error of the edge.
fn problem(description: &str) -> ResponseBuilder {
    said(description).content(PROBLEM, schema("Problem"))
}

/// An error of either.
fn any(description: &str) -> ResponseBuilder {
    rpc(description).content(PROBLEM, schema("Problem"))
}

fn schema(name: &str) -> Content {
    Content::new(Some(Ref::from_schema_name(name)))
}
