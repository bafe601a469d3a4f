//! Issuing and revoking keys, for the operator's command line.

use time::{Duration, OffsetDateTime};

use super::key::ApiKey;
use crate::model::entropy::EntropyError;
use crate::model::{Ambient, KeyId, ProjectId, Role, Scopes, UserId};
use crate::store::pg::platform::{self, ListedKey, NewKey};
use crate::store::{Platform, Store, StoreError, Tx};

/// Calls a minute of a key that says nothing else.
pub const DEFAULT_RATE_LIMIT: i32 = 60;
/// The longest label, in characters.
pub const MAX_LABEL_CHARS: usize = 100;

/// A key to be issued.
#[derive(Clone, Debug)]
pub struct KeyRequest {
    /// The project's short name.
    pub project: String,
    /// The user's e-mail address.
    pub user: String,
    /// What people call it.
    pub label: String,
    /// What it may do.
    pub scopes: Scopes,
    /// Whether it is a test key.
    pub test: bool,
    /// How long it lives; `None` is for ever.
    pub lifetime: Option<Duration>,
}

/// Why a key cannot be issued or revoked.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The user is not a member of the project, or one of the two does not exist.
    #[error(
        "{user} is not a member of a project `{project}`; add `--role` to make the project, the user and the membership"
    )]
    NoMember {
        /// As given.
        project: String,
        /// As given.
        user: String,
    },
    /// The name belongs to a deleted project.
    #[error("the project `{0}` was deleted; choose another name")]
    DeletedProject(String),
    /// There is no such key.
    #[error("the project `{project}` has no key {id}; `mbmcp keys list` shows them")]
    NoKey {
        /// As given.
        project: String,
        /// As given.
        id: KeyId,
    },
    /// The label is too long.
    #[error("a label has at most {MAX_LABEL_CHARS} characters")]
    LongLabel,
    /// The e-mail address or the project's name is not usable.
    #[error(
        "`{0}` is not usable: a project's name has 1 to 63 characters of a-z, 0-9 and -, a user is an e-mail address"
    )]
    BadName(String),
    /// Someone else made the same user at this moment.
    #[error("the user was made by someone else at this moment: try again")]
    Raced,
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// Postgres failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Issues a key to a member. What is returned is the only copy of it. With a `role`, the project,
/// the user and the membership are made where they are missing.
///
/// # Errors
/// See [`KeysError`].
pub async fn create(
    store: &Store,
    platform: &Platform,
    ambient: &Ambient,
    request: &KeyRequest,
    role: Option<Role>,
) -> Result<(KeyId, ApiKey), KeysError> {
    let created = store.write(platform, async |tx| {
        if let Some(role) = role {
            ensure_member(tx, ambient, (&request.project, &request.user), role).await?;
        }
        issue(tx, ambient, request).await
    });
    created.await
}

async fn ensure_member(
    tx: &Tx,
    ambient: &Ambient,
    (project, user): (&str, &str),
    role: Role,
) -> Result<(), KeysError> {
    let fresh = ProjectId(ambient.uuid()?);
    let found = platform::project(tx, fresh, project).await.map_err(|e| named(e, project))?;
    let project_id = found.ok_or_else(|| KeysError::DeletedProject(project.to_owned()))?;
    let fresh = UserId(ambient.uuid()?);
    let found = platform::user(tx, fresh, user).await.map_err(|e| named(e, user))?;
    let user_id = found.ok_or(KeysError::Raced)?;
    Ok(platform::add_member(tx, project_id, user_id, role).await?)
}

async fn issue(
    tx: &Tx,
    ambient: &Ambient,
    request: &KeyRequest,
) -> Result<(KeyId, ApiKey), KeysError> {
    if request.label.chars().count() > MAX_LABEL_CHARS {
        return Err(KeysError::LongLabel);
    }
    let member = platform::find_member(tx, &request.project, &request.user).await?;
    let member = member.ok_or_else(|| KeysError::NoMember {
        project: request.project.clone(),
        user: request.user.clone(),
    })?;
    let key = ApiKey::generate(&ambient.entropy, request.test)?;
    let (prefix, suffix) = key.hints();
    let new = NewKey {
        id: KeyId(ambient.uuid()?),
        hash: key.hash(),
        prefix,
        suffix,
        label: request.label.clone(),
        test: request.test,
        scopes: request.scopes.clone(),
        rate_limit: DEFAULT_RATE_LIMIT,
        expires_at: request.lifetime.map(|lifetime| end_of(ambient.clock.now(), lifetime)),
    };
    platform::insert_key(tx, &member, &new).await?;
    Ok((new.id, key))
}

/// The keys of a project, oldest first.
///
/// # Errors
/// See [`KeysError`].
pub async fn list(
    store: &Store,
    platform: &Platform,
    project: &str,
) -> Result<Vec<ListedKey>, KeysError> {
    Ok(store.write(platform, async |tx| platform::list_keys(tx, project).await).await?)
}

/// Revokes a key for good.
///
/// # Errors
/// See [`KeysError`].
pub async fn revoke(
    store: &Store,
    platform: &Platform,
    project: &str,
    id: KeyId,
) -> Result<(), KeysError> {
    let found =
        store.write(platform, async |tx| platform::revoke_key(tx, project, id).await).await?;
    if found { Ok(()) } else { Err(KeysError::NoKey { project: project.to_owned(), id }) }
}

fn named(error: StoreError, name: &str) -> KeysError {
    if error.constraint().is_some() {
        KeysError::BadName(name.to_owned())
    } else {
        KeysError::Store(error)
    }
}

fn end_of(now: OffsetDateTime, lifetime: Duration) -> OffsetDateTime {
    now.checked_add(lifetime).unwrap_or(now)
}
