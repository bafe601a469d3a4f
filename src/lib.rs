//! Memory Bank: a multi-tenant memory for AI coding assistants, served over MCP from Postgres.
//!
//! *A request becomes a `Tenant`, a `Tenant` opens a `Tx`, a tool runs inside the `Tx`, the `Tx`
//! commits, the result becomes a response; no arrow ever points back.*
//!
//! The modules are floors. Imports only go down, and `tests/architecture.rs` holds them to it:
//!
//! | floor | modules | what |
//! |---|---|---|
//! | 8 | [`cli`] | commands |
//! | 7 | [`app`] | the composition root |
//! | 6 | [`http`] | the router, the layers, health |
//! | 5 | [`mcp`], [`rest`], [`worker`] | the protocol, sessions, tools; the REST API; cleaning up |
//! | 4 | [`memory`], [`access`] | the rules of the memory; keys and callers |
//! | 3 | [`store`], [`embedded`] | Postgres and Redis; a private Postgres |
//! | 2 | [`telemetry`] | logs |
//! | 1 | [`config`] | the environment |
//! | 0 | [`model`] | plain words, no I/O |

pub mod access;
pub mod app;
pub mod cli;
pub mod config;
pub mod embedded;
pub mod http;
pub mod mcp;
pub mod memory;
pub mod model;
pub mod rest;
pub mod store;
pub mod telemetry;
pub mod worker;
