//! API keys as who administers them sees them: owners, or the operator, as the transaction's role.

use time::OffsetDateTime;
use tokio_postgres::Row;

use crate::model::{KeyId, ProjectId, Scope, Scopes, UserId};
use crate::store::row::Place;
use crate::store::statement::statements;
use crate::store::{StoreError, Tx};

statements! {
    INSERT = "api_keys.insert" (UUID, UUID, UUID, BYTEA, TEXT, TEXT, TEXT, TEXT, TEXT_ARRAY, INT4, TIMESTAMPTZ, UUID)
        "insert into api_keys (project_id, id, user_id, key_hash, key_prefix, key_suffix, label, \
         environment, scopes, rate_limit, expires_at, created_at, created_by) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, now(), $12)";
    FIND = "api_keys.find" (UUID, UUID)
        "select k.id, k.user_id, u.email, k.label, k.key_prefix, k.key_suffix, k.environment, \
         k.scopes, k.rate_limit, k.created_at, k.created_by, k.expires_at, k.revoked_at, \
         k.rotated_to, k.last_used_at, k.last_used_client \
         from api_keys k join users u on u.id = k.user_id \
         where k.project_id = $1 and k.id = $2";
    LOCK = "api_keys.lock" (UUID, UUID)
        "select id from api_keys where project_id = $1 and id = $2 for update";
    LIST = "api_keys.list" (UUID, UUID, TIMESTAMPTZ, UUID, INT8)
        "select k.id, k.user_id, u.email, k.label, k.key_prefix, k.key_suffix, k.environment, \
         k.scopes, k.rate_limit, k.created_at, k.created_by, k.expires_at, k.revoked_at, \
         k.rotated_to, k.last_used_at, k.last_used_client \
         from api_keys k join users u on u.id = k.user_id \
         where k.project_id = $1 and ($2::uuid is null or k.user_id = $2) \
         and (k.created_at, k.id) > ($3, $4) order by k.created_at, k.id limit $5";
    UPDATE = "api_keys.update" (UUID, UUID, TEXT, TEXT_ARRAY, INT4, TIMESTAMPTZ, TIMESTAMPTZ, UUID)
        "update api_keys set label = $3, scopes = $4, rate_limit = $5, expires_at = $6, \
         revoked_at = $7, rotated_to = $8 where project_id = $1 and id = $2";
}

/// A key to be stored. Its plaintext never comes here.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// Its id.
    pub id: KeyId,
    /// Whose it is.
    pub user: UserId,
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
    /// The user who made it; nobody for the operator.
    pub created_by: Option<UserId>,
}

/// A key without what opens anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its id.
    pub id: KeyId,
    /// Whose it is.
    pub user: UserId,
    /// The user's e-mail address.
    pub email: String,
    /// What people call it.
    pub label: String,
    /// Its first 12 and last 4 characters.
    pub hint: String,
    /// Whether it is a test key.
    pub test: bool,
    /// What it may do.
    pub scopes: Scopes,
    /// Calls a minute.
    pub rate_limit: i32,
    /// When it was issued.
    pub created_at: OffsetDateTime,
    /// The user who made it; nobody for the operator.
    pub created_by: Option<UserId>,
    /// When it ends, if it does.
    pub expires_at: Option<OffsetDateTime>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<OffsetDateTime>,
    /// The key that replaces it.
    pub rotated_to: Option<KeyId>,
    /// When it was last used, to within a minute.
    pub last_used_at: Option<OffsetDateTime>,
    /// With which client.
    pub last_used_client: Option<String>,
}

/// Stores a key of `project`.
///
/// # Errors
/// See [`StoreError`].
pub async fn insert(tx: &Tx, project: ProjectId, key: &NewKey) -> Result<(), StoreError> {
    let environment = if key.test { "test" } else { "live" };
    let created_by = key.created_by.map(|user| user.0);
    tx.rows(
        &INSERT,
        &[
            &project.0,
            &key.id.0,
            &key.user.0,
            &key.hash.as_slice(),
            &key.prefix,
            &key.suffix,
            &key.label,
            &environment,
            &key.scopes.names(),
            &key.rate_limit,
            &key.expires_at,
            &created_by,
        ],
    )
    .await?;
    Ok(())
}

/// The key `id` of `project`, if the transaction sees it.
///
/// # Errors
/// See [`StoreError`].
pub async fn find(tx: &Tx, project: ProjectId, id: KeyId) -> Result<Option<Key>, StoreError> {
    tx.row(&FIND, &[&project.0, &id.0]).await?.as_ref().map(key).transpose()
}

/// The same, locked against other changes until the transaction ends.
///
/// # Errors
/// See [`StoreError`].
pub async fn lock(tx: &Tx, project: ProjectId, id: KeyId) -> Result<Option<Key>, StoreError> {
    if tx.row(&LOCK, &[&project.0, &id.0]).await?.is_none() {
        return Ok(None);
    }
    find(tx, project, id).await
}

/// At most `limit` keys of `project`, perhaps of one user, that come after `after`, oldest first.
///
/// # Errors
/// See [`StoreError`].
pub async fn list(
    tx: &Tx,
    project: ProjectId,
    user: Option<UserId>,
    (time, id): (OffsetDateTime, KeyId),
    limit: i64,
) -> Result<Vec<Key>, StoreError> {
    let user = user.map(|user| user.0);
    let rows = tx.rows(&LIST, &[&project.0, &user, &time, &id.0, &limit]).await?;
    rows.iter().map(key).collect()
}

/// Stores what of `key` can change.
///
/// # Errors
/// See [`StoreError`].
pub async fn update(tx: &Tx, project: ProjectId, key: &Key) -> Result<(), StoreError> {
    let Key { id, label, scopes, rate_limit, expires_at, revoked_at, rotated_to, .. } = key;
    let rotated_to = rotated_to.map(|key| key.0);
    let scopes = scopes.names();
    tx.rows(
        &UPDATE,
        &[&project.0, &id.0, label, &scopes, rate_limit, expires_at, revoked_at, &rotated_to],
    )
    .await?;
    Ok(())
}

fn key(row: &Row) -> Result<Key, StoreError> {
    let id = KeyId(row.get("id"));
    let place = Place { table: "api_keys", column: "scopes", id: &id };
    let scopes: Vec<String> = row.get("scopes");
    let scopes = scopes.iter().map(|scope| place.parse::<Scope>(scope));
    let (prefix, suffix): (&str, &str) = (row.get("key_prefix"), row.get("key_suffix"));
    Ok(Key {
        id,
        user: UserId(row.get("user_id")),
        email: row.get("email"),
        label: row.get("label"),
        hint: format!("{prefix}…{suffix}"),
        test: row.get::<_, &str>("environment") == "test",
        scopes: Scopes::new(scopes.collect::<Result<Vec<_>, _>>()?),
        rate_limit: row.get("rate_limit"),
        created_at: row.get("created_at"),
        created_by: row.get::<_, Option<uuid::Uuid>>("created_by").map(UserId),
        expires_at: row.get("expires_at"),
        revoked_at: row.get("revoked_at"),
        rotated_to: row.get::<_, Option<uuid::Uuid>>("rotated_to").map(KeyId),
        last_used_at: row.get("last_used_at"),
        last_used_client: row.get("last_used_client"),
    })
}
