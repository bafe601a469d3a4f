//! People, as the operator sees them. As `app_platform`.

use time::OffsetDateTime;
use tokio_postgres::Row;

use crate::model::UserId;
use crate::store::statement::statements;
use crate::store::{StoreError, Tx};

statements! {
    INSERT = "users.insert" (UUID, TEXT, TEXT)
        "insert into users (id, email, display_name, created_at) values ($1, $2, $3, now()) \
         on conflict (email) do nothing returning id, email, display_name, created_at";
    FIND = "users.find" (UUID)
        "select id, email, display_name, created_at from users where id = $1";
    LOCK = "users.lock" (UUID)
        "select id, email, display_name, created_at from users where id = $1 for no key update";
    LOCK_EMAIL = "users.lock_email" (TEXT)
        "select id, email, display_name, created_at from users where email = $1 for key share";
    LIST = "users.list" (TEXT, TIMESTAMPTZ, UUID, INT8)
        "select id, email, display_name, created_at from users \
         where ($1::text is null or email = $1) and (created_at, id) > ($2, $3) \
         order by created_at, id limit $4";
    UPDATE = "users.update" (UUID, TEXT, TEXT)
        "update users set email = $2, display_name = $3 where id = $1";
    LEAVE_DELETED = "users.leave_deleted" (UUID)
        "delete from memberships m using projects p \
         where p.id = m.project_id and p.deleted_at is not null and m.user_id = $1";
    DELETE = "users.delete" (UUID) "delete from users where id = $1";
}

/// A person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The id.
    pub id: UserId,
    /// The e-mail address.
    pub email: String,
    /// What people call the person; perhaps nothing.
    pub display_name: String,
    /// Since when we know the person.
    pub created_at: OffsetDateTime,
}

/// Stores a person; `None` when there is one with this address.
///
/// # Errors
/// See [`StoreError`].
pub async fn insert(
    tx: &Tx,
    id: UserId,
    email: &str,
    display_name: &str,
) -> Result<Option<User>, StoreError> {
    Ok(tx.row(&INSERT, &[&id.0, &email, &display_name]).await?.as_ref().map(user))
}

/// The person with this id.
///
/// # Errors
/// See [`StoreError`].
pub async fn find(tx: &Tx, id: UserId) -> Result<Option<User>, StoreError> {
    Ok(tx.row(&FIND, &[&id.0]).await?.as_ref().map(user))
}

/// The same, locked against other changes until the transaction ends.
///
/// # Errors
/// See [`StoreError`].
pub async fn lock(tx: &Tx, id: UserId) -> Result<Option<User>, StoreError> {
    Ok(tx.row(&LOCK, &[&id.0]).await?.as_ref().map(user))
}

/// The person with this address, who stays until the transaction ends.
///
/// # Errors
/// See [`StoreError`].
pub async fn lock_email(tx: &Tx, email: &str) -> Result<Option<User>, StoreError> {
    Ok(tx.row(&LOCK_EMAIL, &[&email]).await?.as_ref().map(user))
}

/// At most `limit` people, perhaps the one with this address, that come after `after`, oldest first.
///
/// # Errors
/// See [`StoreError`].
pub async fn list(
    tx: &Tx,
    email: Option<&str>,
    (time, id): (OffsetDateTime, UserId),
    limit: i64,
) -> Result<Vec<User>, StoreError> {
    let rows = tx.rows(&LIST, &[&email, &time, &id.0, &limit]).await?;
    Ok(rows.iter().map(user).collect())
}

/// Stores what of `user` can change.
///
/// # Errors
/// See [`StoreError`].
pub async fn update(tx: &Tx, user: &User) -> Result<(), StoreError> {
    tx.rows(&UPDATE, &[&user.id.0, &user.email, &user.display_name]).await?;
    Ok(())
}

/// Removes the person for good, from deleted projects as well.
///
/// # Errors
/// `memberships_user_fkey` is violated while the person is a member of a project.
pub async fn delete(tx: &Tx, id: UserId) -> Result<(), StoreError> {
    tx.rows(&LEAVE_DELETED, &[&id.0]).await?;
    tx.rows(&DELETE, &[&id.0]).await?;
    Ok(())
}

fn user(row: &Row) -> User {
    User {
        id: UserId(row.get("id")),
        email: row.get("email"),
        display_name: row.get("display_name"),
        created_at: row.get("created_at"),
    }
}
