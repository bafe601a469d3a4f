//! Listening and the limits of requests and sessions.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use super::{ConfigError, Variables};

/// `MCP_TRANSPORT` (stdio): what `mbmcp` does without a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// As `mbmcp stdio`, for clients that start a program.
    Stdio,
    /// As `mbmcp serve`.
    Http,
}

impl FromStr for Transport {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "stdio" => Ok(Self::Stdio),
            "http" => Ok(Self::Http),
            _ => Err("use stdio or http"),
        }
    }
}

impl Transport {
    /// Reads it alone.
    ///
    /// # Errors
    /// When it is neither, or misspelt.
    pub fn read_alone(mut variables: Variables) -> Result<Self, ConfigError> {
        let transport = Self::read(&mut variables);
        variables.finish()?;
        Ok(transport)
    }

    fn read(variables: &mut Variables) -> Self {
        variables.parsed("MCP_TRANSPORT", Self::Stdio)
    }
}

/// `MCP_JSON_RESPONSE` (auto): when an answer over HTTP is plain JSON and when a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonResponse {
    /// JSON for what answers at once, says nothing before and, in a session, changes nothing.
    Auto,
    /// JSON wherever the protocol allows it. Answers to changes are then not kept for a client whose
    /// connection breaks.
    Always,
    /// A stream for every request. Costs a stored event for each answer in a session.
    Never,
}

impl FromStr for JsonResponse {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "true" => Ok(Self::Always),
            "false" => Ok(Self::Never),
            _ => Err("use auto, true or false"),
        }
    }
}

/// How the server listens and what it accepts.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// `MCP_HOST` (0.0.0.0; 127.0.0.1 for `dev`) and `MCP_PORT` (3100; 0 takes a free port).
    pub address: SocketAddr,
    /// `MCP_MAX_BODY_BYTES` (1 MiB): the largest request body. Below the largest document
    /// (512 KiB plus JSON) writes of it fail; far above, each connection may hold that much.
    pub max_body_bytes: usize,
    /// `MCP_JSON_RESPONSE` (auto): see [`JsonResponse`].
    pub json_response: JsonResponse,
    /// `MCP_REQUEST_TIMEOUT_SECONDS` (30): after it a call is rolled back and answered with 504; a
    /// request whose body does not arrive is answered with 503 five seconds later.
    /// Too short cuts off slow writes; too long keeps dead connections.
    pub request_timeout: Duration,
    /// `MCP_SESSION_TTL_HOURS` (24): an unused session ends after it. Too short makes clients
    /// initialise again after lunch; too long keeps rows of clients that are gone.
    pub session_ttl: Duration,
    /// `MCP_MAX_SESSIONS_PER_KEY` (1000): how many sessions a key may have open; for one more, those
    /// end that were unused for an hour. Too few turn people away who share a key; too many let a
    /// program that never ends its sessions fill the table.
    pub max_sessions: u32,
    /// `MCP_EVENT_RETENTION_HOURS` (24): how long what was sent on a stream is kept for a client
    /// whose connection broke. Too short leaves it without an answer after the night; too long
    /// fills the disk: 100 events a second are nine million rows a day.
    pub event_retention: Duration,
    /// `SHUTDOWN_GRACE_SECONDS` (30): how long calls in flight may take after a stop signal.
    /// Keep it below the orchestrator's own limit, or calls are killed in the middle.
    pub shutdown_grace: Duration,
}

impl ServerConfig {
    pub(super) fn read(variables: &mut Variables) -> Self {
        // Who serves has chosen already: it must only be no nonsense.
        Transport::read(variables);
        let host = variables.parsed("MCP_HOST", IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let port = variables.parsed("MCP_PORT", 3100);
        let body = variables.number("MCP_MAX_BODY_BYTES", 1 << 20, 1 << 10..=64 << 20);
        let json_response = variables.parsed("MCP_JSON_RESPONSE", JsonResponse::Auto);
        let timeout = variables.number("MCP_REQUEST_TIMEOUT_SECONDS", 30, 1..=3600);
        let ttl = variables.number("MCP_SESSION_TTL_HOURS", 24, 1..=24 * 90);
        let sessions = variables.number("MCP_MAX_SESSIONS_PER_KEY", 1000, 1..=100_000);
        let retention = variables.number("MCP_EVENT_RETENTION_HOURS", 24, 1..=24 * 90);
        let grace = variables.number("SHUTDOWN_GRACE_SECONDS", 30, 0..=600);
        Self {
            address: SocketAddr::new(host, port),
            max_body_bytes: usize::try_from(body).unwrap_or(usize::MAX),
            json_response,
            request_timeout: Duration::from_secs(timeout),
            session_ttl: Duration::from_secs(ttl * 3600),
            max_sessions: u32::try_from(sessions).unwrap_or(u32::MAX),
            event_retention: Duration::from_secs(retention * 3600),
            shutdown_grace: Duration::from_secs(grace),
        }
    }
}
