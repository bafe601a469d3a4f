//! Randomness, as a parameter.

use std::sync::{Arc, Mutex, PoisonError};

use rand::rngs::{StdRng, SysRng};
use rand::{Rng, SeedableRng, TryRng};
use uuid::Uuid;

use super::Clock;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Random bytes: by default from the operating system's CSPRNG, or from a seed that a test sets.
#[derive(Clone, Debug, Default)]
pub struct Entropy(Option<Arc<Mutex<StdRng>>>);

/// The operating system gave no randomness; nothing that must be unguessable can be made.
#[derive(Debug, thiserror::Error)]
#[error("the operating system's random generator failed: {0}")]
pub struct EntropyError(String);

impl Entropy {
    /// A repeatable sequence, for tests only.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Some(Arc::new(Mutex::new(StdRng::seed_from_u64(seed)))))
    }

    /// Fills `bytes`.
    ///
    /// # Errors
    /// When the operating system's generator fails.
    pub fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        match &self.0 {
            None => SysRng.try_fill_bytes(bytes).map_err(|e| EntropyError(e.to_string())),
            Some(seeded) => {
                seeded.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(bytes);
                Ok(())
            }
        }
    }

    /// A UUID of version 7 (RFC 9562): ordered by time, unguessable in its last 74 bits.
    ///
    /// # Errors
    /// When the operating system's generator fails.
    pub fn uuid(&self, clock: &Clock) -> Result<Uuid, EntropyError> {
        let mut random = [0; 10];
        self.fill(&mut random)?;
        let millis = clock.now().unix_timestamp_nanos() / 1_000_000;
        let millis = u64::try_from(millis).unwrap_or(0);
        Ok(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// `length` characters of `[0-9A-Za-z]`, each equally likely: bytes of 248 and above are
    /// thrown away, since 248 is the largest multiple of 62 that fits a byte.
    ///
    /// # Errors
    /// When the operating system's generator fails.
    pub fn base62(&self, length: usize) -> Result<String, EntropyError> {
        let mut text = String::with_capacity(length);
        let mut bytes = [0; 64];
        while text.len() < length {
            self.fill(&mut bytes)?;
            let usable = bytes.iter().filter(|&&byte| byte < 248);
            let letters = usable.map(|&byte| char::from(BASE62[usize::from(byte % 62)]));
            text.extend(letters.take(length - text.len()));
        }
        Ok(text)
    }
}

/// `value` in base 62, padded with `0` to `width` characters, most significant first.
#[must_use]
pub fn base62_of(mut value: u64, width: usize) -> String {
    let mut letters = vec!['0'; width];
    for letter in letters.iter_mut().rev() {
        *letter = char::from(BASE62[usize::try_from(value % 62).unwrap_or(0)]);
        value /= 62;
    }
    letters.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_letters_are_base62() {
        let first = Entropy::seeded(7).base62(500).unwrap();
        assert_eq!(first, Entropy::seeded(7).base62(500).unwrap());
        assert_eq!(first.len(), 500);
        assert!(first.bytes().all(|byte| BASE62.contains(&byte)));
        assert_ne!(Entropy::default().base62(32).unwrap(), Entropy::default().base62(32).unwrap());
    }

    #[test]
    fn uuids_are_version_7_and_carry_the_time() {
        let clock = Clock::fixed(time::macros::datetime!(2026-01-02 03:04:05 UTC));
        let id = Entropy::seeded(1).uuid(&clock).unwrap();
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(id.get_timestamp().unwrap().to_unix().0, 1_767_323_045);
    }

    #[test]
    fn base62_of_pads() {
        assert_eq!(base62_of(0, 6), "000000");
        assert_eq!(base62_of(61, 6), "00000z");
        assert_eq!(base62_of(u64::from(u32::MAX), 6), "4gfFC3");
    }
}
