//! Projects, the tenants: one file for each operation.

pub mod create;
pub mod delete;
pub mod get;
pub mod list;
pub mod update;

use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::RestError;
use crate::store::pg::projects::Project;

/// A project.
#[derive(Serialize, ToSchema)]
#[schema(as = Project)]
#[serde(rename_all = "camelCase")]
pub struct ProjectView {
    id: Uuid,
    /// Its short name, which stands in paths and never changes.
    slug: String,
    name: String,
    /// The language of its texts, for the search.
    search_language: String,
    #[schema(value_type = Object)]
    settings: Value,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
}

fn shown(project: &Project) -> Result<Value, RestError> {
    let view = ProjectView {
        id: project.id.0,
        slug: project.slug.clone(),
        name: project.name.clone(),
        search_language: project.search_language.clone(),
        settings: project.settings.clone(),
        created_at: project.created_at,
    };
    serde_json::to_value(view).map_err(RestError::broken)
}
