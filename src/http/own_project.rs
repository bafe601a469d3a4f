//! `/mcp/{project}`: an endpoint that serves one project's keys only.

use axum::Extension;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::access::Caller;
use crate::rest::Problem;

/// Answers 404 where the path names another project than the key's: the same as for one that does
/// not exist.
pub(super) async fn layer(
    Extension(caller): Extension<Caller>,
    params: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
    next: Next,
) -> Response {
    // What is no UTF-8 is the name of nothing.
    let Ok(params) = params else { return Problem::no_route().into_response() };
    let named = params.iter().find(|(name, _)| *name == "project");
    if named.is_some_and(|(_, project)| project != caller.key().project_slug) {
        return Problem::no_route().into_response();
    }
    next.run(request).await
}
