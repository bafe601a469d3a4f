//! Finding: by words, by words with typos, by exact text.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::model::{DocumentPath, Sealer};
use crate::store::pg::search::{self, Filter, Found, Window};
use crate::store::{StoreError, Tenant, Tx};

use super::cursor::{CursorError, Cursors};
use super::snippet::{Wanted, snippet};

/// The most results of one answer.
pub const MAX_RESULTS: usize = 100;
/// The most documents that a search may be limited to by name.
pub const MAX_FILES: usize = 1000;
/// The longest query, in characters.
pub const MAX_QUERY_CHARS: usize = 500;
/// How many results can be paged through in all.
const MAX_DEPTH: usize = 10_000;
/// How many corrections of a query are tried.
const MAX_CORRECTIONS: usize = 3;
/// Shorter words are not corrected.
const MIN_WORD_CHARS: usize = 3;

/// How the words of a query are matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matching {
    /// Full-text search with web-search syntax: words, "phrases", OR, -not.
    Words,
    /// The exact text, anywhere within one section.
    Literal {
        /// Whether upper and lower case differ.
        case_sensitive: bool,
    },
}

/// What is searched for.
#[derive(Clone, Debug)]
pub struct Query {
    /// The text of the query.
    pub text: String,
    /// How it is matched.
    pub matching: Matching,
    /// Where.
    pub filter: Filter,
    /// The most results of this answer.
    pub limit: usize,
    /// Goes on after an earlier answer.
    pub cursor: Option<String>,
}

/// One section of a document that matches.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// The document's path.
    pub path: DocumentPath,
    /// The headings above the match, outermost first, joined by ` > `; empty before the first.
    pub heading: String,
    /// The line of the match in the document, counted from 1.
    pub line: i32,
    /// Text around the match.
    pub snippet: String,
    /// Higher is better; comparable within one answer only.
    pub rank: f32,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Results {
    /// The matches, best first.
    pub hits: Vec<Hit>,
    /// The query that was searched instead, when a word of the given one is unknown here.
    pub corrected: Option<String>,
    /// Goes on after them, if there are more.
    pub next_cursor: Option<String>,
}

/// Why nothing can be searched.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The cursor is not of this search.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// Postgres failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Searches the sections of the tenant's documents.
///
/// # Errors
/// See [`SearchError`].
pub async fn search(
    tx: &Tx,
    tenant: &Tenant,
    sealer: &Sealer,
    query: &Query,
) -> Result<Results, SearchError> {
    let shape = format!("{:?}", (&query.text, query.matching, &query.filter));
    let cursors = Cursors::new(sealer, tenant, "search", &shape);
    let position = cursors.position(query.cursor.as_deref())?;
    // What was sealed was a position; the beginning is empty.
    let resumed: Option<Position> = serde_json::from_str(&position).ok();
    let skip = resumed.as_ref().map_or(0, |resumed| resumed.skip);
    let window = Window { skip: small(skip), take: small(query.limit + 1) };
    let Search { mut found, strategy } = match resumed {
        Some(resumed) => run(tx, tenant, query, resumed.strategy, window).await?,
        None => first(tx, tenant, query, window).await?,
    };
    let more = found.len() > query.limit && skip + query.limit < MAX_DEPTH;
    found.truncate(query.limit);
    let next = json!(Position { strategy: strategy.clone(), skip: skip + query.limit });
    let next_cursor = more.then(|| cursors.after(&next.to_string()));
    let hits = found.into_iter().map(|found| hit(found, query, &strategy)).collect();
    let corrected = match strategy {
        Strategy::Words(Some(corrected)) => Some(corrected),
        Strategy::Words(None) | Strategy::Exact => None,
    };
    Ok(Results { hits, corrected, next_cursor })
}

/// How the results came about. A later page goes on in the same way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Strategy {
    /// By words: those given, or these instead.
    Words(Option<String>),
    /// By the exact text.
    Exact,
}

/// Where a later page begins.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    strategy: Strategy,
    skip: usize,
}

struct Search {
    found: Vec<Found>,
    strategy: Strategy,
}

/// By words; where that finds nothing, with misspelt words corrected; where that finds nothing
/// either (scripts without spaces, words too common to be indexed), the exact text.
async fn first(
    tx: &Tx,
    tenant: &Tenant,
    query: &Query,
    window: Window,
) -> Result<Search, StoreError> {
    if let Matching::Literal { .. } = query.matching {
        return run(tx, tenant, query, Strategy::Exact, window).await;
    }
    let search = run(tx, tenant, query, Strategy::Words(None), window).await?;
    if !search.found.is_empty() {
        return Ok(search);
    }
    for corrected in corrections(tx, &query.text).await? {
        let strategy = Strategy::Words(Some(corrected));
        let search = run(tx, tenant, query, strategy, window).await?;
        if !search.found.is_empty() {
            return Ok(search);
        }
    }
    run(tx, tenant, query, Strategy::Exact, window).await
}

async fn run(
    tx: &Tx,
    tenant: &Tenant,
    query: &Query,
    strategy: Strategy,
    window: Window,
) -> Result<Search, StoreError> {
    let found = match &strategy {
        Strategy::Words(corrected) => {
            let text = corrected.as_ref().unwrap_or(&query.text);
            search::words(tx, tenant, text, &query.filter, window).await?
        }
        Strategy::Exact if query.exact().0.is_empty() => Vec::new(),
        Strategy::Exact => {
            search::literal(tx, tenant, query.exact(), &query.filter, window).await?
        }
    };
    Ok(Search { found, strategy })
}

impl Query {
    /// The exact text that is looked for, and whether its case matters.
    fn exact(&self) -> (&str, bool) {
        match self.matching {
            Matching::Literal { case_sensitive } => (&self.text, case_sensitive),
            Matching::Words => (self.text.trim().trim_matches('"'), false),
        }
    }
}

/// `text` with each word that the project does not know replaced by the nearest that it knows,
/// then by the next nearest: at most [`MAX_CORRECTIONS`] different texts, best first.
async fn corrections(tx: &Tx, text: &str) -> Result<Vec<String>, StoreError> {
    let pairs = search::nearest(tx, &words(text)).await?;
    let mut corrections = Vec::new();
    for attempt in 0..MAX_CORRECTIONS {
        let corrected = replace_words(text, |word| nearest(word, &pairs, attempt));
        if corrected != text && !corrections.contains(&corrected) {
            corrections.push(corrected);
        }
    }
    Ok(corrections)
}

/// The word of the project that is meant by `word`: fewest edits first, a swap of neighbours
/// counting as one, then the most similar. A known word means itself.
fn nearest(word: &str, pairs: &[(String, String)], attempt: usize) -> String {
    let lower = word.to_lowercase();
    let known = pairs.iter().filter(|(asked, _)| asked == word).map(|(_, known)| known);
    let mut known: Vec<&String> = known.collect();
    known.sort_by_key(|known| strsim::osa_distance(known, &lower));
    let meant = match known.first() {
        None => return word.to_owned(),
        Some(first) if **first == lower => first,
        Some(first) => known.get(attempt).unwrap_or(first),
    };
    (*meant).clone()
}

fn is_word(word: &str) -> bool {
    word.chars().count() >= MIN_WORD_CHARS && word.chars().all(char::is_alphabetic)
}

fn words(text: &str) -> Vec<&str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| is_word(word)).collect()
}

/// `text` with each of its [`words`] passed through `change`, all else as it stands.
fn replace_words(text: &str, change: impl Fn(&str) -> String) -> String {
    let mut changed = String::with_capacity(text.len());
    for part in text.split_inclusive(|c: char| !c.is_alphanumeric()) {
        let word = part.trim_end_matches(|c: char| !c.is_alphanumeric());
        let rest = &part[word.len()..];
        changed.push_str(&if is_word(word) { change(word) } else { word.to_owned() });
        changed.push_str(rest);
    }
    changed
}

fn hit(found: Found, query: &Query, strategy: &Strategy) -> Hit {
    let wanted = if let (Strategy::Words(corrected), Some(marked)) = (strategy, &found.marked) {
        Wanted::Words { query: corrected.as_ref().unwrap_or(&query.text), marked }
    } else {
        let (text, case_sensitive) = query.exact();
        Wanted::Literal { text, case_sensitive }
    };
    let shown = snippet(&found.body, wanted);
    Hit {
        path: found.path,
        heading: found.heading,
        line: found.first_line + small(shown.line_offset),
        snippet: shown.text,
        rank: found.rank,
    }
}

fn small(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_page_goes_on_as_the_first_did() {
        let corrected = Strategy::Words(Some("exact\nwords".to_owned()));
        for strategy in [Strategy::Words(None), corrected, Strategy::Exact] {
            let position = Position { strategy, skip: 20 };
            let read: Position = serde_json::from_value(json!(position)).unwrap();
            assert_eq!(read, position);
        }
    }

    #[test]
    fn fewest_edits_win_and_known_words_stay() {
        let pairs = [
            ("optinal", "optin"),
            ("optinal", "optional"),
            ("retreival", "retrieval"),
            ("Cache", "cached"),
            ("Cache", "cache"),
        ];
        let pairs = pairs.map(|(asked, known)| (asked.to_owned(), known.to_owned()));
        let of = |word, attempt| nearest(word, &pairs, attempt);
        assert_eq!([of("optinal", 0), of("optinal", 1)], ["optional", "optin"]);
        assert_eq!([of("retreival", 0), of("retreival", 2)], ["retrieval", "retrieval"]);
        assert_eq!([of("Cache", 0), of("Cache", 1)], ["cache", "cache"]);
        assert_eq!(of("unheard", 0), "unheard");
    }

    #[test]
    fn only_words_are_replaced() {
        let text = "\"retreival cache\" OR -v2 naïve";
        assert_eq!(words(text), ["retreival", "cache", "naïve"]);
        let upper = replace_words(text, str::to_uppercase);
        assert_eq!(upper, "\"RETREIVAL CACHE\" OR -v2 NAÏVE");
        assert_eq!(replace_words(text, str::to_owned), text);
    }
}
