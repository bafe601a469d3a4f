//! Operations of the operator alone.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::{Requester, Rest, RestError};
use crate::access::Principal;
use crate::model::Actor;
use crate::store::{Platform, Tx};

/// The operator. Everyone else is answered as if there were no such route.
pub(super) struct PlatformAdmin {
    pub(super) rest: Arc<Rest>,
    platform: Platform,
    /// In whose name changes are written down.
    pub(super) actor: Actor,
    /// Who asks.
    pub(super) requester: Requester,
}

impl FromRequestParts<Arc<Rest>> for PlatformAdmin {
    type Rejection = RestError;

    async fn from_request_parts(parts: &mut Parts, rest: &Arc<Rest>) -> Result<Self, RestError> {
        let requester = parts.extensions.get::<Requester>().cloned();
        let requester = requester.ok_or_else(|| RestError::broken("no requester"))?;
        match requester.principal {
            Principal::Platform(platform) => {
                let actor = requester.actor();
                Ok(Self { rest: rest.clone(), platform, actor, requester })
            }
            Principal::Key(_) => Err(RestError::not_found()),
        }
    }
}

impl PlatformAdmin {
    /// Runs `block` in a read-only transaction of the operator.
    pub(super) async fn read<T>(
        &self,
        block: impl AsyncFnOnce(&Tx) -> Result<T, RestError>,
    ) -> Result<T, RestError> {
        self.rest.store.read(&self.platform, block).await
    }

    /// Runs `block` in a transaction of the operator, after which keys may be others.
    pub(super) async fn write<T>(
        &self,
        block: impl AsyncFnOnce(&Tx) -> Result<T, RestError>,
    ) -> Result<T, RestError> {
        self.rest.changing(self.rest.store.write(&self.platform, block)).await
    }
}
