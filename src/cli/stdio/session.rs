//! The session of the legacy era, as the bridge keeps it for its client.

use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

use crate::mcp::wire::names;

const SESSION_ID: HeaderName = HeaderName::from_static(names::SESSION_ID);
pub(super) const PROTOCOL_VERSION: HeaderName = HeaderName::from_static(names::PROTOCOL_VERSION);

/// What `initialize` agreed on.
#[derive(Debug)]
pub(super) struct Session {
    /// The client's `initialize`, to say it again when the session is lost.
    pub(super) initialize: String,
    /// Servers without sessions give none.
    id: Option<HeaderValue>,
    version: Option<HeaderValue>,
}

/// The session of now.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    now: Mutex<Option<Arc<Session>>>,
    /// Held while a session is opened, so that many lost calls open one, and none displaces one
    /// that the client opens.
    pub(super) opening: tokio::sync::Mutex<()>,
}

#[derive(Deserialize)]
struct Initialized {
    result: Agreement,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Agreement {
    protocol_version: String,
}

impl Session {
    /// The session that `answer`, with these headers, opens; `None`, if it is an error.
    pub(super) fn opened(initialize: &str, headers: &HeaderMap, answer: &str) -> Option<Self> {
        let Initialized { result } = serde_json::from_str(answer).ok()?;
        let id = headers.get(SESSION_ID).cloned();
        let version = HeaderValue::try_from(result.protocol_version).ok();
        Some(Self { initialize: initialize.to_owned(), id, version })
    }

    /// The headers of its messages.
    pub(super) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.extend(self.id.clone().map(|id| (SESSION_ID, id)));
        headers.extend(self.version.clone().map(|version| (PROTOCOL_VERSION, version)));
        headers
    }

    /// Whether the server keeps it: then a 404 means that it has ended.
    pub(super) fn is_kept(&self) -> bool {
        self.id.is_some()
    }
}

impl Sessions {
    pub(super) fn now(&self) -> Option<Arc<Session>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes `session` that of now; gives the one before, if that is another one for the server too.
    pub(super) fn set(&self, session: &Arc<Session>) -> Option<Arc<Session>> {
        let before =
            self.now.lock().unwrap_or_else(PoisonError::into_inner).replace(session.clone());
        before.filter(|before| before.is_kept() && before.id != session.id)
    }

    /// The session of now, if it is another one than `lost`.
    pub(super) fn instead_of(&self, lost: &Arc<Session>) -> Option<Arc<Session>> {
        self.now().filter(|session| !Arc::ptr_eq(session, lost))
    }
}
