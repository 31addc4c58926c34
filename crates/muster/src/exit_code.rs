//! What the exit codes of every verb mean, but those of `muster run`, which passes the job's own code through and
//! has its table in `muster run --help`, and those of `muster doctor`, which pipelines read.

/// The one table. Scripts may rely on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum ExitCode {
    /// It was done, and there is no bad news.
    Fine = 0,
    /// It was done, and there is bad news: something is firing, a test page did not arrive, a scan has findings.
    BadNews = 1,
    /// Wrong arguments or a wrong configuration.
    Usage = 2,
    /// Nobody can say: the agent is not running, does not answer, or could not see.
    Unknown = 3,
    /// There is nothing of that name.
    NotFound = 4,
    /// It may not be done: not allowed, or something is in the way and was left as it is.
    Refused = 5,
    /// The system failed us: a file cannot be read or written.
    System = 6,
}

/// The same table for `muster --help`.
pub(crate) const TABLE: &str = "\
Exit codes:
  0  done, and no bad news
  1  done, and there is bad news (something is firing, a page is lost, a scan has findings)
  2  wrong arguments or a wrong configuration
  3  nobody can say: the agent is not running, does not answer, or could not see
  4  there is nothing of that name
  5  refused: not allowed, or something is in the way and was left as it is
  6  the system failed: a file cannot be read or written
`muster run` passes the job's own code through, and `muster doctor` has four of its own; see their --help.";

impl ExitCode {
    /// The number as `muster doctor` has it: pipelines know 1 for findings, 2 for what nobody saw, 3 for a broken tool.
    pub(crate) fn of_doctor(self) -> std::process::ExitCode {
        std::process::ExitCode::from(match self {
            Self::Fine => 0,
            Self::BadNews => 1,
            Self::Unknown => 2,
            Self::Usage | Self::NotFound | Self::Refused | Self::System => 3,
        })
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_in_the_help_lists_every_code() {
        let codes = [
            ExitCode::Fine,
            ExitCode::BadNews,
            ExitCode::Usage,
            ExitCode::Unknown,
            ExitCode::NotFound,
            ExitCode::Refused,
            ExitCode::System,
        ];
        for code in codes {
            assert!(TABLE.contains(&format!("\n  {}  ", code as u8)), "{code:?}");
        }
    }
}
