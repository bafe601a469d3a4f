//! `mbmcp import`: brings the Markdown files of a folder into a project.

use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressStyle};

use super::{Failure, output, store};
use crate::memory::import;
use crate::model::{Ambient, Author};
use crate::store::pg::platform::find_member;
use crate::store::{Platform, StoreError};

/// Arguments of `mbmcp import`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder; documents are named by the paths below it
    folder: PathBuf,
    /// The project's short name
    #[arg(long)]
    project: String,
    /// The e-mail address of the member who writes
    #[arg(long)]
    user: String,
}

/// Imports; ends with 1 when a file could not be imported, after all others are.
pub(super) async fn run(args: Args) -> Result<(), Failure> {
    let store = store()?;
    if !args.folder.is_dir() {
        return Err(Failure::new(format!("{} is not a directory", args.folder.display())));
    }
    let platform = Platform::of_operator();
    let tenant = store
        .write(&platform, async |tx| find_member(tx, &args.project, &args.user).await)
        .await
        .map_err(|error: StoreError| error)?;
    let tenant = tenant.ok_or_else(|| {
        let Args { project, user, .. } = &args;
        Failure::new(format!("{user} is not a member of a project `{project}`"))
    })?;
    let found = import::find(&args.folder);
    let bar = progress_bar(found.files.len())?;
    let client = Some("mbmcp import".to_owned());
    let author = Author { user: tenant.user(), key: None, client };
    let ambient = Ambient::default();
    let progress = |done: usize| bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
    let report = import::import(&store, &tenant, (&ambient, &author), found, progress).await?;
    bar.finish_and_clear();
    for skipped in &report.skipped {
        output::talk(&format!("not imported: {}: {}", skipped.file.display(), skipped.reason));
    }
    let import::Report { created, updated, unchanged, skipped } = report;
    let skipped = skipped.len();
    output::data(&format!(
        "created {created}, updated {updated}, unchanged {unchanged}, not imported {skipped}"
    ));
    if skipped == 0 { Ok(()) } else { Err(Failure::new("some files were not imported; see above")) }
}

fn progress_bar(files: usize) -> Result<ProgressBar, Failure> {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} files, {eta} left")?;
    Ok(ProgressBar::new(u64::try_from(files).unwrap_or(u64::MAX)).with_style(style))
}
