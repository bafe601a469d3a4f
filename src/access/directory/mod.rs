//! People, projects and who is a member of which: the rules of their changes, by owners and by the
//! operator alike. Each change is written to the audit log in its transaction.
//!
//! What a text may be, a CHECK of the schema says; [`DirectoryError`] turns its name into a sentence.

pub mod members;
pub mod projects;
pub mod users;

use serde_json::Value;

use crate::access::keys::KeyError;
use crate::model::entropy::EntropyError;
use crate::model::{Actor, Ambient, Change, ProjectId, UserId};
use crate::store::pg::audit;
use crate::store::{StoreError, Tx};

/// In whose name something is changed, and with what.
#[derive(Clone, Copy)]
pub struct Clerk<'a> {
    /// In whose name the change is written down.
    pub actor: &'a Actor,
    /// Time and randomness.
    pub ambient: &'a Ambient,
}

/// Someone who need not exist yet.
#[derive(Clone, Debug)]
pub enum Person {
    /// Who has this id.
    Known(UserId),
    /// Who has this e-mail address.
    Addressed(String),
}

/// Why a change is not made.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// There is no such thing.
    #[error("there is no such thing")]
    NotFound,
    /// Something of the input is wrong: the field, and what to do.
    #[error("{0}: {1}")]
    Invalid(&'static str, &'static str),
    /// What is there does not allow it.
    #[error("{0}")]
    Conflict(&'static str),
    /// Who asked is no owner any more.
    #[error("only an owner of the project may do this")]
    NotOwner,
    /// The rules of keys.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// Postgres failed.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for DirectoryError {
    fn from(error: StoreError) -> Self {
        let invalid = Self::Invalid;
        match error.constraint() {
            Some("memberships_user_fkey") => Self::Conflict("the user was deleted at this moment"),
            Some("users_email_key") => Self::Conflict("another user has this e-mail address"),
            Some("users_email_form" | "users_email_length") => {
                invalid("/email", "it must be an e-mail address of at most 320 bytes")
            }
            Some("users_display_name_length") => {
                invalid("/displayName", "it has at most 200 bytes")
            }
            Some("projects_slug_key") => {
                Self::Conflict("another project has this short name, or had it and was deleted")
            }
            Some("projects_slug_form") => {
                invalid("/slug", "it has 1 to 63 characters of a-z, 0-9 and -, none - in front")
            }
            Some("projects_name_length") => invalid("/name", "it has 1 to 200 bytes"),
            Some("projects_search_language_known") => invalid(
                "/searchLanguage",
                "it must be a language that Postgres knows, as `english`, or `simple`",
            ),
            Some("projects_settings_size") => invalid("/settings", "they have at most 64 KiB"),
            Some("memberships_pkey") => Self::Conflict(members::ALREADY),
            _ => Self::Store(error),
        }
    }
}

impl Clerk<'_> {
    /// Writes down a change in `project` of the `target`, a `user`, `project` or `member`.
    async fn record(
        &self,
        tx: &Tx,
        project: ProjectId,
        (action, target_kind, target): (&'static str, &'static str, String),
        (before, after): (Option<Value>, Option<Value>),
    ) -> Result<(), DirectoryError> {
        let change = Change { action, target_kind, target, before, after };
        Ok(audit::insert(tx, project, self.ambient.uuid()?, self.actor, &change).await?)
    }
}
