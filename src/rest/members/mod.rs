//! Members of a project: one file for each operation.

pub mod add;
pub mod get;
pub mod list;
pub mod remove;
pub mod update;

use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::RestError;
use crate::model::Role;
use crate::store::pg::members::Member;

/// A member of a project.
#[derive(Serialize, ToSchema)]
#[schema(as = Member)]
#[serde(rename_all = "camelCase")]
pub struct MemberView {
    user_id: Uuid,
    email: String,
    display_name: String,
    #[schema(inline)]
    role: Role,
    /// Since when.
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
}

fn shown(member: &Member) -> Result<Value, RestError> {
    let view = MemberView {
        user_id: member.user.0,
        email: member.email.clone(),
        display_name: member.display_name.clone(),
        role: member.role,
        created_at: member.created_at,
    };
    serde_json::to_value(view).map_err(RestError::broken)
}
