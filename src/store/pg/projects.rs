//! Projects: as their members see theirs, and as the operator sees all.

use serde_json::Value;
use time::OffsetDateTime;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::model::ProjectId;
use crate::store::statement::statements;
use crate::store::{StoreError, Tx};

statements! {
    FIND = "projects.find" (TEXT)
        "select id from projects where slug = $1 and deleted_at is null";
    FIND_ID = "projects.find_id" (UUID)
        "select id from projects where id = $1 and deleted_at is null";
    GET = "projects.get" (UUID)
        "select id, slug, name, search_language, settings, created_at from projects \
         where id = $1 and deleted_at is null";
    LOCK = "projects.lock" (UUID)
        "select id, slug, name, search_language, settings, created_at from projects \
         where id = $1 and deleted_at is null for no key update";
    LIST = "projects.list" (UUID, TIMESTAMPTZ, UUID, INT8)
        "select id, slug, name, search_language, settings, created_at from projects \
         where ($1::uuid is null or id = $1) and deleted_at is null \
         and (created_at, id) > ($2, $3) order by created_at, id limit $4";
    UPDATE = "projects.update" (UUID, TEXT, TEXT, JSONB)
        "update projects set name = $2, search_language = $3, settings = $4 where id = $1 \
         returning id, slug, name, search_language, settings, created_at";
}

/// A project that is not deleted.
#[derive(Clone, Debug, PartialEq)]
pub struct Project {
    /// The id.
    pub id: ProjectId,
    /// The short name: in paths, never changed.
    pub slug: String,
    /// What people call it.
    pub name: String,
    /// The language of its texts, for the search.
    pub search_language: String,
    /// Its settings: an object.
    pub settings: Value,
    /// Since when there is one.
    pub created_at: OffsetDateTime,
}

/// The project with this id or short name, if there is one that the transaction sees.
///
/// # Errors
/// See [`StoreError`].
pub async fn find(tx: &Tx, name: &str) -> Result<Option<ProjectId>, StoreError> {
    // Short names that look like ids are refused where projects are made.
    let id = name.parse::<Uuid>().ok().filter(|id| id.to_string() == name);
    let row = match id {
        Some(id) => tx.row(&FIND_ID, &[&id]).await?,
        None => tx.row(&FIND, &[&name]).await?,
    };
    Ok(row.map(|row| ProjectId(row.get("id"))))
}

/// The project `id`, if the transaction sees it.
///
/// # Errors
/// See [`StoreError`].
pub async fn get(tx: &Tx, id: ProjectId) -> Result<Option<Project>, StoreError> {
    Ok(tx.row(&GET, &[&id.0]).await?.as_ref().map(project))
}

/// The same, locked against other changes of it and of its members until the transaction ends.
///
/// # Errors
/// See [`StoreError`].
pub async fn lock(tx: &Tx, id: ProjectId) -> Result<Option<Project>, StoreError> {
    Ok(tx.row(&LOCK, &[&id.0]).await?.as_ref().map(project))
}

/// At most `limit` projects, perhaps `only` one, that come after `after`, oldest first.
///
/// # Errors
/// See [`StoreError`].
pub async fn list(
    tx: &Tx,
    only: Option<ProjectId>,
    (time, id): (OffsetDateTime, ProjectId),
    limit: i64,
) -> Result<Vec<Project>, StoreError> {
    let only = only.map(|project| project.0);
    let rows = tx.rows(&LIST, &[&only, &time, &id.0, &limit]).await?;
    Ok(rows.iter().map(project).collect())
}

/// Stores what of `changed` can change, and gives it as it is stored; `None` when the transaction may
/// not.
///
/// # Errors
/// See [`StoreError`].
pub async fn update(tx: &Tx, changed: &Project) -> Result<Option<Project>, StoreError> {
    let Project { id, name, search_language, settings, .. } = changed;
    let row = tx.row(&UPDATE, &[&id.0, name, search_language, settings]).await?;
    Ok(row.as_ref().map(project))
}

fn project(row: &Row) -> Project {
    Project {
        id: ProjectId(row.get("id")),
        slug: row.get("slug"),
        name: row.get("name"),
        search_language: row.get("search_language"),
        settings: row.get("settings"),
        created_at: row.get("created_at"),
    }
}
