//! Changing keys: label, limit, scopes downwards, expiry; rotating; revoking.

use time::{Duration, OffsetDateTime};

use super::issue::{Issued, Request, issue};
use super::policy::{MAX_GRACE, check_label, check_rate_limit};
use super::{KeyDesk, KeyError, KeyState, shown};
use crate::model::{KeyId, Scopes};
use crate::store::Tx;
use crate::store::pg::api_keys::{self, Key};

/// What of a key is to change; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct Patch {
    /// What people call it.
    pub label: Option<String>,
    /// Fewer scopes than it has.
    pub scopes: Option<Scopes>,
    /// Calls a minute.
    pub rate_limit: Option<i32>,
    /// When it ends.
    pub end: NewEnd,
}

/// When a key ends from now on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NewEnd {
    /// As before.
    #[default]
    Same,
    /// Never, or as late as the policy allows.
    Never,
    /// Then.
    At(OffsetDateTime),
}

/// Changes the key `id`.
///
/// # Errors
/// See [`KeyError`].
pub async fn update(tx: &Tx, desk: &KeyDesk<'_>, id: KeyId, patch: Patch) -> Result<Key, KeyError> {
    let before = living(tx, desk, id).await?;
    let mut key = before.clone();
    if let Some(label) = patch.label {
        check_label(&label)?;
        key.label = label;
    }
    if let Some(scopes) = patch.scopes {
        key.scopes = fewer(&before, scopes)?;
    }
    if let Some(limit) = patch.rate_limit {
        check_rate_limit(limit)?;
        key.rate_limit = limit;
    }
    key.expires_at = match patch.end {
        NewEnd::Same => before.expires_at,
        NewEnd::Never => new_end(desk, &before, None)?,
        NewEnd::At(end) => new_end(desk, &before, Some(end))?,
    };
    if key != before {
        api_keys::update(tx, desk.project, &key).await?;
        key = api_keys::find(tx, desk.project, id).await?.ok_or(KeyError::NotFound)?;
        let change = (Some(shown(&before)), Some(shown(&key)));
        desk.record(tx, "key.update", id, change).await?;
    }
    Ok(key)
}

fn fewer(key: &Key, scopes: Scopes) -> Result<Scopes, KeyError> {
    if scopes.are_within(&key.scopes) {
        return Ok(scopes);
    }
    let sentence = "a key keeps or loses scopes; for more, issue another";
    Err(KeyError::Invalid("/scopes", sentence.to_owned()))
}

/// The policy counts from the key's creation; the end of a rotated key only comes nearer.
fn new_end(
    desk: &KeyDesk<'_>,
    key: &Key,
    wanted: Option<OffsetDateTime>,
) -> Result<Option<OffsetDateTime>, KeyError> {
    let nearer = wanted.is_some_and(|end| key.expires_at.is_none_or(|own| end <= own));
    let end = if nearer { wanted } else { desk.policy.end(wanted, key.created_at)? };
    let now = desk.ambient.clock.now();
    if end.is_some_and(|end| end <= now) {
        return Err(KeyError::Invalid("/expiresAt", "it must lie ahead".to_owned()));
    }
    let later = end.is_none_or(|end| key.expires_at.is_some_and(|own| end > own));
    if key.rotated_to.is_some() && later {
        return Err(KeyError::Conflict("a key that was rotated does not live longer"));
    }
    Ok(end)
}

/// Issues a key in place of `id`, which lives on for `grace`, never past its own end.
///
/// # Errors
/// See [`KeyError`].
pub async fn rotate(
    tx: &Tx,
    desk: &KeyDesk<'_>,
    id: KeyId,
    grace: Duration,
) -> Result<Issued, KeyError> {
    if grace.is_negative() || grace > MAX_GRACE {
        let sentence = "it must be 0 to 2592000 seconds, 30 days".to_owned();
        return Err(KeyError::Invalid("/graceSeconds", sentence));
    }
    let before = living(tx, desk, id).await?;
    if before.rotated_to.is_some() {
        return Err(KeyError::Conflict("this key was rotated already"));
    }
    let now = desk.ambient.clock.now();
    // As long as the old one was issued for.
    let lifetime = before.expires_at.map(|end| end - before.created_at);
    let request = Request {
        user: before.user,
        label: before.label.clone(),
        scopes: before.scopes.clone(),
        test: before.test,
        rate_limit: Some(before.rate_limit),
        expires_at: desk.policy.end_after(lifetime, now)?,
    };
    let issued = issue(tx, desk, request).await?;
    let grace_end = now.checked_add(grace).unwrap_or(now);
    let mut key = before.clone();
    key.rotated_to = Some(issued.key.id);
    key.expires_at = Some(before.expires_at.map_or(grace_end, |end| end.min(grace_end)));
    api_keys::update(tx, desk.project, &key).await?;
    desk.record(tx, "key.rotate", id, (Some(shown(&before)), Some(shown(&key)))).await?;
    Ok(issued)
}

/// Revokes the key `id` for good; one that is revoked stays so.
///
/// # Errors
/// See [`KeyError`].
pub async fn revoke(tx: &Tx, desk: &KeyDesk<'_>, id: KeyId) -> Result<(), KeyError> {
    let before = api_keys::lock(tx, desk.project, id).await?.ok_or(KeyError::NotFound)?;
    if before.revoked_at.is_some() {
        return Ok(());
    }
    let key = Key { revoked_at: Some(desk.ambient.clock.now()), ..before.clone() };
    api_keys::update(tx, desk.project, &key).await?;
    desk.record(tx, "key.revoke", id, (Some(shown(&before)), Some(shown(&key)))).await
}

/// The key `id`, locked, if it still works.
async fn living(tx: &Tx, desk: &KeyDesk<'_>, id: KeyId) -> Result<Key, KeyError> {
    let key = api_keys::lock(tx, desk.project, id).await?.ok_or(KeyError::NotFound)?;
    match KeyState::of(&key, desk.ambient.clock.now()) {
        KeyState::Active | KeyState::Rotated => Ok(key),
        KeyState::Expired => Err(KeyError::Conflict("this key has expired; issue another")),
        KeyState::Revoked => Err(KeyError::Conflict("this key was revoked; issue another")),
    }
}
