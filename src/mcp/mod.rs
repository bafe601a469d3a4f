//! Floor 5: the Model Context Protocol over Streamable HTTP.
//!
//! [`wire`] is the protocol as bytes, pure. [`dispatch`] is one call: session, method, tool, the
//! rendered answer, all inside one transaction of the caller. [`session`] opens and ends sessions,
//! which are rows. [`tools`] holds a file for each tool, `resources` shows documents by their URIs,
//! `prompts` are texts; [`transport`] holds a file for each HTTP method.

pub mod dispatch;
mod initialize;
mod method;
mod prompts;
mod resources;
pub mod session;
pub mod tools;
pub mod transport;
pub mod wire;

pub use dispatch::Service;
