//! `X-Request-Id`: taken over if it is sane, else made.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

use crate::model::Ambient;

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id that is taken over.
const MAX_CHARS: usize = 128;

/// Puts the id into the request, for the layers below, and into the answer.
pub(in crate::http) async fn layer(mut request: Request, next: Next) -> Response {
    let given = request.headers().get(REQUEST_ID).filter(|value| is_sane(value)).cloned();
    let id = given.or_else(fresh);
    if let Some(id) = &id {
        request.headers_mut().insert(REQUEST_ID, id.clone());
    }
    let mut response = next.run(request).await;
    if let Some(id) = id {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

fn is_sane(value: &HeaderValue) -> bool {
    let good = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
    (1..=MAX_CHARS).contains(&value.len()) && value.as_bytes().iter().all(good)
}

fn fresh() -> Option<HeaderValue> {
    let id = Ambient::default().uuid().ok()?;
    HeaderValue::try_from(id.to_string()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sane_ids_are_taken_over() {
        let sane = |text: &str| is_sane(&HeaderValue::from_str(text).unwrap());
        assert!(sane("a-1_B.c:d"));
        for odd in ["", "a b", "x\"y", "<script>", &"a".repeat(129)] {
            assert!(!sane(odd), "{odd}");
        }
    }
}
