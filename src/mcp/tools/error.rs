//! What a tool says when it cannot do its work.

use std::fmt::Display;

use crate::memory::WriteError;
use crate::memory::documents::ReadError;
use crate::memory::search::SearchError;
use crate::store::StoreError;

/// Why a tool did nothing.
#[derive(Debug)]
pub enum ToolError {
    /// The caller can fix it: a sentence that says how.
    Refused(String),
    /// The store failed.
    Store(StoreError),
    /// We failed, and have logged it.
    Broken,
}

impl ToolError {
    /// An error that the caller can fix.
    pub fn refused(sentence: impl Display) -> Self {
        Self::Refused(sentence.to_string())
    }

    /// A fault of ours.
    pub fn broken(error: impl Display) -> Self {
        tracing::error!(%error, "a tool failed");
        Self::Broken
    }
}

impl From<StoreError> for ToolError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Forbidden { .. } => {
                tracing::info!(%error, "refused by the database");
                Self::refused("your role in this project does not allow this now; ask an owner")
            }
            error => Self::Store(error),
        }
    }
}

impl From<WriteError> for ToolError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Store(error) => error.into(),
            WriteError::Entropy(error) => Self::broken(error),
            refused => Self::refused(refused),
        }
    }
}

impl From<ReadError> for ToolError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Store(error) => error.into(),
            refused => Self::refused(refused),
        }
    }
}

impl From<SearchError> for ToolError {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::Store(error) => error.into(),
            SearchError::Cursor(error) => Self::refused(error),
        }
    }
}
