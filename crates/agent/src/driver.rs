//! Performs duties on time. It knows nothing of what a duty is for: it waits for the period or for a wake-up, gives
//! each performance a deadline, catches panics, and reports what happened, how long it took and how late it was.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

/// A performance of a duty as a future: words about what was done, or what went wrong.
pub type Performing<'a> = Pin<Box<dyn Future<Output = Result<String, String>> + Send + 'a>>;

/// Something that must be done again and again.
pub trait Duty: Send {
    /// Does it once. It neither loops nor waits for its next time: the driver does.
    fn perform(&mut self, why: Why) -> Performing<'_>;
}

/// Why a duty is performed now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It is the first time since the start.
    Started,
    /// Its period is over.
    Period,
    /// Somebody woke it.
    Woken,
}

/// A duty with its terms.
pub struct Registration {
    /// Its name, as in `duty.NAME`.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub sentence: &'static str,
    /// How often at least.
    pub period: Duration,
    /// The longest that one performance may take.
    pub deadline: Duration,
    /// Wakes it before its period is over.
    pub wake: Arc<Notify>,
    /// The duty.
    pub duty: Box<dyn Duty>,
}

/// One performance.
#[derive(Debug, Clone)]
pub struct Performance {
    /// Whose.
    pub name: &'static str,
    /// Why it was performed.
    pub why: Why,
    /// When it began.
    pub began: Instant,
    /// How long it took.
    pub took: Duration,
    /// How long after its period was over it began.
    pub late: Duration,
    /// How it ended.
    pub ending: Ending,
}

/// How a performance ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// It was done.
    Done(String),
    /// It could not be done.
    Failed(String),
    /// It panicked.
    Panicked(String),
    /// It ran past its deadline and was abandoned.
    Overran,
}

/// Drives one duty until `stop` turns true. What was begun then is abandoned: a duty leaves nothing half done that its
/// next performance does not take up.
pub fn drive(
    tasks: &mut JoinSet<()>,
    registration: Registration,
    report: impl Fn(Performance) + Send + 'static,
    mut stop: watch::Receiver<bool>,
) {
    let Registration { name, sentence: _, period, deadline, wake, mut duty } = registration;
    tasks.spawn(async move {
        let mut why = Why::Started;
        // The runtime's own clock throughout: two clocks would disagree about what is due.
        let mut due = tokio::time::Instant::now();
        loop {
            let began = tokio::time::Instant::now();
            let ending = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                ending = perform(duty.as_mut(), why, deadline) => ending,
            };
            let late = if why == Why::Period { began.saturating_duration_since(due) } else { Duration::ZERO };
            let took = began.elapsed();
            report(Performance { name, why, began: began.into_std(), took, late, ending });
            due = tokio::time::Instant::now() + period;
            why = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                () = wake.notified() => Why::Woken,
                () = tokio::time::sleep_until(due) => Why::Period,
            };
        }
    });
}

async fn perform(duty: &mut dyn Duty, why: Why, deadline: Duration) -> Ending {
    match tokio::time::timeout(deadline, caught(|| duty.perform(why))).await {
        Ok(Ok(Ok(words))) => Ending::Done(words),
        Ok(Ok(Err(words))) => Ending::Failed(words),
        Ok(Err(words)) => Ending::Panicked(words),
        Err(_) => Ending::Overran,
    }
}

/// Runs a future and turns its panic into words.
async fn caught<F: Future>(make: impl FnOnce() -> F) -> Result<F::Output, String> {
    let future = catch_unwind(AssertUnwindSafe(make)).map_err(words_of)?;
    let mut future = pin!(future);
    std::future::poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Err(panic) => Poll::Ready(Err(words_of(panic))),
    })
    .await
}

fn words_of(panic: Box<dyn Any + Send>) -> String {
    let words = panic.downcast_ref::<&str>().map(|words| (*words).to_owned());
    words
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without words".into())
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    struct Script(Vec<fn() -> Result<String, String>>);

    impl Duty for Script {
        fn perform(&mut self, _why: Why) -> Performing<'_> {
            let next = if self.0.is_empty() { None } else { Some(self.0.remove(0)) };
            Box::pin(async move {
                match next {
                    Some(act) => act(),
                    None => std::future::pending().await,
                }
            })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_and_a_hang_end_a_performance_and_not_the_duty() {
        let (send, mut heard) = mpsc::unbounded_channel();
        let (stop, stopped) = watch::channel(false);
        let wake = Arc::new(Notify::new());
        let mut tasks = JoinSet::new();
        let registration = Registration {
            name: "x",
            sentence: "",
            period: Duration::from_secs(60),
            deadline: Duration::from_secs(3),
            wake: Arc::clone(&wake),
            duty: Box::new(Script(vec![|| Ok("fine".into()), || panic!("oh no"), || {
                Err("it is broken".into())
            }])),
        };
        drive(&mut tasks, registration, move |done| drop(send.send((done.why, done.ending))), stopped);
        assert_eq!(heard.recv().await, Some((Why::Started, Ending::Done("fine".into()))));
        assert_eq!(heard.recv().await, Some((Why::Period, Ending::Panicked("oh no".into()))));
        wake.notify_one();
        assert_eq!(heard.recv().await, Some((Why::Woken, Ending::Failed("it is broken".into()))));
        assert_eq!(heard.recv().await, Some((Why::Period, Ending::Overran)));
        stop.send(true).unwrap();
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
    }
}
