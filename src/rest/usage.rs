//! `GET /api/v1/projects/{project}/usage`: calls by key and day.

use axum::extract::OriginalUri;
use axum::response::Response;
use serde::{Deserialize, Deserializer, Serialize};
use time::format_description::well_known::Iso8601;
use time::{Date, Time};
use utoipa::ToSchema;
use uuid::Uuid;

use super::documented::ProjectPath;
use super::paging::{Asked, Page};
use super::project::ProjectAdmin;
use super::{Problem, RestError};
use crate::model::KeyId;
use crate::store::pg::usage::{self, DayOfKey, Days};

/// Which days of which keys.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub struct UsageQuery {
    /// The first day, such as `2026-01-31`, in UTC.
    #[serde(default, deserialize_with = "day")]
    #[param(value_type = Option<String>, format = Date)]
    from: Option<Date>,
    /// The last day.
    #[serde(default, deserialize_with = "day")]
    #[param(value_type = Option<String>, format = Date)]
    to: Option<Date>,
    /// Those of this key.
    key_id: Option<Uuid>,
    /// How many.
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<u16>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
}

/// Nothing but four digits, two and two: more than that no list has, and Postgres not all of it.
fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let day = Date::parse(&text, &Iso8601::DATE).ok();
    let day = day.filter(|day| text.len() == 10 && day.to_string() == text);
    day.map(Some).ok_or_else(|| serde::de::Error::custom("a day is written as 2026-01-31"))
}

/// A page of days.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "described, not made: `paging` writes it")]
pub struct UsageList {
    items: Vec<DayView>,
    /// Present when there are more.
    #[schema(nullable = false)]
    next_cursor: Option<String>,
}

/// The calls of a key on one day.
#[derive(Serialize, ToSchema)]
#[schema(as = DayOfKey)]
#[serde(rename_all = "camelCase")]
pub struct DayView {
    key_id: Uuid,
    /// In UTC.
    #[schema(value_type = String, format = Date)]
    day: String,
    /// MCP and REST together, refused ones included.
    #[schema(minimum = 1)]
    calls: i64,
}

#[utoipa::path(
    get,
    path = "/api/v1/projects/{project}/usage",
    tag = "usage",
    operation_id = "listUsage",
    summary = "List calls by key and day",
    description = "Oldest first; of the last half minute some may be missing. A day without calls \
                   is not listed.",
    params(ProjectPath, UsageQuery),
    responses((
        status = 200,
        description = "A page of days.",
        body = UsageList,
        headers(("Link" = String, description = "The next page, if there is one (RFC 8288)."))
    ))
)]
pub(in crate::rest) async fn handler(
    admin: ProjectAdmin,
    uri: OriginalUri,
    Asked(query): Asked<UsageQuery>,
) -> Result<Response, RestError> {
    let UsageQuery { from, to, key_id, .. } = query;
    if from.is_some_and(|from| to.is_some_and(|to| to < from)) {
        return Err(Problem::invalid_field("to", "it lies before `from`").into());
    }
    let list = format!("usage\n{}\n{from:?} {to:?} {key_id:?}", admin.name);
    let (sealer, cursor) = (&admin.rest.sealer, query.cursor.as_deref());
    let page = Page::new(sealer, &admin.requester, &list, query.limit, cursor)?;
    let after = (page.after.0.date(), KeyId(page.after.1));
    let listed = admin.read(async |tx, desk| {
        let (key, days) = (key_id.map(KeyId), Days { from, to });
        Ok(usage::list(tx, desk.project, key, days, after, page.wanted()).await?)
    });
    let position = |day: &DayOfKey| (day.day.with_time(Time::MIDNIGHT).assume_utc(), day.key.0);
    page.answer(&uri, listed.await?, position, |day| {
        let DayOfKey { key, day, calls } = day;
        let view = DayView { key_id: key.0, day: day.to_string(), calls: *calls };
        serde_json::to_value(view).map_err(RestError::broken)
    })
}
