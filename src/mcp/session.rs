//! Sessions of the legacy era: opened, found and ended as rows, so that any replica serves any
//! request of a session, also after a restart.

use super::client::CAPABILITIES_TOO_LARGE;
use super::dispatch::Service;
use super::wire::RpcError;
use crate::access::Caller;
use crate::store::StoreError;
use crate::store::pg::sessions::{self, NewSession};

/// Characters of a session id: 62^43 is more than 2^256.
const ID_CHARS: usize = 43;

impl Service {
    /// Opens a session for `caller` and gives its id. Where its key has too many, those end that were
    /// unused for long.
    pub(super) async fn open_session(
        &self,
        caller: &Caller,
        new: &NewSession,
    ) -> Result<String, RpcError> {
        let (tenant, ttl) = (caller.tenant(), self.session_ttl);
        let id = self.ambient.entropy.base62(ID_CHARS).map_err(|error| {
            tracing::error!(%error, "no session id can be made");
            RpcError::internal()
        })?;
        let most = self.max_sessions;
        let opened = self.store.write(tenant, async |tx| {
            if sessions::insert(tx, tenant, &id, new, ttl, most).await? {
                return Ok((true, 0));
            }
            let ended = sessions::end_unused(tx, tenant, new.key, most).await?;
            let opened = ended > 0 && sessions::insert(tx, tenant, &id, new, ttl, most).await?;
            Ok((opened, ended))
        });
        let opened = opened.await;
        if matches!(opened, Ok((_, ended)) if ended > 0) {
            self.bus.wake();
        }
        match opened {
            Ok((true, _)) => Ok(id),
            Ok((false, _)) => Err(RpcError::too_many_sessions(most)),
            // The policies let members in only, whatever a cache says.
            Err(StoreError::Forbidden { .. }) => Err(RpcError::not_a_member()),
            // As the database writes it, which may be longer than what was sent.
            Err(error) if error.constraint() == Some("sessions_capabilities_size") => {
                Err(RpcError::invalid_params(CAPABILITIES_TOO_LARGE))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Ends the session `id` of `caller`.
    ///
    /// # Errors
    /// 404 when it is not the caller's or has ended.
    pub async fn end_session(&self, caller: &Caller, id: &str) -> Result<(), RpcError> {
        let tenant = caller.tenant();
        let ended = self.store.write(tenant, async |tx| sessions::end(tx, tenant, id).await);
        let ended = ended.await.map_err(|error: StoreError| RpcError::from(error))?;
        if !ended {
            return Err(RpcError::session_unknown());
        }
        self.bus.wake();
        Ok(())
    }

    /// Lets the session live on; called at most once a minute for each session, after a call that
    /// is done: a failure is logged and does not change its answer.
    pub(super) async fn touch_session(&self, caller: &Caller, id: &str) {
        let (tenant, ttl) = (caller.tenant(), self.session_ttl);
        let touched =
            self.store.write(tenant, async |tx| sessions::touch(tx, tenant, id, ttl).await);
        if let Err(error) = touched.await {
            let error: StoreError = error;
            tracing::warn!(%error, "a session in use was not prolonged");
        }
    }
}
