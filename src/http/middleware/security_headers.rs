//! Headers that every answer carries, whatever it is.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

const HEADERS: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::X_XSS_PROTECTION, "0"),
    (header::REFERRER_POLICY, "strict-origin-when-cross-origin"),
    (header::CACHE_CONTROL, "no-store"),
];

/// For a year (RFC 6797); only to who came by TLS, as the proxy that ended it says.
const STRICT_TRANSPORT_SECURITY: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Adds them.
pub(in crate::http) async fn layer(request: Request, next: Next) -> Response {
    let by_tls = request.headers().get("x-forwarded-proto").is_some_and(|proto| proto == "https");
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        // A stream of events says `no-cache` of itself.
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    if by_tls {
        let name = header::STRICT_TRANSPORT_SECURITY;
        response.headers_mut().insert(name, STRICT_TRANSPORT_SECURITY);
    }
    response
}
