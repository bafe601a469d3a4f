//! MCP by the front door.

pub mod asker;
mod bad_input;
mod documents;
pub mod listen;
mod listen_ends;
mod modern;
mod modern_calls;
mod protocol;
mod resources;
mod rights;
mod rounds;
mod search;
mod session_cap;
mod sessions;
mod writes;
