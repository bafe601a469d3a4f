//! The stream of `subscriptions/listen`: an acknowledgement, what changes, and a result at its end.

use std::future::ready;

use axum::body::Body;
use axum::http::Response;
use axum::http::request::Parts;
use futures_util::stream::{self, Stream, StreamExt as _};

use super::headers::{accepts_events, refusal};
use super::{Departure, Transport, sse};
use crate::access::Caller;
use crate::mcp::ModernRequest;
use crate::mcp::listen::Subscription;
use crate::mcp::wire::{Era, RpcError};

/// Answers `request` with a stream. It ends by its result when it has grown old, when the key does, or
/// when the server stops, and without one when its client is gone: it is the connection's, and nothing
/// of it stays.
pub(super) async fn answer(
    transport: Transport,
    caller: Caller,
    request: ModernRequest,
    parts: &Parts,
) -> Response<Body> {
    let id = request.id.clone();
    match open(transport, caller, &request, parts).await {
        Ok(response) => response,
        Err(error) => refusal(Era::Modern, Some(&id), error),
    }
}

async fn open(
    transport: Transport,
    caller: Caller,
    request: &ModernRequest,
    parts: &Parts,
) -> Result<Response<Body>, RpcError> {
    if !accepts_events(&parts.headers) {
        return Err(RpcError::not_acceptable());
    }
    let Transport { service, authenticator, stopping, .. } = transport;
    let age = sse::age(service.ambient.uuid()?.as_u64_pair().1);
    let ended = authenticator.ended(&caller);
    let subscription = Subscription::open(service, caller, request).await?;
    let end = async move {
        tokio::select! {
            () = tokio::time::sleep(age) => {}
            () = ended => {}
            () = stopping.cancelled() => {}
        }
    };
    let departure: Option<Departure> = parts.extensions.get().cloned();
    let departed = async move {
        match departure {
            Some(departure) => departure.happened().await,
            // Called in process: who goes away drops the stream.
            None => std::future::pending().await,
        }
    };
    let (first, last) = (subscription.acknowledgement(), subscription.result()?);
    let messages = told(messages(subscription), end, (first, last));
    let events = messages.take_until(departed);
    let events = events.map(|json| sse::message(String::from_utf8_lossy(&json)));
    // It has ended by its result then.
    Ok(sse::response(events, std::future::pending()))
}

fn messages(subscription: Subscription) -> impl Stream<Item = Vec<u8>> + Send {
    let batches = stream::unfold(subscription, async |mut subscription| {
        let batch = subscription.next().await?;
        Some((stream::iter(batch), subscription))
    });
    batches.flatten()
}

/// `messages` between the first and the last one, up to `end`.
fn told(
    messages: impl Stream<Item = Vec<u8>> + Send,
    end: impl Future<Output = ()> + Send,
    (first, last): (Vec<u8>, Vec<u8>),
) -> impl Stream<Item = Vec<u8>> + Send {
    let opening = stream::once(ready(first));
    opening.chain(messages.take_until(Box::pin(end))).chain(stream::once(ready(last)))
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, sleep};

    use super::*;

    fn texts(all: Vec<Vec<u8>>) -> Vec<String> {
        all.into_iter().map(|message| String::from_utf8(message).unwrap()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_ends_by_its_result_when_it_is_old() {
        let started = Instant::now();
        let changes = stream::iter([b"change".to_vec()]).chain(stream::pending());
        let ends = (b"first".to_vec(), b"last".to_vec());
        let all = told(changes, sleep(sse::age(u64::MAX)), ends).collect().await;
        assert_eq!(texts(all), ["first", "change", "last"]);
        let minutes = started.elapsed().as_secs() / 60;
        assert!((12..=15).contains(&minutes), "{minutes}");
    }

    #[tokio::test]
    async fn what_ends_at_once_is_acknowledged_all_the_same() {
        let changes = stream::repeat(b"change".to_vec());
        let ends = (b"first".to_vec(), b"last".to_vec());
        let all = told(changes, ready(()), ends).collect().await;
        assert_eq!(texts(all), ["first", "last"]);
    }
}
