//! Lists, page by page: opaque cursors that are bound to who asks for what, and `Link` (RFC 8288).

use axum::Json;
use axum::extract::{FromRequestParts, OriginalUri, Query};
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use time::{OffsetDateTime, PrimitiveDateTime};
use utoipa::IntoParams;
use uuid::Uuid;

use super::{Problem, Requester, RestError};
use crate::model::Sealer;

/// Entries of a page, unless the request says otherwise.
const DEFAULT_LIMIT: u16 = 50;
/// The most entries of a page.
const MAX_LIMIT: u16 = 100;
/// The longest cursor, in characters.
const MAX_CURSOR_CHARS: usize = 1024;

/// The query of a request as a `T`.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = RestError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, RestError> {
        let query = Query::<T>::try_from_uri(&parts.uri);
        let invalid = |error: axum::extract::rejection::QueryRejection| {
            Problem::invalid_field("query", error.body_text())
        };
        Ok(query.map(|Query(query)| Self(query)).map_err(invalid)?)
    }
}

/// Which page of a list that has no filters.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageQuery {
    /// How many.
    #[param(minimum = 1, maximum = 100, default = 50)]
    pub(super) limit: Option<u16>,
    /// `nextCursor` of the page before.
    pub(super) cursor: Option<String>,
}

/// A page of a list that is ordered by time and id.
pub(super) struct Page<'a> {
    sealer: &'a Sealer,
    purpose: String,
    limit: u16,
    /// The entry that the page comes after.
    pub(super) after: (OffsetDateTime, Uuid),
}

impl<'a> Page<'a> {
    /// The page of `list` (all that shapes it) that `requester` asks for.
    pub(super) fn new(
        sealer: &'a Sealer,
        requester: &Requester,
        list: &str,
        limit: Option<u16>,
        cursor: Option<&str>,
    ) -> Result<Self, RestError> {
        let limit = checked(limit)?;
        let purpose = format!("rest cursor\n{}\n{list}", requester.principal.name());
        let start = (OffsetDateTime::UNIX_EPOCH, Uuid::nil());
        let after = match cursor {
            None => start,
            Some(cursor) => open(sealer, &purpose, cursor).ok_or_else(no_cursor)?,
        };
        Ok(Self { sealer, purpose, limit, after })
    }

    /// The same for a list whose newest entries come first.
    pub(super) fn newest_first(
        sealer: &'a Sealer,
        requester: &Requester,
        list: &str,
        limit: Option<u16>,
        cursor: Option<&str>,
    ) -> Result<Self, RestError> {
        let mut page = Self::new(sealer, requester, list, limit, cursor)?;
        if cursor.is_none() {
            page.after = (PrimitiveDateTime::MAX.assume_utc(), Uuid::max());
        }
        Ok(page)
    }

    /// How many entries to look for: one more tells whether there is another page.
    pub(super) fn wanted(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// The answer with `found`, of which `position` tells the place and `show` the looks.
    pub(super) fn answer<T>(
        &self,
        uri: &OriginalUri,
        mut found: Vec<T>,
        position: impl Fn(&T) -> (OffsetDateTime, Uuid),
        show: impl Fn(&T) -> Result<Value, RestError>,
    ) -> Result<Response, RestError> {
        let more = found.len() > usize::from(self.limit);
        found.truncate(usize::from(self.limit));
        let items = found.iter().map(show).collect::<Result<Vec<_>, _>>()?;
        let last = found.last().filter(|_| more).map(position);
        let cursor = last.map(|(time, id)| {
            let text = format!("{},{id}", time.unix_timestamp_nanos());
            self.sealer.seal(&self.purpose, text.as_bytes())
        });
        page(uri, &items, cursor)
    }
}

/// The entries of a page, as many as `asked`.
pub(super) fn checked(asked: Option<u16>) -> Result<u16, RestError> {
    let limit = asked.unwrap_or(DEFAULT_LIMIT);
    if (1..=MAX_LIMIT).contains(&limit) {
        return Ok(limit);
    }
    let problem = format!("it must be 1 to {MAX_LIMIT}");
    Err(Problem::invalid_field("limit", problem).into())
}

/// The refusal of a cursor.
pub(super) fn no_cursor() -> RestError {
    let problem = "it is not one that this list returned; omit it to start anew";
    Problem::invalid_field("cursor", problem).into()
}

/// The answer with `items`; the next page begins at `cursor`, if there is one.
pub(super) fn page(
    OriginalUri(uri): &OriginalUri,
    items: &[Value],
    cursor: Option<String>,
) -> Result<Response, RestError> {
    let Some(cursor) = cursor else {
        return Ok(Json(json!({ "items": items })).into_response());
    };
    let kept = uri.query().unwrap_or_default().split('&');
    let kept = kept.filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="));
    let query: Vec<String> = kept.map(str::to_owned).chain([format!("cursor={cursor}")]).collect();
    let link = format!("<{}?{}>; rel=\"next\"", uri.path(), query.join("&"));
    let mut response = Json(json!({ "items": items, "nextCursor": cursor })).into_response();
    let link = HeaderValue::try_from(link).map_err(RestError::broken)?;
    response.headers_mut().insert(header::LINK, link);
    Ok(response)
}

fn open(sealer: &Sealer, purpose: &str, cursor: &str) -> Option<(OffsetDateTime, Uuid)> {
    if cursor.len() > MAX_CURSOR_CHARS {
        return None;
    }
    let text = String::from_utf8(sealer.open(purpose, cursor)?).ok()?;
    let (nanos, id) = text.split_once(',')?;
    let time = OffsetDateTime::from_unix_timestamp_nanos(nanos.parse().ok()?).ok()?;
    Some((time, id.parse().ok()?))
}
