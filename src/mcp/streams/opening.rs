//! The rows of streams: made before anything is said, closed when nothing more is.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::stream::MAX_BYTES;
use super::{Outgoing, Stream};
use crate::access::Caller;
use crate::mcp::Service;
use crate::mcp::dispatch::find_session;
use crate::mcp::legacy::{LegacyAnswer, LegacyRequest};
use crate::mcp::wire::{RequestId, RpcError};
use crate::model::StreamId;
use crate::store::StoreError;
use crate::store::pg::sessions::Session;
use crate::store::pg::{events, sessions, streams};

impl Service {
    /// A stream of `caller` that has no row yet, and what its client will read.
    pub(in crate::mcp) fn begin_stream(
        &self,
        caller: &Caller,
    ) -> Result<(Arc<Stream>, mpsc::Receiver<Outgoing>), RpcError> {
        let id = StreamId(self.ambient.uuid()?);
        Ok(self.streams.begin(caller.tenant().clone(), id))
    }

    /// Makes the row of `stream`, the answer to `request` if it is one; from now on what it says is
    /// stored and sent.
    ///
    /// # Errors
    /// 404 when the session is not the caller's or has ended; 400 when a request of that id runs.
    pub(in crate::mcp) async fn open_stream(
        &self,
        caller: &Caller,
        session: &str,
        request: Option<&RequestId>,
        stream: &Arc<Stream>,
    ) -> Result<Session, RpcError> {
        let tenant = caller.tenant();
        let request = request.map(ToString::to_string);
        let row = self.streams.row(stream, session, request.as_deref());
        let opened = self.store.write(tenant, async |tx| {
            let found = find_session(tx, caller, session).await?;
            if found.unseen {
                sessions::touch(tx, tenant, session, self.session_ttl).await?;
            }
            if streams::insert(tx, tenant, &row).await? {
                Ok(found)
            } else {
                Err(RpcError::in_flight())
            }
        });
        let found = opened.await?;
        stream.opened(row.kind);
        Ok(found)
    }

    /// Ends `stream` with the answer to `request`; with none, if that was cancelled.
    pub(in crate::mcp) async fn end_stream(
        &self,
        caller: &Caller,
        request: &LegacyRequest,
        stream: &Arc<Stream>,
        answer: Option<LegacyAnswer>,
    ) {
        match answer {
            None => self.shut_stream(caller, stream).await,
            Some(LegacyAnswer { body, recorded: true, .. }) => {
                stream.committed(body);
                self.bus.stored(&[stream.id()]);
            }
            Some(LegacyAnswer { body, .. }) => {
                let body = if body.len() > MAX_BYTES {
                    request.refused(RpcError::answer_too_large(MAX_BYTES)).body
                } else {
                    body
                };
                let seq = stream.conclude(&body).await;
                if stream.is_doubtful() {
                    self.send_stored(caller, stream, seq).await;
                }
            }
        }
    }

    /// Sends what the table has as the answer, after a commit of which nobody knows.
    async fn send_stored(&self, caller: &Caller, stream: &Stream, seq: i64) {
        let tenant = caller.tenant();
        let read = self
            .store
            .read(tenant, async |tx| events::after(tx, tenant, stream.id(), seq - 1, 1).await);
        let read: Result<_, StoreError> = read.await;
        match read.map(|events| events.into_iter().next()) {
            Ok(Some(event)) => stream.settled(event.payload),
            Ok(None) => stream.abandon(),
            Err(error) => {
                tracing::warn!(%error, "an answer cannot be read now; its client can resume");
                stream.abandon();
            }
        }
    }

    /// Closes `stream` without a last message.
    pub(in crate::mcp) async fn shut_stream(&self, caller: &Caller, stream: &Stream) {
        stream.abandon();
        let tenant = caller.tenant();
        let closed =
            self.store.write(tenant, async |tx| streams::close(tx, tenant, stream.id()).await);
        if let Err(error) = closed.await {
            let error: StoreError = error;
            // Its lease runs out.
            tracing::warn!(%error, "a stream was not closed");
        }
        self.bus.stored(&[stream.id()]);
    }
}
