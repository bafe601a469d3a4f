//! What search indexes: the sections of documents, and the words of a project.

use uuid::Uuid;

use crate::model::DocumentId;
use crate::store::statement::statements;
use crate::store::{StoreError, Tenant, Tx};

statements! {
    CLEAR = "sections.clear" (UUID, UUID_ARRAY)
        "delete from document_sections where project_id = $1 and document_id = any($2)";
    INSERT = "sections.insert"
        (UUID, UUID_ARRAY, INT4_ARRAY, TEXT_ARRAY, INT4_ARRAY, TEXT_ARRAY)
        "insert into document_sections \
         (project_id, document_id, ordinal, heading_path, first_line, language, body) \
         select $1, s.document_id, s.ordinal, s.heading_path, s.first_line, \
         (select p.search_language from projects p where p.id = $1), s.body \
         from unnest($2, $3, $4, $5, $6) \
         as s (document_id, ordinal, heading_path, first_line, body)";
    LEARN = "sections.learn" (UUID, UUID_ARRAY)
        "insert into project_words (project_id, word) \
         select $1, w.word from ( \
           select distinct t.lexeme as word from document_sections s, \
           unnest(to_tsvector('simple', app.search_text(s.heading_path || ' ' || s.body))) as t \
           where s.project_id = $1 and s.document_id = any($2) \
         ) w where w.word ~ '^[[:alpha:]]{3,64}$' order by w.word on conflict do nothing";
}

/// A section of a document, as indexed.
#[derive(Clone, Debug)]
pub struct SectionRow {
    /// The document.
    pub document: DocumentId,
    /// Its place in the document, from 0.
    pub ordinal: i32,
    /// The headings above it, outermost first, joined by ` > `.
    pub heading: String,
    /// Its first line in the document, from 1.
    pub first_line: i32,
    /// Its text, at most 32 KiB.
    pub body: String,
}

/// Replaces the indexed sections of `documents` by `sections`.
///
/// # Errors
/// See [`StoreError`].
pub async fn replace(
    tx: &Tx,
    tenant: &Tenant,
    documents: &[DocumentId],
    sections: &[SectionRow],
) -> Result<(), StoreError> {
    let project = tenant.project().0;
    let cleared = uuids(documents);
    let owners: Vec<Uuid> = sections.iter().map(|section| section.document.0).collect();
    let ordinals: Vec<i32> = sections.iter().map(|section| section.ordinal).collect();
    let headings: Vec<&str> = sections.iter().map(|section| section.heading.as_str()).collect();
    let lines: Vec<i32> = sections.iter().map(|section| section.first_line).collect();
    let bodies: Vec<&str> = sections.iter().map(|section| section.body.as_str()).collect();
    tx.rows(&CLEAR, &[&project, &cleared]).await?;
    tx.rows(&INSERT, &[&project, &owners, &ordinals, &headings, &lines, &bodies]).await?;
    Ok(())
}

/// Adds the words of `documents` to those that a misspelt word is compared with. Last in a
/// transaction and in the order of the words, so that two writers cannot wait for each other.
///
/// # Errors
/// See [`StoreError`].
pub async fn learn(tx: &Tx, tenant: &Tenant, documents: &[DocumentId]) -> Result<(), StoreError> {
    tx.rows(&LEARN, &[&tenant.project().0, &uuids(documents)]).await?;
    Ok(())
}

fn uuids(documents: &[DocumentId]) -> Vec<Uuid> {
    documents.iter().map(|id| id.0).collect()
}
