//! What happened in a project, for whoever listens on any replica.

use std::str::FromStr;
use std::time::Duration;

use super::{ProjectId, UserId};

/// How long signals are kept for the replicas to read.
pub const SIGNALS_KEPT: Duration = Duration::from_mins(5);

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Where.
    pub project: ProjectId,
    /// Whose session it is about, or who did it; `None` for SQL by hand.
    pub user: Option<UserId>,
    /// What.
    pub kind: SignalKind,
    /// To what: a document's path, a session, a request.
    pub target: String,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignalKind {
    /// A document is new at its path.
    ResourceCreated,
    /// A document has another text.
    ResourceUpdated,
    /// No document is at this path any more.
    ResourceDeleted,
    /// Other tools are offered.
    ToolsChanged,
    /// Other prompts are offered.
    PromptsChanged,
    /// A session has other subscriptions or another log level.
    SessionChanged,
    /// A session is no more.
    SessionEnded,
    /// A client cancelled a call.
    CallCancelled,
    /// A client answered what it was asked.
    RequestAnswered,
}

/// A word that names no kind.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is no kind of signal")]
pub struct UnknownKind(String);

impl SignalKind {
    /// Each of them.
    pub const ALL: [Self; 9] = [
        Self::ResourceCreated,
        Self::ResourceUpdated,
        Self::ResourceDeleted,
        Self::ToolsChanged,
        Self::PromptsChanged,
        Self::SessionChanged,
        Self::SessionEnded,
        Self::CallCancelled,
        Self::RequestAnswered,
    ];

    /// As stored.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ResourceCreated => "resource_created",
            Self::ResourceUpdated => "resource_updated",
            Self::ResourceDeleted => "resource_deleted",
            Self::ToolsChanged => "tools_changed",
            Self::PromptsChanged => "prompts_changed",
            Self::SessionChanged => "session_changed",
            Self::SessionEnded => "session_ended",
            Self::CallCancelled => "call_cancelled",
            Self::RequestAnswered => "request_answered",
        }
    }
}

impl FromStr for SignalKind {
    type Err = UnknownKind;

    fn from_str(word: &str) -> Result<Self, UnknownKind> {
        let named = Self::ALL.into_iter().find(|kind| kind.name() == word);
        named.ok_or_else(|| UnknownKind(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_read_by_its_name() {
        for kind in SignalKind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        let error = "resource".parse::<SignalKind>().unwrap_err();
        assert_eq!(error.to_string(), "`resource` is no kind of signal");
    }
}
