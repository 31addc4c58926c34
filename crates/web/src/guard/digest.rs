//! Secrets: made from the kernel's randomness, stored as digests, compared in constant time.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The kernel gave no randomness; nothing secret can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the kernel gave no randomness")]
pub struct NoRandomness;

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|nibble| char::from(DIGITS[usize::from(nibble)]))
        .collect()
}

/// A new secret of 256 bits, as 64 hexadecimal digits.
///
/// # Errors
/// [`NoRandomness`].
pub fn secret() -> Result<String, NoRandomness> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(hex(&bytes))
}

/// What is stored in place of a secret: its purpose and its SHA-256. The secrets have 256 bits of their own, so a slow
/// hash would add nothing.
pub fn digest(purpose: &str, secret: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(purpose.as_bytes());
    hash.update([0]);
    hash.update(secret.as_bytes());
    hex(&hash.finalize())
}

/// Compares in a time that depends on neither text (digests first, so lengths do not show either).
pub fn same(a: &str, b: &str) -> bool {
    Sha256::digest(a.as_bytes()).ct_eq(&Sha256::digest(b.as_bytes())).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_belongs_to_one_purpose() {
        let secret = secret().expect("randomness");
        assert_eq!(secret.len(), 64);
        assert_ne!(digest("session", &secret), digest("token", &secret));
        assert!(same("a", "a") && !same("a", "b") && !same("a", "aa"));
        assert_eq!(hex(&[0, 0x1f, 0xff]), "001fff");
    }
}
