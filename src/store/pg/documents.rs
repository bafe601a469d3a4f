//! Documents and their revisions. Writes are set-based: one document is a batch of one.

use time::OffsetDateTime;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::model::{Author, Document, DocumentId, DocumentPath, DocumentSummary, UserId};
use crate::store::row::Place;
use crate::store::statement::statements;
use crate::store::{StoreError, Tenant, Tx};

statements! {
    FIND = "documents.find" (UUID, TEXT)
        "select id, path, size_bytes, version, updated_at, updated_by, updated_client, content \
         from documents where project_id = $1 and path = $2";
    LIST = "documents.list" (UUID, TEXT, TEXT, INT8)
        "select id, path, size_bytes, version, updated_at, updated_by, updated_client \
         from documents where project_id = $1 and path > $2 \
         and path >= $3 and path < $3 || chr(1114111) \
         order by path limit $4";
    TOTALS = "documents.totals" (UUID)
        "select count(*) as documents, coalesce(sum(size_bytes), 0)::int8 as bytes, \
         max(updated_at) as updated_at from documents where project_id = $1";
    NAMED = "documents.named" (UUID, TEXT_ARRAY)
        "select id, path, size_bytes, version, updated_at, updated_by, updated_client \
         from documents where project_id = $1 and path = any($2) order by path";
    LOCK = "documents.lock" (UUID, TEXT_ARRAY)
        "select id, path, size_bytes, version, updated_at, updated_by, updated_client, \
         content_sha256 from documents where project_id = $1 and path = any($2) \
         order by path for update";
    INSERT = "documents.insert" (UUID, UUID, TEXT, UUID_ARRAY, TEXT_ARRAY, TEXT_ARRAY)
        "insert into documents (project_id, id, path, content, size_bytes, content_sha256, \
         version, created_at, created_by, updated_at, updated_by, updated_client) \
         select $1, d.id, d.path, d.content, octet_length(d.content), \
         sha256(convert_to(d.content, 'UTF8')), 1, now(), $2, now(), $2, $3 \
         from unnest($4, $5, $6) as d (id, path, content) order by d.path \
         on conflict (project_id, path) do nothing returning id";
    UPDATE = "documents.update" (UUID, UUID, TEXT, UUID_ARRAY, TEXT_ARRAY)
        "update documents d set content = n.content, size_bytes = octet_length(n.content), \
         content_sha256 = sha256(convert_to(n.content, 'UTF8')), version = d.version + 1, \
         updated_at = now(), updated_by = $2, updated_client = $3 \
         from unnest($4, $5) as n (id, content) where d.project_id = $1 and d.id = n.id";
    REVISE = "documents.revise" (UUID, UUID_ARRAY, UUID)
        "insert into document_revisions (project_id, document_id, version, path, content, \
         size_bytes, content_sha256, created_at, created_by, client_name, key_id) \
         select project_id, id, version, path, content, size_bytes, content_sha256, updated_at, \
         updated_by, updated_client, $3 from documents where project_id = $1 and id = any($2)";
    BURY = "documents.bury" (UUID, UUID, UUID, TEXT, UUID)
        "insert into document_revisions (project_id, document_id, version, path, content, \
         size_bytes, content_sha256, created_at, created_by, client_name, key_id, deleted) \
         select project_id, id, version + 1, path, '', 0, sha256(''), now(), $3, $4, $5, true \
         from documents where project_id = $1 and id = $2";
    DELETE = "documents.delete" (UUID, UUID)
        "delete from documents where project_id = $1 and id = $2";
}

/// What a project holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Documents.
    pub documents: i64,
    /// UTF-8 bytes of all their texts.
    pub bytes: i64,
    /// When one was last written.
    pub updated_at: Option<OffsetDateTime>,
}

/// A document whose row this transaction has locked.
#[derive(Clone, Debug)]
pub struct Locked {
    /// All but its text.
    pub summary: DocumentSummary,
    /// SHA-256 of its text.
    pub sha256: Vec<u8>,
}

/// A text to store.
#[derive(Clone, Debug)]
pub struct Text<'a> {
    /// The document.
    pub id: DocumentId,
    /// Its path; used when it is new.
    pub path: &'a DocumentPath,
    /// The text.
    pub content: &'a str,
}

/// The document at `path`.
///
/// # Errors
/// See [`StoreError`].
pub async fn find(
    tx: &Tx,
    tenant: &Tenant,
    path: &DocumentPath,
) -> Result<Option<Document>, StoreError> {
    let row = tx.row(&FIND, &[&tenant.project().0, &path.as_str()]).await?;
    let document = row.map(|row| {
        let summary = summary(&row)?;
        Ok(Document { summary, content: row.get("content") })
    });
    document.transpose()
}

/// At most `limit` documents whose path begins with `prefix` and comes after `after`, by path.
///
/// # Errors
/// See [`StoreError`].
pub async fn list(
    tx: &Tx,
    tenant: &Tenant,
    prefix: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<DocumentSummary>, StoreError> {
    let rows = tx.rows(&LIST, &[&tenant.project().0, &after, &prefix, &limit]).await?;
    rows.iter().map(summary).collect()
}

/// What the project holds.
///
/// # Errors
/// See [`StoreError`].
pub async fn totals(tx: &Tx, tenant: &Tenant) -> Result<Totals, StoreError> {
    let row = tx.row(&TOTALS, &[&tenant.project().0]).await?;
    Ok(row.map_or(Totals { documents: 0, bytes: 0, updated_at: None }, |row| Totals {
        documents: row.get("documents"),
        bytes: row.get("bytes"),
        updated_at: row.get("updated_at"),
    }))
}

/// Those of the documents at `paths` that exist, by path.
///
/// # Errors
/// See [`StoreError`].
pub async fn named(
    tx: &Tx,
    tenant: &Tenant,
    paths: &[&str],
) -> Result<Vec<DocumentSummary>, StoreError> {
    let rows = tx.rows(&NAMED, &[&tenant.project().0, &paths]).await?;
    rows.iter().map(summary).collect()
}

/// Locks the documents at `paths`, in the order of their paths, until the transaction ends.
///
/// # Errors
/// See [`StoreError`].
pub async fn lock(tx: &Tx, tenant: &Tenant, paths: &[&str]) -> Result<Vec<Locked>, StoreError> {
    let rows = tx.rows(&LOCK, &[&tenant.project().0, &paths]).await?;
    let locked = rows
        .iter()
        .map(|row| Ok(Locked { summary: summary(row)?, sha256: row.get("content_sha256") }));
    locked.collect()
}

/// Stores new documents; gives the ids of those whose path was free.
///
/// # Errors
/// See [`StoreError`].
pub async fn insert(
    tx: &Tx,
    tenant: &Tenant,
    author: &Author,
    texts: &[Text<'_>],
) -> Result<Vec<DocumentId>, StoreError> {
    let paths: Vec<&str> = texts.iter().map(|text| text.path.as_str()).collect();
    let (ids, contents) = ids_and_contents(texts);
    let (project, user, client) = (tenant.project().0, author.user.0, &author.client);
    let rows = tx.rows(&INSERT, &[&project, &user, client, &ids, &paths, &contents]).await?;
    Ok(rows.iter().map(|row| DocumentId(row.get("id"))).collect())
}

/// Replaces the texts of documents that [`lock`] has locked, and raises their versions by one.
///
/// # Errors
/// See [`StoreError`].
pub async fn update(
    tx: &Tx,
    tenant: &Tenant,
    author: &Author,
    texts: &[Text<'_>],
) -> Result<(), StoreError> {
    let (ids, contents) = ids_and_contents(texts);
    let (project, user, client) = (tenant.project().0, author.user.0, &author.client);
    tx.rows(&UPDATE, &[&project, &user, client, &ids, &contents]).await?;
    Ok(())
}

/// Records the present state of `documents` as revisions.
///
/// # Errors
/// See [`StoreError`].
pub async fn revise(
    tx: &Tx,
    tenant: &Tenant,
    author: &Author,
    documents: &[DocumentId],
) -> Result<(), StoreError> {
    let ids: Vec<Uuid> = documents.iter().map(|id| id.0).collect();
    let key = author.key.map(|key| key.0);
    tx.rows(&REVISE, &[&tenant.project().0, &ids, &key]).await?;
    Ok(())
}

/// Deletes a document that [`lock`] has locked. Its revisions stay; one more says who deleted it.
///
/// # Errors
/// See [`StoreError`].
pub async fn delete(
    tx: &Tx,
    tenant: &Tenant,
    author: &Author,
    document: DocumentId,
) -> Result<(), StoreError> {
    let (project, user, client) = (tenant.project().0, author.user.0, &author.client);
    let key = author.key.map(|key| key.0);
    tx.rows(&BURY, &[&project, &document.0, &user, client, &key]).await?;
    tx.rows(&DELETE, &[&project, &document.0]).await?;
    Ok(())
}

fn ids_and_contents<'a>(texts: &[Text<'a>]) -> (Vec<Uuid>, Vec<&'a str>) {
    texts.iter().map(|text| (text.id.0, text.content)).unzip()
}

fn summary(row: &Row) -> Result<DocumentSummary, StoreError> {
    let id = DocumentId(row.get("id"));
    let place = Place { table: "documents", column: "path", id: &id };
    let path = DocumentPath::parse(row.get("path")).map_err(|error| place.broken(error))?;
    Ok(DocumentSummary {
        id,
        path,
        size_bytes: row.get("size_bytes"),
        version: row.get("version"),
        updated_at: row.get("updated_at"),
        updated_by: UserId(row.get("updated_by")),
        updated_client: row.get("updated_client"),
    })
}
