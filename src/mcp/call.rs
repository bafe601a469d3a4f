//! One call as those who answer it see it.

use serde_json::Value;

use super::asking::Answers;
use super::notices::Notices;
use super::tools::Toolsets;
use super::wire::render::{self, Form, Shape};
use super::wire::{RequestId, RpcError};
use crate::access::Caller;
use crate::model::{Ambient, Author, Right, Role, Sealer};
use crate::store::Tenant;

/// What is known of the caller beside the key: of the session, or of the request itself.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The user's role in the project now.
    pub role: Role,
    /// The client's name, as it introduced itself.
    pub client: Option<String>,
    /// The tools that are offered.
    pub toolsets: Toolsets,
    /// What the client can do, as it declares: an object.
    pub capabilities: Value,
}

/// Who calls, and what an answer may use beside the transaction.
pub struct Call<'a> {
    /// The caller.
    pub caller: &'a Caller,
    /// What is known of the caller beside the key.
    pub standing: &'a Standing,
    /// The request.
    pub id: &'a RequestId,
    /// The way to the client before the answer.
    pub notices: &'a Notices,
    /// What the client has answered to the call's questions.
    pub answers: &'a Answers,
    /// Time and randomness.
    pub ambient: &'a Ambient,
    /// Seals cursors.
    pub sealer: &'a Sealer,
    pub(super) form: Form,
}

impl Call<'_> {
    /// The tenant whose data the call may reach.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        self.caller.tenant()
    }

    /// Whether the caller has `right` now.
    #[must_use]
    pub fn may(&self, right: Right) -> bool {
        self.caller.may(right, self.standing.role)
    }

    /// The caller as the author of a change.
    #[must_use]
    pub fn author(&self) -> Author {
        self.caller.author(self.standing.client.clone())
    }

    /// `result` as the answer to this request, in its era.
    ///
    /// # Errors
    /// When the result cannot be JSON, which is a fault of ours.
    pub fn answer<T: serde::Serialize + Shape>(&self, result: T) -> Result<Vec<u8>, RpcError> {
        render::result(self.form, self.id, result)
    }
}
