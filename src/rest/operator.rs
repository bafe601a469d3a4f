//! Operations of the operator alone.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;

use super::{Requester, Rest, RestError};
use crate::access::Principal;
use crate::store::Platform;

/// Who runs the server, by the platform token.
pub(super) struct Operator {
    pub(super) rest: Arc<Rest>,
    /// Who asks.
    pub(super) requester: Requester,
    /// Their rights.
    pub(super) platform: Platform,
}

impl FromRequestParts<Arc<Rest>> for Operator {
    type Rejection = RestError;

    async fn from_request_parts(parts: &mut Parts, rest: &Arc<Rest>) -> Result<Self, RestError> {
        let requester = parts.extensions.get::<Requester>().cloned();
        let requester = requester.ok_or_else(|| RestError::broken("no requester"))?;
        let Principal::Platform(platform) = requester.principal else {
            let detail = "this is for the operator of the server, by the platform token";
            return Err(RestError::refused(StatusCode::FORBIDDEN, detail));
        };
        Ok(Self { rest: rest.clone(), requester, platform })
    }
}
