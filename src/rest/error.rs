//! Why a request of the API is refused.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Problem;
use crate::access::authenticate::CHALLENGE_INVALID;
use crate::store::StoreError;

/// A refusal, or a failure of ours.
#[derive(Debug)]
pub enum RestError {
    /// The caller can mend it.
    Refused(Problem),
    /// Postgres.
    Store(StoreError),
    /// We failed, and have logged it.
    Broken,
}

impl RestError {
    /// A refusal with this status and sentence.
    pub fn refused(status: StatusCode, detail: impl Into<String>) -> Self {
        Self::Refused(Problem::new(status, detail))
    }

    /// What the path names is not there, or not the caller's.
    #[must_use]
    pub fn not_found() -> Self {
        Self::Refused(Problem::not_found())
    }

    /// The key was good a moment ago.
    #[must_use]
    pub fn key_ended() -> Self {
        let detail = "this API key has expired or was revoked, or its user is no member any more";
        let challenge = HeaderValue::from_static(CHALLENGE_INVALID);
        let problem = Problem::new(StatusCode::UNAUTHORIZED, detail);
        Self::Refused(problem.with(header::WWW_AUTHENTICATE, challenge))
    }

    /// A fault of ours.
    pub fn broken(error: impl std::fmt::Display) -> Self {
        tracing::error!(%error, "a request of the API failed");
        Self::Broken
    }
}

impl From<Problem> for RestError {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

impl From<StoreError> for RestError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl IntoResponse for RestError {
    fn into_response(self) -> Response {
        match self {
            Self::Refused(problem) => problem.into_response(),
            Self::Store(error) => of_store(&error).into_response(),
            Self::Broken => internal().into_response(),
        }
    }
}

/// Logs the error once and gives its public face.
fn of_store(error: &StoreError) -> Problem {
    let retry = |status, sentence: &str| {
        tracing::warn!(%error, "a request of the API was not served");
        Problem::new(status, sentence).with(header::RETRY_AFTER, HeaderValue::from(1))
    };
    match error {
        StoreError::Unavailable(_) => {
            retry(StatusCode::SERVICE_UNAVAILABLE, "the database is unavailable: try again soon")
        }
        StoreError::Busy(crowd) => retry(StatusCode::SERVICE_UNAVAILABLE, &crowd.to_string()),
        StoreError::Collision { .. } => retry(
            StatusCode::SERVICE_UNAVAILABLE,
            "another change was in the way and this one was undone: try again",
        ),
        StoreError::Timeout { .. } => {
            retry(StatusCode::GATEWAY_TIMEOUT, "this took too long and was undone: try again")
        }
        StoreError::CommitLost(_) => retry(
            StatusCode::GATEWAY_TIMEOUT,
            "this took too long and was given up: read before you send it again",
        ),
        StoreError::Forbidden { .. } => {
            tracing::info!(%error, "refused by the database");
            Problem::new(StatusCode::FORBIDDEN, "your role in this project does not allow this now")
        }
        error => {
            tracing::error!(%error, "the store failed");
            internal()
        }
    }
}

fn internal() -> Problem {
    let detail = "the server failed; quote the X-Request-Id of this answer to its operator";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
}
