//! Why a verb did not do what it was asked: what, the causes, and what to try. Data here, text in [`crate::say`].

use std::error::Error;

use muster_store::contract::StoreError;

use crate::client::Unanswered;
use crate::exit_code::ExitCode;

/// A verb that ended without doing its work.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// How the process ends.
    pub(crate) code: ExitCode,
    /// What went wrong, a lower-case fragment without a full stop.
    pub(crate) what: String,
    /// Why, outermost first.
    pub(crate) causes: Vec<String>,
    /// What to try, a command in backquotes where there is one.
    pub(crate) help: Vec<String>,
}

impl Refusal {
    /// A refusal with nothing but its sentence.
    pub(crate) fn new(code: ExitCode, what: impl Into<String>) -> Self {
        Self { code, what: what.into(), causes: Vec::new(), help: Vec::new() }
    }

    /// Wrong arguments.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(ExitCode::Usage, what)
    }

    /// The system failed us.
    pub(crate) fn system(what: impl Into<String>, cause: &dyn Error) -> Self {
        Self::new(ExitCode::System, what).because(cause)
    }

    /// Adds a cause and all that lies under it.
    #[must_use]
    pub(crate) fn because(mut self, cause: &dyn Error) -> Self {
        let mut next = Some(cause);
        while let Some(error) = next {
            let words = error.to_string();
            // Many errors repeat their source in their own text.
            if self.causes.last().is_none_or(|last| !last.contains(&words)) {
                self.causes.push(words);
            }
            next = error.source();
        }
        self
    }

    /// Adds a cause in words.
    #[must_use]
    pub(crate) fn because_of(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    /// Adds something to try.
    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }
}

impl From<Unanswered> for Refusal {
    fn from(error: Unanswered) -> Self {
        match error {
            Unanswered::NotRunning(_) => Self::new(ExitCode::Unknown, "the agent is not running")
                .because(&error)
                .help("start it with `muster up`, or `systemctl start muster` where it is installed as a service"),
            Unanswered::Closed { ref source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
                Self::new(ExitCode::Refused, "this user may not talk to the agent")
                    .because(&error)
                    .help("try again as root, or as the user that the agent runs as")
            }
            Unanswered::Closed { .. } => Self::new(ExitCode::System, "the agent cannot be reached").because(&error),
            Unanswered::Late(_) | Unanswered::Broken(_) | Unanswered::Garbled(_) => {
                Self::new(ExitCode::Unknown, "the agent gave no usable answer")
                    .because(&error)
                    .help("see its log: `journalctl -u muster -n 50`")
            }
            Unanswered::Said { status, what, help } => {
                let code = match status {
                    404 => ExitCode::NotFound,
                    400 | 422 => ExitCode::Usage,
                    401 | 403 | 409 => ExitCode::Refused,
                    429 | 503 => ExitCode::Unknown,
                    // The agent asked somebody else, and that went wrong.
                    502 => ExitCode::BadNews,
                    _ => ExitCode::System,
                };
                let refusal = Self::new(code, what);
                match help {
                    Some(help) => refusal.help(help),
                    None => refusal,
                }
            }
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let help = error.help();
        Self::new(ExitCode::System, error.to_string()).help(help)
    }
}
