//! Which web pages may call: the protocol's guard against DNS rebinding, and CORS.
//!
//! A browser names the page's origin; other clients send none and pass. An origin that is not
//! allowed is refused with 403 before anyone asks for a key (2025-11-25, basic/transports, security
//! warning). A server that listens on loopback alone lets loopback origins of any port in, and
//! answers to loopback host names only.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::http::limits;
use crate::rest::Problem;

/// The origins that may call.
#[derive(Clone, Debug)]
pub struct Origins {
    allowed: Arc<[String]>,
    /// Whether the server listens on loopback alone.
    loopback: bool,
}

impl Origins {
    /// Those of `allowed`, and those of this machine if the server is reached from it alone.
    #[must_use]
    pub fn new(allowed: Vec<String>, loopback: bool) -> Self {
        Self { allowed: allowed.into(), loopback }
    }

    fn allow(&self, origin: &str) -> bool {
        let host = origin.split_once("://").map_or(origin, |(_, host)| host);
        self.allowed.iter().any(|allowed| allowed == origin) || (self.loopback && is_loopback(host))
    }

    fn refusal(&self, headers: &HeaderMap) -> Option<&'static str> {
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
        if text(header::ORIGIN).is_some_and(|origin| !self.allow(origin)) {
            return Some("pages of this origin may not call this server; see ALLOWED_ORIGINS");
        }
        let foreign = self.loopback && text(header::HOST).is_some_and(|host| !is_loopback(host));
        foreign.then_some("this server listens on loopback and answers to `localhost` only")
    }
}

/// Whether `host`, perhaps with a port, is a name of this machine.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    ["localhost", "127.0.0.1", "[::1]"].contains(&name)
}

/// Refuses what may not call.
pub(in crate::http) async fn layer(
    State(origins): State<Origins>,
    request: Request,
    next: Next,
) -> Response {
    match origins.refusal(request.headers()) {
        None => next.run(request).await,
        Some(sentence) => Problem::new(StatusCode::FORBIDDEN, sentence).into_response(),
    }
}

/// CORS for the same origins: what browsers ask before and after (Fetch Standard §3.2).
pub(in crate::http) fn cors(origins: &Origins) -> CorsLayer {
    let origins = origins.clone();
    let allow = move |origin: &HeaderValue, _: &axum::http::request::Parts| {
        origin.to_str().is_ok_and(|origin| origins.allow(origin))
    };
    let exposed = [
        "etag",
        "link",
        "location",
        "mcp-session-id",
        "retry-after",
        "www-authenticate",
        "x-request-id",
    ];
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(allow))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        // Whatever an allowed page wants to send: a tool's own headers have names of its own.
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(
            exposed
                .into_iter()
                .chain(limits::EXPOSED)
                .map(HeaderName::from_static)
                .collect::<Vec<_>>(),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_recognised_with_any_port_and_nothing_that_looks_like_it() {
        for host in ["localhost", "localhost:1", "127.0.0.1:3100", "[::1]", "[::1]:80"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["localhost.evil.test", "127.0.0.1.evil.test", "evil.test:127", "", "::1"] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn origins_are_compared_whole() {
        let origins = Origins::new(vec!["https://app.test".to_owned()], false);
        assert!(origins.allow("https://app.test"));
        for other in ["http://app.test", "https://app.test.evil", "null", "http://localhost:1"] {
            assert!(!origins.allow(other), "{other}");
        }
        assert!(Origins::new(Vec::new(), true).allow("http://localhost:5173"));
    }
}
