//! Protocol versions of both eras.

/// The versions with sessions, oldest first.
pub const LEGACY: [&str; 3] = ["2025-03-26", "2025-06-18", "2025-11-25"];
/// The one whose POSTs may carry several messages.
pub const BATCHED: &str = LEGACY[0];
/// Offered to a client that asks `initialize` for one we do not know.
pub const LATEST_LEGACY: &str = LEGACY[2];
/// The version without sessions: every request says who asks and in which version.
pub const MODERN: &str = "2026-07-28";
/// All that are served, newest first, as `server/discover` lists them.
pub const SUPPORTED: [&str; 4] = [MODERN, LEGACY[2], LEGACY[1], LEGACY[0]];

/// What is agreed on with a client that initialises with `requested`: the same if we know it, else
/// our latest (2025-11-25, basic/lifecycle, version negotiation).
#[must_use]
pub fn negotiate(requested: &str) -> &'static str {
    LEGACY.into_iter().find(|version| *version == requested).unwrap_or(LATEST_LEGACY)
}

/// Whether `version` is one with sessions.
#[must_use]
pub fn is_legacy(version: &str) -> bool {
    LEGACY.contains(&version)
}

/// Whether clients of `version` know an event without a message, from which a stream is resumed
/// (2025-11-25, basic/transports, sending messages).
#[must_use]
pub fn has_priming(version: &str) -> bool {
    version >= LATEST_LEGACY
}

/// Whether `version`, of a header, is of the modern era: a date from its beginning on.
#[must_use]
pub fn is_modern(version: &str) -> bool {
    let dated = version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    dated && version.len() == MODERN.len() && version >= MODERN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_versions_are_kept_and_others_get_the_latest() {
        for version in LEGACY {
            assert_eq!(negotiate(version), version);
        }
        for unknown in ["2024-11-05", "2026-07-28", "9999-01-01", ""] {
            assert_eq!(negotiate(unknown), "2025-11-25");
        }
    }

    #[test]
    fn the_modern_era_begins_with_its_version() {
        for modern in ["2026-07-28", "2026-07-29", "2027-01-01", "9999-01-01"] {
            assert!(is_modern(modern), "{modern}");
        }
        for other in ["2025-11-25", "2026-07-27", "v999.0.0", "2026-07-28x", "", "latest"] {
            assert!(!is_modern(other), "{other}");
        }
    }
}
