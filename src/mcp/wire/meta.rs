//! What a modern client says of itself with each request: `params._meta` (2026-07-28, basic,
//! per-request protocol fields).

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Implementation, RpcError};

/// The protocol version of a request.
pub const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
/// The client's name and version; optional.
pub const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
/// What the client can do.
pub const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
/// The least level of the log lines that the client wants; without it, none.
pub const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
/// The server's name and version, in results.
pub const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";
/// The request that opened a stream of changes, in what comes by it.
pub const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";
/// Asks for news of a request's progress.
const PROGRESS_TOKEN: &str = "progressToken";

/// The fields of `params` that headers mirror, whatever the method.
#[derive(Debug, Default, Deserialize)]
pub struct Envelope<'a> {
    /// `_meta`.
    #[serde(rename = "_meta", default)]
    pub meta: Option<Value>,
    /// `name`, of tools and prompts.
    #[serde(default)]
    pub name: Option<Value>,
    /// `uri`, of resources.
    #[serde(default)]
    pub uri: Option<Value>,
    /// `arguments`, as sent.
    #[serde(borrow, default)]
    pub arguments: Option<&'a RawValue>,
}

impl<'a> Envelope<'a> {
    /// Reads them.
    #[must_use]
    pub fn of(params: Option<&'a RawValue>) -> Self {
        let read = params.map(|params| serde_json::from_str(params.get()).unwrap_or_default());
        read.unwrap_or_default()
    }

    /// What a request of `method` names, which `Mcp-Name` repeats (2026-07-28, streamable HTTP,
    /// standard request headers).
    #[must_use]
    pub fn named(&self, method: &str) -> Option<&str> {
        let field = match method {
            "tools/call" | "prompts/get" => &self.name,
            "resources/read" => &self.uri,
            _ => &None,
        };
        field.as_ref()?.as_str()
    }

    /// The version that the request names, if it names one.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.meta.as_ref()?.get(PROTOCOL_VERSION)?.as_str()
    }
}

/// `_meta` of a modern request, checked.
#[derive(Clone, Debug, Default)]
pub struct RequestMeta {
    /// The protocol version.
    pub version: String,
    /// The client, if it says.
    pub client: Option<Implementation>,
    /// What the client can do: an object.
    pub capabilities: Value,
    /// The least level of the log lines that it wants.
    pub log_level: Option<LogLevel>,
    /// A text or a number to send with news of progress.
    pub progress_token: Option<Value>,
}

/// Severities of RFC 5424 §6.2.1, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the words of RFC 5424")]
pub enum LogLevel {
    Debug,
    Info,
    Notice,
    Warning,
    Error,
    Critical,
    Alert,
    Emergency,
}

impl LogLevel {
    /// Its word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
            Self::Alert => "alert",
            Self::Emergency => "emergency",
        }
    }

    /// The level of that word.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        serde_json::from_value(name.into()).ok()
    }
}

impl RequestMeta {
    /// Checks `meta`.
    ///
    /// # Errors
    /// 400 with -32602 that names what is missing or wrong.
    pub fn read(meta: Option<Value>) -> Result<Self, RpcError> {
        let Some(Value::Object(mut meta)) = meta else {
            let wanted = format!("`params._meta` needs `{PROTOCOL_VERSION}`");
            return Err(RpcError::meta(format!("{wanted} and `{CLIENT_CAPABILITIES}`")));
        };
        let required = |value: Option<Value>, key: &str| {
            value.ok_or_else(|| RpcError::meta(format!("`params._meta` needs `{key}`")))
        };
        let version = required(meta.remove(PROTOCOL_VERSION), PROTOCOL_VERSION)?;
        let capabilities = required(meta.remove(CLIENT_CAPABILITIES), CLIENT_CAPABILITIES)?;
        if !capabilities.is_object() {
            return Err(RpcError::meta(format!("`{CLIENT_CAPABILITIES}` must be an object")));
        }
        let progress_token = meta.remove(PROGRESS_TOKEN);
        if progress_token.as_ref().is_some_and(|token| !is_token(token)) {
            return Err(RpcError::meta("`progressToken` must be a text or a whole number"));
        }
        Ok(Self {
            version: field(version, PROTOCOL_VERSION)?,
            capabilities,
            client: optional(meta.remove(CLIENT_INFO), CLIENT_INFO)?,
            log_level: optional(meta.remove(LOG_LEVEL), LOG_LEVEL)?,
            progress_token,
        })
    }
}

fn field<T: serde::de::DeserializeOwned>(value: Value, key: &str) -> Result<T, RpcError> {
    serde_json::from_value(value)
        .map_err(|error| RpcError::meta(format!("`params._meta`: `{key}`: {error}")))
}

fn optional<T: serde::de::DeserializeOwned>(
    value: Option<Value>,
    key: &str,
) -> Result<Option<T>, RpcError> {
    value.map(|value| field(value, key)).transpose()
}

fn is_token(token: &Value) -> bool {
    token.is_string() || token.is_i64() || token.is_u64()
}
