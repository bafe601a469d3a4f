//! `mbmcp openapi`: the server's OpenAPI document.

use super::{Failure, output};
use crate::http::openapi;

/// Prints the document.
pub(super) fn run() -> Result<(), Failure> {
    output::data(&openapi::json()?);
    Ok(())
}
