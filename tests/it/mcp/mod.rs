//! MCP by the front door.

mod bad_input;
mod documents;
mod modern;
mod modern_calls;
mod protocol;
mod resources;
mod rights;
mod search;
mod session_cap;
mod sessions;
mod writes;
