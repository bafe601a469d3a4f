//! The tools: one file each, all in the same order: input, output, the tool, its call.
//!
//! A tool declares what it needs as types: its input and output are structs from which the schemas
//! that clients see are made, and by which arguments are enforced before it runs. It runs inside
//! the caller's transaction and returns its output, or a sentence that says how to fix the call.

mod documents;
mod error;
mod registry;
mod schema;
mod toolset;
mod whoami;

pub use error::ToolError;
pub use registry::{Registered, Registry, Tool};
pub use toolset::{Toolset, Toolsets, UnknownToolset};
