//! Writing documents: one transaction, locked rows, a revision each, no lost update.

use std::collections::{HashMap, HashSet};

use crate::model::document::{MAX_DOCUMENT_BYTES, MAX_DOCUMENTS, MAX_PROJECT_BYTES};
use crate::model::entropy::EntropyError;
use crate::model::{Ambient, Author, DocumentId, DocumentPath, Etag};
use crate::store::pg::documents::{self, Locked, Text};
use crate::store::pg::sections::{self as section_rows, SectionRow};
use crate::store::{StoreError, Tenant, Tx};

use super::sections::sections;

/// A text to be written.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Where.
    pub path: DocumentPath,
    /// What, exactly.
    pub content: String,
    /// On what condition.
    pub precondition: Precondition,
}

/// What must hold for a write to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing.
    None,
    /// The document is as this validator says.
    Unchanged(Etag),
    /// There is no such document yet.
    Absent,
    /// The text differs from what is stored; where it does not, nothing is written.
    Different,
    /// There is no such document yet; where there is, it is kept and nothing is written.
    KeepExisting,
}

/// What a write made of a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Where.
    pub path: DocumentPath,
    /// The validator of the new state.
    pub etag: Etag,
    /// The new version, and the number of the revision that holds it.
    pub version: i32,
    /// The size of the text, in UTF-8 bytes.
    pub size_bytes: usize,
    /// Whether it was created.
    pub created: bool,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Someone else wrote in between.
    #[error(
        "`{path}` has changed since you read it (its etag is now {current}): read it again, merge, and write with the new etag"
    )]
    Stale {
        /// The document.
        path: DocumentPath,
        /// Its validator now.
        current: Etag,
    },
    /// A validator was given for a document that is not there.
    #[error("`{0}` does not exist, so no etag matches it: omit `ifMatchEtag` to create it")]
    Missing(DocumentPath),
    /// It must be created and is there.
    #[error("`{path}` exists (etag {current}): omit `createOnly` to replace it")]
    Exists {
        /// The document.
        path: DocumentPath,
        /// Its validator.
        current: Etag,
    },
    /// The text is too large.
    #[error("`{path}` has {bytes} bytes; a document holds at most {MAX_DOCUMENT_BYTES}: split it")]
    TooLarge {
        /// The document.
        path: DocumentPath,
        /// The text's size.
        bytes: usize,
    },
    /// The text has a NUL.
    #[error("the text of `{0}` has a NUL character, which cannot be stored: remove it")]
    Nul(DocumentPath),
    /// The project is full.
    #[error("a project holds at most {MAX_DOCUMENTS} documents: delete some first")]
    TooMany,
    /// The project is full.
    #[error(
        "a project holds at most {MAX_PROJECT_BYTES} bytes of text: delete or shorten something first"
    )]
    TooMuch,
    /// A path appears twice in one batch.
    #[error("`{0}` appears twice in one batch: write it once")]
    Twice(DocumentPath),
    /// Another writer created or deleted it at this moment.
    #[error("`{0}` was created or deleted by someone else at this moment: read it and write again")]
    Raced(DocumentPath),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// Postgres failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Writes all of `drafts` or, with an error, none. Drafts that their precondition leaves as they
/// are do not appear in the result.
///
/// # Errors
/// See [`WriteError`].
pub async fn write(
    tx: &Tx,
    tenant: &Tenant,
    ambient: &Ambient,
    author: &Author,
    drafts: &[Draft],
) -> Result<Vec<Written>, WriteError> {
    check_texts(drafts)?;
    let mut plan = Plan::default();
    plan.add(tx, tenant, ambient, drafts).await?;
    plan.insert_created(tx, tenant, (ambient, author), drafts).await?;
    plan.store(tx, tenant, author).await?;
    Ok(plan.written())
}

fn check_texts(drafts: &[Draft]) -> Result<(), WriteError> {
    let mut seen = HashSet::new();
    for Draft { path, content, .. } in drafts {
        check_text(path, content)?;
        if !seen.insert(path) {
            return Err(WriteError::Twice(path.clone()));
        }
    }
    Ok(())
}

/// Refuses a text that no document can hold.
///
/// # Errors
/// When it is too large or has a NUL.
pub fn check_text(path: &DocumentPath, content: &str) -> Result<(), WriteError> {
    if content.len() > MAX_DOCUMENT_BYTES {
        return Err(WriteError::TooLarge { path: path.clone(), bytes: content.len() });
    }
    if content.contains('\0') {
        return Err(WriteError::Nul(path.clone()));
    }
    Ok(())
}

/// What is inserted and what updated, with the version that each will have.
#[derive(Default)]
struct Plan<'a> {
    created: Vec<Text<'a>>,
    updated: Vec<(Text<'a>, i32)>,
    /// Whether the project may hold more than before.
    grows: bool,
}

impl<'a> Plan<'a> {
    /// Locks what exists of `drafts` and decides what becomes of each.
    async fn add(
        &mut self,
        tx: &Tx,
        tenant: &Tenant,
        ambient: &Ambient,
        drafts: impl IntoIterator<Item = &'a Draft>,
    ) -> Result<(), WriteError> {
        let drafts: Vec<&Draft> = drafts.into_iter().collect();
        let paths: Vec<&str> = drafts.iter().map(|draft| draft.path.as_str()).collect();
        let locked = documents::lock(tx, tenant, &paths).await?;
        let locked: HashMap<DocumentPath, Locked> =
            locked.into_iter().map(|row| (row.summary.path.clone(), row)).collect();
        for draft in drafts {
            let text = |id| Text { id, path: &draft.path, content: &draft.content };
            let Some(existing) = locked.get(&draft.path) else {
                if let Precondition::Unchanged(_) = draft.precondition {
                    return Err(WriteError::Missing(draft.path.clone()));
                }
                self.created.push(text(DocumentId(ambient.uuid()?)));
                self.grows = true;
                continue;
            };
            if draft.replaces(existing)? {
                let before = usize::try_from(existing.summary.size_bytes).unwrap_or(0);
                self.grows |= draft.content.len() > before;
                self.updated.push((text(existing.summary.id), existing.summary.version + 1));
            }
        }
        Ok(())
    }

    /// Inserts what is new. Where another writer took a path in between, its document exists now:
    /// it is locked and decided upon again.
    async fn insert_created(
        &mut self,
        tx: &Tx,
        tenant: &Tenant,
        (ambient, author): (&Ambient, &Author),
        drafts: &'a [Draft],
    ) -> Result<(), WriteError> {
        if self.created.is_empty() {
            return Ok(());
        }
        let ids = documents::insert(tx, tenant, author, &self.created).await?;
        let wanted = std::mem::take(&mut self.created);
        let (made, taken): (Vec<_>, Vec<_>) =
            wanted.into_iter().partition(|text| ids.contains(&text.id));
        if !taken.is_empty() {
            let again = drafts.iter().filter(|d| taken.iter().any(|text| *text.path == d.path));
            self.add(tx, tenant, ambient, again).await?;
        }
        if let Some(lost) = self.created.first() {
            return Err(WriteError::Raced(lost.path.clone()));
        }
        self.created = made;
        Ok(())
    }

    async fn store(&self, tx: &Tx, tenant: &Tenant, author: &Author) -> Result<(), WriteError> {
        let updates: Vec<Text<'_>> = self.updated.iter().map(|(text, _)| text.clone()).collect();
        if !updates.is_empty() {
            documents::update(tx, tenant, author, &updates).await?;
        }
        let ids: Vec<DocumentId> = self.texts().map(|text| text.id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        if self.grows {
            check_quota(tx, tenant).await?;
        }
        documents::revise(tx, tenant, author, &ids).await?;
        section_rows::replace(tx, tenant, &ids, &self.section_rows()).await?;
        section_rows::learn(tx, tenant, &ids).await?;
        Ok(())
    }

    fn texts(&self) -> impl Iterator<Item = &Text<'a>> {
        self.created.iter().chain(self.updated.iter().map(|(text, _)| text))
    }

    fn section_rows(&self) -> Vec<SectionRow> {
        let of_text = |text: &Text<'_>| -> Vec<SectionRow> {
            let numbered = (0..).zip(sections(text.content));
            let rows = numbered.map(|(ordinal, section)| SectionRow {
                document: text.id,
                ordinal,
                heading: section.heading,
                first_line: section.first_line,
                body: section.body.to_owned(),
            });
            rows.collect()
        };
        self.texts().flat_map(of_text).collect()
    }

    fn written(&self) -> Vec<Written> {
        let of = |text: &Text<'_>, version, created| Written {
            path: text.path.clone(),
            etag: Etag::of(text.id, version),
            version,
            size_bytes: text.content.len(),
            created,
        };
        let created = self.created.iter().map(|text| of(text, 1, true));
        let updated = self.updated.iter().map(|(text, version)| of(text, *version, false));
        created.chain(updated).collect()
    }
}

impl Draft {
    /// Whether it is to replace `existing`.
    fn replaces(&self, existing: &Locked) -> Result<bool, WriteError> {
        let current = existing.summary.etag();
        match &self.precondition {
            Precondition::Unchanged(etag) if *etag != current => {
                Err(WriteError::Stale { path: self.path.clone(), current })
            }
            Precondition::Absent => Err(WriteError::Exists { path: self.path.clone(), current }),
            Precondition::Different => Ok(existing.sha256 != sha256(&self.content)),
            Precondition::KeepExisting => Ok(false),
            Precondition::None | Precondition::Unchanged(_) => Ok(true),
        }
    }
}

/// Counted without a lock, so that writers of one project do not wait for each other: several at
/// once may pass the limit by what each of them adds.
async fn check_quota(tx: &Tx, tenant: &Tenant) -> Result<(), WriteError> {
    let totals = documents::totals(tx, tenant).await?;
    if totals.documents > MAX_DOCUMENTS {
        return Err(WriteError::TooMany);
    }
    if totals.bytes > MAX_PROJECT_BYTES {
        return Err(WriteError::TooMuch);
    }
    Ok(())
}

fn sha256(text: &str) -> Vec<u8> {
    use sha2::Digest as _;
    sha2::Sha256::digest(text).to_vec()
}
