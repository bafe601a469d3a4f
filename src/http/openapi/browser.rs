//! The document for people: a page that shows it, Swagger UI, without anything from elsewhere.

use std::sync::{Arc, LazyLock};

use axum::body::Bytes;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing};
use utoipa_swagger_ui::Config;

use crate::rest::{Problem, RestError, problem};

const PAGE: &str = include_str!("browser.html");
const SCRIPT: &str = include_str!("browser.js");
/// The files of Swagger UI that the page needs.
const ASSETS: [&str; 3] = ["favicon-32x32.png", "swagger-ui-bundle.js", "swagger-ui.css"];

/// The page loads what this server has and nothing else, and runs no script that stands in it.
/// Swagger UI's style sheet has its pictures in itself.
const POLICY: (HeaderName, HeaderValue) = (
    header::CONTENT_SECURITY_POLICY,
    HeaderValue::from_static(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
);

static DOCUMENT: LazyLock<serde_json::Result<String>> = LazyLock::new(super::json);

/// The routes: they need no key, and are the same for everyone.
pub(in crate::http) fn routes() -> Router {
    Router::new()
        .route("/api/docs", routing::get(page))
        .route("/api/docs/{file}", routing::get(file))
        .route("/api/openapi.json", routing::get(document))
}

#[utoipa::path(
    get,
    path = "/api/docs",
    tag = "openapi",
    operation_id = "browse",
    summary = "Browse this document",
    description = "A page that shows it and can try it out.",
    security(()),
    responses((status = 200, description = "The page.", body = String, content_type = "text/html"))
)]
pub(super) async fn page() -> Response {
    answer("text/html; charset=utf-8", Bytes::from_static(PAGE.as_bytes()))
}

#[utoipa::path(
    get,
    path = "/api/docs/{file}",
    tag = "openapi",
    operation_id = "getBrowserFile",
    summary = "Get a file of the page",
    description = "What the page loads. Swagger UI's own files are sent with `Content-Encoding: gzip`.",
    security(()),
    params(("file" = String, Path, description = "As the page names it.")),
    responses(
        (
            status = 200,
            description = "The file.",
            content(
                (String = "text/javascript"),
                (String = "text/css"),
                (String = "image/png")
            )
        ),
        (
            status = 404,
            description = "The page has no such file.",
            body = problem::Body,
            content_type = "application/problem+json"
        )
    )
)]
pub(super) async fn file(file: Result<Path<String>, PathRejection>) -> Response {
    let Ok(Path(file)) = file else { return Problem::no_route().into_response() };
    if file == "browser.js" {
        return answer("text/javascript", Bytes::from_static(SCRIPT.as_bytes()));
    }
    let known = ASSETS.contains(&file.as_str());
    // No file of these has a setting in it.
    let served = known.then(|| utoipa_swagger_ui::serve(&file, Arc::new(Config::default())));
    match served {
        Some(Ok(Some(asset))) => {
            let mut response = answer(&asset.content_type, asset.bytes.into_owned().into());
            // As it lies in the binary: every browser takes it.
            if asset.gzpipped {
                let gzip = HeaderValue::from_static("gzip");
                response.headers_mut().insert(header::CONTENT_ENCODING, gzip);
            }
            response
        }
        Some(Err(error)) => RestError::broken(error).into_response(),
        None | Some(Ok(None)) => Problem::no_route().into_response(),
    }
}

#[utoipa::path(
    get,
    path = "/api/openapi.json",
    tag = "openapi",
    operation_id = "getOpenApi",
    summary = "Get this document",
    description = "As `mbmcp openapi` prints it.",
    security(()),
    responses((status = 200, description = "The document.", body = Object))
)]
pub(super) async fn document() -> Response {
    match &*DOCUMENT {
        Ok(text) => answer("application/json", Bytes::from_static(text.as_bytes())),
        Err(error) => RestError::broken(error).into_response(),
    }
}

fn answer(kind: &str, body: Bytes) -> Response {
    ([(header::CONTENT_TYPE, kind)], [POLICY], body).into_response()
}
