//! Issuing a key to a member.

use time::OffsetDateTime;

use super::policy::{DEFAULT_RATE_LIMIT, check_label, check_rate_limit, check_scopes};
use super::{KeyDesk, KeyError, shown};
use crate::access::key::ApiKey;
use crate::model::{KeyId, Scopes, UserId};
use crate::store::pg::api_keys::{self, Key, NewKey};
use crate::store::pg::members;
use crate::store::{StoreError, Tx};

/// A key to be issued.
#[derive(Clone, Debug)]
pub struct Request {
    /// Whose it will be.
    pub user: UserId,
    /// What people call it.
    pub label: String,
    /// What it may do.
    pub scopes: Scopes,
    /// Whether it is a test key.
    pub test: bool,
    /// Calls a minute.
    pub rate_limit: Option<i32>,
    /// When it ends; the policy's latest, if not given.
    pub expires_at: Option<OffsetDateTime>,
}

/// A key that was issued, with the only copy of it.
#[derive(Debug)]
pub struct Issued {
    /// What is stored.
    pub key: Key,
    /// The key itself: shown once.
    pub plaintext: ApiKey,
}

/// Issues a key.
///
/// # Errors
/// See [`KeyError`].
pub async fn issue(tx: &Tx, desk: &KeyDesk<'_>, request: Request) -> Result<Issued, KeyError> {
    let now = desk.ambient.clock.now();
    let role = members::role_of(tx, desk.project, request.user).await?;
    let role = role.ok_or(KeyError::NoMember)?;
    check_label(&request.label)?;
    check_scopes(&request.scopes, role)?;
    let rate_limit = request.rate_limit.unwrap_or(DEFAULT_RATE_LIMIT);
    check_rate_limit(rate_limit)?;
    let expires_at = desk.policy.end(request.expires_at, now)?;
    let plaintext = ApiKey::generate(&desk.ambient.entropy, request.test)?;
    let (prefix, suffix) = plaintext.hints();
    let new = NewKey {
        id: KeyId(desk.ambient.uuid()?),
        user: request.user,
        hash: plaintext.hash(),
        prefix,
        suffix,
        label: request.label,
        test: request.test,
        scopes: request.scopes,
        rate_limit,
        expires_at,
        created_by: desk.actor.user,
    };
    api_keys::insert(tx, desk.project, &new).await.map_err(gone)?;
    let key = api_keys::find(tx, desk.project, new.id).await?.ok_or(KeyError::NotFound)?;
    desk.record(tx, "key.create", key.id, (None, Some(shown(&key)))).await?;
    Ok(Issued { key, plaintext })
}

/// The user may have ceased to be a member since the role was asked.
fn gone(error: StoreError) -> KeyError {
    if error.constraint() == Some("api_keys_membership_fkey") {
        KeyError::NoMember
    } else {
        KeyError::Store(error)
    }
}
