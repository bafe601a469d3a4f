//! What users, projects and members have in common.

use axum::http::StatusCode;
use uuid::Uuid;

use super::platform::PlatformAdmin;
use super::project::{Desk, ProjectAdmin};
use super::{Problem, RestError};
use crate::access::directory::{Clerk, DirectoryError, Person};
use crate::model::UserId;

impl ProjectAdmin {
    /// Who changes the project or its members.
    pub(super) fn clerk<'a>(&'a self, desk: &'a Desk) -> Clerk<'a> {
        Clerk { actor: &desk.actor, ambient: &self.rest.ambient }
    }
}

impl PlatformAdmin {
    /// Who changes users and projects.
    pub(super) fn clerk(&self) -> Clerk<'_> {
        Clerk { actor: &self.actor, ambient: &self.rest.ambient }
    }
}

/// Whom the field `field` of a body names, by one of two ways.
pub(super) fn person(
    field: &str,
    user: Option<Uuid>,
    email: Option<String>,
) -> Result<Person, RestError> {
    match (user, email) {
        (Some(user), None) => Ok(Person::Known(UserId(user))),
        (None, Some(email)) => Ok(Person::Addressed(email)),
        _ => Err(Problem::invalid_field(field, "give one of `userId` and `email`").into()),
    }
}

impl From<DirectoryError> for RestError {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::NotFound => Self::not_found(),
            DirectoryError::Invalid(field, problem) => {
                Problem::invalid_field(field, problem).into()
            }
            DirectoryError::Conflict(sentence) => {
                Problem::new(StatusCode::CONFLICT, sentence).of_kind("/problems/conflict").into()
            }
            error @ DirectoryError::NotOwner => {
                Self::refused(StatusCode::FORBIDDEN, error.to_string())
            }
            DirectoryError::Key(error) => error.into(),
            DirectoryError::Entropy(error) => Self::broken(error),
            DirectoryError::Store(error) => error.into(),
        }
    }
}
