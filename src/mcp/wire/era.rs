//! The two eras of the protocol, told apart by each message alone.

use super::meta::Envelope;
use super::{Message, version};

/// What a message speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Era {
    /// Handshake and sessions, up to 2025-11-25.
    Legacy,
    /// Every request stands for itself, from 2026-07-28 on.
    Modern,
}

impl Era {
    /// The era of `message` with the fields `envelope` of its parameters, sent under the version
    /// header `header` (2026-07-28, basic/versioning, backward compatibility).
    #[must_use]
    pub fn of(message: &Message, envelope: &Envelope<'_>, header: Option<&str>) -> Self {
        let by_header = header.is_some_and(version::is_modern);
        let modern = match message {
            // Whoever names a version in the message speaks modern, a version that we lack included.
            Message::Request { .. }
                if envelope.version().is_some_and(|v| !version::is_legacy(v)) =>
            {
                true
            }
            Message::Request { method, .. } if method == "initialize" => false,
            Message::Request { method, .. } => by_header || method == "server/discover",
            Message::Notification { .. } | Message::Response { .. } => by_header,
        };
        if modern { Self::Modern } else { Self::Legacy }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Posted;
    use super::*;

    fn message(body: &[u8]) -> Message {
        match Posted::parse(body).unwrap() {
            Posted::One(message) => message,
            Posted::Batch(several) => panic!("a batch: {several:?}"),
        }
    }

    fn era(method: &str, meta: Option<&str>, header: Option<&str>) -> Era {
        let mut body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": {} });
        if let Some(version) = meta {
            let key = "io.modelcontextprotocol/protocolVersion";
            body["params"]["_meta"] = json!({ key: version });
        }
        let message = message(body.to_string().as_bytes());
        let Message::Request { params, .. } = &message else { panic!("{message:?}") };
        Era::of(&message, &Envelope::of(params.as_deref()), header)
    }

    #[test]
    fn a_request_tells_its_era() {
        let modern = Some("2026-07-28");
        for (method, meta, header) in [
            ("tools/list", modern, None),
            ("tools/list", None, modern),
            ("tools/list", Some("v999.0.0"), Some("2025-11-25")),
            ("initialize", modern, modern),
            ("server/discover", None, None),
            ("server/discover", None, Some("2025-11-25")),
        ] {
            assert_eq!(era(method, meta, header), Era::Modern, "{method} {meta:?} {header:?}");
        }
        for (method, meta, header) in [
            ("tools/list", None, None),
            ("tools/list", None, Some("2025-11-25")),
            ("tools/list", Some("2025-11-25"), None),
            ("tools/list", None, Some("nonsense")),
            ("initialize", None, modern),
        ] {
            assert_eq!(era(method, meta, header), Era::Legacy, "{method} {meta:?} {header:?}");
        }
    }

    #[test]
    fn other_messages_have_that_of_their_header() {
        let note = message(br#"{"jsonrpc":"2.0","method":"notifications/x"}"#);
        let envelope = Envelope::default();
        assert_eq!(Era::of(&note, &envelope, Some("2026-07-28")), Era::Modern);
        assert_eq!(Era::of(&note, &envelope, Some("2025-06-18")), Era::Legacy);
        assert_eq!(Era::of(&note, &envelope, None), Era::Legacy);
    }
}
