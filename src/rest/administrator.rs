//! Operations that name no project.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::platform::PlatformAdmin;
use super::project::ProjectAdmin;
use super::{Requester, Rest, RestError};
use crate::access::Principal;
use crate::model::ProjectId;
use crate::store::Tx;

/// Who administers something: everything, or the project of the key.
pub(super) enum Administrator {
    /// The operator.
    Platform(PlatformAdmin),
    /// An owner, with a key of the scope `admin`.
    Owner(ProjectAdmin),
}

impl FromRequestParts<Arc<Rest>> for Administrator {
    type Rejection = RestError;

    async fn from_request_parts(parts: &mut Parts, rest: &Arc<Rest>) -> Result<Self, RestError> {
        let requester = parts.extensions.get::<Requester>().cloned();
        let requester = requester.ok_or_else(|| RestError::broken("no requester"))?;
        let Principal::Key(caller) = &requester.principal else {
            return PlatformAdmin::from_request_parts(parts, rest).await.map(Self::Platform);
        };
        let name = caller.tenant().project().to_string();
        ProjectAdmin::new(rest.clone(), requester, name).map(Self::Owner)
    }
}

impl Administrator {
    /// What the API has, and who asks.
    pub(super) fn asks(&self) -> (&Rest, &Requester) {
        match self {
            Self::Platform(admin) => (&admin.rest, &admin.requester),
            Self::Owner(admin) => (&admin.rest, &admin.requester),
        }
    }

    /// Runs `block` in a read-only transaction with the caller's rights; it is handed the only project
    /// that these reach, if there is but one.
    pub(super) async fn read<T>(
        &self,
        block: impl AsyncFnOnce(&Tx, Option<ProjectId>) -> Result<T, RestError>,
    ) -> Result<T, RestError> {
        match self {
            Self::Platform(admin) => admin.read(async |tx| block(tx, None).await).await,
            Self::Owner(admin) => {
                admin.read(async |tx, desk| block(tx, Some(desk.project)).await).await
            }
        }
    }
}
