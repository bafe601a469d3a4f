//! Names of documents: one normal form for reading and writing.

use std::fmt;

use unicode_normalization::UnicodeNormalization as _;

/// The longest segment of a path, in UTF-8 bytes.
pub const MAX_SEGMENT_BYTES: usize = 255;
/// The most segments of a path.
pub const MAX_DEPTH: usize = 8;

/// The longest path, in UTF-8 bytes.
pub const MAX_PATH_BYTES: usize = MAX_DEPTH * (MAX_SEGMENT_BYTES + 1);

/// The five core documents, in the order in which they are read.
pub const CORE_DOCUMENTS: [&str; 5] = [
    "product-context.md",
    "active-context.md",
    "progress.md",
    "decision-log.md",
    "system-patterns.md",
];

/// Names under which older memory banks know the core documents.
const ALIASES: [(&str, &str); 5] = [
    ("productContext.md", "product-context.md"),
    ("activeContext.md", "active-context.md"),
    ("progress.md", "progress.md"),
    ("decisionLog.md", "decision-log.md"),
    ("systemPatterns.md", "system-patterns.md"),
];

/// The normalised, relative name of a document, e.g. `guides/deploy.md`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DocumentPath(String);

/// Why a text names no document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Nothing is left of it.
    #[error("a document needs a name, for example `notes/today.md`")]
    Empty,
    /// It begins with `/`.
    #[error("document names are relative: omit the leading `/`")]
    Absolute,
    /// A segment is `.` or `..`, or empty.
    #[error("`.`, `..` and empty segments are not allowed in a document name")]
    DotSegment,
    /// NUL or another control character.
    #[error("control characters (NUL included) are not allowed in a document name")]
    Control,
    /// A backslash.
    #[error("use `/` and not a backslash between the segments of a document name")]
    Backslash,
    /// A segment is too long.
    #[error("a segment of a document name holds at most {MAX_SEGMENT_BYTES} bytes")]
    LongSegment,
    /// Too many segments.
    #[error("a document name has at most {MAX_DEPTH} segments")]
    TooDeep,
}

impl DocumentPath {
    /// Normalises `text`: Unicode NFC, case kept, and the older camelCase names of the core
    /// documents become today's.
    ///
    /// # Errors
    /// When the text is no relative path within the limits.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let text: String = text.nfc().collect();
        if text.is_empty() {
            return Err(PathError::Empty);
        }
        if text.starts_with('/') {
            return Err(PathError::Absolute);
        }
        if text.chars().any(char::is_control) {
            return Err(PathError::Control);
        }
        if text.contains('\\') {
            return Err(PathError::Backslash);
        }
        let mut depth = 0;
        for segment in text.split('/') {
            depth += 1;
            if matches!(segment, "" | "." | "..") {
                return Err(PathError::DotSegment);
            }
            if segment.len() > MAX_SEGMENT_BYTES {
                return Err(PathError::LongSegment);
            }
        }
        if depth > MAX_DEPTH {
            return Err(PathError::TooDeep);
        }
        let alias = ALIASES.iter().find(|(old, _)| *old == text);
        Ok(Self(alias.map_or(text, |(_, name)| (*name).to_owned())))
    }

    /// The normal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The beginning of document names, in the form that [`DocumentPath`] gives them.
#[must_use]
pub fn normalize_prefix(text: &str) -> String {
    text.nfc().collect()
}

impl fmt::Display for DocumentPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn refuses_what_is_no_name_and_says_why() {
        let cases = [
            ("", PathError::Empty),
            ("/etc/passwd", PathError::Absolute),
            ("../x.md", PathError::DotSegment),
            ("a/../../x.md", PathError::DotSegment),
            ("a//b.md", PathError::DotSegment),
            ("a/./b.md", PathError::DotSegment),
            ("a/", PathError::DotSegment),
            ("a\0.md", PathError::Control),
            ("a\n.md", PathError::Control),
            ("a\\b.md", PathError::Backslash),
            ("1/2/3/4/5/6/7/8/9", PathError::TooDeep),
        ];
        for (text, expected) in cases {
            assert_eq!(DocumentPath::parse(text), Err(expected), "{text:?}");
        }
        assert_eq!(DocumentPath::parse(&"a".repeat(256)), Err(PathError::LongSegment));
        assert!(DocumentPath::parse(&"a".repeat(255)).is_ok());
        assert!(DocumentPath::parse("1/2/3/4/5/6/7/8").is_ok());
    }

    #[test]
    fn one_form_for_equal_names() {
        let composed = DocumentPath::parse("caf\u{e9}.md").unwrap();
        let decomposed = DocumentPath::parse("cafe\u{301}.md").unwrap();
        assert_eq!(composed, decomposed);
        assert_eq!(DocumentPath::parse("activeContext.md").unwrap().as_str(), "active-context.md");
        assert_ne!(DocumentPath::parse("A.md"), DocumentPath::parse("a.md"), "case is kept");
    }

    proptest! {
        #[test]
        fn parsing_is_idempotent_and_safe(text in "\\PC{0,40}|[./a\\\\]{0,12}") {
            if let Ok(path) = DocumentPath::parse(&text) {
                prop_assert_eq!(&DocumentPath::parse(path.as_str()).unwrap(), &path);
                prop_assert!(path.as_str().split('/').all(|s| !matches!(s, "" | "." | "..")));
            }
        }
    }
}
