//! Errors of HTTP: `application/problem+json` (RFC 9457).

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::access::limits::Denied;

/// An error: a status, one public sentence, and what is wrong with each field of the input.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    kind: &'static str,
    detail: String,
    errors: Vec<Invalid>,
    violated_policies: Vec<&'static str>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// An error (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct Body {
    /// What kind it is; `about:blank` where the status says it.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is wrong and what to do.
    detail: String,
    /// What is wrong with the input, field by field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(inline)]
    errors: Vec<Invalid>,
    /// The limits that were reached, by their names in `RateLimit-Policy`.
    #[serde(rename = "violated-policies", skip_serializing_if = "Vec::is_empty")]
    violated_policies: Vec<&'static str>,
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Invalid {
    /// Where it is (RFC 6901), or the name of a parameter.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
}

impl Problem {
    /// A problem with this status and sentence.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            kind: "about:blank",
            detail: detail.into(),
            errors: Vec::new(),
            violated_policies: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// The same with a header more.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The same of a kind that programs tell apart.
    #[must_use]
    pub fn of_kind(mut self, kind: &'static str) -> Self {
        self.kind = kind;
        self
    }

    /// Input that is wrong in these ways.
    #[must_use]
    pub fn invalid(errors: Vec<Invalid>) -> Self {
        let detail = "some of the input is not usable; `errors` says what";
        let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail);
        Self { errors, ..problem.of_kind("/problems/invalid") }
    }

    /// The same where one field is wrong.
    #[must_use]
    pub fn invalid_field(field: &str, problem: impl Into<String>) -> Self {
        Self::invalid(vec![Invalid { field: field.to_owned(), problem: problem.into() }])
    }

    /// More calls than a limit allows (draft-ietf-httpapi-ratelimit-headers-11 §5.1).
    #[must_use]
    pub fn limited(denied: &Denied) -> Self {
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, denied.sentence());
        let kind = "https://iana.org/assignments/http-problem-types#quota-exceeded";
        let violated_policies = vec![denied.standing.policy];
        Self { violated_policies, ..problem.of_kind(kind) }
    }

    /// There is nothing at this path.
    #[must_use]
    pub fn no_route() -> Self {
        let detail = "there is nothing at this path; MCP is served at /mcp, the API at /api/v1";
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// What the path names is not there, or not the caller's: one answer for both.
    #[must_use]
    pub fn not_found() -> Self {
        let detail = "what the path names does not exist, or is none of yours";
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// The path has other methods.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        let detail = "this path does not answer this method; `Allow` lists those it answers";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, detail)
    }

    /// The request took too long.
    #[must_use]
    pub fn timeout() -> Self {
        let detail =
            "the request took too long and may still take effect: look before you send it again";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Body {
            kind: self.kind,
            title: self.status.canonical_reason().unwrap_or_default(),
            status: self.status.as_u16(),
            detail: self.detail,
            errors: self.errors,
            violated_policies: self.violated_policies,
        };
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        headers.extend(self.headers);
        response
    }
}
