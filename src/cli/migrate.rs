//! `mbmcp migrate`: brings the schema up to this build.

use super::{Failure, database_config, output};
use crate::store::migrate;

/// Arguments of `mbmcp migrate`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only show what is applied and what is missing
    #[arg(long)]
    status: bool,
}

/// Applies what is missing.
pub(super) async fn run(args: &Args) -> Result<(), Failure> {
    let config = database_config()?;
    if args.status {
        for (version, state) in migrate::status(&config).await? {
            output::data(&format!("{state:<7}  {version}"));
        }
        return Ok(());
    }
    for version in migrate::run(&config).await? {
        output::data(&format!("applied  {version}"));
    }
    output::talk("the schema is that of this build");
    Ok(())
}
