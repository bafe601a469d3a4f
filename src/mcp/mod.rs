//! Floor 5: the Model Context Protocol over Streamable HTTP, in both its eras.
//!
//! [`wire`] is the protocol as bytes, pure. `legacy` and `modern` are the two ways in: a message in a
//! session, which is a row, or a request that stands for itself. Both end in [`dispatch`]: one
//! request inside one transaction of the caller, answered by a [`Handler`] from what it sees of the
//! [`Call`], or by its questions to the client (`asking`), after whose answers it is called again: by
//! the [`streams`] of sessions, or in `rounds`. [`bus`] tells who waits for it what that changed, on
//! any replica, and `changes` what it means to a client, who hears of it by a stream of its session or
//! by `listen`. The product's handler is the [`MemoryBank`]: [`tools`], a file each; `resources`,
//! documents by their URIs; `prompts`, texts. [`transport`] holds a file for each HTTP method.

mod asking;
pub mod bus;
mod call;
mod changes;
mod client;
pub mod dispatch;
mod error;
mod handler;
mod initialize;
pub mod legacy;
mod listen;
mod memory_bank;
mod method;
mod modern;
mod notices;
mod prompts;
mod resources;
mod rounds;
pub mod session;
mod session_methods;
pub mod streams;
pub mod tools;
pub mod transport;
pub mod wire;

pub use asking::{Answers, Question, Questions};
pub use call::{Call, Standing};
pub use dispatch::Service;
pub use error::CallError;
pub use handler::Handler;
pub use memory_bank::MemoryBank;
pub use method::Method;
pub use modern::ModernRequest;
pub use notices::Notices;
