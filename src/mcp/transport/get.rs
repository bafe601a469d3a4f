//! GET: the server's own messages to a session, or the rest of a stream that broke (legacy era).

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, Response};

use super::headers::{check_legacy_version, check_single, refusal, session_id};
use super::session_stream::{self, Source};
use super::{Transport, not_allowed, sse};
use crate::access::Caller;
use crate::mcp::streams::{Announcements, Replay};
use crate::mcp::wire::{Era, RpcError, names};
use crate::store::pg::streams::Kind;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static(names::LAST_EVENT_ID);

/// Answers with a stream; 404 when the session is not the caller's or has ended, 400 when nothing of it
/// is named by `Last-Event-ID`.
pub(super) async fn handler(
    State(transport): State<Transport>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Response<Body> {
    if not_allowed::is_modern(&headers) {
        return not_allowed::handler(headers).await;
    }
    match open(&transport, caller, &headers).await {
        Ok(response) => response,
        Err(error) => refusal(Era::Legacy, None, error),
    }
}

async fn open(
    transport: &Transport,
    caller: Caller,
    headers: &HeaderMap,
) -> Result<Response<Body>, RpcError> {
    check_single(headers)?;
    check_legacy_version(headers)?;
    let session = session_id(headers)?.ok_or_else(RpcError::session_missing)?;
    let service = &transport.service;
    let ended = transport.authenticator.ended(&caller);
    let resumed = match headers.get(LAST_EVENT_ID) {
        None => None,
        Some(id) => {
            // What is not visible ASCII is no id of ours.
            let after = id.to_str().unwrap_or_default();
            Some(Replay::of(service.clone(), caller.clone(), &session, after).await?)
        }
    };
    let (source, version) = match resumed {
        Some((replay, found)) if found.kind == Kind::Post => {
            let version = replay.version().to_owned();
            (Source::Replay(Box::new(replay)), version)
        }
        older => {
            let opening = Announcements::open(service.clone(), caller, &session, older);
            let (announcements, version) = opening.await?;
            (Source::Announcements(Box::new(announcements)), version)
        }
    };
    let stopping = transport.stopping.clone();
    let jitter = service.ambient.uuid()?.as_u64_pair().1;
    let events = session_stream::events(source, &version, jitter, stopping);
    Ok(sse::response(events, ended))
}
