//! Who changed what: the words of the audit log.

use std::net::IpAddr;

use serde_json::Value;

use super::{KeyId, UserId};

/// Who acts.
#[derive(Clone, Debug)]
pub struct Actor {
    /// What the actor is.
    pub kind: ActorKind,
    /// The user that a key stands for.
    pub user: Option<UserId>,
    /// The key.
    pub key: Option<KeyId>,
    /// The client's name, as it says.
    pub client: Option<String>,
    /// Where the request came from.
    pub address: Option<IpAddr>,
}

/// What an actor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActorKind {
    /// Someone with an API key.
    Key,
    /// The operator, by the platform token.
    Platform,
    /// The operator, at the command line.
    Cli,
}

impl ActorKind {
    /// As stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Platform => "platform",
            Self::Cli => "cli",
        }
    }
}

impl Actor {
    /// The operator at the command line.
    #[must_use]
    pub fn cli() -> Self {
        Self { kind: ActorKind::Cli, user: None, key: None, client: None, address: None }
    }
}

/// A change, without secrets.
#[derive(Clone, Debug)]
pub struct Change {
    /// What was done: `key.create`.
    pub action: &'static str,
    /// What it was done to: `key`.
    pub target_kind: &'static str,
    /// Which one.
    pub target: String,
    /// What it was.
    pub before: Option<Value>,
    /// What it is now.
    pub after: Option<Value>,
}
