//! Members of a project. A project keeps an owner: who changes members does so one after another, by
//! a lock on the project.

use serde_json::{Value, json};

use super::{Clerk, DirectoryError, Person, users};
use crate::model::{ActorKind, ProjectId, Role, UserId};
use crate::store::Tx;
use crate::store::pg::members::{self, Member};
use crate::store::pg::{platform, projects};

/// Why nobody is added twice.
pub(super) const ALREADY: &str = "this person is a member already: change the role instead";
const LAST_OWNER: &str = "a project keeps an owner: make someone else an owner first";
const BY_EMAIL: &str = "an owner adds members by their e-mail addresses";

/// Makes `person` a member of `project`. The operator adds anyone; an owner gives an e-mail address,
/// and learns of it nothing but that its person is now a member.
///
/// # Errors
/// See [`DirectoryError`].
pub async fn add(
    tx: &Tx,
    clerk: &Clerk<'_>,
    project: ProjectId,
    person: &Person,
    role: Role,
) -> Result<Member, DirectoryError> {
    let user = match (clerk.actor.kind, person) {
        (ActorKind::Key, Person::Known(_)) => {
            return Err(DirectoryError::Invalid("/userId", BY_EMAIL));
        }
        (ActorKind::Key, Person::Addressed(email)) => {
            let fresh = UserId(clerk.ambient.uuid()?);
            let added = members::add_by_email(tx, email, role, fresh).await?;
            added.ok_or(DirectoryError::NotFound)?
        }
        (ActorKind::Platform | ActorKind::Cli, person) => {
            let user = users::ensure(tx, clerk, person).await?;
            if !platform::add_member(tx, project, user, role).await? {
                return Err(DirectoryError::Conflict(ALREADY));
            }
            user
        }
    };
    let member = members::find(tx, project, user).await?.ok_or(DirectoryError::NotFound)?;
    record(tx, clerk, "member.add", project, (user, None, Some(shown(&member)))).await?;
    Ok(member)
}

/// Gives the member `user` another role. Keys keep their scopes, of which the new role may grant less.
///
/// # Errors
/// See [`DirectoryError`].
pub async fn update(
    tx: &Tx,
    clerk: &Clerk<'_>,
    project: ProjectId,
    user: UserId,
    role: Role,
) -> Result<Member, DirectoryError> {
    let before = lock(tx, project, user).await?;
    if role == before.role {
        return Ok(before);
    }
    keep_an_owner(tx, project, &before).await?;
    let member = Member { role, ..before.clone() };
    if !members::update(tx, project, user, role).await? {
        return Err(DirectoryError::NotOwner);
    }
    let change = (user, Some(shown(&before)), Some(shown(&member)));
    record(tx, clerk, "member.update", project, change).await?;
    Ok(member)
}

/// Ends the membership of `user`, and with it the keys and sessions that hang on it.
///
/// # Errors
/// See [`DirectoryError`].
pub async fn remove(
    tx: &Tx,
    clerk: &Clerk<'_>,
    project: ProjectId,
    user: UserId,
) -> Result<(), DirectoryError> {
    let before = lock(tx, project, user).await?;
    keep_an_owner(tx, project, &before).await?;
    // First: an owner who leaves has no place in the audit log any more.
    record(tx, clerk, "member.remove", project, (user, Some(shown(&before)), None)).await?;
    if !members::remove(tx, project, user).await? {
        return Err(DirectoryError::NotOwner);
    }
    Ok(())
}

/// The member `user`, locked against other changes of any member until the transaction ends.
///
/// # Errors
/// See [`DirectoryError`].
pub async fn lock(tx: &Tx, project: ProjectId, user: UserId) -> Result<Member, DirectoryError> {
    projects::lock(tx, project).await?.ok_or(DirectoryError::NotFound)?;
    members::find(tx, project, user).await?.ok_or(DirectoryError::NotFound)
}

/// Refuses to take the role of `member` away if nobody else is an owner.
async fn keep_an_owner(tx: &Tx, project: ProjectId, member: &Member) -> Result<(), DirectoryError> {
    if member.role == Role::Owner && members::owners(tx, project).await? < 2 {
        return Err(DirectoryError::Conflict(LAST_OWNER));
    }
    Ok(())
}

async fn record(
    tx: &Tx,
    clerk: &Clerk<'_>,
    action: &'static str,
    project: ProjectId,
    (user, before, after): (UserId, Option<Value>, Option<Value>),
) -> Result<(), DirectoryError> {
    clerk.record(tx, project, (action, "member", user.to_string()), (before, after)).await
}

/// A member as the audit log shows it.
fn shown(member: &Member) -> Value {
    json!({ "email": member.email, "role": member.role.name() })
}
