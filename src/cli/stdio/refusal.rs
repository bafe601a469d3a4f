//! What is said when a message is not answered by a message: one sentence, with what to do.

use axum::http::{HeaderMap, StatusCode, header};
use serde::Deserialize;

/// Why there is no answer. Never holds the key.
#[derive(Debug, thiserror::Error)]
#[error("{sentence}")]
pub(super) struct Refusal {
    pub(super) sentence: String,
    /// Whether the request was under way: it may have had its effect.
    pub(super) under_way: bool,
}

/// RFC 9457.
#[derive(Deserialize)]
struct Problem {
    detail: String,
}

impl Refusal {
    pub(super) fn new(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), under_way: false }
    }

    /// The answer was lost.
    pub(super) fn lost(what: &str) -> Self {
        let sentence = format!("{what}; it may still take effect: look before you send it again");
        Self { sentence, under_way: true }
    }

    /// An answer that is no message.
    pub(super) fn of(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let number = status.as_u16();
        if let Ok(Problem { detail }) = serde_json::from_slice(body) {
            return Self::new(format!(
                "the server answered {number}: {detail}{}",
                key_hint(status)
            ));
        }
        let sentence = match number {
            200..=299 => {
                let kind = text(headers, header::CONTENT_TYPE).unwrap_or("nothing");
                return Self::new(format!(
                    "the server answered with {kind} instead of a message: is the URL that of an \
                     MCP endpoint, such as https://memory.example.org/mcp?"
                ));
            }
            300..=399 => {
                let place = text(headers, header::LOCATION).unwrap_or("another place");
                return Self::new(format!(
                    "the server redirects ({number}) to {place}: pass the URL of the endpoint itself"
                ));
            }
            401 => "the API key is refused",
            403 => "something before the server forbids this call",
            404 | 405 => "there is no MCP endpoint at this URL; it usually ends in /mcp",
            413 => "the message is too large: send less",
            429 => "too many calls: try again later",
            502..=504 => "the server is not available: try again soon",
            _ => "this is no answer of an MCP server: check the URL",
        };
        Self::new(format!("the server answered {number}: {sentence}{}", key_hint(status)))
    }
}

fn key_hint(status: StatusCode) -> &'static str {
    if status == StatusCode::UNAUTHORIZED {
        " (the key is that of MBMCP_KEY or --key-file)"
    } else {
        ""
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn each_answer_that_is_no_message_becomes_a_sentence() {
        let said = |status: u16, body: &str| {
            let status = StatusCode::from_u16(status).unwrap();
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
            headers.insert(header::LOCATION, HeaderValue::from_static("https://b.test/mcp"));
            Refusal::of(status, &headers, body.as_bytes()).to_string()
        };
        let problem = r#"{"title":"Unauthorized","status":401,"detail":"the key is revoked"}"#;
        assert!(said(401, problem).starts_with("the server answered 401: the key is revoked (the"));
        assert!(said(401, "").contains("MBMCP_KEY"));
        assert!(said(200, "<html>").contains("text/html instead of a message"));
        assert!(said(308, "").contains("to https://b.test/mcp"));
        assert!(said(502, "<html>").contains("try again soon"));
        assert!(said(404, "").contains("/mcp"));
        assert!(said(500, "").contains("500"));
    }
}
