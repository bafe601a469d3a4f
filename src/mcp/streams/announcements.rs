//! The stream of what the server tells a session by itself: changes of lists and resources (2025-11-25,
//! basic/transports, listening for messages from the server).

use std::sync::Arc;

use time::OffsetDateTime;
use tokio::sync::mpsc;

use super::replay::Stored;
use super::{EventId, Outgoing, Replay, Stream};
use crate::access::Caller;
use crate::mcp::Service;
use crate::mcp::bus::{Heard, Listener, MAX_ABSENCE};
use crate::mcp::changes::{Change, Wishes};
use crate::mcp::dispatch::find_session;
use crate::mcp::wire::{RpcError, render, version};
use crate::model::{Right, SignalKind};
use crate::store::pg::{sessions, signals, streams};
use crate::store::{StoreError, Tx};

/// How long what was committed may not have been heard yet.
const OVERLAP: time::Duration = time::Duration::seconds(5);
/// The most signals that become messages at once, and that are read back one by one.
const AT_ONCE: u16 = 1000;

/// The stream of one session's announcements. Only the newest of a session says anything, wherever
/// it is; dropped, its row is closed.
pub struct Announcements {
    service: Arc<Service>,
    caller: Caller,
    session: String,
    /// What the client missed of an older one.
    missed: Option<Replay>,
    /// What the client is told behind that: earlier, it would resume this one and not the older.
    beginning: Option<EventId>,
    stream: Arc<Stream>,
    unread: mpsc::Receiver<Outgoing>,
    listener: Listener,
    wishes: Wishes,
}

impl Announcements {
    /// Opens the stream of `session`; behind `older`, if the client resumes one. With it, the
    /// session's version of the protocol.
    ///
    /// # Errors
    /// 404 when the session is not the caller's or has ended.
    pub(in crate::mcp) async fn open(
        service: Arc<Service>,
        caller: Caller,
        session: &str,
        older: Option<(Replay, streams::Found)>,
    ) -> Result<(Self, String), RpcError> {
        let listener = service.bus.listen(caller.tenant().project()).await?;
        let wishes =
            service.wishes(&caller, session).await?.ok_or_else(RpcError::session_unknown)?;
        let (stream, unread) = service.begin_stream(&caller)?;
        let since = older.as_ref().map(|(_, found)| service.quiet_since(found));
        let (session, missed) = (session.to_owned(), older.map(|(replay, _)| replay));
        let beginning = None;
        // There before its row is: whoever gives up from here on closes that.
        let mut this =
            Self { service, caller, session, missed, beginning, stream, unread, listener, wishes };
        let opening = this.service.open_stream(&this.caller, &this.session, None, &this.stream);
        let version = opening.await?.protocol_version;
        this.beginning = version::has_priming(&version).then(|| this.stream.beginning());
        if let Some(since) = since {
            this.catch_up(since).await?;
        }
        Ok((this, version))
    }

    /// The next message; `None` when the session has ended, or cannot be read now. May be dropped and
    /// asked for again.
    pub async fn next(&mut self) -> Option<Outgoing> {
        while let Some(missed) = &mut self.missed {
            match missed.stored().await {
                Ok(Stored::Next(message)) => return Some(message),
                Ok(Stored::Nothing) => self.missed = None,
                Ok(Stored::Purged) => {
                    self.missed = None;
                    self.say(&[Heard::Lost]);
                }
                Err(error) => {
                    tracing::warn!(%error, "what was missed cannot be read now");
                    return None;
                }
            }
        }
        if let Some(beginning) = self.beginning.take() {
            return Some(Outgoing::Beginning(beginning));
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

    /// Says what `first` and all that waits behind it mean to the session, unless it has ended, or
    /// cannot be read now: who resumes is told of it then.
    async fn hear(&mut self, first: Heard) -> bool {
        let mut heard = vec![first];
        while heard.len() < usize::from(AT_ONCE)
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
                Err(error) => {
                    tracing::warn!(%error, "subscriptions cannot be read now");
                    return false;
                }
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

    /// Says what changed while the client had no stream: anything may have, after so long that
    /// signals may be gone, and where there are more than are read.
    async fn catch_up(&self, since: OffsetDateTime) -> Result<(), RpcError> {
        if self.service.ambient.clock.now() - since > MAX_ABSENCE {
            self.say(&[Heard::Lost]);
            return Ok(());
        }
        let tenant = self.caller.tenant();
        let read = async |tx: &Tx| signals::since(tx, tenant, since, AT_ONCE).await;
        let missed: Result<_, StoreError> = self.service.store.read(tenant, read).await;
        let heard = match missed? {
            Some(missed) => missed.into_iter().map(|one| Heard::Signal(Arc::new(one))).collect(),
            None => vec![Heard::Lost],
        };
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

impl Service {
    /// From when on nobody may have heard for `older` what changed: what a call changes is there when
    /// the call commits, and counts from before.
    fn quiet_since(&self, older: &streams::Found) -> OffsetDateTime {
        let heard_until = older.alive_until - OVERLAP - self.call_timeout;
        if older.closed { heard_until } else { heard_until - self.streams.leases.lease() }
    }

    /// What `session` wants to be told; `None` when it has ended.
    async fn wishes(&self, caller: &Caller, session: &str) -> Result<Option<Wishes>, RpcError> {
        let tenant = caller.tenant();
        let read = self.store.read(tenant, async |tx| {
            let role = find_session(tx, caller, session).await?.role;
            let uris = sessions::subscriptions(tx, tenant, session).await?;
            Ok::<_, RpcError>(uris.map(|uris| (role, uris)))
        });
        let (offered, target) = (self.handler.capabilities(), |uri: &str| self.handler.target(uri));
        match read.await {
            Ok(found) => Ok(found.map(|(role, uris)| {
                let wishes = Wishes::of_session(&offered, uris, target);
                if caller.may(Right::Read, role) { wishes } else { wishes.without_resources() }
            })),
            Err(error) if error == RpcError::session_unknown() => Ok(None),
            Err(error) => Err(error),
        }
    }
}
