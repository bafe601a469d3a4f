//! A key as the API shows it.

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::access::keys::KeyState;
use crate::model::Scope;
use crate::store::pg::api_keys::Key;

/// A key, without what opens anything.
#[derive(Serialize, ToSchema)]
#[schema(as = Key)]
#[serde(rename_all = "camelCase")]
pub struct KeyView {
    id: Uuid,
    user_id: Uuid,
    email: String,
    label: String,
    /// Its first 12 and last 4 characters.
    hint: String,
    #[schema(inline)]
    environment: Environment,
    // Described at the type: see `http::health` of what utoipa makes of it here.
    #[schema(inline)]
    state: State,
    #[schema(inline)]
    scopes: Vec<Scope>,
    /// Calls a minute.
    rate_limit: i32,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// The user who made it; nobody for the operator.
    created_by: Option<Uuid>,
    #[serde(with = "time::serde::rfc3339::option")]
    expires_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    revoked_at: Option<OffsetDateTime>,
    /// The key that replaces it.
    rotated_to: Option<Uuid>,
    /// To within a minute.
    #[serde(with = "time::serde::rfc3339::option")]
    last_used_at: Option<OffsetDateTime>,
    last_used_client: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Environment {
    Live,
    Test,
}

/// What a key can do now.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum State {
    Active,
    Rotated,
    Expired,
    Revoked,
}

impl KeyView {
    pub(super) fn new(key: &Key, now: OffsetDateTime) -> Self {
        Self {
            id: key.id.0,
            user_id: key.user.0,
            email: key.email.clone(),
            label: key.label.clone(),
            hint: key.hint.clone(),
            environment: if key.test { Environment::Test } else { Environment::Live },
            state: match KeyState::of(key, now) {
                KeyState::Active => State::Active,
                KeyState::Rotated => State::Rotated,
                KeyState::Expired => State::Expired,
                KeyState::Revoked => State::Revoked,
            },
            scopes: key.scopes.iter().collect(),
            rate_limit: key.rate_limit,
            created_at: key.created_at,
            created_by: key.created_by.map(|user| user.0),
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            rotated_to: key.rotated_to.map(|key| key.0),
            last_used_at: key.last_used_at,
            last_used_client: key.last_used_client.clone(),
        }
    }
}
