//! Search. Ids come from a function that may use the text index and checks membership itself;
//! the rows are then read as the tenant, so that the policies have the last word.

use time::OffsetDateTime;
use tokio_postgres::Row;

use crate::model::{DocumentId, DocumentPath};
use crate::store::row::Place;
use crate::store::statement::statements;
use crate::store::{StoreError, Tenant, Tx};

statements! {
    WORDS = "search.words" (UUID, TEXT, TEXT, TEXT_ARRAY, TIMESTAMPTZ, INT4, INT4)
        "select d.id, d.path, s.heading_path, s.first_line, s.body, f.rank, \
         ts_headline(app.search_config(s.language), app.search_text(s.body), \
         app.search_query(s.language, $2), \
         'HighlightAll=true, StartSel=' || chr(57344) || ', StopSel=' || chr(57345)) as marked \
         from app.search_sections($2, $3, $4, $5, $6, $7) f \
         join document_sections s on s.project_id = $1 \
         and s.document_id = f.document_id and s.ordinal = f.ordinal \
         join documents d on d.project_id = $1 and d.id = f.document_id \
         order by f.rank desc, f.document_id, f.ordinal";
    LITERAL = "search.literal" (UUID, TEXT, BOOL, TEXT, TEXT_ARRAY, TIMESTAMPTZ, INT4, INT4)
        "select d.id, d.path, s.heading_path, s.first_line, s.body, 1.0::float4 as rank, \
         null::text as marked \
         from document_sections s join documents d \
         on d.project_id = $1 and d.id = s.document_id \
         where s.project_id = $1 and case when $3 then strpos(s.body, $2) > 0 \
         else strpos(lower(s.body), lower($2)) > 0 end \
         and ($4::text is null or starts_with(d.path, $4)) and ($5::text[] is null or d.path = any($5)) \
         and ($6::timestamptz is null or d.updated_at >= $6) \
         order by d.path, s.ordinal limit $7 offset $8";
    NEAREST = "search.nearest" (TEXT_ARRAY)
        "select word, nearest from app.nearest_words($1)";
}

/// Begins a matching word in [`Found::marked`].
pub const MARK: char = '\u{e000}';
/// Ends it.
pub const UNMARK: char = '\u{e001}';

/// Which documents are searched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only documents whose path begins so.
    pub path_prefix: Option<String>,
    /// Only these documents.
    pub paths: Option<Vec<DocumentPath>>,
    /// Only documents written since.
    pub updated_since: Option<OffsetDateTime>,
}

/// A section that matches.
#[derive(Clone, Debug)]
pub struct Found {
    /// The document's path.
    pub path: DocumentPath,
    /// The headings above the section.
    pub heading: String,
    /// The section's first line.
    pub first_line: i32,
    /// Its text.
    pub body: String,
    /// Found by words: its text with [`MARK`] and [`UNMARK`] around them, the same lines.
    pub marked: Option<String>,
    /// Higher is better.
    pub rank: f32,
}

/// A part of the results.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// How many to skip.
    pub skip: i32,
    /// How many to give at most.
    pub take: i32,
}

/// Sections that match the words of `query`, best first.
///
/// # Errors
/// See [`StoreError`].
pub async fn words(
    tx: &Tx,
    tenant: &Tenant,
    query: &str,
    filter: &Filter,
    window: Window,
) -> Result<Vec<Found>, StoreError> {
    let (prefix, paths, since) = parts(filter);
    let Window { skip, take } = window;
    let project = tenant.project().0;
    let rows = tx.rows(&WORDS, &[&project, &query, &prefix, &paths, &since, &take, &skip]).await?;
    rows.iter().map(found).collect()
}

/// Sections that contain `text` exactly, by path.
///
/// # Errors
/// See [`StoreError`].
pub async fn literal(
    tx: &Tx,
    tenant: &Tenant,
    (text, case_sensitive): (&str, bool),
    filter: &Filter,
    window: Window,
) -> Result<Vec<Found>, StoreError> {
    let (prefix, paths, since) = parts(filter);
    let Window { skip, take } = window;
    let project = tenant.project().0;
    let rows = tx
        .rows(&LITERAL, &[&project, &text, &case_sensitive, &prefix, &paths, &since, &take, &skip])
        .await?;
    rows.iter().map(found).collect()
}

/// For each of `words` the most similar words that the project knows, itself included, most
/// similar first.
///
/// # Errors
/// See [`StoreError`].
pub async fn nearest(tx: &Tx, words: &[&str]) -> Result<Vec<(String, String)>, StoreError> {
    let rows = tx.rows(&NEAREST, &[&words]).await?;
    Ok(rows.iter().map(|row| (row.get("word"), row.get("nearest"))).collect())
}

type FilterParts<'a> = (Option<&'a str>, Option<Vec<&'a str>>, Option<OffsetDateTime>);

fn parts(filter: &Filter) -> FilterParts<'_> {
    let paths = filter.paths.as_ref();
    let paths = paths.map(|paths| paths.iter().map(DocumentPath::as_str).collect());
    (filter.path_prefix.as_deref(), paths, filter.updated_since)
}

fn found(row: &Row) -> Result<Found, StoreError> {
    let document = DocumentId(row.get("id"));
    let place = Place { table: "documents", column: "path", id: &document };
    let path = DocumentPath::parse(row.get("path")).map_err(|error| place.broken(error))?;
    Ok(Found {
        path,
        heading: row.get("heading_path"),
        first_line: row.get("first_line"),
        body: row.get("body"),
        marked: row.get("marked"),
        rank: row.get("rank"),
    })
}
