//! Why a document is not given, written or deleted.

use axum::http::StatusCode;

use crate::memory::documents::ReadError;
use crate::memory::{DeleteError, WriteError};
use crate::model::Etag;
use crate::rest::etag::changed;
use crate::rest::paging::no_cursor;
use crate::rest::{Problem, RestError};

impl From<ReadError> for RestError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Missing(_) => Self::not_found(),
            ReadError::Cursor(_) => no_cursor(),
            ReadError::Store(error) => error.into(),
        }
    }
}

impl From<WriteError> for RestError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Stale { current, .. } => stale(&current),
            WriteError::Missing(_) => gone(),
            WriteError::Exists { current, .. } => {
                changed(format!("it exists, with the entity tag \"{current}\": read it first"))
            }
            WriteError::TooLarge { .. } | WriteError::Nul(_) => {
                Problem::invalid_field("/content", error.to_string()).into()
            }
            WriteError::TooMany | WriteError::TooMuch | WriteError::Raced(_) => {
                let problem = Problem::new(StatusCode::CONFLICT, error.to_string());
                problem.of_kind("/problems/conflict").into()
            }
            WriteError::Entropy(_) | WriteError::Twice(_) => Self::broken(error),
            WriteError::Store(error) => error.into(),
        }
    }
}

impl From<DeleteError> for RestError {
    fn from(error: DeleteError) -> Self {
        match error {
            DeleteError::Missing(_) => Self::not_found(),
            DeleteError::Stale { current, .. } => stale(&current),
            DeleteError::Store(error) => error.into(),
        }
    }
}

/// It is not what the caller saw.
pub(super) fn stale(current: &Etag) -> RestError {
    changed(format!("it has changed since you read it and has the entity tag \"{current}\" now"))
}

/// It is not there, so that the caller cannot have seen it.
pub(super) fn gone() -> RestError {
    changed("it does not exist, so that no entity tag matches: create it with `If-None-Match: *`")
}
