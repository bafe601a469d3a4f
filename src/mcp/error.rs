//! Why a call was rolled back, and what its caller is told.

use super::asking::{Questions, missing_capability};
use super::call::Standing;
use super::tools::ToolError;
use super::wire::RpcError;
use super::wire::render::Form;
use crate::model::entropy::EntropyError;
use crate::store::StoreError;

/// Why the block of a call was rolled back.
#[derive(Debug)]
pub enum CallError {
    /// The protocol's error.
    Rpc(RpcError),
    /// A tool refused: a sentence that says how to fix the call.
    Tool(String),
    /// The client must be asked first.
    Asks(Questions),
}

impl CallError {
    /// A refusal of a method that has no `isError`: its parameters are wrong.
    pub(super) fn of_protocol(error: ToolError) -> Self {
        match error {
            ToolError::Refused(sentence) => Self::Rpc(RpcError::invalid_params(sentence)),
            other => other.into(),
        }
    }

    /// The same; questions that the client does not declare to answer become the error that says so.
    pub(super) fn if_client_can(self, standing: &Standing, form: Form) -> Self {
        let Self::Asks(questions) = &self else { return self };
        match (missing_capability(questions, &standing.capabilities), form) {
            (None, _) => self,
            (Some(missing), Form::Modern { .. }) => RpcError::missing_capability(&missing).into(),
            (Some(missing), Form::Legacy) => {
                Self::Tool(format!("this call asks its client, which does not declare {missing}"))
            }
        }
    }
}

impl From<EntropyError> for RpcError {
    fn from(error: EntropyError) -> Self {
        tracing::error!(%error, "no id can be made");
        Self::internal()
    }
}

impl From<RpcError> for CallError {
    fn from(error: RpcError) -> Self {
        Self::Rpc(error)
    }
}

/// So that a block of the store may fail with it.
impl From<StoreError> for CallError {
    fn from(error: StoreError) -> Self {
        Self::Rpc(error.into())
    }
}

impl From<ToolError> for CallError {
    fn from(error: ToolError) -> Self {
        match error {
            ToolError::Refused(sentence) => Self::Tool(sentence),
            ToolError::Store(error) => Self::Rpc(error.into()),
            ToolError::Broken => Self::Rpc(RpcError::internal()),
        }
    }
}

impl From<StoreError> for RpcError {
    /// Logs the error once and gives its public face.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => {
                tracing::warn!(%error, "the database is unavailable");
                Self::unavailable()
            }
            StoreError::Busy(crowd) => {
                tracing::warn!(%error, "a call was sent away");
                Self::busy(crowd.to_string())
            }
            StoreError::CommitLost(_) => {
                tracing::warn!(%error, "the outcome of a call is not known");
                Self::deadline()
            }
            StoreError::Timeout { .. } => {
                tracing::warn!(%error, "a statement took too long");
                Self::timeout()
            }
            StoreError::Collision { .. } => {
                tracing::warn!(%error, "transactions collided");
                Self::collision()
            }
            error => {
                tracing::error!(%error, "the store failed");
                Self::internal()
            }
        }
    }
}
