//! Keys by the names of projects and people, for the operator's command line.

use time::{Duration, OffsetDateTime};

use super::issue::{Request, issue};
use super::{KeyDesk, KeyError, KeyPolicy, change};
use crate::access::key::ApiKey;
use crate::model::entropy::EntropyError;
use crate::model::{Actor, Ambient, KeyId, ProjectId, Role, Scopes, UserId};
use crate::store::pg::api_keys::{self, Key};
use crate::store::pg::{platform, projects};
use crate::store::{Platform, Store, StoreError, Tx};

/// The most keys of one list.
const MAX_LISTED: i64 = 10_000;

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
    /// Calls a minute; the default, if not given.
    pub rate_limit: Option<i32>,
    /// How long it lives; `None` is for ever, or as long as the policy allows.
    pub lifetime: Option<Duration>,
}

/// Why the command line cannot issue or change a key.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
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
    /// There is no such project.
    #[error("there is no project `{0}`")]
    NoProject(String),
    /// There is no such key.
    #[error("the project `{project}` has no key {id}; `mbmcp keys list` shows them")]
    NoKey {
        /// As given.
        project: String,
        /// As given.
        id: KeyId,
    },
    /// The e-mail address or the project's name is not usable.
    #[error(
        "`{0}` is not usable: a project's name has 1 to 63 characters of a-z, 0-9 and -, a user is an e-mail address"
    )]
    BadName(String),
    /// Someone else made the same user at this moment.
    #[error("the user was made by someone else at this moment: try again")]
    Raced,
    /// The rules of keys.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// Postgres failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The operator at the command line.
#[derive(Clone, Copy)]
pub struct Operator<'a> {
    /// Postgres.
    pub store: &'a Store,
    /// Time and randomness.
    pub ambient: &'a Ambient,
    /// What is demanded of all keys.
    pub policy: KeyPolicy,
}

impl Operator<'_> {
    /// Issues a key to a member. What is returned is the only copy of it. With a `role`, the
    /// project, the user and the membership are made where they are missing.
    ///
    /// # Errors
    /// See [`OperatorError`].
    pub async fn create(
        &self,
        platform: &Platform,
        request: &KeyRequest,
        role: Option<Role>,
    ) -> Result<(KeyId, ApiKey), OperatorError> {
        let created = self.store.write(platform, async |tx| {
            if let Some(role) = role {
                let names = (request.project.as_str(), request.user.as_str());
                ensure_member(tx, self.ambient, names, role).await?;
            }
            self.issue(tx, request).await
        });
        created.await
    }

    async fn issue(&self, tx: &Tx, request: &KeyRequest) -> Result<(KeyId, ApiKey), OperatorError> {
        let member = platform::find_member(tx, &request.project, &request.user).await?;
        let member = member.ok_or_else(|| OperatorError::NoMember {
            project: request.project.clone(),
            user: request.user.clone(),
        })?;
        let now = self.ambient.clock.now();
        let wanted = Request {
            user: member.user(),
            label: request.label.clone(),
            scopes: request.scopes.clone(),
            test: request.test,
            rate_limit: request.rate_limit,
            expires_at: request.lifetime.and_then(|lifetime| now.checked_add(lifetime)),
        };
        let actor = Actor::cli();
        let issued = issue(tx, &self.desk(member.project(), &actor), wanted).await?;
        Ok((issued.key.id, issued.plaintext))
    }

    /// The keys of a project, oldest first.
    ///
    /// # Errors
    /// See [`OperatorError`].
    pub async fn list(
        &self,
        platform: &Platform,
        project: &str,
    ) -> Result<Vec<Key>, OperatorError> {
        let start = (OffsetDateTime::UNIX_EPOCH, KeyId(uuid::Uuid::nil()));
        let listed = self.store.read(platform, async |tx| {
            let project = find(tx, project).await?;
            Ok(api_keys::list(tx, project, None, start, MAX_LISTED).await?)
        });
        listed.await
    }

    /// Revokes a key for good.
    ///
    /// # Errors
    /// See [`OperatorError`].
    pub async fn revoke(
        &self,
        platform: &Platform,
        project: &str,
        id: KeyId,
    ) -> Result<(), OperatorError> {
        let actor = Actor::cli();
        let revoked = self.store.write(platform, async |tx| {
            let desk = self.desk(find(tx, project).await?, &actor);
            Ok(change::revoke(tx, &desk, id).await?)
        });
        revoked.await.map_err(|error| no_key(error, project, id))
    }

    /// Issues a key in place of another, which lives on for `grace`. What is returned is the only
    /// copy of it.
    ///
    /// # Errors
    /// See [`OperatorError`].
    pub async fn rotate(
        &self,
        platform: &Platform,
        project: &str,
        id: KeyId,
        grace: Duration,
    ) -> Result<(KeyId, ApiKey), OperatorError> {
        let actor = Actor::cli();
        let rotated = self.store.write(platform, async |tx| {
            let desk = self.desk(find(tx, project).await?, &actor);
            let issued = change::rotate(tx, &desk, id, grace).await?;
            Ok((issued.key.id, issued.plaintext))
        });
        rotated.await.map_err(|error| no_key(error, project, id))
    }

    fn desk<'a>(&'a self, project: ProjectId, actor: &'a Actor) -> KeyDesk<'a> {
        KeyDesk { project, actor, ambient: self.ambient, policy: self.policy }
    }
}

/// The error with the names that the operator gave.
fn no_key(error: OperatorError, project: &str, id: KeyId) -> OperatorError {
    match error {
        OperatorError::Key(KeyError::NotFound) => {
            OperatorError::NoKey { project: project.to_owned(), id }
        }
        error => error,
    }
}

async fn find(tx: &Tx, project: &str) -> Result<ProjectId, OperatorError> {
    let found = projects::find(tx, project).await?;
    found.ok_or_else(|| OperatorError::NoProject(project.to_owned()))
}

async fn ensure_member(
    tx: &Tx,
    ambient: &Ambient,
    (project, user): (&str, &str),
    role: Role,
) -> Result<(), OperatorError> {
    let fresh = ProjectId(ambient.uuid()?);
    let found = platform::project(tx, fresh, project).await.map_err(|e| named(e, project))?;
    let project_id = found.ok_or_else(|| OperatorError::DeletedProject(project.to_owned()))?;
    let fresh = UserId(ambient.uuid()?);
    let found = platform::user(tx, fresh, user).await.map_err(|e| named(e, user))?;
    let user_id = found.ok_or(OperatorError::Raced)?;
    platform::add_member(tx, project_id, user_id, role).await?;
    Ok(())
}

fn named(error: StoreError, name: &str) -> OperatorError {
    if error.constraint().is_some() {
        OperatorError::BadName(name.to_owned())
    } else {
        OperatorError::Store(error)
    }
}
