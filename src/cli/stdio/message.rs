//! What a line is, as far as a bridge must know; all else is for the server to judge. Pure.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::mirror::Mirror;
use crate::mcp::wire::meta::Envelope;

/// A line of the client.
#[derive(Debug)]
pub(super) struct Message {
    /// As it came.
    pub(super) text: String,
    pub(super) kind: Kind,
    /// What headers repeat of a message of the modern era.
    pub(super) mirror: Option<Mirror>,
}

#[derive(Debug, PartialEq)]
pub(super) enum Kind {
    Request {
        id: Value,
        method: String,
    },
    /// With the request that it cancels, if it cancels one.
    Notification {
        method: String,
        cancels: Option<Value>,
    },
    /// A response, a batch, or no message.
    Other,
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(default)]
    id: Value,
    method: Option<String>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

/// The part of an answer that says what it answers.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    id: Value,
    method: Option<IgnoredAny>,
    error: Option<IgnoredAny>,
}

impl Message {
    /// Reads a line.
    ///
    /// # Errors
    /// What is wrong with it, when it is not JSON.
    pub(super) fn read(line: Vec<u8>) -> Result<Self, String> {
        let text = String::from_utf8(line).map_err(|error| error.utf8_error().to_string())?;
        serde_json::from_str::<IgnoredAny>(&text).map_err(|error| error.to_string())?;
        let (kind, mirror) = match serde_json::from_str(&text) {
            Ok(raw) => classify(raw),
            Err(_) => (Kind::Other, None),
        };
        Ok(Self { text, kind, mirror })
    }

    /// Whether it is a request of the method `wanted`.
    pub(super) fn asks_for(&self, wanted: &str) -> bool {
        matches!(&self.kind, Kind::Request { method, .. } if method == wanted)
    }

    /// Whether it is the notification `wanted`.
    pub(super) fn notifies_of(&self, wanted: &str) -> bool {
        matches!(&self.kind, Kind::Notification { method, .. } if method == wanted)
    }
}

fn classify(raw: Raw<'_>) -> (Kind, Option<Mirror>) {
    let Some(method) = raw.method else { return (Kind::Other, None) };
    let envelope = Envelope::of(raw.params);
    let mirror = Mirror::of(&method, &envelope);
    let kind = match raw.id {
        Value::Null => {
            let cancels = cancelled(&method, raw.params);
            Kind::Notification { method, cancels }
        }
        id @ (Value::String(_) | Value::Number(_)) => Kind::Request { id, method },
        _ => Kind::Other,
    };
    (kind, mirror)
}

fn cancelled(method: &str, params: Option<&RawValue>) -> Option<Value> {
    if method != "notifications/cancelled" {
        return None;
    }
    let mut params: Map<String, Value> = serde_json::from_str(params?.get()).ok()?;
    params.remove("requestId")
}

/// The response with an error. One whose request is not known has no id: the schemas since
/// 2025-11-25 know no `null` there.
pub(super) fn error(id: Option<&Value>, code: i32, message: &str) -> String {
    let mut response = json!({ "jsonrpc": "2.0", "error": { "code": code, "message": message } });
    if let Some(id) = id {
        response["id"] = id.clone();
    }
    response.to_string()
}

/// What ends the subscription `id` when the server does not (2026-07-28, basic, cancellation).
pub(super) fn cancellation(id: &Value, reason: &str) -> String {
    let params = json!({ "requestId": id, "reason": reason });
    json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params }).to_string()
}

/// Whether `text` answers the request `id`: as a response to it, or as an error without an id.
pub(super) fn answers(text: &str, id: &Value) -> bool {
    serde_json::from_str::<Head>(text).is_ok_and(|head| {
        head.method.is_none() && (head.id == *id || head.error.is_some() && head.id.is_null())
    })
}

/// `text` with the id of the request that it answers, where the server did not know it.
pub(super) fn with_id(text: String, id: Option<&Value>) -> String {
    let nameless = serde_json::from_str::<Head>(&text)
        .is_ok_and(|head| head.error.is_some() && head.id.is_null());
    match serde_json::from_str::<Map<String, Value>>(&text) {
        Ok(mut response) if nameless => {
            response.remove("id");
            response.extend(id.map(|id| ("id".to_owned(), id.clone())));
            Value::Object(response).to_string()
        }
        _ => text,
    }
}

/// JSON as one line: its line ends stand between tokens only. `None`, if it is no JSON.
pub(super) fn one_line(mut text: String) -> Option<String> {
    serde_json::from_str::<IgnoredAny>(&text).ok()?;
    if text.contains(['\n', '\r']) {
        text = text.replace(['\n', '\r'], " ");
    }
    Some(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(line: &str) -> Kind {
        Message::read(line.into()).unwrap().kind
    }

    #[test]
    fn lines_are_told_apart() {
        let ping = Kind::Request { id: json!(1), method: "ping".to_owned() };
        assert_eq!(kind(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#), ping);
        let note =
            |method: &str, cancels| Kind::Notification { method: method.to_owned(), cancels };
        let cancel = r#"{"method":"notifications/cancelled","params":{"requestId":"x"}}"#;
        assert_eq!(kind(cancel), note("notifications/cancelled", Some(json!("x"))));
        assert_eq!(kind(r#"{"method":"x"}"#), note("x", None));
        for other in [r#"{"id":1,"result":{}}"#, "[]", "1", r#"{"id":[],"method":"x"}"#] {
            assert_eq!(kind(other), Kind::Other, "{other}");
        }
        for broken in ["{", "nonsense", "{} {}"] {
            assert!(Message::read(broken.into()).is_err(), "{broken}");
        }
        assert!(Message::read(vec![b'"', 0xff, b'"']).is_err());
    }

    #[test]
    fn an_error_without_an_id_gets_that_of_its_request() {
        let nameless = r#"{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"m"}}"#;
        assert!(answers(nameless, &json!(7)));
        let named: Value =
            serde_json::from_str(&with_id(nameless.into(), Some(&json!(7)))).unwrap();
        assert_eq!(named["id"], 7);
        assert!(!with_id(nameless.into(), None).contains("id"));
        for kept in [r#"{"id":8,"error":{}}"#, r#"{"id":8,"result":{}}"#, "[ ]"] {
            assert_eq!(with_id(kept.into(), Some(&json!(7))), kept);
            assert!(!answers(kept, &json!(7)), "{kept}");
        }
        assert!(!answers(r#"{"id":7,"method":"elicitation/create"}"#, &json!(7)));
    }

    #[test]
    fn json_becomes_one_line_and_nothing_else_does() {
        let pretty = "{\r\n  \"a\": \"x\\ny\"\n}\n";
        assert_eq!(one_line(pretty.into()).unwrap(), "{    \"a\": \"x\\ny\" }");
        assert_eq!(one_line("<html>".into()), None);
    }
}
