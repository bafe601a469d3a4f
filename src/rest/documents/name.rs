//! The document that a path names.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;

use crate::model::DocumentPath;
use crate::rest::{Problem, RestError};

/// The document's name in its normal form.
pub(in crate::rest) struct Name(pub(super) DocumentPath);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = RestError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, RestError> {
        let params = RawPathParams::from_request_parts(parts, state).await;
        let params = params.map_err(|_| RestError::not_found())?;
        let text = params.iter().find(|(name, _)| *name == "path");
        let (_, text) = text.ok_or_else(|| RestError::broken("no document in the path"))?;
        let path = DocumentPath::parse(text);
        Ok(Self(path.map_err(|error| Problem::invalid_field("path", error.to_string()))?))
    }
}
