//! Documents as resources: `memory-bank://guides/deploy.md`, and the core ones by their names,
//! `memory-bank://active-context`.

mod complete;
mod list;
mod read;
mod uri;

pub(super) use complete::complete;
pub(super) use list::{list, templates};
pub(super) use read::read;
pub(super) use uri::path;

/// What documents are.
const MIME_TYPE: &str = "text/markdown";
