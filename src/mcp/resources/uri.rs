//! The URIs of documents. Pure.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::model::DocumentPath;
use crate::model::document_path::CORE_DOCUMENTS;

const SCHEME: &str = "memory-bank://";
/// The template of all of them (RFC 6570, reserved expansion: a path keeps its slashes).
pub(super) const TEMPLATE: &str = "memory-bank://{+path}";
/// The variable of the template.
pub(super) const VARIABLE: &str = "path";
/// The ending that the names of the core documents go without.
const ENDING: &str = ".md";

/// All but what RFC 3986 §3.3 allows in a path and we use.
const ENCODED: AsciiSet =
    NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// The URI of the document at `path`.
pub(super) fn of(path: &DocumentPath) -> String {
    let text = path.as_str();
    let name = if CORE_DOCUMENTS.contains(&text) { text.trim_end_matches(ENDING) } else { text };
    format!("{SCHEME}{}", utf8_percent_encode(name, &ENCODED))
}

/// The path of the document that `uri` names, as the database has it.
pub(in crate::mcp) fn path(uri: &str) -> Option<String> {
    parse(uri).map(|path| path.to_string())
}

/// The document that `uri` names, if it can name one.
pub(super) fn parse(uri: &str) -> Option<DocumentPath> {
    let encoded = uri.strip_prefix(SCHEME)?;
    let name = percent_decode_str(encoded).decode_utf8().ok()?;
    let core = format!("{name}{ENDING}");
    let is_core = CORE_DOCUMENTS.contains(&core.as_str());
    DocumentPath::parse(if is_core { &core } else { &name }).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn core_documents_go_by_their_names() {
        let uri = |path| of(&DocumentPath::parse(path).unwrap());
        assert_eq!(uri("active-context.md"), "memory-bank://active-context");
        assert_eq!(uri("notes/a b?.md"), "memory-bank://notes/a%20b%3F.md");
        for name in ["memory-bank://progress", "memory-bank://progress.md"] {
            assert_eq!(parse(name).unwrap().as_str(), "progress.md");
        }
        for none in [
            "progress",
            "https://progress",
            "memory-bank://",
            "memory-bank://../x",
            "memory-bank://%00",
        ] {
            assert_eq!(parse(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn a_uri_leads_back_to_its_document(text in "\\PC{1,30}") {
            if let Ok(path) = DocumentPath::parse(&text) {
                let uri = of(&path);
                prop_assert!(uri.is_ascii());
                prop_assert_eq!(parse(&uri), Some(path));
            }
        }
    }
}
