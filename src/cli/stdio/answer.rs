//! What comes back: one message, a stream of them, or nothing.

use axum::body::{Body, to_bytes};
use axum::http::{Response, header};
use serde::Deserialize;
use serde::de::IgnoredAny;
use sse_stream::SseStream;

use super::message::one_line;
use super::refusal::Refusal;

/// The largest answer, in bytes.
const MAX_BYTES: usize = 64 << 20;

/// An HTTP answer.
pub(super) enum Answer {
    /// One message, or a batch, as a line.
    Message(String),
    /// Several, up to the response.
    Stream(SseStream<Body>),
    /// Accepted.
    Nothing,
}

/// An error response of JSON-RPC, whatever its HTTP status.
#[derive(Deserialize)]
struct RpcError {
    #[serde(rename = "jsonrpc")]
    _version: IgnoredAny,
    #[serde(rename = "error")]
    _error: IgnoredAny,
}

impl Answer {
    /// Reads an answer.
    ///
    /// # Errors
    /// A sentence, when it is no message.
    pub(super) async fn read(response: Response<Body>) -> Result<Self, Refusal> {
        let (head, body) = response.into_parts();
        let kind = head.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let essence = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
        let is_stream = essence.trim().eq_ignore_ascii_case("text/event-stream");
        if head.status.is_success() && is_stream {
            return Ok(Self::Stream(SseStream::new(body)));
        }
        let body = to_bytes(body, MAX_BYTES).await;
        let body = body.map_err(|_| Refusal::lost("the connection broke inside the answer"))?;
        if head.status.is_success() && body.is_empty() {
            return Ok(Self::Nothing);
        }
        let good = head.status.is_success() || serde_json::from_slice::<RpcError>(&body).is_ok();
        let line = good.then(|| String::from_utf8(body.to_vec()).ok().and_then(one_line));
        let refused = || Refusal::of(head.status, &head.headers, &body);
        line.flatten().map(Self::Message).ok_or_else(refused)
    }
}
