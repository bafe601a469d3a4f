//! MCP by the front door.

mod documents;
