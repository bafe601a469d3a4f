//! Reading and listing documents.

use std::ops::RangeInclusive;

use crate::model::{Document, DocumentPath, DocumentSummary, Sealer};
use crate::store::pg::documents;
use crate::store::{StoreError, Tenant, Tx};

use super::cursor::{CursorError, Cursors};

/// The most documents of one page.
pub const MAX_LISTED: usize = 500;

/// Why a list or a document cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is no such document.
    #[error("`{0}` does not exist; `list_memory_bank_files` shows what there is")]
    Missing(DocumentPath),
    /// The cursor is not of this list.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// Postgres failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Page {
    /// The documents, by path.
    pub documents: Vec<DocumentSummary>,
    /// Goes on after them, if there are more.
    pub next_cursor: Option<String>,
}

/// At most `limit` documents whose path begins with `prefix`.
///
/// # Errors
/// See [`ReadError`].
pub async fn list(
    tx: &Tx,
    tenant: &Tenant,
    sealer: &Sealer,
    (prefix, limit): (&str, usize),
    cursor: Option<&str>,
) -> Result<Page, ReadError> {
    let cursors = Cursors::new(sealer, tenant, "documents", prefix);
    let after = cursors.position(cursor)?;
    let wanted = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let mut documents = documents::list(tx, tenant, prefix, &after, wanted).await?;
    let more = documents.len() > limit;
    documents.truncate(limit);
    let last = documents.last().filter(|_| more);
    let next_cursor = last.map(|document| cursors.after(document.path.as_str()));
    Ok(Page { documents, next_cursor })
}

/// The document at `path`.
///
/// # Errors
/// See [`ReadError`].
pub async fn read(tx: &Tx, tenant: &Tenant, path: &DocumentPath) -> Result<Document, ReadError> {
    let found = documents::find(tx, tenant, path).await?;
    found.ok_or_else(|| ReadError::Missing(path.clone()))
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt<'a> {
    /// The part.
    pub text: &'a str,
    /// The line of its beginning, from 1.
    pub first_line: usize,
    /// Characters of the requested lines that were left out because of the limit.
    pub omitted_chars: usize,
    /// The line to go on with, where characters were left out.
    pub next_line: Option<usize>,
}

/// The `lines` of `text` (from 1; line ends kept), whole, as many as `max_chars` holds; a first
/// line that is longer than that is cut.
#[must_use]
pub fn excerpt(text: &str, lines: RangeInclusive<usize>, max_chars: usize) -> Excerpt<'_> {
    let first_line = (*lines.start()).max(1);
    let start = offset_of_line(text, first_line);
    let end = offset_of_line(text, lines.end().saturating_add(1)).max(start);
    let wanted = &text[start..end];
    let Some((limit, _)) = wanted.char_indices().nth(max_chars) else {
        return Excerpt { text: wanted, first_line, omitted_chars: 0, next_line: None };
    };
    let whole_lines = wanted[..limit].rfind('\n').map(|newline| newline + 1);
    let cut = whole_lines.unwrap_or(limit);
    let shown_lines = wanted[..cut].matches('\n').count();
    Excerpt {
        text: &wanted[..cut],
        first_line,
        omitted_chars: wanted[cut..].chars().count(),
        // A cut first line cannot be continued by line: the next whole one is named.
        next_line: Some(first_line + shown_lines.max(1)),
    }
}

fn offset_of_line(text: &str, line: usize) -> usize {
    let Some(newlines) = line.checked_sub(2) else {
        return 0;
    };
    text.match_indices('\n').nth(newlines).map_or(text.len(), |(at, _)| at + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_are_whole_and_what_is_left_out_is_said() {
        let text = "one\r\ntwo\nthree\nfour";
        let of = |lines, chars| excerpt(text, lines, chars);
        assert_eq!(of(1..=usize::MAX, 100).text, text);
        assert_eq!(of(2..=3, 100).text, "two\nthree\n");
        assert_eq!(of(9..=10, 100).text, "");
        let cut = of(1..=4, 12);
        assert_eq!((cut.text, cut.omitted_chars, cut.next_line), ("one\r\ntwo\n", 10, Some(3)));
        assert_eq!(of(3..=4, 2).text, "th");
    }

    proptest! {
        #[test]
        fn reading_on_gives_the_whole_text(text in "([a-zé ]{0,9}\\r?\\n){0,12}[a-z]{0,9}") {
            let (mut whole, mut line) = (String::new(), 1);
            loop {
                let part = excerpt(&text, line..=usize::MAX, 12);
                whole.push_str(part.text);
                match part.next_line {
                    Some(next) => line = next,
                    None => break,
                }
            }
            prop_assert_eq!(whole, text);
        }
    }
}
