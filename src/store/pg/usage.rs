//! When and how often keys are used: written by the server for all tenants at once, read by who
//! administers a project.

use time::{Date, OffsetDateTime};
use uuid::Uuid;

use crate::model::{KeyId, ProjectId};
use crate::store::statement::statements;
use crate::store::{Store, StoreError, Tx};

statements! {
    TOUCH = "keys.touch" (UUID_ARRAY, UUID_ARRAY, DATE_ARRAY, INT8_ARRAY, TIMESTAMPTZ_ARRAY, TEXT_ARRAY)
        "select app.touch_keys($1, $2, $3, $4, $5, $6)";
    LIST = "usage.list" (UUID, UUID, DATE, DATE, DATE, UUID, INT8)
        "select key_id, day, calls from key_usage \
         where project_id = $1 and ($2::uuid is null or key_id = $2) \
         and ($3::date is null or day >= $3) and ($4::date is null or day <= $4) \
         and (day, key_id) > ($5, $6) order by day, key_id limit $7";
}

/// What was counted of a key on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The key's project.
    pub project: ProjectId,
    /// The key.
    pub key: KeyId,
    /// The day, in UTC.
    pub day: Date,
    /// Calls.
    pub calls: i64,
    /// The last of them.
    pub used_at: OffsetDateTime,
    /// The client of the last one that named itself.
    pub client: Option<String>,
}

/// The calls of a key on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayOfKey {
    /// The key.
    pub key: KeyId,
    /// The day, in UTC.
    pub day: Date,
    /// Calls.
    pub calls: i64,
}

/// Adds `counted` to what is stored, in one statement. What is of no key is left out.
///
/// # Errors
/// See [`StoreError`].
pub async fn touch(store: &Store, counted: &[Counted]) -> Result<(), StoreError> {
    let of = |id: fn(&Counted) -> Uuid| -> Vec<Uuid> { counted.iter().map(id).collect() };
    let (projects, keys) = (of(|one| one.project.0), of(|one| one.key.0));
    let days: Vec<Date> = counted.iter().map(|one| one.day).collect();
    let calls: Vec<i64> = counted.iter().map(|one| one.calls).collect();
    let used_at: Vec<OffsetDateTime> = counted.iter().map(|one| one.used_at).collect();
    let clients: Vec<Option<&str>> = counted.iter().map(|one| one.client.as_deref()).collect();
    let touched = store.serve_write(async |tx| {
        tx.rows(&TOUCH, &[&projects, &keys, &days, &calls, &used_at, &clients]).await
    });
    touched.await?;
    Ok(())
}

/// Which days.
#[derive(Clone, Copy, Debug, Default)]
pub struct Days {
    /// Not before this one.
    pub from: Option<Date>,
    /// Not after this one.
    pub to: Option<Date>,
}

/// At most `limit` days of keys of `project`, perhaps of one key, that come after `after`, oldest
/// first.
///
/// # Errors
/// See [`StoreError`].
pub async fn list(
    tx: &Tx,
    project: ProjectId,
    key: Option<KeyId>,
    days: Days,
    (day, after): (Date, KeyId),
    limit: i64,
) -> Result<Vec<DayOfKey>, StoreError> {
    let key = key.map(|key| key.0);
    let Days { from, to } = days;
    let rows = tx.rows(&LIST, &[&project.0, &key, &from, &to, &day, &after.0, &limit]).await?;
    let day = rows.iter().map(|row| DayOfKey {
        key: KeyId(row.get("key_id")),
        day: row.get("day"),
        calls: row.get("calls"),
    });
    Ok(day.collect())
}
