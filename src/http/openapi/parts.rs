//! What is added to the document: MCP, the REST API, and what the layers answer.

use utoipa::openapi::path::PathItem;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{OpenApi as Document, RefOr, Response, SecurityRequirement};
use utoipa::{Modify, OpenApi as _};

use super::{API_KEY, BEARER, answers, mcp};
use crate::rest;

/// Adds the routes of MCP.
pub(super) struct Mcp;

impl Modify for Mcp {
    fn modify(&self, document: &mut Document) {
        document.paths.merge(mcp::paths());
        let components = document.components.get_or_insert_default();
        mcp::add_parameters(components);
        answers::add_to(components);
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        let header = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-API-Key")));
        components.add_security_schemes_from_iter([(BEARER, bearer), (API_KEY, header)]);
    }
}

/// Adds the REST API, with what all of its operations answer.
pub(super) struct Rest;

impl Modify for Rest {
    fn modify(&self, document: &mut Document) {
        let mut rest = rest::Described::openapi();
        for item in rest.paths.paths.values_mut() {
            let PathItem { get, post, put, patch, delete, .. } = item;
            for operation in [get, post, put, patch, delete].into_iter().flatten() {
                let no_scopes = || Vec::<String>::new();
                operation.security = Some(vec![
                    SecurityRequirement::new(BEARER, no_scopes()),
                    SecurityRequirement::new(API_KEY, no_scopes()),
                ]);
                let body = operation.request_body.is_some();
                let of_body = answers::OF_BODIES.into_iter().filter(|_| body);
                for (status, answer) in answers::OF_REST.into_iter().chain(of_body) {
                    let responses = &mut operation.responses.responses;
                    responses.insert(status.to_owned(), answers::named(answer).into());
                }
            }
        }
        document.merge(rest);
    }
}

/// Adds what the layers answer at every route, and the headers that they give to every answer.
pub(super) struct Edge;

impl Modify for Edge {
    fn modify(&self, document: &mut Document) {
        for item in document.paths.paths.values_mut() {
            let PathItem { get, post, put, patch, delete, .. } = item;
            for operation in [get, post, put, patch, delete].into_iter().flatten() {
                let responses = &mut operation.responses.responses;
                let forbidden = || answers::named("Forbidden").into();
                responses.entry("403".to_owned()).or_insert_with(forbidden);
                responses.values_mut().for_each(name_request);
                if operation.security.is_some() {
                    responses.values_mut().for_each(show_limits);
                }
            }
        }
        let components = document.components.get_or_insert_default();
        for (name, response) in &mut components.responses {
            name_request(response);
            // Before anyone is asked for a key.
            if name != "Forbidden" {
                show_limits(response);
            }
        }
    }
}

fn name_request(response: &mut RefOr<Response>) {
    if let RefOr::T(response) = response {
        let header = RefOr::Ref(answers::header("RequestId"));
        response.headers.insert("X-Request-Id".to_owned(), header);
    }
}

fn show_limits(response: &mut RefOr<Response>) {
    if let RefOr::T(response) = response {
        for (name, component) in answers::LIMITS {
            response.headers.insert(name.to_owned(), RefOr::Ref(answers::header(component)));
        }
    }
}
