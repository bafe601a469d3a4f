//! The platform token: the operator's way in by HTTP.

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::model::Secret;
use crate::store::Platform;

/// The token that a server was given, as its SHA-256.
#[derive(Clone)]
pub struct AdminToken([u8; 32]);

impl AdminToken {
    /// The token `ADMIN_TOKEN`.
    #[must_use]
    pub fn new(token: &Secret) -> Self {
        Self(Sha256::digest(token.reveal()).into())
    }

    /// The operator, if `presented` is the token; compared in constant time.
    #[must_use]
    pub fn check(&self, presented: &str) -> Option<Platform> {
        let presented: [u8; 32] = Sha256::digest(presented).into();
        bool::from(self.0.ct_eq(&presented)).then(Platform::of_operator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_itself_opens() {
        let token = AdminToken::new(&Secret::new("a platform token of 32 characters"));
        assert!(token.check("a platform token of 32 characters").is_some());
        for other in ["", "a platform token of 32 character", "A platform token of 32 characters"] {
            assert!(token.check(other).is_none(), "{other}");
        }
    }
}
