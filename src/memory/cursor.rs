//! Cursors: where a list goes on. Sealed, and bound to the project and the query, so that a
//! cursor of another tenant or another list is not a cursor.

use crate::model::Sealer;
use crate::store::Tenant;

/// The longest cursor, in characters: a path of the greatest length, sealed.
pub const MAX_CURSOR_CHARS: usize = 4096;

/// The text is not a cursor of this list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`cursor` is not one that this list returned with these arguments; omit it to start anew")]
pub struct CursorError;

/// The cursors of one list of one tenant.
pub struct Cursors<'a> {
    sealer: &'a Sealer,
    purpose: String,
}

impl<'a> Cursors<'a> {
    /// The cursors of `list` with `query` (all arguments that shape it) for `tenant`.
    #[must_use]
    pub fn new(sealer: &'a Sealer, tenant: &Tenant, list: &str, query: &str) -> Self {
        Self { sealer, purpose: format!("cursor\n{}\n{list}\n{query}", tenant.project()) }
    }

    /// A cursor that goes on after `position`.
    #[must_use]
    pub fn after(&self, position: &str) -> String {
        self.sealer.seal(&self.purpose, position.as_bytes())
    }

    /// The position of `cursor`; the beginning where there is none.
    ///
    /// # Errors
    /// When the text is not a cursor of this list.
    pub fn position(&self, cursor: Option<&str>) -> Result<String, CursorError> {
        let Some(cursor) = cursor else {
            return Ok(String::new());
        };
        let payload = self.sealer.open(&self.purpose, cursor).ok_or(CursorError)?;
        String::from_utf8(payload).map_err(|_| CursorError)
    }
}
