//! What every key must be.

use time::{Duration, OffsetDateTime};

use super::KeyError;
use crate::model::clock::rfc3339;
use crate::model::{Right, Role, Scope, Scopes};

/// Calls a minute of a key that says nothing else.
pub(super) const DEFAULT_RATE_LIMIT: i32 = 60;
/// The most calls a minute that a key may have.
pub(super) const MAX_RATE_LIMIT: i32 = 100_000;
/// The longest label, in characters.
pub(super) const MAX_LABEL_CHARS: usize = 100;
/// The longest time that a rotated key lives on.
pub(super) const MAX_GRACE: Duration = Duration::days(30);

/// What the operator demands of all keys.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyPolicy {
    /// `KEY_MAX_LIFETIME_DAYS`: the longest that a key may live, from its creation.
    pub max_lifetime: Option<Duration>,
}

/// Nobody lives to see it.
const NO_END: &str = "this key ends beyond the calendar: issue another";

impl KeyPolicy {
    /// The policy that keys live at most for `max_lifetime`.
    #[must_use]
    pub fn new(max_lifetime: Option<std::time::Duration>) -> Self {
        Self { max_lifetime: max_lifetime.and_then(|lifetime| lifetime.try_into().ok()) }
    }

    /// When a key ends that is to end at `wanted`, issued at `now`; without a wish at the latest
    /// that the policy allows.
    /// When a key ends that takes the place of one which was to live for `lifetime`.
    pub(super) fn end_after(
        self,
        lifetime: Option<Duration>,
        now: OffsetDateTime,
    ) -> Result<Option<OffsetDateTime>, KeyError> {
        let lifetime = match (lifetime, self.max_lifetime) {
            (Some(own), Some(longest)) => Some(own.min(longest)),
            (own, longest) => own.or(longest),
        };
        let Some(lifetime) = lifetime else { return Ok(None) };
        let end = now.checked_add(lifetime).ok_or(KeyError::Conflict(NO_END))?;
        Ok(Some(end))
    }

    pub(super) fn end(
        self,
        wanted: Option<OffsetDateTime>,
        now: OffsetDateTime,
    ) -> Result<Option<OffsetDateTime>, KeyError> {
        if wanted.is_some_and(|end| end <= now) {
            return Err(KeyError::Invalid("/expiresAt", "it must lie ahead".to_owned()));
        }
        let Some(latest) = self.max_lifetime.and_then(|lifetime| now.checked_add(lifetime)) else {
            return Ok(wanted);
        };
        match wanted {
            None => Ok(Some(latest)),
            Some(end) if end <= latest => Ok(Some(end)),
            Some(_) => {
                let latest = rfc3339(latest);
                Err(KeyError::Invalid("/expiresAt", format!("keys end by {latest} at the latest")))
            }
        }
    }
}

pub(super) fn check_label(label: &str) -> Result<(), KeyError> {
    if label.chars().count() <= MAX_LABEL_CHARS && !label.contains('\0') {
        return Ok(());
    }
    let sentence = format!("a label has at most {MAX_LABEL_CHARS} characters and no NUL");
    Err(KeyError::Invalid("/label", sentence))
}

/// Scopes that the role could never use are refused: a key is not issued for later.
pub(super) fn check_scopes(scopes: &Scopes, role: Role) -> Result<(), KeyError> {
    let refused = |sentence: &str| Err(KeyError::Invalid("/scopes", sentence.to_owned()));
    if scopes.contains(Scope::Write) && !scopes.grant(Right::Write, role) {
        return refused("`write` needs a user who is an editor or an owner");
    }
    if scopes.contains(Scope::Admin) && role != Role::Owner {
        return refused("`admin` needs a user who is an owner");
    }
    Ok(())
}

pub(super) fn check_rate_limit(limit: i32) -> Result<(), KeyError> {
    if (1..=MAX_RATE_LIMIT).contains(&limit) {
        return Ok(());
    }
    let sentence = format!("it must be 1 to {MAX_RATE_LIMIT} calls a minute");
    Err(KeyError::Invalid("/rateLimit", sentence))
}
