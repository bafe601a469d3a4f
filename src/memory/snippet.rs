//! What is shown of a match: its line and the text around it. Pure.

use std::collections::HashSet;

use crate::store::pg::search::{MARK, UNMARK};

/// The longest snippet, in characters.
pub const MAX_SNIPPET_CHARS: usize = 320;
/// Lines shown from the match on.
const SHOWN_LINES: usize = 3;
/// Characters kept before the match in a long line.
const LEAD_CHARS: usize = 80;

/// What is looked for within the text of a section.
#[derive(Clone, Copy, Debug)]
pub enum Wanted<'a> {
    /// The words of `query`; `marked` is the text with marks around those that matched, and
    /// otherwise the same lines.
    Words {
        /// As searched.
        query: &'a str,
        /// As the search engine marked it.
        marked: &'a str,
    },
    /// Exactly `text`.
    Literal {
        /// As given.
        text: &'a str,
        /// Whether upper and lower case differ.
        case_sensitive: bool,
    },
}

/// A match within the text of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snippet {
    /// Lines of the section before the match.
    pub line_offset: usize,
    /// Text from the matching line on.
    pub text: String,
}

/// The best place of `wanted` in `body`, or its beginning.
#[must_use]
pub fn snippet(body: &str, wanted: Wanted<'_>) -> Snippet {
    let found = match wanted {
        Wanted::Words { query, marked } => phrase(body, query).or_else(|| densest(body, marked)),
        Wanted::Literal { text, case_sensitive } => literal(body, text, case_sensitive),
    };
    let Place { line, column } = found.unwrap_or(Place { line: 0, column: 0 });
    let shown: Vec<&str> = body.lines().skip(line).take(SHOWN_LINES).collect();
    let shown = shown.join("\n");
    let skip = column.saturating_sub(LEAD_CHARS);
    let text: String = shown.chars().skip(skip).take(MAX_SNIPPET_CHARS).collect();
    Snippet { line_offset: line, text: text.trim().to_owned() }
}

/// A place in a text: line and column from 0, the column in characters.
#[derive(Clone, Copy)]
struct Place {
    line: usize,
    column: usize,
}

impl Place {
    fn of(text: &str, offset: usize) -> Self {
        let before = &text[..offset];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self { line: before.matches('\n').count(), column: before[line_start..].chars().count() }
    }
}

fn literal(body: &str, text: &str, case_sensitive: bool) -> Option<Place> {
    if case_sensitive {
        return body.find(text).map(|at| Place::of(body, at));
    }
    // Lower case may be longer or shorter, but has the same lines.
    let lower = body.to_lowercase();
    lower.find(&text.to_lowercase()).map(|at| Place::of(&lower, at))
}

/// The query as it stands, without regard to case, as whole words.
fn phrase(body: &str, query: &str) -> Option<Place> {
    let phrase = query.trim().trim_matches('"').to_lowercase();
    if phrase.is_empty() {
        return None;
    }
    let lower = body.to_lowercase();
    let whole = |at: &usize| {
        let before = lower[..*at].chars().next_back();
        let after = lower[*at + phrase.len()..].chars().next();
        ![before, after].into_iter().flatten().any(char::is_alphanumeric)
    };
    let at = lower.match_indices(&phrase).map(|(at, _)| at).find(whole)?;
    Some(Place::of(&lower, at))
}

/// Where the most different marked words stand within the lines that are shown. The engine leaves
/// out runs of more than 2,047 bytes without a word; where it lost lines, the words are looked for.
fn densest(body: &str, marked: &str) -> Option<Place> {
    let whole = marked.lines().count() == body.lines().count();
    let lines: Vec<&str> = if whole { marked.lines() } else { body.lines() }.collect();
    let all = marked_words(marked);
    let words_of = |line: &&str| {
        if whole {
            return marked_words(line);
        }
        let lower = line.to_lowercase();
        all.iter().filter(|word| lower.contains(*word)).cloned().collect()
    };
    let words: Vec<HashSet<String>> = lines.iter().map(words_of).collect();
    let score = |line: usize| {
        let shown = words[line..].iter().take(SHOWN_LINES).flatten();
        shown.collect::<HashSet<_>>().len()
    };
    let candidates = (0..lines.len()).filter(|line| !words[*line].is_empty());
    // `max_by_key` gives the last of equals: reversed, the first.
    let line = candidates.rev().max_by_key(|line| score(*line))?;
    let column = lines[line].find(MARK).map_or(0, |at| lines[line][..at].chars().count());
    Some(Place { line, column })
}

fn marked_words(line: &str) -> HashSet<String> {
    let parts = line.split(MARK).skip(1);
    parts.filter_map(|part| Some(part.split_once(UNMARK)?.0.to_lowercase())).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mark(text: &str) -> String {
        text.replace('<', &MARK.to_string()).replace('>', &UNMARK.to_string())
    }

    /// The line and text of a word search; `<` and `>` stand for the marks.
    fn words(marked: &str, query: &str) -> (usize, String) {
        let body: String = marked.chars().filter(|c| !"<>".contains(*c)).collect();
        let found = snippet(&body, Wanted::Words { query, marked: &mark(marked) });
        (found.line_offset, found.text)
    }

    #[test]
    fn the_phrase_as_whole_words_comes_before_marked_words() {
        let marked = "the <cache>\nz\nof the <Cache> <Key>\nend";
        assert_eq!(words(marked, "\"cache key\""), (2, "of the Cache Key\nend".to_owned()));
        let marked = "a\nconcatenate\n<cats>\nz\nz\n<cat> here";
        assert_eq!(words(marked, "cat").0, 5, "not within concatenate");
        assert_eq!(words("a\nb", "zzz"), (0, "a\nb".to_owned()));
    }

    #[test]
    fn the_densest_lines_come_before_the_first_mark() {
        let marked = "x\n<plugin> here\nz\nz\nz\na <plugin> <registration> <approach>\nend";
        assert_eq!(words(marked, "approach plugin registration").0, 5);
        let marked = "<one>\nz\nz\n<one>";
        assert_eq!(words(marked, "ones twos").0, 0, "the first of equals");
    }

    #[test]
    fn lines_that_the_engine_lost_do_not_shift_the_match() {
        let body = "top\n|  |\n|  |\nthe zebra is here";
        let marked = mark("top the <zebra> is <here>");
        let found = snippet(body, Wanted::Words { query: "here zebra", marked: &marked });
        assert_eq!(found, Snippet { line_offset: 3, text: "the zebra is here".to_owned() });
    }

    #[test]
    fn literal_text_is_found_in_its_case_and_with_its_spaces() {
        let line = |text, case_sensitive| {
            let body = "retrieval one\na Retrieval two\n  Retrieval\n";
            snippet(body, Wanted::Literal { text, case_sensitive }).line_offset
        };
        assert_eq!(line("Retrieval", true), 1);
        assert_eq!(line("Retrieval", false), 0);
        assert_eq!(line("  Retrieval", true), 2);
    }

    #[test]
    fn a_long_line_is_cut_around_the_match() {
        let body = format!("{}needle{}", "a ".repeat(500), " b".repeat(500));
        let found = snippet(&body, Wanted::Words { query: "needle", marked: &body });
        assert!(found.text.contains("needle") && found.text.chars().count() <= MAX_SNIPPET_CHARS);
    }

    proptest! {
        #[test]
        fn nothing_panics(
            body in "(\\PC|\\n|\u{e000}|\u{e001}){0,60}",
            text in "\\PC{0,8}",
            case_sensitive: bool,
        ) {
            for wanted in [
                Wanted::Words { query: &text, marked: &body },
                Wanted::Literal { text: &text, case_sensitive },
            ] {
                prop_assert!(snippet(&body, wanted).text.chars().count() <= MAX_SNIPPET_CHARS);
            }
        }
    }
}
