//! The five documents that every memory bank begins with.

use crate::model::document_path::{CORE_DOCUMENTS, DocumentPath, PathError};
use crate::model::{Ambient, Author};
use crate::store::pg::documents;
use crate::store::{StoreError, Tenant, Tx};

use super::write::{Draft, Precondition, WriteError, Written, write};

/// Their texts at the beginning, in the order of [`CORE_DOCUMENTS`].
const TEXTS: [&str; 5] = [
    include_str!("templates/product-context.md"),
    include_str!("templates/active-context.md"),
    include_str!("templates/progress.md"),
    include_str!("templates/decision-log.md"),
    include_str!("templates/system-patterns.md"),
];

/// Which core documents exist, in their order.
///
/// # Errors
/// See [`StoreError`].
pub async fn existing(tx: &Tx, tenant: &Tenant) -> Result<[(&'static str, bool); 5], StoreError> {
    let found = documents::named(tx, tenant, &CORE_DOCUMENTS).await?;
    Ok(CORE_DOCUMENTS
        .map(|name| (name, found.iter().any(|document| document.path.as_str() == name))))
}

/// Creates those that are missing; the others keep their texts.
///
/// # Errors
/// See [`WriteError`].
pub async fn create_missing(
    tx: &Tx,
    tenant: &Tenant,
    ambient: &Ambient,
    author: &Author,
) -> Result<Vec<Written>, WriteError> {
    let drafts = CORE_DOCUMENTS.iter().zip(TEXTS).map(|(name, text)| draft(name, text));
    // The names are constants of ours; a test parses them.
    let drafts: Vec<Draft> = drafts.filter_map(Result::ok).collect();
    write(tx, tenant, ambient, author, &drafts).await
}

fn draft(name: &str, text: &str) -> Result<Draft, PathError> {
    let path = DocumentPath::parse(name)?;
    Ok(Draft { path, content: text.to_owned(), precondition: Precondition::KeepExisting })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_core_document_has_a_good_name_and_a_heading() {
        for (name, text) in CORE_DOCUMENTS.iter().zip(TEXTS) {
            assert!(draft(name, text).is_ok(), "{name}");
            assert!(text.starts_with("# "), "{name}");
        }
    }
}
