//! The calls of sessions that run in this process, and the questions that they wait for: what another
//! replica learns of them comes by signals.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, SetOnce};
use uuid::Uuid;

use crate::mcp::wire::RequestId;
use crate::model::{ProjectId, Signal, SignalKind};

/// A call of a session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct CallKey {
    project: ProjectId,
    session: String,
    /// As JSON.
    request: String,
}

/// What runs here.
#[derive(Clone, Default)]
pub struct Calls {
    running: Entries<CallKey, Arc<SetOnce<Cancelled>>>,
    questions: Entries<Uuid, Arc<Notify>>,
}

/// What is there by a name, as long as its [`Entry`] lives.
struct Entries<K, V>(Arc<Mutex<HashMap<K, V>>>);

/// Takes its name out when it is dropped.
pub(in crate::mcp) struct Entry<K: Eq + Hash, V> {
    entries: Entries<K, V>,
    key: K,
    value: V,
}

/// A call while it runs.
pub(in crate::mcp) struct InFlight(Entry<CallKey, Arc<SetOnce<Cancelled>>>);

/// Why a call ends without its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mcp) enum Cancelled {
    /// Its client cancelled it.
    ByClient,
    /// Its session has ended.
    WithSession,
}

/// A question while its answer is awaited.
pub(super) struct Waiting(Entry<Uuid, Arc<Notify>>);

impl<K, V> Clone for Entries<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K, V> Default for Entries<K, V> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Entries<K, V> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None` if the name is taken.
    fn add(&self, key: K, value: V) -> Option<Entry<K, V>> {
        let mut entries = self.lock();
        if entries.contains_key(&key) {
            return None;
        }
        entries.insert(key.clone(), value.clone());
        Some(Entry { entries: self.clone(), key, value })
    }
}

impl<K: Eq + Hash, V> Drop for Entry<K, V> {
    fn drop(&mut self) {
        self.entries.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

impl InFlight {
    /// Waits until the client cancels the call, or its session ends.
    pub(in crate::mcp) async fn cancelled(&self) {
        self.0.value.wait().await;
    }

    /// Whether the end of its session was the first to cancel it.
    pub(in crate::mcp) fn is_without_session(&self) -> bool {
        self.0.value.get() == Some(&Cancelled::WithSession)
    }
}

impl Waiting {
    pub(super) async fn answered(&self) {
        self.0.value.notified().await;
    }
}

impl Calls {
    /// Notes that `request` of `session` runs here; `None` if one of that id runs already.
    pub(in crate::mcp) fn begin(
        &self,
        project: ProjectId,
        session: &str,
        request: &RequestId,
    ) -> Option<InFlight> {
        let key = CallKey { project, session: session.to_owned(), request: request.to_string() };
        self.running.add(key, Arc::default()).map(InFlight)
    }

    /// Cancels `request` of `session`, if it runs here.
    pub(in crate::mcp) fn cancel(
        &self,
        project: ProjectId,
        session: &str,
        request: &RequestId,
    ) -> bool {
        self.cancel_named(project, session, &request.to_string())
    }

    fn cancel_named(&self, project: ProjectId, session: &str, request: &str) -> bool {
        let (session, request) = (session.to_owned(), request.to_owned());
        let running = self.running.lock();
        let call = running.get(&CallKey { project, session, request });
        call.inspect(|call| cancel(call, Cancelled::ByClient)).is_some()
    }

    /// Notes that an answer to the question `id` is awaited here.
    pub(super) fn wait_for(&self, id: Uuid) -> Option<Waiting> {
        self.questions.add(id, Arc::default()).map(Waiting)
    }

    /// Does what `signal` asks of the calls that run here.
    pub fn obey(&self, signal: &Signal) {
        match signal.kind {
            SignalKind::CallCancelled => {
                if let Some((session, request)) = signal.target.split_once(' ') {
                    self.cancel_named(signal.project, session, request);
                }
            }
            SignalKind::RequestAnswered => {
                let waiting = signal.target.parse().ok();
                let waiting = waiting.and_then(|id: Uuid| self.questions.lock().get(&id).cloned());
                waiting.inspect(|waiting| waiting.notify_one());
            }
            SignalKind::SessionEnded => {
                let running = self.running.lock();
                let of_session = running.iter().filter(|(key, _)| {
                    key.project == signal.project && key.session == signal.target
                });
                of_session.for_each(|(_, call)| cancel(call, Cancelled::WithSession));
            }
            _ => {}
        }
    }
}

fn cancel(call: &SetOnce<Cancelled>, why: Cancelled) {
    // What cancelled it first stays.
    let _kept = call.set(why);
}

/// The target of a signal that cancels `request` of `session`, whose id has no space.
pub(in crate::mcp) fn cancellation(session: &str, request: &RequestId) -> String {
    format!("{session} {request}")
}
