//! JSON-RPC 2.0 envelopes, as MCP restricts them: ids are strings or whole numbers, and each POST
//! carries one message; in version 2025-03-26 perhaps several.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::RpcError;

/// The longest id of a request, in bytes of JSON.
pub const MAX_ID_BYTES: usize = 1000;

/// The id of a request: echoed with its type.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum RequestId {
    /// A whole number.
    Number(serde_json::Number),
    /// A text.
    Text(String),
}

/// One message from a client. Parameters stay unread until the method is known.
#[derive(Clone, Debug)]
pub enum Message {
    /// Wants an answer.
    Request {
        /// Returned with the answer.
        id: RequestId,
        /// What is asked for.
        method: String,
        /// As sent.
        params: Option<Box<RawValue>>,
    },
    /// Wants none.
    Notification {
        /// What is told.
        method: String,
        /// As sent.
        params: Option<Box<RawValue>>,
    },
    /// Answers a request of ours.
    Response {
        /// That of our request.
        id: RequestId,
        /// What came of it.
        outcome: Outcome,
    },
}

/// What a client answers.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The result, as sent.
    Result(Box<RawValue>),
    /// The error, as sent.
    Error(Box<RawValue>),
}

/// What a POST carries.
#[derive(Debug)]
pub enum Posted {
    /// A message.
    One(Message),
    /// Several (2025-03-26, basic, batching), each read by itself.
    Batch(Vec<Result<Message, RpcError>>),
}

#[derive(Deserialize)]
struct Raw {
    jsonrpc: Option<String>,
    #[serde(default, deserialize_with = "present")]
    id: Option<Box<RawValue>>,
    method: Option<String>,
    params: Option<Box<RawValue>>,
    #[serde(default, deserialize_with = "present")]
    result: Option<Box<RawValue>>,
    #[serde(default, deserialize_with = "present")]
    error: Option<Box<RawValue>>,
}

/// Keeps an explicit `null` apart from absence.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}

impl Posted {
    /// Reads what a POST carries.
    ///
    /// # Errors
    /// 400 with -32700 for what is not JSON, with -32600 for what is not one JSON-RPC message, or none
    /// at all.
    pub fn parse(body: &[u8]) -> Result<Self, RpcError> {
        let json: &RawValue = serde_json::from_slice(body)
            .map_err(|error| RpcError::parse(format!("the body is not JSON: {error}")))?;
        if !json.get().starts_with('[') {
            return Message::read(json).map(Self::One);
        }
        let several: Vec<&RawValue> = serde_json::from_str(json.get())
            .map_err(|error| RpcError::parse(format!("the body is not JSON: {error}")))?;
        if several.is_empty() {
            return Err(RpcError::invalid_request("a batch has at least one message"));
        }
        Ok(Self::Batch(several.into_iter().map(Message::read).collect()))
    }
}

impl Message {
    /// Reads one message.
    fn read(json: &RawValue) -> Result<Self, RpcError> {
        let raw: Raw = serde_json::from_str(json.get()).map_err(|error| {
            RpcError::invalid_request(format!("the body is not a JSON-RPC message: {error}"))
        })?;
        raw.classify()
    }
}

impl Raw {
    fn classify(self) -> Result<Message, RpcError> {
        if self.jsonrpc.as_deref() != Some("2.0") {
            return Err(RpcError::invalid_request("`jsonrpc` must be \"2.0\""));
        }
        // Nor is it an array, which would be read by place: headers mirror fields by name.
        if self.params.as_ref().is_some_and(|params| !params.get().starts_with('{')) {
            return Err(RpcError::invalid_request("`params` must be an object"));
        }
        let params = self.params;
        let id = self.id.as_deref().map(RequestId::read).transpose()?;
        match (self.method, id, self.result, self.error) {
            (Some(method), Some(id), None, None) => Ok(Message::Request { id, method, params }),
            (Some(method), None, None, None) => Ok(Message::Notification { method, params }),
            (None, Some(id), Some(result), None) => {
                Ok(Message::Response { id, outcome: Outcome::Result(result) })
            }
            (None, Some(id), None, Some(error)) => {
                Ok(Message::Response { id, outcome: Outcome::Error(error) })
            }
            _ => Err(RpcError::invalid_request(
                "a message has either `method`, or `id` with `result` or `error`",
            )),
        }
    }
}

impl RequestId {
    /// Reads an id.
    ///
    /// # Errors
    /// When it is neither a text nor a whole number, or longer than [`MAX_ID_BYTES`].
    pub fn read(raw: &RawValue) -> Result<Self, RpcError> {
        match serde_json::from_str(raw.get()) {
            _ if raw.get().len() > MAX_ID_BYTES => {
                Err(RpcError::invalid_request(format!("`id` has at most {MAX_ID_BYTES} bytes")))
            }
            Ok(serde_json::Value::String(text)) if !text.contains('\0') => Ok(Self::Text(text)),
            Ok(serde_json::Value::Number(number)) if !number.is_f64() => Ok(Self::Number(number)),
            _ => {
                Err(RpcError::invalid_request("`id` must be a text without NUL, or a whole number"))
            }
        }
    }
}

/// As JSON.
impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => serde_json::Value::from(text.as_str()).fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(body: &str) -> Result<Message, RpcError> {
        match Posted::parse(body.as_bytes())? {
            Posted::One(message) => Ok(message),
            Posted::Batch(several) => panic!("a batch: {several:?}"),
        }
    }

    fn code(body: &str) -> i32 {
        parse(body).map_or_else(|error| error.code, |_| 0)
    }

    #[test]
    fn messages_are_told_apart() {
        let parse = |body: &str| parse(body).unwrap();
        let request = parse(r#"{"jsonrpc":"2.0","id":7,"method":"ping","params":{"a":[1]}}"#);
        let Message::Request { id, params, .. } = request else { panic!("{request:?}") };
        assert_eq!(serde_json::to_string(&id).unwrap(), "7");
        assert_eq!(params.unwrap().get(), r#"{"a":[1]}"#);
        let note = parse(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        assert!(matches!(note, Message::Notification { .. }));
        let response = parse(r#"{"jsonrpc":"2.0","id":"x","result":null}"#);
        assert!(matches!(response, Message::Response { outcome: Outcome::Result(_), .. }));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for broken in ["", "{", "nonsense", "{\"a\":}", "\u{feff}{}", "{} {}"] {
            assert_eq!(code(broken), -32700, "{broken}");
        }
        for invalid in [
            "1",
            "null",
            "{}",
            "[]",
            r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":"a\u0000b","method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":[1],"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":5}"#,
            r#"{"jsonrpc":"2.0","id":1}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":1}"#,
            r#"{"jsonrpc":"2.0","result":1}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":1,"error":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":"x"}"#,
        ] {
            assert_eq!(code(invalid), -32600, "{invalid}");
        }
    }

    #[test]
    fn a_batch_is_read_message_by_message() {
        let body =
            br#"[{"jsonrpc":"2.0","id":1,"method":"ping"},1,{"jsonrpc":"2.0","method":"n"}]"#;
        let Posted::Batch(several) = Posted::parse(body).unwrap() else { panic!("no batch") };
        let read: Vec<bool> = several.iter().map(Result::is_ok).collect();
        assert_eq!(read, [true, false, true]);
    }

    proptest! {
        #[test]
        fn nothing_panics(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _parsed = Posted::parse(&body);
        }
    }
}
