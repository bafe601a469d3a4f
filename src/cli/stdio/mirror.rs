//! What headers repeat of a message of the modern era (2026-07-28, streamable HTTP, request
//! metadata). Pure.
//!
//! `Mcp-Param-*` is left out: no tool of this server has `x-mcp-header`, and a client of standard
//! input and output may ignore it.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use super::session::PROTOCOL_VERSION;
use crate::mcp::wire::meta::Envelope;
use crate::mcp::wire::{header_value, names, version};

const METHOD: HeaderName = HeaderName::from_static(names::METHOD);
const NAME: HeaderName = HeaderName::from_static(names::NAME);

/// The fields of a modern message that its headers repeat.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mirror {
    version: String,
    method: String,
    name: Option<String>,
}

impl Mirror {
    /// Those of a message, if it is one of the modern era: if it names a version of it, known or not.
    pub(super) fn of(method: &str, envelope: &Envelope<'_>) -> Option<Self> {
        let version = envelope.version().filter(|version| !version::is_legacy(version))?.to_owned();
        let name = envelope.named(method).map(str::to_owned);
        Some(Self { version, method: method.to_owned(), name })
    }

    /// The headers.
    pub(super) fn headers(&self) -> HeaderMap {
        let fields = [
            (PROTOCOL_VERSION, Some(&self.version)),
            (METHOD, Some(&self.method)),
            (NAME, self.name.as_ref()),
        ];
        let headers = fields.into_iter().filter_map(|(name, value)| {
            // What is encoded is always a value.
            Some((name, HeaderValue::try_from(header_value::encode(value?)).ok()?))
        });
        headers.collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::to_raw_value;
    use serde_json::{Value, json};

    use super::*;

    fn mirrored(method: &str, params: &Value) -> Option<Vec<(String, String)>> {
        let params = to_raw_value(params).unwrap();
        let headers = Mirror::of(method, &Envelope::of(Some(&params)))?.headers();
        let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
        Some(headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect())
    }

    #[test]
    fn a_modern_message_is_mirrored_and_a_legacy_one_is_not() {
        let meta = json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28" });
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let version = pair("mcp-protocol-version", "2026-07-28");
        let call = mirrored("tools/call", &json!({ "_meta": meta, "name": "Suche für" })).unwrap();
        let name = pair("mcp-name", "=?base64?U3VjaGUgZsO8cg==?=");
        assert_eq!(call, [version.clone(), pair("mcp-method", "tools/call"), name]);
        let read = json!({ "_meta": meta, "name": "n", "uri": "memory-bank://a.md" });
        let read = mirrored("resources/read", &read).unwrap();
        assert_eq!(read[2], pair("mcp-name", "memory-bank://a.md"));
        let list = mirrored("tools/list", &json!({ "_meta": meta, "name": "n" })).unwrap();
        assert_eq!(list, [version, pair("mcp-method", "tools/list")]);
        assert_eq!(mirrored("tools/call", &json!({ "_meta": {}, "name": "x" })), None);
        let old = json!({ "io.modelcontextprotocol/protocolVersion": "2025-11-25" });
        assert_eq!(mirrored("tools/call", &json!({ "_meta": old, "name": "x" })), None);
        assert_eq!(mirrored("tools/call", &json!([1])), None);
    }
}
