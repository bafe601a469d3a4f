//! What a search asks and finds.

use time::OffsetDateTime;

use super::{DocumentId, DocumentPath};

/// How the words of a query are matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matching {
    /// Full-text search with web-search syntax: words, "phrases", OR, -not.
    Words,
    /// The exact text, anywhere.
    Literal {
        /// Whether upper and lower case differ.
        case_sensitive: bool,
    },
}

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

/// One section of a document that matches.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// The document.
    pub document: DocumentId,
    /// Its path.
    pub path: DocumentPath,
    /// Its version when found.
    pub version: i32,
    /// The headings above the match, outermost first, joined by ` > `; empty before the first.
    pub heading: String,
    /// The line of the match in the document, counted from 1.
    pub line: i32,
    /// Text around the match.
    pub snippet: String,
    /// Higher is better; comparable within one answer only.
    pub rank: f32,
}
