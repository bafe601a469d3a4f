//! The stream of what the server tells a session by itself: changes of lists and resources (2025-11-25,
//! basic/transports, listening for messages from the server).

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::mpsc;

use super::{EventId, Outgoing, Replay, Stream};
use crate::access::Caller;
use crate::mcp::Service;
use crate::mcp::bus::{Heard, Listener};
use crate::mcp::changes::{Change, Wishes};
use crate::mcp::dispatch::find_session;
use crate::mcp::wire::{RpcError, render};
use crate::model::SignalKind;
use crate::store::StoreError;
use crate::store::pg::{sessions, signals, streams};

/// What is heard before the connection that broke was noticed to be, besides.
const OVERLAP: time::Duration = time::Duration::seconds(5);
/// The most signals that become messages at once.
const AT_ONCE: usize = 1000;

/// The stream of one session's announcements. Only the newest of a session says anything, wherever
/// it is; dropped, its row is closed.
pub struct Announcements {
    service: Arc<Service>,
    caller: Caller,
    session: String,
    version: String,
    /// What the client missed of an older one.
    missed: Option<Replay>,
    stream: Arc<Stream>,
    unread: mpsc::Receiver<Outgoing>,
    listener: Listener,
    wishes: Wishes,
}

impl Announcements {
    /// Opens the stream of `session`; behind `older`, if the client resumes one.
    ///
    /// # Errors
    /// 404 when the session is not the caller's or has ended.
    pub(in crate::mcp) async fn open(
        service: Arc<Service>,
        caller: Caller,
        session: &str,
        older: Option<(Replay, streams::Found)>,
    ) -> Result<Self, RpcError> {
        let listener = service.bus.listen(caller.tenant().project()).await?;
        let (stream, unread) = service.begin_stream(&caller)?;
        let opened = service.open_stream(&caller, session, None, &stream).await?;
        let version = opened.protocol_version;
        let wishes =
            service.wishes(&caller, session).await?.ok_or_else(RpcError::session_unknown)?;
        let session = session.to_owned();
        let (missed, since) = match older {
            Some((replay, found)) => {
                (Some(replay), Some(quiet_since(&found, service.streams.leases.lease())))
            }
            None => (None, None),
        };
        let this =
            Self { service, caller, session, version, missed, stream, unread, listener, wishes };
        if let Some(since) = since {
            this.catch_up(since).await?;
        }
        Ok(this)
    }

    /// The session's version of the protocol.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Where a client resumes that has read nothing of it yet.
    #[must_use]
    pub fn beginning(&self) -> EventId {
        self.stream.beginning()
    }

    /// The next message; `None` when the session has ended. May be dropped and asked for again.
    pub async fn next(&mut self) -> Option<Outgoing> {
        if let Some(missed) = &mut self.missed {
            if let Some(message) = missed.stored().await {
                return Some(message);
            }
            self.missed = None;
        }
        loop {
            tokio::select! {
                biased;
                message = self.unread.recv() => return message,
                () = self.stream.overfull() => return None,
                heard = self.listener.next() => {
                    if !self.hear(heard).await {
                        return None;
                    }
                }
            }
        }
    }

    /// Says what `first` and all that waits behind it mean to the session, unless it has ended.
    async fn hear(&mut self, first: Heard) -> bool {
        let mut heard = vec![first];
        while heard.len() < AT_ONCE
            && let Some(next) = self.listener.try_next()
        {
            heard.push(next);
        }
        let of_session = |kind: SignalKind| {
            heard.iter().any(|heard| match heard {
                Heard::Signal(signal) => signal.kind == kind && signal.target == self.session,
                Heard::Lost => true,
            })
        };
        if of_session(SignalKind::SessionChanged) || of_session(SignalKind::SessionEnded) {
            match self.service.wishes(&self.caller, &self.session).await {
                Ok(Some(wishes)) => self.wishes = wishes,
                Ok(None) => return false,
                Err(error) => tracing::warn!(%error, "subscriptions cannot be read now"),
            }
        }
        self.say(&heard);
        true
    }

    fn say(&self, heard: &[Heard]) {
        let changes = self.wishes.of(heard, self.caller.tenant().user());
        for (method, params) in changes.iter().map(Change::notification) {
            self.stream.say(&String::from_utf8_lossy(&render::notification(method, &params)));
        }
    }

    /// Says what changed while the client had no stream.
    async fn catch_up(&self, since: OffsetDateTime) -> Result<(), RpcError> {
        let tenant = self.caller.tenant();
        let missed =
            self.service.store.read(tenant, async |tx| signals::since(tx, tenant, since).await);
        let missed = missed.await.map_err(|error: StoreError| RpcError::from(error))?;
        let heard: Vec<Heard> =
            missed.into_iter().map(|signal| Heard::Signal(Arc::new(signal))).collect();
        self.say(&heard);
        Ok(())
    }
}

impl Drop for Announcements {
    fn drop(&mut self) {
        let (service, caller, stream) =
            (self.service.clone(), self.caller.clone(), self.stream.clone());
        let closing = async move { service.shut_stream(&caller, &stream).await };
        self.service.streams.tasks.spawn(closing);
    }
}

/// From when on nobody may have heard what changed.
fn quiet_since(older: &streams::Found, lease: Duration) -> OffsetDateTime {
    let margin = if older.closed { OVERLAP } else { OVERLAP + lease };
    older.alive_until - margin
}

impl Service {
    /// What `session` wants to be told; `None` when it has ended.
    async fn wishes(&self, caller: &Caller, session: &str) -> Result<Option<Wishes>, RpcError> {
        let tenant = caller.tenant();
        let read = self.store.read(tenant, async |tx| {
            find_session(tx, caller, session).await?;
            Ok::<_, RpcError>(sessions::subscriptions(tx, tenant, session).await?)
        });
        let (offered, target) = (self.handler.capabilities(), |uri: &str| self.handler.target(uri));
        match read.await {
            Ok(uris) => Ok(uris.map(|uris| Wishes::of_session(&offered, uris, target))),
            Err(error) if error == RpcError::session_unknown() => Ok(None),
            Err(error) => Err(error),
        }
    }
}
