//! What is shown of a match: its line and the text around it. Pure.

use crate::store::pg::search::{MARK, UNMARK};

/// The longest snippet, in characters.
pub const MAX_SNIPPET_CHARS: usize = 320;
/// Lines shown from the match on.
const SHOWN_LINES: usize = 3;
/// Characters kept before the match in a long line.
const LEAD_CHARS: usize = 80;

/// A match within the text of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snippet {
    /// Lines of the section before the match.
    pub line_offset: usize,
    /// Text from the matching line on.
    pub text: String,
}

/// Finds `wanted` in `body`: first as it stands, without regard to case, else the first word that
/// the search engine marked, else the beginning.
#[must_use]
pub fn snippet(body: &str, wanted: &str) -> Snippet {
    let plain: String = body.chars().filter(|c| !matches!(*c, MARK | UNMARK)).collect();
    let (lines, column) = position(body, &plain, wanted);
    let shown: Vec<&str> = plain.lines().skip(lines).take(SHOWN_LINES).collect();
    let shown = shown.join("\n");
    let skip = column.saturating_sub(LEAD_CHARS);
    let text: String = shown.chars().skip(skip).take(MAX_SNIPPET_CHARS).collect();
    Snippet { line_offset: lines, text: text.trim().to_owned() }
}

/// The line (from 0) and the column (in characters) of the match.
fn position(body: &str, plain: &str, wanted: &str) -> (usize, usize) {
    let wanted = wanted.trim().trim_matches('"').to_lowercase();
    // Lower case may be longer or shorter, but has the same lines.
    let lower = plain.to_lowercase();
    let exact = (!wanted.is_empty()).then(|| lower.find(&wanted)).flatten();
    let before = match (exact, body.find(MARK)) {
        (Some(at), _) => &lower[..at],
        (None, Some(at)) => &body[..at],
        (None, None) => "",
    };
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count(), before[line_start..].chars().count())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(body: &str, wanted: &str) -> (usize, String) {
        let Snippet { line_offset, text } = snippet(body, wanted);
        (line_offset, text)
    }

    #[test]
    fn the_exact_text_comes_before_marked_words() {
        let body = format!("the {MARK}cache{UNMARK}\nz\nof the Cache Key\nend");
        assert_eq!(found(&body, "\"cache key\""), (2, "of the Cache Key\nend".to_owned()));
        assert_eq!(found(&body, "keys caching"), (0, "the cache\nz\nof the Cache Key".to_owned()));
        assert_eq!(found("a\nb", "zzz"), (0, "a\nb".to_owned()));
    }

    #[test]
    fn a_long_line_is_cut_around_the_match() {
        let body = format!("{}needle{}", "a ".repeat(500), " b".repeat(500));
        let (_, text) = found(&body, "needle");
        assert!(text.contains("needle") && text.chars().count() <= MAX_SNIPPET_CHARS);
    }

    proptest! {
        #[test]
        fn nothing_panics(body in "(\\PC|\\n|\u{e000}|\u{e001}){0,60}", wanted in "\\PC{0,8}") {
            let found = snippet(&body, &wanted);
            prop_assert!(found.text.chars().count() <= MAX_SNIPPET_CHARS);
        }
    }
}
