//! Markdown into sections: what search indexes. Pure.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// The largest section, in bytes: more distinct words than this may hold do not fit a tsvector.
pub const MAX_SECTION_BYTES: usize = 32 * 1024;
/// The most sections of a document that begin with a heading; beyond, headings are plain text.
pub const MAX_HEADINGS: usize = 1000;
/// The longest path of headings, in bytes; its outer headings give way.
pub const MAX_HEADING_BYTES: usize = 300;
/// The longest heading kept of each level, in characters.
const MAX_TITLE_CHARS: usize = 100;
/// Stands between the headings of a path.
const SEPARATOR: &str = " > ";

/// A part of a document from one heading to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section<'a> {
    /// The headings above it, its own included, outermost first, joined by ` > `.
    pub heading: String,
    /// Its first line in the document, from 1.
    pub first_line: i32,
    /// Its text, its heading included.
    pub body: &'a str,
}

struct Heading {
    offset: usize,
    level: HeadingLevel,
    title: String,
}

/// The sections of `text`, in order. Together they are the whole text; one that is larger than
/// [`MAX_SECTION_BYTES`] is cut, at a line where possible.
#[must_use]
pub fn sections(text: &str) -> Vec<Section<'_>> {
    let headings = headings(text);
    let first = headings.first().map_or(text.len(), |heading| heading.offset);
    let mut found = Cutter::new(text);
    found.push(0, first, "");
    let mut path: Vec<(HeadingLevel, &str)> = Vec::new();
    for (index, heading) in headings.iter().enumerate() {
        path.retain(|(level, _)| *level < heading.level);
        path.push((heading.level, &heading.title));
        let end = headings.get(index + 1).map_or(text.len(), |next| next.offset);
        found.push(heading.offset, end, &join(&path));
    }
    found.sections
}

fn headings(text: &str) -> Vec<Heading> {
    let options = Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
    let mut headings = Vec::new();
    let mut open: Option<Heading> = None;
    for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
        match (event, &mut open) {
            (Event::Start(Tag::Heading { level, .. }), _) => {
                // A setext heading or one in a list may begin inside its line.
                let offset = text[..range.start].rfind('\n').map_or(0, |newline| newline + 1);
                open = Some(Heading { offset, level, title: String::new() });
            }
            (Event::End(TagEnd::Heading(_)), Some(_)) => headings.extend(open.take()),
            (Event::Text(words) | Event::Code(words), Some(heading)) => {
                let room = MAX_TITLE_CHARS.saturating_sub(heading.title.chars().count());
                heading.title.extend(words.chars().take(room));
            }
            _ => {}
        }
    }
    headings.dedup_by_key(|heading| heading.offset);
    headings.truncate(MAX_HEADINGS);
    headings
}

/// The titles of `path`, as many of the innermost as fit.
fn join(path: &[(HeadingLevel, &str)]) -> String {
    let mut joined = String::new();
    for (_, title) in path.iter().rev() {
        let longer = if joined.is_empty() {
            (*title).to_owned()
        } else {
            format!("{title}{SEPARATOR}{joined}")
        };
        if longer.len() > MAX_HEADING_BYTES && !joined.is_empty() {
            break;
        }
        joined = longer;
    }
    joined.truncate(joined.floor_char_boundary(MAX_HEADING_BYTES));
    joined
}

/// Cuts ranges of a text into sections, counting lines on the way.
struct Cutter<'a> {
    text: &'a str,
    counted: usize,
    line: i32,
    sections: Vec<Section<'a>>,
}

impl<'a> Cutter<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, counted: 0, line: 1, sections: Vec::new() }
    }

    fn push(&mut self, mut start: usize, end: usize, heading: &str) {
        while start < end {
            let cut = cut_of(&self.text[start..end]) + start;
            let first_line = self.line_of(start);
            let body = &self.text[start..cut];
            self.sections.push(Section { heading: heading.to_owned(), first_line, body });
            start = cut;
        }
    }

    /// The line of `offset`; offsets must not go back.
    fn line_of(&mut self, offset: usize) -> i32 {
        let passed = self.text[self.counted..offset].matches('\n').count();
        self.counted = offset;
        self.line += i32::try_from(passed).unwrap_or(i32::MAX - self.line);
        self.line
    }
}

/// Where the first section of `text` ends: at its end, or at the last line that fits.
fn cut_of(text: &str) -> usize {
    if text.len() <= MAX_SECTION_BYTES {
        return text.len();
    }
    let fits = text.floor_char_boundary(MAX_SECTION_BYTES);
    text[..fits].rfind('\n').map_or(fits, |newline| newline + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn headings_make_paths_and_lines_are_counted() {
        let text = "intro\n# One\na\n## Two `x`\nb\n\nThree\n=====\n```\n# no heading\n```\n";
        let found: Vec<_> = sections(text)
            .into_iter()
            .map(|section| (section.heading, section.first_line))
            .collect();
        let expected = [("", 1), ("One", 2), ("One > Two x", 4), ("Three", 7)];
        assert_eq!(found, expected.map(|(heading, line)| (heading.to_owned(), line)));
    }

    #[test]
    fn a_long_section_is_cut_at_a_line() {
        let line = "x".repeat(99) + "\n";
        let text = format!("# Long\n{}", line.repeat(1000));
        let found = sections(&text);
        assert!(found.len() > 3 && found.iter().all(|s| s.body.len() <= MAX_SECTION_BYTES));
        assert!(found.iter().all(|section| section.heading == "Long"));
        assert!(found[1].body.starts_with('x') && found[1].first_line > 300);
        let unbroken = "é".repeat(MAX_SECTION_BYTES);
        assert_eq!(sections(&unbroken).len(), 2);
    }

    #[test]
    fn a_document_of_headings_makes_a_bounded_index() {
        let many = "# a\n".repeat(130_000);
        let found = sections(&many);
        let cuts = many.len() / MAX_SECTION_BYTES;
        assert!(found.len() <= MAX_HEADINGS + cuts + 2, "{}", found.len());
        let deep =
            (1..=6).map(|level| format!("{} {}\n", "#".repeat(level), "\u{1f600}".repeat(118)));
        let deep: String = deep.collect();
        let last = sections(&deep).pop().unwrap();
        assert!(last.heading.len() <= MAX_HEADING_BYTES, "{}", last.heading.len());
        let path = sections("# One\n## Two\n### Three\n").pop().unwrap().heading;
        assert_eq!(path, "One > Two > Three");
    }

    proptest! {
        #[test]
        fn nothing_is_lost(text in "([#=\\-> `*a-zé\\n\\r]|\\PC){0,200}") {
            let found = sections(&text);
            let whole: String = found.iter().map(|section| section.body).collect();
            prop_assert_eq!(&whole, &text);
            let mut offset = 0;
            for section in &found {
                let line = text[..offset].matches('\n').count() + 1;
                prop_assert_eq!(usize::try_from(section.first_line).unwrap(), line);
                offset += section.body.len();
            }
        }
    }
}
