//! What the operator administers: users, projects, memberships, keys. As `app_platform`.

use time::OffsetDateTime;
use tokio_postgres::Row;

use crate::model::{KeyId, ProjectId, Role, Scope, Scopes, UserId};
use crate::store::row::Place;
use crate::store::statement::statements;
use crate::store::{StoreError, Tenant, Tx};

statements! {
    USER = "platform.user" (UUID, TEXT)
        "with made as (insert into users (id, email, display_name, created_at) \
         values ($1, $2, $2, now()) on conflict (email) do nothing returning id) \
         select id from made union all select id from users where email = $2 limit 1";
    PROJECT = "platform.project" (UUID, TEXT)
        "with made as (insert into projects (id, slug, name, created_at) \
         values ($1, $2, $2, now()) on conflict (slug) do nothing returning id) \
         select id from made union all \
         select id from projects where slug = $2 and deleted_at is null limit 1";
    MEMBERSHIP = "platform.membership" (UUID, UUID, TEXT)
        "insert into memberships (project_id, user_id, role, created_at) values ($1, $2, $3, now()) \
         on conflict (project_id, user_id) do nothing";
    FIND_MEMBER = "platform.find_member" (TEXT, TEXT)
        "select m.project_id, m.user_id from memberships m \
         join projects p on p.id = m.project_id join users u on u.id = m.user_id \
         where p.slug = $1 and u.email = $2 and p.deleted_at is null";
    INSERT_KEY = "platform.insert_key"
        (UUID, UUID, UUID, BYTEA, TEXT, TEXT, TEXT, TEXT, TEXT_ARRAY, INT4, TIMESTAMPTZ)
        "insert into api_keys (project_id, id, user_id, key_hash, key_prefix, key_suffix, label, \
         environment, scopes, rate_limit, expires_at, created_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, now())";
    LIST_KEYS = "platform.list_keys" (TEXT)
        "select k.id, u.email, k.label, k.key_prefix, k.key_suffix, k.scopes, \
         k.created_at, k.expires_at, k.revoked_at from api_keys k \
         join projects p on p.id = k.project_id join users u on u.id = k.user_id \
         where p.slug = $1 order by k.created_at, k.id";
    REVOKE_KEY = "platform.revoke_key" (TEXT, UUID)
        "update api_keys k set revoked_at = coalesce(k.revoked_at, now()) from projects p \
         where p.id = k.project_id and p.slug = $1 and k.id = $2 returning k.id";
}

/// A key to be stored. Its plaintext never comes here.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// Its id.
    pub id: KeyId,
    /// SHA-256 of the whole key.
    pub hash: [u8; 32],
    /// Its first 12 characters, for people.
    pub prefix: String,
    /// Its last 4 characters, for people.
    pub suffix: String,
    /// What people call it.
    pub label: String,
    /// Whether it is a test key.
    pub test: bool,
    /// What it may do.
    pub scopes: Scopes,
    /// Calls a minute.
    pub rate_limit: i32,
    /// When it ends, if it does.
    pub expires_at: Option<OffsetDateTime>,
}

/// A key as listed.
#[derive(Clone, Debug)]
pub struct ListedKey {
    /// Its id.
    pub id: KeyId,
    /// Whose it is.
    pub email: String,
    /// What people call it.
    pub label: String,
    /// Its first 12 and last 4 characters.
    pub hint: String,
    /// What it may do.
    pub scopes: Scopes,
    /// When it was issued.
    pub created_at: OffsetDateTime,
    /// When it ends, if it does.
    pub expires_at: Option<OffsetDateTime>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<OffsetDateTime>,
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

/// Makes `user` a member of `project`, unless it is one already.
///
/// # Errors
/// See [`StoreError`].
pub async fn add_member(
    tx: &Tx,
    project: ProjectId,
    user: UserId,
    role: Role,
) -> Result<(), StoreError> {
    tx.rows(&MEMBERSHIP, &[&project.0, &user.0, &role.name()]).await?;
    Ok(())
}

/// The tenant that the user with `email` is in the project `slug`; `None` without a membership.
///
/// # Errors
/// See [`StoreError`].
pub async fn find_member(tx: &Tx, slug: &str, email: &str) -> Result<Option<Tenant>, StoreError> {
    let row = tx.row(&FIND_MEMBER, &[&slug, &email]).await?;
    Ok(row.map(|row| Tenant::new(ProjectId(row.get("project_id")), UserId(row.get("user_id")))))
}

/// Stores a key of `member`.
///
/// # Errors
/// See [`StoreError`].
pub async fn insert_key(tx: &Tx, member: &Tenant, key: &NewKey) -> Result<(), StoreError> {
    let environment = if key.test { "test" } else { "live" };
    let (id, hash, scopes) = (key.id.0, key.hash.as_slice(), key.scopes.names());
    let NewKey { prefix, suffix, label, rate_limit, expires_at, .. } = key;
    tx.rows(
        &INSERT_KEY,
        &[
            &member.project().0,
            &id,
            &member.user().0,
            &hash,
            prefix,
            suffix,
            label,
            &environment,
            &scopes,
            rate_limit,
            expires_at,
        ],
    )
    .await?;
    Ok(())
}

/// The keys of the project `slug`, oldest first.
///
/// # Errors
/// See [`StoreError`].
pub async fn list_keys(tx: &Tx, slug: &str) -> Result<Vec<ListedKey>, StoreError> {
    tx.rows(&LIST_KEYS, &[&slug]).await?.iter().map(listed_key).collect()
}

/// Revokes the key `id` of the project `slug`; `false` when there is none.
///
/// # Errors
/// See [`StoreError`].
pub async fn revoke_key(tx: &Tx, slug: &str, id: KeyId) -> Result<bool, StoreError> {
    Ok(tx.row(&REVOKE_KEY, &[&slug, &id.0]).await?.is_some())
}

fn listed_key(row: &Row) -> Result<ListedKey, StoreError> {
    let id = KeyId(row.get("id"));
    let place = Place { table: "api_keys", column: "scopes", id: &id };
    let scopes: Vec<String> = row.get("scopes");
    let scopes = scopes.iter().map(|scope| place.parse::<Scope>(scope));
    let (prefix, suffix): (&str, &str) = (row.get("key_prefix"), row.get("key_suffix"));
    Ok(ListedKey {
        id,
        email: row.get("email"),
        label: row.get("label"),
        hint: format!("{prefix}…{suffix}"),
        scopes: Scopes::new(scopes.collect::<Result<Vec<_>, _>>()?),
        created_at: row.get("created_at"),
        expires_at: row.get("expires_at"),
        revoked_at: row.get("revoked_at"),
    })
}
