//! Keys of a project: one file for each operation.

pub mod create;
pub mod get;
pub mod list;
pub mod revoke;
pub mod rotate;
pub mod update;
mod view;

use axum::http::StatusCode;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::project::{Desk, ProjectAdmin};
use super::repeat::Created;
use super::{Problem, RestError};
use crate::access::keys::issue::Issued;
use crate::access::keys::{KeyDesk, KeyError};
use crate::store::pg::api_keys::Key;

pub use view::KeyView;

/// A key that was issued.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described, not made: `repeat` puts the key into its body")]
pub(super) struct IssuedKey {
    #[schema(inline)]
    #[serde(flatten)]
    described: KeyView,
    /// The key itself; not in the answer to a repeat.
    #[schema(nullable = false)]
    key: Option<String>,
}

/// The key of a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "described, not read: the handlers read it")]
pub(super) struct KeyPath {
    key: Uuid,
}

impl ProjectAdmin {
    /// The desk at which keys are changed.
    fn keys<'a>(&'a self, desk: &'a Desk) -> KeyDesk<'a> {
        let Desk { project, actor } = desk;
        let (ambient, policy) = (&self.rest.ambient, self.rest.key_policy);
        KeyDesk { project: *project, actor, ambient, policy }
    }

    fn shown(&self, key: &Key) -> Result<Value, RestError> {
        let view = KeyView::new(key, self.rest.ambient.clock.now());
        serde_json::to_value(view).map_err(RestError::broken)
    }

    /// A key that was issued, with the plaintext that is shown once.
    fn issued(&self, desk: &Desk, issued: &Issued) -> Result<Created, RestError> {
        let (project, id) = (desk.project, issued.key.id);
        Ok(Created {
            location: format!("/api/v1/projects/{project}/keys/{id}"),
            body: self.shown(&issued.key)?,
            secret: Some(("key", issued.plaintext.reveal().to_owned())),
        })
    }
}

impl From<KeyError> for RestError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::NotFound => Self::not_found(),
            KeyError::NoMember => Problem::invalid_field("/userId", error.to_string()).into(),
            KeyError::Invalid(field, problem) => Problem::invalid_field(field, problem).into(),
            KeyError::Conflict(sentence) => {
                Problem::new(StatusCode::CONFLICT, sentence).of_kind("/problems/conflict").into()
            }
            KeyError::Entropy(error) => Self::broken(error),
            KeyError::Store(error) => error.into(),
        }
    }
}
