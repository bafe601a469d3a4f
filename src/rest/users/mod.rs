//! People, for the operator: one file for each operation.

pub mod create;
pub mod delete;
pub mod get;
pub mod list;
pub mod update;

use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::RestError;
use crate::store::pg::users::User;

/// A person or agent account.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
#[serde(rename_all = "camelCase")]
pub struct UserView {
    id: Uuid,
    email: String,
    display_name: String,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
}

/// The user of a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "described, not read: the handlers read it")]
pub(super) struct UserPath {
    user: Uuid,
}

fn shown(user: &User) -> Result<Value, RestError> {
    let view = UserView {
        id: user.id.0,
        email: user.email.clone(),
        display_name: user.display_name.clone(),
        created_at: user.created_at,
    };
    serde_json::to_value(view).map_err(RestError::broken)
}
