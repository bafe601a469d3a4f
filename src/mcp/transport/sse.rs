//! Answers as streams of events (2025-11-25, basic/transports; 2026-07-28, streamable HTTP).

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Response, header};
use futures_util::{Stream, StreamExt as _, stream};
use sse_stream::Sse;

/// Comments in between, so that nothing on the way takes the connection for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const COMMENT: &[u8] = b":\n\n";
/// A stream that its client can open anew ends this long after its beginning: what balances load or was
/// restarted gets its share of old clients.
const MIN_AGE: Duration = Duration::from_mins(12);
/// Or up to so many seconds later, so that not all end at once.
const SPREAD_SECONDS: u64 = 180;

/// The age at which a stream ends; `jitter` is any number.
pub(super) fn age(jitter: u64) -> Duration {
    MIN_AGE + Duration::from_secs(jitter % SPREAD_SECONDS)
}

/// `events` as a response; it ends with them, or once its caller has `ended`.
pub(super) fn response(
    events: impl Stream<Item = Sse> + Send + 'static,
    ended: impl Future<Output = ()> + Send + 'static,
) -> Response<Body> {
    let bytes = kept_alive(events).take_until(ended).map(Ok::<_, Infallible>);
    let mut response = Response::new(Body::from_stream(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Proxies hold nothing back.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

fn kept_alive(events: impl Stream<Item = Sse> + Send) -> impl Stream<Item = Bytes> + Send {
    stream::unfold(Box::pin(events), async |mut events| {
        let bytes = match tokio::time::timeout(KEEP_ALIVE, events.next()).await {
            Ok(event) => encode(event?),
            Err(_) => Bytes::from_static(COMMENT),
        };
        Some((bytes, events))
    })
}

/// Only an id or a name with a line break cannot be written, and ours have none.
fn encode(event: Sse) -> Bytes {
    event.encode().unwrap_or_else(|error| {
        tracing::error!(%error, "an event cannot be written");
        Bytes::from_static(COMMENT)
    })
}

/// A message.
pub(super) fn message(json: impl Into<String>) -> Sse {
    Sse::default().data(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_end_between_twelve_and_fifteen_minutes() {
        let ages = [0, 1, 179, 180, u64::MAX].map(age);
        assert!(ages.iter().all(|age| (720..=900).contains(&age.as_secs())), "{ages:?}");
        assert_ne!(ages[0], ages[1]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_stream_is_kept_alive_for_as_long_as_it_is_silent() {
        const SILENCE: Duration = Duration::from_secs(6 * 60 + 5);
        let late = stream::once(async {
            tokio::time::sleep(SILENCE).await;
            message("{}")
        });
        let bytes: Vec<Bytes> = kept_alive(late).collect().await;
        let comments = bytes.iter().filter(|bytes| &***bytes == COMMENT).count();
        assert_eq!((comments, bytes.len()), (24, 25));
        assert_eq!(bytes[24], "data: {}\n\n");
    }
}
