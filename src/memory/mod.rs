//! Floor 4: the rules of the memory.
//!
//! [`documents`] reads and lists; [`write()`] writes without ever losing an update, [`delete()`]
//! deletes and keeps the revisions; [`core_documents`] are the five
//! that every bank begins with; [`search`] finds, with [`sections`] (pure: Markdown into what is
//! indexed) and [`snippet`] (pure: what is shown of a match); [`import`] brings a folder in.
//!
//! All but an import, which writes in batches, runs inside a [`Tx`](crate::store::Tx) that the
//! caller opened.

pub mod core_documents;
pub mod cursor;
mod delete;
pub mod documents;
pub mod import;
pub mod search;
pub mod sections;
pub mod snippet;
mod write;

pub use delete::{DeleteError, delete};
pub use write::{Draft, Precondition, WriteError, Written, write};
