//! The headers of the protocol, and answers as HTTP responses.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use crate::access::authenticate::CHALLENGE_INVALID;
use crate::mcp::dispatch::HttpAnswer;
use crate::mcp::wire::{Era, RequestId, RpcError, names, version};

/// Names the session (Streamable HTTP, session management).
pub(super) const SESSION_ID: HeaderName = HeaderName::from_static(names::SESSION_ID);
const EVENT_STREAM: &str = "text/event-stream";
/// Names the protocol version.
pub(super) const PROTOCOL_VERSION: HeaderName = HeaderName::from_static(names::PROTOCOL_VERSION);

/// Refuses a header that is there twice: whoever stands between may have read the other one.
pub(super) fn check_single(headers: &HeaderMap) -> Result<(), RpcError> {
    for name in [PROTOCOL_VERSION, SESSION_ID] {
        if headers.get_all(&name).iter().count() > 1 {
            return Err(RpcError::invalid_request(format!("send the header `{name}` once")));
        }
    }
    Ok(())
}

/// The session that a request names.
pub(super) fn session_id(headers: &HeaderMap) -> Result<Option<String>, RpcError> {
    let Some(value) = headers.get(SESSION_ID) else {
        return Ok(None);
    };
    // What is not visible ASCII can be no session of ours.
    let text = value.to_str().map_err(|_| RpcError::session_unknown())?;
    Ok(Some(text.to_owned()))
}

/// The version that a request names; what is not visible ASCII is none of ours.
pub(super) fn protocol_version(headers: &HeaderMap) -> Option<&str> {
    headers.get(PROTOCOL_VERSION).map(|value| value.to_str().unwrap_or_default())
}

/// Refuses a version that has no sessions, or that we do not serve.
pub(super) fn check_legacy_version(headers: &HeaderMap) -> Result<(), RpcError> {
    if protocol_version(headers).is_none_or(version::is_legacy) {
        return Ok(());
    }
    let served = version::LEGACY.join(", ");
    let sentence = format!("with a session, `MCP-Protocol-Version` must be one of {served}");
    Err(RpcError::invalid_request(sentence))
}

/// Whether the client says that it reads `text/event-stream`.
pub(super) fn accepts_events(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::ACCEPT).iter();
    values.any(|value| value.to_str().is_ok_and(|value| value.contains(EVENT_STREAM)))
}

/// Refuses a body that does not say it is JSON.
pub(super) fn check_content_type(headers: &HeaderMap) -> Result<(), RpcError> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next()).unwrap_or_default();
    if essence.trim().eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(RpcError::unsupported_media_type())
}

/// `answer` as a response.
pub(super) fn response(answer: HttpAnswer) -> Response<Body> {
    let empty = answer.body.is_empty();
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if !empty {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    if answer.status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE_INVALID));
    }
    if answer.status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(1));
    }
    // Our ids are base 62.
    if let Some(Ok(id)) = answer.session.map(HeaderValue::try_from) {
        headers.insert(SESSION_ID, id);
    }
    response
}

/// `error` as the response to request `id` of `era`, or to a message whose id is not known.
pub(super) fn refusal(era: Era, id: Option<&RequestId>, error: RpcError) -> Response<Body> {
    response(HttpAnswer::error(era, id, error))
}
