//! Members of a project, as they see each other, and as the operator sees them.

use time::OffsetDateTime;
use tokio_postgres::Row;

use crate::model::{KeyId, ProjectId, Role, Scope, Scopes, UserId};
use crate::store::row::Place;
use crate::store::statement::statements;
use crate::store::{StoreError, Tenant, Tx};

statements! {
    ROLE = "members.role" (UUID, UUID)
        "select role from memberships where project_id = $1 and user_id = $2";
    STANDING = "members.standing" (UUID, UUID, UUID)
        "select m.role, k.scopes from memberships m join api_keys k using (project_id, user_id) \
         where m.project_id = $1 and m.user_id = $2 and k.id = $3 and k.revoked_at is null \
         and (k.expires_at is null or k.expires_at > now())";
    FIND = "members.find" (UUID, UUID)
        "select m.user_id, u.email, u.display_name, m.role, m.created_at \
         from memberships m join users u on u.id = m.user_id \
         where m.project_id = $1 and m.user_id = $2";
    LIST = "members.list" (UUID, TIMESTAMPTZ, UUID, INT8)
        "select m.user_id, u.email, u.display_name, m.role, m.created_at \
         from memberships m join users u on u.id = m.user_id \
         where m.project_id = $1 and (m.created_at, m.user_id) > ($2, $3) \
         order by m.created_at, m.user_id limit $4";
    OWNERS = "members.owners" (UUID)
        "select count(*) as owners from memberships where project_id = $1 and role = 'owner'";
    ADD_BY_EMAIL = "members.add_by_email" (TEXT, TEXT, UUID)
        "select app.add_member_by_email($1, $2, $3) as user_id";
    UPDATE = "members.update" (UUID, UUID, TEXT)
        "update memberships set role = $3 where project_id = $1 and user_id = $2 returning role";
    REMOVE = "members.remove" (UUID, UUID)
        "delete from memberships where project_id = $1 and user_id = $2 returning role";
}

/// A member of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who it is.
    pub user: UserId,
    /// The e-mail address.
    pub email: String,
    /// What people call the person; perhaps nothing.
    pub display_name: String,
    /// The role.
    pub role: Role,
    /// Since when.
    pub created_at: OffsetDateTime,
}

/// The tenant's role in its project and the scopes of its key `key`, both as they are now, whatever a
/// cache says; `None` when either has ended.
///
/// # Errors
/// See [`StoreError`].
pub async fn standing(
    tx: &Tx,
    tenant: &Tenant,
    key: KeyId,
) -> Result<Option<(Role, Scopes)>, StoreError> {
    let row = tx.row(&STANDING, &[&tenant.project().0, &tenant.user().0, &key.0]).await?;
    let Some(row) = row else { return Ok(None) };
    let role = Place { table: "memberships", column: "role", id: &tenant.user() };
    let place = Place { table: "api_keys", column: "scopes", id: &key };
    let scopes: Vec<String> = row.get("scopes");
    let scopes = scopes.iter().map(|scope| place.parse::<Scope>(scope));
    let scopes = Scopes::new(scopes.collect::<Result<Vec<_>, _>>()?);
    Ok(Some((role.parse(row.get("role"))?, scopes)))
}

/// The role of `user` in `project`; `None` for who is no member.
///
/// # Errors
/// See [`StoreError`].
pub async fn role_of(
    tx: &Tx,
    project: ProjectId,
    user: UserId,
) -> Result<Option<Role>, StoreError> {
    let row = tx.row(&ROLE, &[&project.0, &user.0]).await?;
    let place = Place { table: "memberships", column: "role", id: &user };
    row.map(|row| place.parse(row.get("role"))).transpose()
}

/// The tenant's role in its project now; `None` when it is not a member any more.
///
/// # Errors
/// See [`StoreError`].
pub async fn role(tx: &Tx, tenant: &Tenant) -> Result<Option<Role>, StoreError> {
    role_of(tx, tenant.project(), tenant.user()).await
}

/// The member `user` of `project`, if the transaction sees it.
///
/// # Errors
/// See [`StoreError`].
pub async fn find(tx: &Tx, project: ProjectId, user: UserId) -> Result<Option<Member>, StoreError> {
    tx.row(&FIND, &[&project.0, &user.0]).await?.as_ref().map(member).transpose()
}

/// At most `limit` members of `project` that come after `after`, oldest first.
///
/// # Errors
/// See [`StoreError`].
pub async fn list(
    tx: &Tx,
    project: ProjectId,
    (time, user): (OffsetDateTime, UserId),
    limit: i64,
) -> Result<Vec<Member>, StoreError> {
    let rows = tx.rows(&LIST, &[&project.0, &time, &user.0, &limit]).await?;
    rows.iter().map(member).collect()
}

/// How many owners `project` has.
///
/// # Errors
/// See [`StoreError`].
pub async fn owners(tx: &Tx, project: ProjectId) -> Result<i64, StoreError> {
    let row = tx.row(&OWNERS, &[&project.0]).await?;
    Ok(row.map_or(0, |row| row.get("owners")))
}

/// Makes the person with this address a member of the tenant's project, and the person as `fresh`
/// where there is none.
///
/// # Errors
/// [`StoreError::Forbidden`] when the tenant is no owner; `memberships_pkey` is violated when the
/// person is a member already.
pub async fn add_by_email(
    tx: &Tx,
    email: &str,
    role: Role,
    fresh: UserId,
) -> Result<Option<UserId>, StoreError> {
    let row = tx.row(&ADD_BY_EMAIL, &[&email, &role.name(), &fresh.0]).await?;
    Ok(row.map(|row| UserId(row.get("user_id"))))
}

/// Gives a member another role; `false` when the transaction may not.
///
/// # Errors
/// See [`StoreError`].
pub async fn update(
    tx: &Tx,
    project: ProjectId,
    user: UserId,
    role: Role,
) -> Result<bool, StoreError> {
    Ok(tx.row(&UPDATE, &[&project.0, &user.0, &role.name()]).await?.is_some())
}

/// Ends a membership, and with it the member's keys and sessions; `false` when the transaction may
/// not.
///
/// # Errors
/// See [`StoreError`].
pub async fn remove(tx: &Tx, project: ProjectId, user: UserId) -> Result<bool, StoreError> {
    Ok(tx.row(&REMOVE, &[&project.0, &user.0]).await?.is_some())
}

fn member(row: &Row) -> Result<Member, StoreError> {
    let user = UserId(row.get("user_id"));
    let place = Place { table: "memberships", column: "role", id: &user };
    Ok(Member {
        user,
        email: row.get("email"),
        display_name: row.get("display_name"),
        role: place.parse(row.get("role"))?,
        created_at: row.get("created_at"),
    })
}
