//! The protocol's HTTP headers, in lower case (RFC 9110 §5.1).

/// The session (2025-11-25, basic/transports, session management).
pub const SESSION_ID: &str = "mcp-session-id";
/// The protocol version (both eras: 2025-06-18 basic/transports, 2026-07-28 streamable HTTP).
pub const PROTOCOL_VERSION: &str = "mcp-protocol-version";
/// Repeats `method` (2026-07-28, streamable HTTP, standard request headers).
pub const METHOD: &str = "mcp-method";
/// Repeats what the message names (2026-07-28, streamable HTTP, standard request headers).
pub const NAME: &str = "mcp-name";
/// Where a stream goes on (2025-11-25, basic/transports, resumability).
pub const LAST_EVENT_ID: &str = "last-event-id";
