//! The store: its transactions, its migrations, its statements, its TLS; streams, signals and what
//! is purged.

mod client_requests;
mod events;
mod fencing;
mod ground;
mod migrate;
mod purge;
mod sessions;
mod signals;
mod signals_once;
mod statements;
mod streams;
mod tls;
mod tx;
