//! On what a change depends: none is made blindly.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;

use super::refusal::{gone, stale};
use super::tag;
use crate::memory::Precondition;
use crate::model::{DocumentSummary, Etag};
use crate::rest::RestError;
use crate::rest::etag::{IfMatch, IfNoneMatch};

/// What the caller saw of a document: `If-Match`.
pub(in crate::rest) struct Seen(IfMatch);

/// On what a write depends.
pub(in crate::rest) enum Condition {
    /// It replaces what the caller saw.
    Replace(Seen),
    /// It creates: `If-None-Match: *`.
    Create,
}

impl<S: Send + Sync> FromRequestParts<S> for Seen {
    type Rejection = RestError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, RestError> {
        let seen = IfMatch::from_request_parts(parts, state).await?;
        if seen.is_sent() {
            return Ok(Self(seen));
        }
        Err(required("send `If-Match` with the entity tag that you read"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Condition {
    type Rejection = RestError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, RestError> {
        let seen = IfMatch::from_request_parts(parts, state).await?;
        let absent = IfNoneMatch::from_request_parts(parts, state).await?;
        match (seen.is_sent(), absent.is_sent()) {
            (true, true) => {
                let sentence = "`If-Match` and `If-None-Match` exclude each other: send one";
                Err(RestError::refused(StatusCode::BAD_REQUEST, sentence))
            }
            (true, false) => Ok(Self::Replace(Seen(seen))),
            (false, true) if absent.is_any() => Ok(Self::Create),
            (false, _) => Err(required(
                "send `If-Match` with the entity tag that you read, to replace a document, or \
                 `If-None-Match: *`, to create one",
            )),
        }
    }
}

fn required(sentence: &str) -> RestError {
    RestError::refused(StatusCode::PRECONDITION_REQUIRED, sentence)
}

impl Seen {
    /// The validator of `now`, if the caller saw that.
    pub(super) fn of(&self, now: &DocumentSummary) -> Result<Etag, RestError> {
        let etag = now.etag();
        if self.0.names(&tag(&etag)) { Ok(etag) } else { Err(stale(&etag)) }
    }
}

impl Condition {
    /// As the rule for writing has it, for a document that is `now` there. The rule asks once more,
    /// with the row locked.
    pub(super) fn on(&self, now: Option<&DocumentSummary>) -> Result<Precondition, RestError> {
        match (self, now) {
            (Self::Create, _) => Ok(Precondition::Absent),
            (Self::Replace(seen), Some(now)) => seen.of(now).map(Precondition::Unchanged),
            (Self::Replace(_), None) => Err(gone()),
        }
    }
}
