//! Documents: the named texts of a memory bank.

use std::fmt;

use time::OffsetDateTime;

use super::{DocumentId, DocumentPath, KeyId, UserId};

/// The largest document, in UTF-8 bytes.
pub const MAX_DOCUMENT_BYTES: usize = 512 * 1024;
/// The most documents a project holds.
pub const MAX_DOCUMENTS: i64 = 10_000;
/// The most text a project holds in all its documents, in bytes.
pub const MAX_PROJECT_BYTES: i64 = 1024 * 1024 * 1024;

/// A document with its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// All but the text.
    pub summary: DocumentSummary,
    /// The text, exactly as given.
    pub content: String,
}

/// A document without its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentSummary {
    /// Its identifier; stays when it is renamed.
    pub id: DocumentId,
    /// Its name.
    pub path: DocumentPath,
    /// The size of its text, in UTF-8 bytes.
    pub size_bytes: i32,
    /// Counts its writes from 1; also the number of its newest revision.
    pub version: i32,
    /// When it was last written.
    pub updated_at: OffsetDateTime,
    /// Who last wrote it.
    pub updated_by: UserId,
    /// With which client.
    pub updated_client: Option<String>,
}

impl DocumentSummary {
    /// The validator of this state of the document.
    #[must_use]
    pub fn etag(&self) -> Etag {
        Etag::of(self.id, self.version)
    }
}

/// A strong validator (RFC 9110 §8.8.3, without the quotes) of one state of one document: made
/// from its id and version, so that equal texts at different times differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Etag(String);

impl Etag {
    /// The validator of `version` of document `id`.
    #[must_use]
    pub fn of(id: DocumentId, version: i32) -> Self {
        let id = id.0.simple().to_string();
        Self(format!("{version}-{}", &id[20..]))
    }

    /// A validator as a client sent it, with or without the quotes of HTTP.
    #[must_use]
    pub fn from_client(text: &str) -> Self {
        Self(text.trim().trim_matches('"').to_owned())
    }
}

impl fmt::Display for Etag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who writes: always from the key or the command line, never from arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// The user.
    pub user: UserId,
    /// The key, unless the operator's command line wrote.
    pub key: Option<KeyId>,
    /// The client's name as it introduced itself.
    pub client: Option<String>,
}
