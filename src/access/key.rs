//! The form of an API key: a label, 32 random characters, a checksum.
//!
//! `mbmcp_live_` or `mbmcp_test_`, 32 characters of base 62, and the CRC-32 (ISO 3309) of all that
//! stands before in 6 characters of base 62. A key of another form is refused before any I/O, and
//! secret scanners can recognise one offline.

use sha2::{Digest, Sha256};

use crate::model::Secret;
use crate::model::entropy::{Entropy, EntropyError, base62_of};

const LIVE: &str = "mbmcp_live_";
const TEST: &str = "mbmcp_test_";
const RANDOM_CHARS: usize = 32;
const CHECKSUM_CHARS: usize = 6;
const PREFIX_CHARS: usize = 12;
const SUFFIX_CHARS: usize = 4;

/// A key of the right form with the right checksum; whether it is good, only the store knows.
#[derive(Clone, Debug)]
pub struct ApiKey(Secret);

/// The SHA-256 of a key: what is stored and cached. High-entropy keys need no slow hash.
pub type KeyHash = [u8; 32];

impl ApiKey {
    /// A new key from the operating system's CSPRNG.
    ///
    /// # Errors
    /// When the generator fails.
    pub fn generate(entropy: &Entropy, test: bool) -> Result<Self, EntropyError> {
        let label = if test { TEST } else { LIVE };
        let body = format!("{label}{}", entropy.base62(RANDOM_CHARS)?);
        let checksum = checksum(&body);
        Ok(Self(Secret::new(body + &checksum)))
    }

    /// A presented key; `None` when its form or checksum is wrong.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let random = text.strip_prefix(LIVE).or_else(|| text.strip_prefix(TEST))?;
        let well_formed = random.len() == RANDOM_CHARS + CHECKSUM_CHARS
            && random.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !well_formed {
            return None;
        }
        let (body, given) = text.split_at(text.len() - CHECKSUM_CHARS);
        (checksum(body) == given).then(|| Self(Secret::new(text)))
    }

    /// The key itself: to be shown once, at its creation.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }

    /// What is stored of it.
    #[must_use]
    pub fn hash(&self) -> KeyHash {
        Sha256::digest(self.reveal()).into()
    }

    /// Its first 12 and last 4 characters, for people to recognise it by.
    #[must_use]
    pub fn hints(&self) -> (String, String) {
        let text = self.reveal();
        let suffix = &text[text.len() - SUFFIX_CHARS..];
        (text[..PREFIX_CHARS].to_owned(), suffix.to_owned())
    }
}

fn checksum(body: &str) -> String {
    base62_of(u64::from(crc32fast::hash(body.as_bytes())), CHECKSUM_CHARS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_generated_key_parses_and_any_change_is_noticed() {
        for test in [false, true] {
            let key = ApiKey::generate(&Entropy::seeded(3), test).unwrap();
            let text = key.reveal();
            assert_eq!(text.len(), 11 + 32 + 6);
            assert_eq!(text.starts_with(TEST), test);
            assert_eq!(ApiKey::parse(text).unwrap().hash(), key.hash());
            for at in 11..text.len() {
                let mut changed = text.as_bytes().to_vec();
                changed[at] = if changed[at] == b'a' { b'b' } else { b'a' };
                assert!(ApiKey::parse(&String::from_utf8(changed).unwrap()).is_none(), "{at}");
            }
        }
    }

    #[test]
    fn it_never_prints_itself() {
        let key = ApiKey::generate(&Entropy::seeded(3), false).unwrap();
        assert_eq!(format!("{key:?}"), "ApiKey(<secret>)");
        let (prefix, suffix) = key.hints();
        assert_eq!((prefix.len(), suffix.len()), (12, 4));
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "\\PC{0,60}|mbmcp_live_[0-9a-zA-Zé]{36,40}") {
            let _parsed = ApiKey::parse(&text);
        }
    }
}
