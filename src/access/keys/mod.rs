//! The life of a key: issued, changed, rotated, revoked, by owners and by the operator alike. The
//! rules stand here once; the REST API and the command line call them.
//!
//! [`issue`] makes keys, [`change`] changes them, `policy` is what both check, [`operator`] is for the
//! command line, which names projects and people instead of ids. Each change is written to the audit log in its transaction.

pub mod change;
pub mod issue;
pub mod operator;
mod policy;

use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::model::clock::rfc3339;
use crate::model::entropy::EntropyError;
use crate::model::{Actor, Ambient, Change, KeyId, ProjectId};
use crate::store::pg::api_keys::Key;
use crate::store::pg::audit;
use crate::store::{StoreError, Tx};

pub use policy::KeyPolicy;

/// Who changes keys of which project, and by what rules.
#[derive(Clone, Copy)]
pub struct KeyDesk<'a> {
    /// The project.
    pub project: ProjectId,
    /// In whose name the change is written down.
    pub actor: &'a Actor,
    /// Time and randomness.
    pub ambient: &'a Ambient,
    /// What the operator demands.
    pub policy: KeyPolicy,
}

/// Why a key cannot be issued or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// There is no such key.
    #[error("there is no such key in this project")]
    NotFound,
    /// The user is no member.
    #[error("the user is not a member of this project")]
    NoMember,
    /// Something of the input is wrong: the field, and what to do.
    #[error("{0}: {1}")]
    Invalid(&'static str, String),
    /// The key's state does not allow it.
    #[error("{0}")]
    Conflict(&'static str),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// Postgres failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a key can do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Works.
    Active,
    /// Works until its grace ends; another key replaces it.
    Rotated,
    /// Its time is over.
    Expired,
    /// Revoked for good.
    Revoked,
}

impl KeyState {
    /// The state of `key` at `now`.
    #[must_use]
    pub fn of(key: &Key, now: OffsetDateTime) -> Self {
        if key.revoked_at.is_some() {
            Self::Revoked
        } else if key.expires_at.is_some_and(|end| end <= now) {
            Self::Expired
        } else if key.rotated_to.is_some() {
            Self::Rotated
        } else {
            Self::Active
        }
    }

    /// As shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Rotated => "rotated",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

impl KeyDesk<'_> {
    async fn record(
        &self,
        tx: &Tx,
        action: &'static str,
        id: KeyId,
        (before, after): (Option<Value>, Option<Value>),
    ) -> Result<(), KeyError> {
        let target = id.to_string();
        let change = Change { action, target_kind: "key", target, before, after };
        let entry = self.ambient.uuid()?;
        Ok(audit::insert(tx, self.project, entry, self.actor, &change).await?)
    }
}

/// A key as the audit log shows it.
fn shown(key: &Key) -> Value {
    json!({
        "userId": key.user,
        "label": key.label,
        "hint": key.hint,
        "environment": if key.test { "test" } else { "live" },
        "scopes": key.scopes.names(),
        "rateLimit": key.rate_limit,
        "expiresAt": key.expires_at.map(rfc3339),
        "revokedAt": key.revoked_at.map(rfc3339),
        "rotatedTo": key.rotated_to,
    })
}
