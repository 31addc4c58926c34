//! The ways in which the app is broken.

use std::time::{Duration, Instant};

/// One way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Break {
    /// It is well.
    None,
    /// `health500`: says that it is ill, and is not.
    Health500,
    /// `errors`: says that it is well, and answers everything else with 500.
    Errors,
    /// `crash[:SECONDS]`: listens and answers, and exits with 1 after so long, 1 s if nothing is said.
    Crash(Duration),
    /// `crashloop`: exits with 1 before it listens, each time.
    CrashLoop,
    /// `slowstart:SECONDS`: listens after so long.
    SlowStart(Duration),
    /// `wrongport`: listens on the next port.
    WrongPort,
    /// `hang`: takes connections and requests, and never answers.
    Hang,
    /// `leak[:MEBIBYTES]`: takes more and more memory until it is killed, or has so much, 1,024 if nothing is said.
    Leak(usize),
    /// `deaf`: is not moved by SIGTERM.
    Deaf,
    /// `abrupt`: ends at once when it is told to, whatever is in flight, as a program without a handler does.
    Abrupt,
}

impl Break {
    /// How it is broken now. The file wins over the environment; an unknown word is as good as none.
    pub(crate) fn now() -> Self {
        let file = std::env::var("APP_BREAK_FILE").unwrap_or_else(|_| "/break".to_owned());
        let text = std::fs::read_to_string(file).or_else(|_| std::env::var("APP_BREAK")).unwrap_or_default();
        Self::read(text.trim())
    }

    fn read(text: &str) -> Self {
        let (word, number) = text.split_once(':').unwrap_or((text, ""));
        let seconds = |unsaid: f64| {
            let seconds = number.parse().unwrap_or(unsaid);
            Duration::try_from_secs_f64(seconds).unwrap_or_default()
        };
        match word {
            "health500" => Self::Health500,
            "errors" => Self::Errors,
            "crash" => Self::Crash(seconds(1.0)),
            "crashloop" => Self::CrashLoop,
            "slowstart" => Self::SlowStart(seconds(5.0)),
            "wrongport" => Self::WrongPort,
            "hang" => Self::Hang,
            "leak" => Self::Leak(number.parse().unwrap_or(1024)),
            "deaf" => Self::Deaf,
            "abrupt" => Self::Abrupt,
            _ => Self::None,
        }
    }
}

/// Ends the whole program after so long, as one that panics does.
#[expect(clippy::exit, reason = "a crash runs no destructors and lets nobody finish")]
pub(crate) fn crash_after(time: Duration) {
    let end = Instant::now() + time;
    std::thread::spawn(move || {
        std::thread::sleep(end.saturating_duration_since(Instant::now()));
        std::process::exit(1);
    });
}

/// Takes eight MiB twenty times a second, and touches them.
pub(crate) fn leak(most: usize) {
    std::thread::spawn(move || {
        let mut taken = Vec::new();
        while taken.len() * 8 < most {
            taken.push(std::hint::black_box(vec![1_u8; 8 << 20]));
            std::thread::sleep(Duration::from_millis(50));
        }
        loop {
            std::hint::black_box(&taken);
            std::thread::park();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_break_is_read_with_its_number() {
        assert_eq!(Break::read("slowstart:2.5"), Break::SlowStart(Duration::from_millis(2500)));
        assert_eq!(Break::read("crash"), Break::Crash(Duration::from_secs(1)));
        assert_eq!(Break::read("leak:64"), Break::Leak(64));
        assert_eq!(Break::read(""), Break::None);
    }
}
