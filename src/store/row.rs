//! From rows to the model: a broken row names table, column and id.

use std::fmt::Display;
use std::str::FromStr;

use super::StoreError;

/// Where a value stands, for the error of a row that the schema does not allow.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) table: &'static str,
    pub(super) column: &'static str,
    pub(super) id: &'a dyn Display,
}

impl Place<'_> {
    /// The error that `problem` is.
    pub(super) fn broken(&self, problem: impl Display) -> StoreError {
        StoreError::Row {
            table: self.table,
            column: self.column,
            id: self.id.to_string(),
            problem: problem.to_string(),
        }
    }

    /// `text` as a `T`.
    pub(super) fn parse<T>(&self, text: &str) -> Result<T, StoreError>
    where
        T: FromStr,
        T::Err: Display,
    {
        text.parse().map_err(|error| self.broken(error))
    }
}
