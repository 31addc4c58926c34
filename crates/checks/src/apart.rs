//! Work that blocks, on a thread apart from the runtime. A file system can hang for days and its thread with it; so a
//! check has one such thread at most, and all checks together a bounded number.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::probe::{Class, Miss};

/// Most threads of all checks that may hang at the same time. The runtime has a few hundred for everybody.
const ROOM: usize = 64;

static THREADS: Semaphore = Semaphore::const_new(ROOM);

/// The place of one check for its blocking work.
#[derive(Debug)]
pub struct Apart {
    turn: Arc<Semaphore>,
    /// When the work that goes on began, and when it should have ended.
    underway: Arc<Mutex<Option<(Instant, Instant)>>>,
}

impl Default for Apart {
    fn default() -> Self {
        Self { turn: Arc::new(Semaphore::new(1)), underway: Arc::default() }
    }
}

impl Apart {
    /// Does the work on a thread. It should end by itself before `deadline`; if it does not, it is left behind, and the
    /// next look says so at once. `what` names what it works on.
    ///
    /// # Errors
    /// [`Miss::Down`] while earlier work on it hangs, [`Miss::Blind`] when too much hangs elsewhere.
    pub async fn work<T: Send + 'static>(
        &self,
        what: &str,
        deadline: Instant,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Miss> {
        if let Some((began, end)) = *self.underway.lock().unwrap_or_else(PoisonError::into_inner)
            && Instant::now() > end
        {
            let ago = began.elapsed().as_secs();
            let why = format!("{what} does not answer: the look that began {ago}s ago has not ended");
            return Err(Miss::down(Class::Connect, why));
        }
        let late = || Miss::down(Class::Timeout, format!("{what} does not answer"));
        let turn = match timeout_at(deadline, Arc::clone(&self.turn).acquire_owned()).await {
            Ok(Ok(turn)) => turn,
            Ok(Err(_)) | Err(_) => return Err(late()),
        };
        let Ok(thread) = THREADS.try_acquire() else {
            return Err(Miss::blind(format!(
                "{ROOM} other looks hang on their file systems; try: ps -eLo pid,stat,wchan:30,comm | grep ' D'"
            )));
        };
        *self.underway.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), deadline));
        let over = Over(Arc::clone(&self.underway));
        let working = tokio::task::spawn_blocking(move || {
            let done = work();
            drop((over, turn, thread));
            done
        });
        match timeout_at(deadline, working).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(Miss::down(Class::Internal, format!("muster's own fault: {error}"))),
            Err(_) => Err(late()),
        }
    }
}

/// Says that the work is over, also where it panicked.
struct Over(Arc<Mutex<Option<(Instant, Instant)>>>);

impl Drop for Over {
    fn drop(&mut self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn work_that_hangs_is_left_behind_and_told_until_it_ends() {
        let apart = Apart::default();
        let soon = || Instant::now() + Duration::from_millis(50);
        let (go, wait) = mpsc::channel::<()>();
        let hung = apart.work("/mnt/nas", soon(), move || wait.recv().is_ok()).await;
        assert!(matches!(hung, Err(Miss::Down { class: Class::Timeout, .. })), "{hung:?}");
        let begun = Instant::now();
        let again = apart.work("/mnt/nas", Instant::now() + Duration::from_secs(60), || ()).await;
        let Err(Miss::Down { class: Class::Connect, why }) = again else { panic!("{again:?}") };
        assert!(why.starts_with("/mnt/nas does not answer: the look that began 0s ago"), "{why}");
        assert!(begun.elapsed() < Duration::from_secs(10));
        drop(go);
        let later = Instant::now() + Duration::from_secs(10);
        while apart.underway.lock().expect("held").is_some() && Instant::now() < later {
            tokio::task::yield_now().await;
        }
        assert_eq!(apart.work("/mnt/nas", later, || 7).await, Ok(7));
    }

    #[tokio::test]
    async fn a_panic_frees_the_place() {
        let apart = Apart::default();
        let later = Instant::now() + Duration::from_secs(10);
        let broken: Result<(), Miss> = apart.work("/x", later, || panic!("on purpose")).await;
        assert!(matches!(broken, Err(Miss::Down { class: Class::Internal, .. })), "{broken:?}");
        assert_eq!(apart.work("/x", later, || 7).await, Ok(7));
    }
}
