//! JSON-RPC errors, each with its HTTP status, in one table.

use serde_json::{Value, json};

use super::{Era, version};

/// How much of a name that is unknown is repeated, in characters.
const MAX_ECHOED_CHARS: usize = 300;

/// An answer that is an error: a public sentence, never SQL, a path or a stack.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RpcError {
    /// The HTTP status, as the legacy era has it; [`Self::in_era`] gives that of the modern one.
    pub status: u16,
    /// The JSON-RPC code.
    pub code: i32,
    /// What is wrong and what to do.
    pub message: String,
    /// More about it, for programs.
    pub data: Option<Value>,
}

impl RpcError {
    /// The same error as `era` writes it: the modern one has a status for what is unknown, and
    /// another code for a resource that is not there.
    #[must_use]
    pub fn in_era(mut self, era: Era) -> Self {
        if era == Era::Modern {
            match self.code {
                -32601 => self.status = 404,
                -32002 => self.code = -32602,
                _ => {}
            }
        }
        self
    }

    fn new(status: u16, code: i32, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), data: None }
    }

    /// The body is not JSON.
    pub fn parse(message: impl Into<String>) -> Self {
        Self::new(400, -32700, message)
    }

    /// The body is not a message, or it cannot be one here.
    pub fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(400, -32600, message)
    }

    /// The body is larger than `limit` bytes.
    #[must_use]
    pub fn too_large(limit: usize) -> Self {
        Self::new(413, -32600, format!("a request body has at most {limit} bytes: send less"))
    }

    /// The body did not arrive.
    #[must_use]
    pub fn incomplete() -> Self {
        Self::new(400, -32600, "the request body ended early: send it again")
    }

    /// The body is of another type.
    #[must_use]
    pub fn unsupported_media_type() -> Self {
        Self::new(415, -32600, "send the message as `Content-Type: application/json`")
    }

    /// The answer is a stream, which the client does not say it reads.
    #[must_use]
    pub fn not_acceptable() -> Self {
        let message = "this is answered by a stream: accept `text/event-stream`";
        Self::new(406, -32600, message)
    }

    /// There is no such method.
    #[must_use]
    pub fn method_not_found(method: &str) -> Self {
        Self::new(200, -32601, format!("there is no method `{}`", shortened(method)))
    }

    /// There is no such tool, or not for this caller.
    #[must_use]
    pub fn tool_not_found(tool: &str) -> Self {
        Self::new(200, -32602, format!("there is no tool `{}`", shortened(tool)))
    }

    /// There is no such resource, or it is not the caller's.
    #[must_use]
    pub fn resource_not_found(uri: &str) -> Self {
        let data = Some(json!({ "uri": shortened(uri) }));
        Self {
            data,
            ..Self::new(200, -32002, "there is no such resource; `resources/list` shows them")
        }
    }

    /// There is no such prompt.
    #[must_use]
    pub fn prompt_not_found(name: &str) -> Self {
        Self::new(200, -32602, format!("there is no prompt `{}`", shortened(name)))
    }

    /// The key is good, but its user is not a member of the project any more.
    #[must_use]
    pub fn not_a_member() -> Self {
        let message = "the user of this API key is not a member of its project any more";
        Self::new(401, -32600, message)
    }

    /// The caller's key was good when the request began, and is no more.
    #[must_use]
    pub fn key_ended() -> Self {
        Self::new(401, -32600, "this API key was revoked, or has expired")
    }

    /// The parameters are not those of the method.
    pub fn invalid_params(message: impl Into<String>) -> Self {
        Self::new(200, -32602, message)
    }

    /// A header says something else than the body, is missing, or is broken (modern era).
    pub fn header_mismatch(message: impl Into<String>) -> Self {
        Self::new(400, -32020, message)
    }

    /// The client has not declared what the call needs of it: an object of capabilities (modern
    /// era).
    #[must_use]
    pub fn missing_capability(required: &Value) -> Self {
        let data = Some(json!({ "requiredCapabilities": required }));
        let message = "this call needs client capabilities that the request does not declare";
        Self { data, ..Self::new(400, -32021, message) }
    }

    /// The call must ask its client, and nothing leads there.
    #[must_use]
    pub fn cannot_ask() -> Self {
        let message = "this call must ask its client: accept `text/event-stream` as well";
        Self::new(200, -32600, message)
    }

    /// `requestState` is broken, too old, or was made for somebody else or another call: one answer
    /// for all (modern era).
    #[must_use]
    pub fn request_state() -> Self {
        let message = "`requestState` is not of this call, or too old: send the call again without \
                       it and without `inputResponses`";
        Self::new(200, -32602, message)
    }

    /// What `requestState` stands for was done (modern era).
    #[must_use]
    pub fn request_state_used() -> Self {
        let message = "`requestState` was used, so this was done: read before you send it again";
        Self::new(200, -32602, message)
    }

    /// The version that a request names is not served (modern era).
    #[must_use]
    pub fn unsupported_version(requested: &str) -> Self {
        let data = json!({ "supported": version::SUPPORTED, "requested": shortened(requested) });
        let message = "this protocol version is not served; `data.supported` lists those that are";
        Self { data: Some(data), ..Self::new(400, -32022, message) }
    }

    /// The endpoint, or the version of the protocol, has no such HTTP method.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        Self::new(405, -32600, "`Allow` lists the HTTP methods that are answered here")
    }

    /// `_meta` of a modern request lacks something, or has it wrong.
    pub fn meta(message: impl Into<String>) -> Self {
        Self::new(400, -32602, message)
    }

    /// No session was named.
    #[must_use]
    pub fn session_missing() -> Self {
        let message = "send the `Mcp-Session-Id` that `initialize` returned, or initialize first";
        Self::new(400, -32600, message)
    }

    /// The session is unknown, foreign, expired or ended: one answer for all.
    #[must_use]
    pub fn session_unknown() -> Self {
        Self::new(404, -32001, "this session has ended: initialize again")
    }

    /// The caller's key has as many sessions as it may have, all of them in use. With status 200, which
    /// is what makes every client show the sentence; a 404 would make it initialise at once again.
    #[must_use]
    pub fn too_many_sessions(most: u32) -> Self {
        let message = format!(
            "this API key has {most} open sessions, the most that are allowed, and each was used in \
             the last hour: end some with DELETE, or use another key"
        );
        Self::new(200, -32603, message)
    }

    /// No stream of the session has such an event: one answer, whatever the reason.
    #[must_use]
    pub fn event_unknown() -> Self {
        let message = "`Last-Event-ID` names no event of this session: send the request again";
        Self::new(400, -32600, message)
    }

    /// What a client missed of a stream is not kept any more.
    #[must_use]
    pub fn events_purged() -> Self {
        let message = "what was missed of this stream is not kept any more: read before you send \
                       the request again";
        Self::new(200, -32603, message)
    }

    /// The process that ran a call has died.
    #[must_use]
    pub fn call_lost() -> Self {
        let message =
            "the server that ran this call has died, and nothing was changed: send it again";
        Self::new(200, -32603, message)
    }

    /// The stream of a call was ended by another process while it ran.
    #[must_use]
    pub fn stream_ended() -> Self {
        let message = "the stream of this call has ended, and nothing was changed: send it again";
        Self::new(200, -32603, message)
    }

    /// A call sent more than its stream may hold.
    #[must_use]
    pub fn stream_full((messages, bytes): (i64, usize)) -> Self {
        let message = format!(
            "a call sends at most {messages} messages of {bytes} bytes in all before its answer; it was \
             undone: ask for less"
        );
        Self::new(200, -32603, message)
    }

    /// An answer is larger than what a stream keeps.
    #[must_use]
    pub fn answer_too_large(bytes: usize) -> Self {
        let message =
            format!("an answer has at most {bytes} bytes; this one was undone: ask for less");
        Self::new(200, -32603, message)
    }

    /// A request of that id is running in the session.
    #[must_use]
    pub fn in_flight() -> Self {
        let message = "a request of this id is running in this session: use each id once";
        Self::new(400, -32600, message)
    }

    /// Something of ours broke. The request id in the answer's header finds it in the log.
    #[must_use]
    pub fn internal() -> Self {
        let message = "the server failed; quote the X-Request-Id of this answer to its operator";
        Self::new(500, -32603, message)
    }

    /// Postgres cannot be reached.
    #[must_use]
    pub fn unavailable() -> Self {
        Self::new(503, -32603, "the database is unavailable: try again soon")
    }

    /// Too many calls at once.
    #[must_use]
    pub fn busy(message: String) -> Self {
        Self::new(503, -32603, message)
    }

    /// More calls than the key, or the address, has in a minute.
    #[must_use]
    pub fn limited(message: String) -> Self {
        Self::new(429, -32603, message)
    }

    /// A statement took too long.
    #[must_use]
    pub fn timeout() -> Self {
        let message = "this took too long and was undone: try again, or ask for less";
        Self::new(504, -32603, message)
    }

    /// The call as a whole took too long. Where its commit had begun, it may have happened.
    #[must_use]
    pub fn deadline() -> Self {
        let message = "this took too long and was given up: read before you send it again";
        Self::new(504, -32603, message)
    }

    /// Another transaction was in the way.
    #[must_use]
    pub fn collision() -> Self {
        let message = "another change was in the way and this one was undone: try again";
        Self::new(503, -32603, message)
    }
}

/// A name as errors repeat it: it may be anything, of any length.
fn shortened(name: &str) -> String {
    name.chars().take(MAX_ECHOED_CHARS).collect()
}
