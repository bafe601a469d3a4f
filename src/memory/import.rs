//! Bringing a folder of Markdown files in: finding them, and writing them in batches.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::model::document::MAX_DOCUMENT_BYTES;
use crate::model::{Ambient, Author, DocumentPath};
use crate::store::{Store, Tenant};

use super::write::{Draft, Precondition, WriteError, check_text, write};

/// A batch is written when it holds this many files…
const BATCH_FILES: usize = 100;
/// …or this many bytes.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// A file that will become a document.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Where it lies.
    pub file: PathBuf,
    /// What it will be called.
    pub path: DocumentPath,
}

/// A file that cannot become a document.
#[derive(Clone, Debug)]
pub struct Skipped {
    /// Where it lies.
    pub file: PathBuf,
    /// Why.
    pub reason: String,
}

/// What is in a folder.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Markdown files, by name.
    pub files: Vec<SourceFile>,
    /// Markdown files that cannot be imported.
    pub skipped: Vec<Skipped>,
}

/// What an import did.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Documents created.
    pub created: usize,
    /// Documents replaced.
    pub updated: usize,
    /// Documents that were the same already.
    pub unchanged: usize,
    /// Files that could not be imported.
    pub skipped: Vec<Skipped>,
}

/// Finds the Markdown files (`.md`, `.markdown`) below `folder`; links are not followed.
#[must_use]
pub fn find(folder: &Path) -> Found {
    let mut found = Found::default();
    // Two file names may be one document name: accents composed or not, older names of the core.
    let mut seen = HashSet::new();
    for entry in WalkDir::new(folder).sort_by_file_name() {
        match entry {
            Ok(entry) if entry.file_type().is_file() && is_markdown(entry.path()) => {
                let file = entry.into_path();
                match document_path(folder, &file) {
                    Ok(path) if !seen.insert(path.clone()) => found.skipped.push(Skipped {
                        file,
                        reason: format!("another file is called `{path}` already"),
                    }),
                    Ok(path) => found.files.push(SourceFile { file, path }),
                    Err(reason) => found.skipped.push(Skipped { file, reason }),
                }
            }
            Ok(_) => {}
            Err(error) => found.skipped.push(Skipped {
                file: error.path().unwrap_or(folder).to_owned(),
                reason: error.to_string(),
            }),
        }
    }
    found
}

fn is_markdown(file: &Path) -> bool {
    let ending = file.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| ["md", "markdown"].contains(&ending.to_lowercase().as_str()))
}

fn document_path(folder: &Path, file: &Path) -> Result<DocumentPath, String> {
    let relative = file.strip_prefix(folder).map_err(|error| error.to_string())?;
    let names = relative.components().map(|part| part.as_os_str().to_str());
    let names: Option<Vec<&str>> = names.collect();
    let names = names.ok_or("its name is not UTF-8")?;
    DocumentPath::parse(&names.join("/")).map_err(|error| error.to_string())
}

/// Writes `found` as documents of `tenant`, each batch in a transaction of its own. Files whose
/// text is stored already are left alone, so that a second run changes nothing. `progress` hears
/// how many files are done.
///
/// # Errors
/// When a batch cannot be written; the batches before it stay.
pub async fn import(
    store: &Store,
    tenant: &Tenant,
    (ambient, author): (&Ambient, &Author),
    found: Found,
    progress: impl Fn(usize),
) -> Result<Report, WriteError> {
    let mut report = Report { skipped: found.skipped, ..Report::default() };
    let (mut batch, mut bytes, total) = (Vec::new(), 0, found.files.len());
    for (done, source) in found.files.into_iter().enumerate() {
        match read(&source) {
            Ok(draft) => {
                bytes += draft.content.len();
                batch.push(draft);
            }
            Err(reason) => report.skipped.push(Skipped { file: source.file, reason }),
        }
        let last = done + 1 == total;
        if last || batch.len() >= BATCH_FILES || bytes >= BATCH_BYTES {
            write_batch(store, tenant, (ambient, author), &batch, &mut report).await?;
            batch.clear();
            bytes = 0;
            progress(done + 1);
        }
    }
    Ok(report)
}

async fn write_batch(
    store: &Store,
    tenant: &Tenant,
    (ambient, author): (&Ambient, &Author),
    batch: &[Draft],
    report: &mut Report,
) -> Result<(), WriteError> {
    let written =
        store.write(tenant, async |tx| write(tx, tenant, ambient, author, batch).await).await?;
    let created = written.iter().filter(|written| written.created).count();
    report.created += created;
    report.updated += written.len() - created;
    report.unchanged += batch.len() - written.len();
    Ok(())
}

fn read(source: &SourceFile) -> Result<Draft, String> {
    // One byte more than fits, so that a file that is too large is noticed and not read whole.
    let limit = u64::try_from(MAX_DOCUMENT_BYTES + 1).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    File::open(&source.file)
        .and_then(|file| file.take(limit).read_to_end(&mut bytes))
        .map_err(|error| error.to_string())?;
    if bytes.len() > MAX_DOCUMENT_BYTES {
        return Err(format!("a document holds at most {MAX_DOCUMENT_BYTES} bytes: split it"));
    }
    let content = String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())?;
    check_text(&source.path, &content).map_err(|error| error.to_string())?;
    Ok(Draft { path: source.path.clone(), content, precondition: Precondition::Different })
}
