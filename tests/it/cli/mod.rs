//! The commands, as the real binary.

mod configuration;
mod dev;
mod keys;
mod stdio;

use std::process::Output;

use crate::harness::mbmcp;

/// Runs the binary with `variables` and gives what it printed.
async fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = mbmcp();
    command.args(arguments).envs(variables.iter().copied());
    command.output().await.expect("the binary starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}
