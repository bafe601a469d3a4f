//! The audit log: of a project for its owners, of everything for the operator. It is only read
//! here; each change writes its own entry.

pub mod all;
pub mod project;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{Problem, RestError, when};
use crate::model::{KeyId, UserId};
use crate::store::pg::audit::{Entry, Filter};

/// Which entries: those to which all of it applies.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub struct AuditQuery {
    /// What was done, such as `key.revoke`.
    action: Option<String>,
    /// By whom.
    actor_user_id: Option<Uuid>,
    /// With which key.
    key_id: Option<Uuid>,
    /// To what kind of thing, such as `key`.
    target_kind: Option<String>,
    /// To which.
    target_id: Option<String>,
    /// Not before this time.
    #[serde(default, deserialize_with = "when::optional")]
    from: Option<OffsetDateTime>,
    /// Before this time.
    #[serde(default, deserialize_with = "when::optional")]
    to: Option<OffsetDateTime>,
    /// How many.
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<u16>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
}

/// A page of entries.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "described, not made: `paging` writes it")]
pub struct AuditList {
    items: Vec<EntryView>,
    /// Present when there are more.
    #[schema(nullable = false)]
    next_cursor: Option<String>,
}

/// Who changed what, without secrets.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEntry)]
#[serde(rename_all = "camelCase")]
pub struct EntryView {
    id: Uuid,
    /// All zeros for what belongs to no project.
    project_id: Uuid,
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    /// `key`, `platform` or `cli`.
    actor_kind: String,
    actor_user_id: Option<Uuid>,
    key_id: Option<Uuid>,
    /// The client, as it named itself.
    client_name: Option<String>,
    ip: Option<String>,
    action: String,
    target_kind: String,
    target_id: String,
    /// What it was.
    #[schema(value_type = Option<Object>)]
    before: Option<Value>,
    /// What it is since.
    #[schema(value_type = Option<Object>)]
    after: Option<Value>,
}

impl AuditQuery {
    /// What is asked for, in all projects.
    fn filter(&self) -> Result<Filter, RestError> {
        let texts = [
            ("action", &self.action),
            ("targetKind", &self.target_kind),
            ("targetId", &self.target_id),
        ];
        for (name, text) in texts {
            if text.as_ref().is_some_and(|text| text.contains('\0')) {
                return Err(Problem::invalid_field(name, "it has a NUL character").into());
            }
        }
        Ok(Filter {
            project: None,
            action: self.action.clone(),
            actor: self.actor_user_id.map(UserId),
            key: self.key_id.map(KeyId),
            target_kind: self.target_kind.clone(),
            target: self.target_id.clone(),
            from: self.from,
            to: self.to,
        })
    }
}

fn shown(entry: &Entry) -> Result<Value, RestError> {
    let entry = entry.clone();
    let view = EntryView {
        id: entry.id,
        project_id: entry.project.0,
        at: entry.at,
        actor_kind: entry.actor_kind,
        actor_user_id: entry.actor.map(|user| user.0),
        key_id: entry.key.map(|key| key.0),
        client_name: entry.client,
        ip: entry.address.map(|address| address.to_string()),
        action: entry.action,
        target_kind: entry.target_kind,
        target_id: entry.target,
        before: entry.before,
        after: entry.after,
    };
    serde_json::to_value(view).map_err(RestError::broken)
}
