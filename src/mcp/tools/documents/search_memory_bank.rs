//! `search_memory_bank`: finds passages in the documents.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::path;
use crate::mcp::Call;
use crate::mcp::tools::registry::{Effect, Tool};
use crate::mcp::tools::{ToolError, Toolset};
use crate::memory::cursor::MAX_CURSOR_CHARS;
use crate::memory::search::{
    Hit, MAX_FILES, MAX_QUERY_CHARS, MAX_RESULTS, Matching, Query, search,
};
use crate::model::document_path::{MAX_PATH_BYTES, normalize_prefix};
use crate::store::Tx;
use crate::store::pg::search::Filter;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Input {
    /// Words, "a phrase", OR, -not; or, in literal mode, the exact text.
    #[schemars(length(min = 1, max = MAX_QUERY_CHARS))]
    query: String,
    /// `words` ranks by relevance and forgives typos; `literal` finds the exact text.
    #[serde(default)]
    mode: Mode,
    /// In literal mode: whether upper and lower case differ.
    #[serde(default)]
    case_sensitive: bool,
    /// Only these documents.
    #[schemars(length(min = 1, max = MAX_FILES))]
    files: Option<Vec<String>>,
    /// Only documents whose name begins so.
    #[schemars(length(max = MAX_PATH_BYTES))]
    path_prefix: Option<String>,
    /// Only documents written since, RFC 3339.
    #[schemars(length(max = 40))]
    updated_since: Option<String>,
    #[serde(default = "default_results")]
    #[schemars(range(min = 1, max = MAX_RESULTS))]
    max_results: usize,
    /// `nextCursor` of the answer before; 10,000 results can be paged through.
    #[schemars(length(max = MAX_CURSOR_CHARS))]
    cursor: Option<String>,
}

#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    Words,
    Literal,
}

fn default_results() -> usize {
    20
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Output {
    /// Best first.
    results: Vec<Match>,
    /// What was searched instead, when a word of the query is unknown here.
    #[serde(skip_serializing_if = "Option::is_none")]
    corrected_query: Option<String>,
    /// Present when there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Match {
    filename: String,
    /// The headings above the match, outermost first; empty before the first heading.
    heading: String,
    /// The line of the match, from 1.
    line: i32,
    snippet: String,
    rank: f32,
}

pub struct SearchMemoryBank;

impl Tool for SearchMemoryBank {
    const NAME: &'static str = "search_memory_bank";
    const TITLE: &'static str = "Search the documents";
    const DESCRIPTION: &'static str = "Finds passages by words (also misspelt ones) or exact text, \
        with document, heading, line and a snippet, best first.";
    const EFFECT: Effect = Effect::Reads;
    const TOOLSET: Option<Toolset> = Some(Toolset::Documents);
    type Input = Input;
    type Output = Output;

    async fn call(call: &Call<'_>, tx: &Tx, input: Input) -> Result<Output, ToolError> {
        let query = query(input)?;
        let found = search(tx, call.tenant(), call.sealer, &query).await?;
        Ok(Output {
            results: found.hits.into_iter().map(Match::from).collect(),
            corrected_query: found.corrected,
            next_cursor: found.next_cursor,
        })
    }
}

fn query(input: Input) -> Result<Query, ToolError> {
    let matching = match input.mode {
        Mode::Words => Matching::Words,
        Mode::Literal => Matching::Literal { case_sensitive: input.case_sensitive },
    };
    let paths =
        input.files.map(|files| files.iter().map(|file| path(file)).collect()).transpose()?;
    let since = input.updated_since.map(|text| OffsetDateTime::parse(&text, &Rfc3339)).transpose();
    let updated_since = since.map_err(|_| {
        ToolError::refused("`updatedSince` must be an RFC 3339 time such as 2026-01-31T12:00:00Z")
    })?;
    let path_prefix = input.path_prefix.as_deref().map(normalize_prefix);
    Ok(Query {
        text: input.query,
        matching,
        filter: Filter { path_prefix, paths, updated_since },
        limit: input.max_results,
        cursor: input.cursor,
    })
}

impl From<Hit> for Match {
    fn from(hit: Hit) -> Self {
        Self {
            filename: hit.path.to_string(),
            heading: hit.heading,
            line: hit.line,
            snippet: hit.snippet,
            rank: hit.rank,
        }
    }
}
