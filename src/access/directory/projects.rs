//! Projects: made and deleted by the operator, changed by their owners as well.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Clerk, DirectoryError, Person, members};
use crate::access::keys::issue::{Issued, Request, issue};
use crate::access::keys::{KeyDesk, KeyPolicy};
use crate::model::{ProjectId, Role, Scope, Scopes};
use crate::store::Tx;
use crate::store::pg::platform;
use crate::store::pg::projects::{self, Project};

/// A project to be made.
#[derive(Clone, Debug)]
pub struct NewProject {
    /// The short name: in paths, never changed.
    pub slug: String,
    /// What people call it.
    pub name: String,
    /// The language of its texts, for the search.
    pub search_language: String,
    /// Its first owner.
    pub owner: Person,
}

/// What of a project is to change; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct Patch {
    /// What people call it.
    pub name: Option<String>,
    /// The language of its texts, for the search.
    pub search_language: Option<String>,
    /// All of its settings.
    pub settings: Option<Value>,
}

/// Makes a project with its owner, who is made too where there is no such user, and the owner's first
/// key, which administers the project.
///
/// # Errors
/// See [`DirectoryError`].
pub async fn create(
    tx: &Tx,
    clerk: &Clerk<'_>,
    policy: KeyPolicy,
    new: NewProject,
) -> Result<(Project, Issued), DirectoryError> {
    if Uuid::try_parse(&new.slug).is_ok() {
        let sentence = "it must not look like an id, by which projects are named too";
        return Err(DirectoryError::Invalid("/slug", sentence));
    }
    let id = ProjectId(clerk.ambient.uuid()?);
    platform::new_project(tx, id, (&new.slug, &new.name), &new.search_language).await?;
    let project = projects::get(tx, id).await?.ok_or(DirectoryError::NotFound)?;
    record(tx, clerk, "project.create", id, (None, Some(shown(&project)))).await?;
    let owner = members::add(tx, clerk, id, &new.owner, Role::Owner).await.map_err(of_owner)?;
    let desk = KeyDesk { project: id, actor: clerk.actor, ambient: clerk.ambient, policy };
    let first = Request {
        user: owner.user,
        label: "first key".to_owned(),
        scopes: Scopes::new([Scope::Admin]),
        test: false,
        rate_limit: None,
        expires_at: None,
    };
    Ok((project, issue(tx, &desk, first).await?))
}

fn of_owner(error: DirectoryError) -> DirectoryError {
    match error {
        DirectoryError::Invalid("/userId", problem) => {
            DirectoryError::Invalid("/owner/userId", problem)
        }
        DirectoryError::Invalid("/email", problem) => {
            DirectoryError::Invalid("/owner/email", problem)
        }
        error => error,
    }
}

/// Changes the project `id`.
///
/// # Errors
/// See [`DirectoryError`].
pub async fn update(
    tx: &Tx,
    clerk: &Clerk<'_>,
    id: ProjectId,
    patch: Patch,
) -> Result<Project, DirectoryError> {
    let before = projects::lock(tx, id).await?.ok_or(DirectoryError::NotFound)?;
    let wanted = Project {
        name: patch.name.unwrap_or_else(|| before.name.clone()),
        search_language: patch.search_language.unwrap_or_else(|| before.search_language.clone()),
        settings: patch.settings.unwrap_or_else(|| before.settings.clone()),
        ..before.clone()
    };
    if wanted == before {
        return Ok(before);
    }
    let project = projects::update(tx, &wanted).await?.ok_or(DirectoryError::NotOwner)?;
    let change = (Some(shown(&before)), Some(shown(&project)));
    record(tx, clerk, "project.update", id, change).await?;
    Ok(project)
}

/// Deletes the project `id`: nobody has a role in it from now on. What it remembers and its audit log
/// stay in the database.
///
/// # Errors
/// See [`DirectoryError`].
pub async fn delete(tx: &Tx, clerk: &Clerk<'_>, id: ProjectId) -> Result<(), DirectoryError> {
    let before = projects::lock(tx, id).await?.ok_or(DirectoryError::NotFound)?;
    platform::close_project(tx, id).await?;
    record(tx, clerk, "project.delete", id, (Some(shown(&before)), None)).await
}

async fn record(
    tx: &Tx,
    clerk: &Clerk<'_>,
    action: &'static str,
    id: ProjectId,
    change: (Option<Value>, Option<Value>),
) -> Result<(), DirectoryError> {
    clerk.record(tx, id, (action, "project", id.to_string()), change).await
}

/// A project as the audit log shows it.
fn shown(project: &Project) -> Value {
    json!({
        "slug": project.slug,
        "name": project.name,
        "searchLanguage": project.search_language,
        "settings": project.settings,
    })
}
