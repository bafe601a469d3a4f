//! What the operator finds and makes by name: users, projects, memberships. As `app_platform`.

use crate::model::{ProjectId, Role, UserId};
use crate::store::statement::statements;
use crate::store::{StoreError, Tenant, Tx};

statements! {
    USER = "platform.user" (UUID, TEXT)
        "with made as (insert into users (id, email, created_at) values ($1, $2, now()) \
         on conflict (email) do nothing returning id) \
         select id from made union all select id from users where email = $2 limit 1";
    PROJECT = "platform.project" (UUID, TEXT)
        "with made as (insert into projects (id, slug, name, created_at) \
         values ($1, $2, $2, now()) on conflict (slug) do nothing returning id) \
         select id from made union all \
         select id from projects where slug = $2 and deleted_at is null limit 1";
    NEW_PROJECT = "platform.new_project" (UUID, TEXT, TEXT, TEXT)
        "insert into projects (id, slug, name, search_language, created_at) \
         values ($1, $2, $3, $4, now())";
    CLOSE_PROJECT = "platform.close_project" (UUID)
        "update projects set deleted_at = now() where id = $1 and deleted_at is null";
    MEMBERSHIP = "platform.membership" (UUID, UUID, TEXT)
        "insert into memberships (project_id, user_id, role, created_at) values ($1, $2, $3, now()) \
         on conflict (project_id, user_id) do nothing returning user_id";
    FIND_MEMBER = "platform.find_member" (TEXT, TEXT)
        "select m.project_id, m.user_id from memberships m \
         join projects p on p.id = m.project_id join users u on u.id = m.user_id \
         where p.slug = $1 and u.email = $2 and p.deleted_at is null";
}

/// Finds or makes the user with `email`; `None` when another transaction made it at this moment.
///
/// # Errors
/// See [`StoreError`].
pub async fn user(tx: &Tx, fresh: UserId, email: &str) -> Result<Option<UserId>, StoreError> {
    let row = tx.row(&USER, &[&fresh.0, &email]).await?;
    Ok(row.map(|row| UserId(row.get("id"))))
}

/// Finds or makes the project `slug`; `None` when the name is a deleted project's.
///
/// # Errors
/// See [`StoreError`].
pub async fn project(
    tx: &Tx,
    fresh: ProjectId,
    slug: &str,
) -> Result<Option<ProjectId>, StoreError> {
    let row = tx.row(&PROJECT, &[&fresh.0, &slug]).await?;
    Ok(row.map(|row| ProjectId(row.get("id"))))
}

/// Stores a project.
///
/// # Errors
/// `projects_slug_key` is violated when the short name is taken, perhaps by a deleted project.
pub async fn new_project(
    tx: &Tx,
    id: ProjectId,
    (slug, name): (&str, &str),
    search_language: &str,
) -> Result<(), StoreError> {
    tx.rows(&NEW_PROJECT, &[&id.0, &slug, &name, &search_language]).await?;
    Ok(())
}

/// Closes a project: from now on nobody has a role in it.
///
/// # Errors
/// See [`StoreError`].
pub async fn close_project(tx: &Tx, id: ProjectId) -> Result<(), StoreError> {
    tx.rows(&CLOSE_PROJECT, &[&id.0]).await?;
    Ok(())
}

/// Makes `user` a member of `project`; `false` when it is one already, whose role then stays.
///
/// # Errors
/// See [`StoreError`].
pub async fn add_member(
    tx: &Tx,
    project: ProjectId,
    user: UserId,
    role: Role,
) -> Result<bool, StoreError> {
    Ok(tx.row(&MEMBERSHIP, &[&project.0, &user.0, &role.name()]).await?.is_some())
}

/// The tenant that the user with `email` is in the project `slug`; `None` without a membership.
///
/// # Errors
/// See [`StoreError`].
pub async fn find_member(tx: &Tx, slug: &str, email: &str) -> Result<Option<Tenant>, StoreError> {
    let row = tx.row(&FIND_MEMBER, &[&slug, &email]).await?;
    Ok(row.map(|row| Tenant::new(ProjectId(row.get("project_id")), UserId(row.get("user_id")))))
}
