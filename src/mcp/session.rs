//! Sessions of the legacy era: opened, found and ended as rows, so that any replica serves any
//! request of a session, also after a restart.

use super::dispatch::Service;
use super::wire::RpcError;
use crate::access::Caller;
use crate::model::entropy::EntropyError;
use crate::store::pg::sessions::{self, NewSession};

/// Characters of a session id: 62^43 is more than 2^256.
const ID_CHARS: usize = 43;

impl Service {
    /// Opens a session for `caller` and gives its id.
    pub(super) async fn open_session(
        &self,
        caller: &Caller,
        mut new: NewSession,
    ) -> Result<String, RpcError> {
        new.id = self.ambient.entropy.base62(ID_CHARS).map_err(|error| no_entropy(&error))?;
        let tenant = caller.tenant();
        self.store
            .write(tenant, async |tx| {
                sessions::insert(tx, tenant, &new, self.session_ttl).await.map_err(RpcError::from)
            })
            .await?;
        Ok(new.id)
    }

    /// Ends the session `id` of `caller`.
    ///
    /// # Errors
    /// 404 when it is not the caller's or has ended.
    pub async fn end_session(&self, caller: &Caller, id: &str) -> Result<(), RpcError> {
        let tenant = caller.tenant();
        let ended = self
            .store
            .write(tenant, async |tx| {
                sessions::delete(tx, tenant, id).await.map_err(RpcError::from)
            })
            .await?;
        if ended { Ok(()) } else { Err(RpcError::session_unknown()) }
    }

    /// Lets the session live on; called at most once a minute for each session.
    pub(super) async fn touch_session(&self, caller: &Caller, id: &str) -> Result<(), RpcError> {
        let tenant = caller.tenant();
        self.store
            .write(tenant, async |tx| {
                sessions::touch(tx, tenant, id, self.session_ttl).await.map_err(RpcError::from)
            })
            .await
    }
}

/// Logs that nothing unguessable can be made.
pub(super) fn no_entropy(error: &EntropyError) -> RpcError {
    tracing::error!(%error, "no randomness");
    RpcError::internal()
}
