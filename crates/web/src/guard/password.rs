//! The password of the sign-in form: argon2id with 19 MiB and two passes, one at a time so that a crowd of guesses
//! does not take the machine's memory, and slower with each failure from the same address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc::PasswordHash;
use muster_core::time::{Span, Timestamp};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use crate::guard::digest::NoRandomness;
use crate::parts::Password;

/// Failures from one address that cost no waiting.
pub const FREE_FAILURES: u32 = 4;
/// Longest wait after a failure.
pub const LONGEST_WAIT: Span = Span::minutes(15);
/// Longest password that is looked at, in bytes.
pub const PASSWORD_LIMIT: usize = 1024;
/// Addresses that are remembered; the oldest is forgotten first.
const ADDRESSES: usize = 4096;
const TURN_WITHIN: Duration = Duration::from_secs(5);

/// Why somebody was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// There is no password.
    #[error("no password is set")]
    NoPassword,
    /// It is another one.
    #[error("wrong password")]
    Wrong,
    /// Too many failures from there.
    #[error("too many failures; wait {wait}")]
    Wait {
        /// For how long.
        wait: Span,
    },
    /// Too many are waiting for their turn, or the hash cannot be read.
    #[error("the password cannot be checked at present")]
    Unable,
}

/// Checks passwords.
pub struct Lock {
    password: Option<Arc<Stored>>,
    turn: Semaphore,
    failures: Mutex<HashMap<IpAddr, Failures>>,
}

#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    last: Timestamp,
}

enum Stored {
    Hash(String),
    /// Hashed at the first sign-in, so that a start costs nothing and a guess costs as much as with a hash.
    Text {
        text: String,
        hashed: OnceLock<Option<([u8; 16], [u8; 32])>>,
    },
}

impl Lock {
    /// A lock with this password, or one that nothing opens.
    pub fn new(password: Option<&Password>) -> Self {
        let password = password.map(|password| {
            Arc::new(match password {
                Password::Hash(hash) => Stored::Hash(hash.clone()),
                Password::Text(text) => Stored::Text { text: text.clone(), hashed: OnceLock::new() },
            })
        });
        Self { password, turn: Semaphore::new(1), failures: Mutex::default() }
    }

    /// True if a password can open it.
    pub fn has_password(&self) -> bool {
        self.password.is_some()
    }

    /// Tries a password from an address.
    ///
    /// # Errors
    /// [`Denied`].
    pub async fn open(&self, from: IpAddr, given: String, now: Timestamp) -> Result<(), Denied> {
        let stored = Arc::clone(self.password.as_ref().ok_or(Denied::NoPassword)?);
        let wait = self.wait(from, now);
        if !wait.is_zero() {
            return Err(Denied::Wait { wait });
        }
        if given.len() > PASSWORD_LIMIT {
            return Err(Denied::Wrong);
        }
        let turn = tokio::time::timeout(TURN_WITHIN, self.turn.acquire()).await;
        let Ok(Ok(_turn)) = turn else { return Err(Denied::Unable) };
        let checked = tokio::task::spawn_blocking(move || stored.is(&given)).await;
        match checked {
            Ok(Some(true)) => {
                self.guarded(|failures| failures.remove(&from));
                Ok(())
            }
            Ok(Some(false)) => {
                self.guarded(|failures| count(failures, from, now));
                Err(Denied::Wrong)
            }
            Ok(None) | Err(_) => Err(Denied::Unable),
        }
    }

    fn wait(&self, from: IpAddr, now: Timestamp) -> Span {
        let Some(failed) = self.guarded(|failures| failures.get(&from).copied()) else { return Span::ZERO };
        let Some(over) = failed.count.checked_sub(FREE_FAILURES).filter(|over| *over > 0) else {
            return Span::ZERO;
        };
        let wait = Span::seconds(1 << over.min(20)).min(LONGEST_WAIT);
        (failed.last + wait).since(now)
    }

    fn guarded<T>(&self, work: impl FnOnce(&mut HashMap<IpAddr, Failures>) -> T) -> T {
        // A panic elsewhere must not lock everybody out.
        work(&mut self.failures.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn count(failures: &mut HashMap<IpAddr, Failures>, from: IpAddr, now: Timestamp) {
    if failures.len() >= ADDRESSES && !failures.contains_key(&from) {
        let oldest = failures.iter().min_by_key(|(_, failed)| failed.last).map(|(ip, _)| *ip);
        oldest.map(|ip| failures.remove(&ip));
    }
    let failed = failures.entry(from).or_insert(Failures { count: 0, last: now });
    failed.count = failed.count.saturating_add(1);
    failed.last = now;
}

impl Stored {
    /// None when it cannot be told.
    fn is(&self, given: &str) -> Option<bool> {
        match self {
            Self::Hash(hash) => {
                let hash = PasswordHash::new(hash).ok()?;
                Some(Argon2::default().verify_password(given.as_bytes(), &hash).is_ok())
            }
            Self::Text { text, hashed } => {
                let (salt, right) = (*hashed.get_or_init(|| {
                    let mut salt = [0; 16];
                    getrandom::fill(&mut salt).map_err(|_| NoRandomness).ok()?;
                    Some((salt, slow(text, &salt)?))
                }))?;
                Some(slow(given, &salt)?.ct_eq(&right).into())
            }
        }
    }
}

fn slow(text: &str, salt: &[u8]) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    Argon2::default().hash_password_into(text.as_bytes(), salt, &mut out).ok()?;
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn guesses_become_slow_and_only_for_the_guesser() {
        let lock = Lock::new(Some(&Password::Text("right".into())));
        let (bad, good) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let now = Timestamp::from_seconds(1000);
        for _ in 0..=FREE_FAILURES {
            assert_eq!(lock.open(bad, "wrong".into(), now).await, Err(Denied::Wrong));
        }
        assert_eq!(lock.open(bad, "right".into(), now).await, Err(Denied::Wait { wait: Span::seconds(2) }));
        assert_eq!(lock.open(good, "right".into(), now).await, Ok(()));
        assert_eq!(lock.open(bad, "right".into(), now + Span::seconds(2)).await, Ok(()));
    }

    #[tokio::test]
    async fn without_a_password_nothing_opens() {
        let lock = Lock::new(None);
        let opened = lock.open(IpAddr::from([127, 0, 0, 1]), String::new(), Timestamp::default()).await;
        assert_eq!(opened, Err(Denied::NoPassword));
    }
}
