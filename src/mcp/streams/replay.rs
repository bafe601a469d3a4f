//! A stream read back from the table, and on from there as it is written, by whichever process.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{EventId, Outgoing};
use crate::access::Caller;
use crate::mcp::Service;
use crate::mcp::bus::Follow;
use crate::mcp::dispatch::find_session;
use crate::mcp::wire::{RequestId, RpcError, render};
use crate::store::pg::events::StoredEvent;
use crate::store::pg::streams::Kind;
use crate::store::pg::{events, streams};
use crate::store::{StoreError, Tx};

/// The most messages that are read at once.
const PAGE: i64 = 256;

/// What a client missed of a stream, and what comes then.
pub struct Replay {
    service: Arc<Service>,
    caller: Caller,
    session: String,
    version: String,
    /// The last message that was given out.
    at: EventId,
    follow: Follow,
    ready: VecDeque<StoredEvent>,
    ended: bool,
}

/// What a look into the table says of a stream.
struct Look {
    found: streams::Found,
    events: Vec<StoredEvent>,
}

/// What is there already of a stream, behind what was given out.
pub(super) enum Stored {
    /// A message.
    Next(Outgoing),
    /// Nothing.
    Nothing,
    /// Not what there was.
    Purged,
}

impl Replay {
    /// Goes on behind the message `after` of a stream of `session`; with it, whether that stream was the
    /// answer of a call, and when its writer was last known to live.
    ///
    /// # Errors
    /// 404 when the session is not the caller's or has ended; 400, the same in all cases, when the
    /// stream is not the session's, or never came so far.
    pub(in crate::mcp) async fn of(
        service: Arc<Service>,
        caller: Caller,
        session: &str,
        after: &str,
    ) -> Result<(Self, streams::Found), RpcError> {
        let at: Option<EventId> = after.parse().ok();
        let tenant = caller.tenant();
        let looked = service.store.read(tenant, async |tx| {
            let version = find_session(tx, &caller, session).await?.protocol_version;
            let Some(at) = at else { return Ok(None) };
            let look = look(tx, &caller, session, at).await?;
            Ok::<_, RpcError>(look.map(|look| (version, look)))
        });
        let unknown = RpcError::event_unknown;
        let (at, (version, Look { found, .. })) = at.zip(looked.await?).ok_or_else(unknown)?;
        let end = found.last_seq.max(found.next_seq - 1);
        // Behind its end is nothing: a client that asks for it again and again must not find a stream.
        let over = found.closed && found.kind == Kind::Post && at.seq == end;
        if at.seq > end || over {
            return Err(unknown());
        }
        let follow = service.bus.follow(tenant.project(), at.stream);
        let session = session.to_owned();
        let ready = VecDeque::new();
        let this = Self { service, caller, session, version, at, follow, ready, ended: false };
        Ok((this, found))
    }

    /// The session's version of the protocol.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The next message; `None` when the stream has ended, or cannot be read now. May be dropped and
    /// asked for again.
    pub async fn next(&mut self) -> Option<Outgoing> {
        loop {
            if let Some(message) = self.pop() {
                return Some(message);
            }
            if self.ended {
                return None;
            }
            match self.read().await {
                Ok(None) => {}
                Ok(Some(last)) => {
                    self.ended = true;
                    return Some(last);
                }
                Err(error) => {
                    tracing::warn!(%error, "a stream cannot be read now");
                    return None;
                }
            }
        }
    }

    /// The same, but only what is there already.
    pub(super) async fn stored(&mut self) -> Result<Stored, StoreError> {
        if self.ready.is_empty() {
            match self.look().await? {
                Some(look) if !look.is_purged_behind(self.at) => self.ready.extend(look.events),
                Some(_) | None => return Ok(Stored::Purged),
            }
        }
        Ok(self.pop().map_or(Stored::Nothing, Stored::Next))
    }

    fn pop(&mut self) -> Option<Outgoing> {
        let event = self.ready.pop_front()?;
        self.at.seq = event.seq;
        Some(Outgoing::Event(self.at, event.payload))
    }

    async fn look(&self) -> Result<Option<Look>, StoreError> {
        let Self { service, caller, session, at, .. } = self;
        service.store.read(caller.tenant(), async |tx| look(tx, caller, session, *at).await).await
    }

    /// Reads on, or waits until there is something to read. Gives what ends a stream that cannot be
    /// read to its end.
    async fn read(&mut self) -> Result<Option<Outgoing>, StoreError> {
        let Some(look) = self.look().await? else {
            // Its session has ended.
            self.ended = true;
            return Ok(None);
        };
        let purged = look.is_purged_behind(self.at);
        let Look { found, events } = look;
        if purged {
            return Ok(Some(lost(&found, &RpcError::events_purged())));
        }
        if !events.is_empty() {
            self.ready.extend(events);
        } else if found.closed {
            self.ended = true;
        } else if found.orphaned {
            self.bury(&found).await?;
        } else {
            self.follow.news().await;
        }
        Ok(None)
    }

    /// Ends a stream whose writer has died with its call. Where the writer comes back after all, its
    /// change is refused.
    async fn bury(&self, found: &streams::Found) -> Result<(), StoreError> {
        let (tenant, stream) = (self.caller.tenant(), self.at.stream);
        let store = &self.service.store;
        match &found.request_id {
            Some(id) => {
                let answer = render::error_to(id, &RpcError::call_lost());
                store
                    .write(tenant, async |tx| streams::orphan(tx, tenant, stream, &answer).await)
                    .await?;
            }
            None => {
                store.write(tenant, async |tx| streams::close(tx, tenant, stream).await).await?;
            }
        }
        Ok(())
    }
}

impl Look {
    /// Whether what came behind `at` is gone.
    fn is_purged_behind(&self, at: EventId) -> bool {
        let next = at.seq + 1;
        match self.events.first() {
            Some(first) => first.seq != next,
            None => self.found.closed && next < self.found.next_seq,
        }
    }
}

/// What ends a stream that cannot be read to its end: an error in place of the answer.
fn lost(found: &streams::Found, error: &RpcError) -> Outgoing {
    let id = found.request_id.as_deref();
    Outgoing::Unstored(match id {
        Some(id) => render::error_to(id, error),
        None => String::from_utf8_lossy(&render::error(None::<&RequestId>, error)).into_owned(),
    })
}

/// What the table has of the stream of `session` behind `at`.
async fn look(
    tx: &Tx,
    caller: &Caller,
    session: &str,
    at: EventId,
) -> Result<Option<Look>, StoreError> {
    let tenant = caller.tenant();
    let Some(found) = streams::find(tx, tenant, session, at.stream).await? else {
        return Ok(None);
    };
    let mut events = events::after(tx, tenant, at.stream, at.seq, PAGE).await?;
    // Behind a gap, which a purge leaves for a moment, they are as good as gone.
    let first = events.first().map_or(0, |event| event.seq);
    let in_order = events.iter().zip(first..).take_while(|(event, seq)| event.seq == *seq).count();
    events.truncate(in_order);
    Ok(Some(Look { found, events }))
}
