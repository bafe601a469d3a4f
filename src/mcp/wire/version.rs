//! Protocol versions of the legacy era.

/// The versions served, oldest first.
pub const SUPPORTED: [&str; 3] = ["2025-03-26", "2025-06-18", "2025-11-25"];
/// Offered to a client that asks for one we do not know.
pub const LATEST: &str = SUPPORTED[2];

/// What is agreed on with a client that asks for `requested`: the same if we know it, else our
/// latest (2025-11-25, basic/lifecycle, version negotiation).
#[must_use]
pub fn negotiate(requested: &str) -> &'static str {
    SUPPORTED.into_iter().find(|version| *version == requested).unwrap_or(LATEST)
}

/// Whether requests may carry `version` in `MCP-Protocol-Version`.
#[must_use]
pub fn is_supported(version: &str) -> bool {
    SUPPORTED.contains(&version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_versions_are_kept_and_others_get_the_latest() {
        for version in SUPPORTED {
            assert_eq!(negotiate(version), version);
        }
        for unknown in ["2024-11-05", "2026-07-28", "9999-01-01", ""] {
            assert_eq!(negotiate(unknown), "2025-11-25");
        }
    }
}
