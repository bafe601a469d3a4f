//! The binary `mbmcp`: see the crate's documentation for the map.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    mbmcp::cli::run().await
}
