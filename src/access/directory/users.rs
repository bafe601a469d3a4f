//! People: the operator's, since they belong to no project.

use serde_json::{Value, json};

use super::{Clerk, DirectoryError, Person};
use crate::model::UserId;
use crate::store::Tx;
use crate::store::pg::audit::NO_PROJECT;
use crate::store::pg::users::{self, User};

/// What of a user is to change; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct Patch {
    /// The e-mail address.
    pub email: Option<String>,
    /// What people call the person.
    pub display_name: Option<String>,
}

/// Makes a user.
///
/// # Errors
/// See [`DirectoryError`].
pub async fn create(
    tx: &Tx,
    clerk: &Clerk<'_>,
    email: &str,
    display_name: &str,
) -> Result<User, DirectoryError> {
    let made = insert(tx, clerk, email, display_name).await?;
    made.ok_or(DirectoryError::Conflict("another user has this e-mail address"))
}

/// Finds or makes the user that `person` is.
///
/// # Errors
/// See [`DirectoryError`].
pub(super) async fn ensure(
    tx: &Tx,
    clerk: &Clerk<'_>,
    person: &Person,
) -> Result<UserId, DirectoryError> {
    let found = match person {
        Person::Known(id) => {
            let found = users::lock(tx, *id).await?;
            found.ok_or(DirectoryError::Invalid("/userId", "there is no such user"))?
        }
        Person::Addressed(email) => match insert(tx, clerk, email, "").await? {
            Some(made) => made,
            None => users::lock_email(tx, email).await?.ok_or(DirectoryError::Conflict(
                "the user was deleted at this moment: try again",
            ))?,
        },
    };
    Ok(found.id)
}

async fn insert(
    tx: &Tx,
    clerk: &Clerk<'_>,
    email: &str,
    display_name: &str,
) -> Result<Option<User>, DirectoryError> {
    let id = UserId(clerk.ambient.uuid()?);
    let made = users::insert(tx, id, email, display_name).await?;
    if let Some(user) = &made {
        record(tx, clerk, "user.create", id, (None, Some(shown(user)))).await?;
    }
    Ok(made)
}

/// Changes the user `id`.
///
/// # Errors
/// See [`DirectoryError`].
pub async fn update(
    tx: &Tx,
    clerk: &Clerk<'_>,
    id: UserId,
    patch: Patch,
) -> Result<User, DirectoryError> {
    let before = users::lock(tx, id).await?.ok_or(DirectoryError::NotFound)?;
    let user = User {
        email: patch.email.unwrap_or_else(|| before.email.clone()),
        display_name: patch.display_name.unwrap_or_else(|| before.display_name.clone()),
        ..before.clone()
    };
    if user != before {
        users::update(tx, &user).await?;
        record(tx, clerk, "user.update", id, (Some(shown(&before)), Some(shown(&user)))).await?;
    }
    Ok(user)
}

/// Removes the user `id`, who must not be a member of any project.
///
/// # Errors
/// See [`DirectoryError`].
pub async fn delete(tx: &Tx, clerk: &Clerk<'_>, id: UserId) -> Result<(), DirectoryError> {
    let before = users::lock(tx, id).await?.ok_or(DirectoryError::NotFound)?;
    users::delete(tx, id).await.map_err(|error| match error.constraint() {
        Some("memberships_user_fkey") => {
            DirectoryError::Conflict("the user is a member of a project: end the memberships first")
        }
        _ => error.into(),
    })?;
    record(tx, clerk, "user.delete", id, (Some(shown(&before)), None)).await
}

async fn record(
    tx: &Tx,
    clerk: &Clerk<'_>,
    action: &'static str,
    id: UserId,
    change: (Option<Value>, Option<Value>),
) -> Result<(), DirectoryError> {
    clerk.record(tx, NO_PROJECT, (action, "user", id.to_string()), change).await
}

/// A user as the audit log shows it.
fn shown(user: &User) -> Value {
    json!({ "email": user.email, "displayName": user.display_name })
}
