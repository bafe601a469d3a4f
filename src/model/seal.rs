//! Signing what leaves the server and comes back: cursors, cache entries.
//!
//! A sealed text is `payload.signature`, both base64url without padding (RFC 4648 §5). The
//! signature is HMAC-SHA-256 (RFC 2104) under `SERVER_SECRET` over a purpose and the payload, so
//! that nothing sealed for one purpose opens for another. It hides nothing: do not seal secrets.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::Secret;

/// Seals and opens texts under one secret.
#[derive(Clone, Debug)]
pub struct Sealer(Secret);

impl Sealer {
    /// A sealer under `secret`: `SERVER_SECRET`, the same on all replicas.
    #[must_use]
    pub fn new(secret: Secret) -> Self {
        Self(secret)
    }

    /// Seals `payload` for `purpose`. A purpose names the use and whatever the text is bound to
    /// (a project, a query), each part behind a separator that it cannot contain.
    #[must_use]
    pub fn seal(&self, purpose: &str, payload: &[u8]) -> String {
        let signature = self.mac(purpose, payload).finalize().into_bytes();
        format!("{}.{}", URL_SAFE_NO_PAD.encode(payload), URL_SAFE_NO_PAD.encode(signature))
    }

    /// The payload of a text sealed for `purpose`; `None` when it was not, in constant time.
    #[must_use]
    pub fn open(&self, purpose: &str, sealed: &str) -> Option<Vec<u8>> {
        let (payload, signature) = sealed.split_once('.')?;
        let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        self.mac(purpose, &payload).verify_slice(&signature).ok()?;
        Some(payload)
    }

    fn mac(&self, purpose: &str, payload: &[u8]) -> Hmac<Sha256> {
        let secret = self.0.reveal().as_bytes();
        // HMAC takes a key of any length (RFC 2104 §2), so this cannot fail.
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap_or_else(|_| unreachable!());
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(payload);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_what_it_sealed_for_that_purpose() {
        let sealer = Sealer::new(Secret::new("a secret of the server"));
        let text = sealer.seal("cursor", b"payload");
        assert_eq!(sealer.open("cursor", &text).unwrap(), b"payload");
        assert_eq!(sealer.open("key", &text), None);
        assert_eq!(Sealer::new(Secret::new("another")).open("cursor", &text), None);
        for broken in ["", ".", "a.b", &text[1..], &text[..text.len() - 1]] {
            assert_eq!(sealer.open("cursor", broken), None, "{broken}");
        }
    }
}
