//! Values of headers that mirror a message's body (2026-07-28, streamable HTTP, value encoding).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const PREFIX: &str = "=?base64?";
const SUFFIX: &str = "?=";

/// `value` as a header carries it: as it is, or wrapped where a header would not keep it.
#[must_use]
pub fn encode(value: &str) -> String {
    let visible = value.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte));
    let trimmed = value.trim_matches([' ', '\t']) == value;
    if visible && trimmed && wrapped(value).is_none() {
        return value.to_owned();
    }
    format!("{PREFIX}{}{SUFFIX}", STANDARD.encode(value))
}

/// The value that `header` carries; `None` when it is wrapped and broken.
#[must_use]
pub fn decode(header: &str) -> Option<String> {
    let Some(encoded) = wrapped(header) else { return Some(header.to_owned()) };
    String::from_utf8(STANDARD.decode(encoded).ok()?).ok()
}

fn wrapped(text: &str) -> Option<&str> {
    text.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_what_a_header_would_change_is_wrapped() {
        for plain in ["us-west1", "a b", "", "=?base64?SGVsbG8=", "memory-bank://progress"] {
            assert_eq!(encode(plain), plain);
        }
        assert_eq!(encode("Hello, 世界"), "=?base64?SGVsbG8sIOS4lueVjA==?=");
        assert_eq!(encode(" padded "), "=?base64?IHBhZGRlZCA=?=");
        assert_eq!(encode("=?base64?literal?="), "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=");
    }

    #[test]
    fn what_is_wrapped_and_broken_is_nothing() {
        for broken in ["=?base64?SGVsbG8?=", "=?base64?SGVs!!!bG8=?=", "=?base64?//79?="] {
            assert_eq!(decode(broken), None, "{broken}");
        }
        assert_eq!(decode("=?BASE64?SGVsbG8=?=").as_deref(), Some("=?BASE64?SGVsbG8=?="));
    }

    proptest! {
        #[test]
        fn every_text_survives(text in any::<String>()) {
            let header = encode(&text);
            prop_assert!(header.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte)));
            prop_assert_eq!(decode(&header), Some(text));
        }
    }
}
