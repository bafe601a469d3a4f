//! The store: its transactions, its migrations, its statements, its TLS.

mod migrate;
mod statements;
mod tls;
mod tx;
