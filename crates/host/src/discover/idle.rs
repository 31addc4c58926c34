//! Commands that end well and do nothing, as far as it can be told from the command itself: an interpreter without a
//! script, an empty argument, a script that is not there. The answer is about the words; whether it came true is seen
//! in the run. It takes a few microseconds, and one look at the disk where a script is named.

use std::path::Path;

use super::command::{self, Reading, Script};

/// A way to do nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Idle {
    /// An interpreter has nothing to read but its standard input.
    NoScript {
        /// Its name.
        program: String,
    },
    /// An argument is empty.
    EmptyArgument {
        /// Of which program.
        program: String,
        /// Which one, from 1.
        place: usize,
    },
    /// The file that should do the work is not there.
    MissingScript {
        /// Its path.
        path: String,
        /// The line tests first whether something is there.
        guarded: bool,
    },
}

/// Judges program and arguments. Relative paths are left out.
pub fn idle(words: &[String]) -> Vec<Idle> {
    let Some(program) = words.first() else { return Vec::new() };
    if !command::starts_others(program) && !words.iter().any(String::is_empty) {
        return Vec::new();
    }
    let reading = Reading::of_words(words);
    let mut found = Vec::new();
    for (program, place) in reading.empty_arguments() {
        found.push(Idle::EmptyArgument { program: program.to_owned(), place });
    }
    // A pipe or a redirection gives it something to read.
    if !words.iter().any(|word| word.contains(['|', '<'])) {
        found.extend(reading.without_script().map(|program| Idle::NoScript { program: program.to_owned() }));
    }
    if let Some(Script::Started(path) | Script::Interpreted(path)) = reading.script()
        && Path::new(&path).try_exists().is_ok_and(|there| !there)
    {
        found.push(Idle::MissingScript { path, guarded: reading.is_guarded() });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(words: &[&str]) -> Vec<Idle> {
        idle(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn what_does_nothing_is_told_from_what_works() {
        for words in [
            &["python3"][..],
            &["python3", "-u", "-W", "ignore"],
            &["/usr/bin/python3.11", ""],
            &["env", "-u", "X", "A=1", "node", "--no-warnings"],
            &["bash", "-e", "-x"],
            &["sh", "-c", "cd / && nice -n 5 python3 -u"],
            &["php", "-q"],
            &["sh", "-c", ""],
            &["sh", "-c", "cd / && bash -c ''"],
        ] {
            let found = judged(words);
            assert!(found.iter().any(|idle| matches!(idle, Idle::NoScript { .. })), "{words:?}: {found:?}");
        }
        for words in [
            &["python3", "-c", "print(1)"][..],
            &["python3", "-m", "http.server"],
            &["bash", "-ec", "true"],
            &["perl", "-ne", "print"],
            &["node", "--eval=1"],
            &["php", "-r", "echo 1;"],
            &["sh", "-c", "cat /etc/passwd | python3"],
            &["sh", "-c", "python3 < /etc/passwd"],
            &["sh", "-c", "python3 $SCRIPT"],
            &["true"],
            &["sh", "/bin/sh"],
        ] {
            assert_eq!(judged(words), [], "{words:?}");
        }
    }

    #[test]
    fn empty_arguments_and_missing_scripts_are_named() {
        assert_eq!(
            judged(&["rsync", "-a", "", "/srv"]),
            [Idle::EmptyArgument { program: "rsync".into(), place: 2 }]
        );
        let path = "/nonexistent/x.sh".to_owned();
        for (line, guarded) in [
            ("/nonexistent/x.sh; true", false),
            ("cd /nonexistent && ./x.sh | tee log", false),
            ("bash /nonexistent/x.sh || true", false),
            ("[ -x /nonexistent/x.sh ] && /nonexistent/x.sh; true", true),
        ] {
            assert_eq!(
                judged(&["sh", "-c", line]),
                [Idle::MissingScript { path: path.clone(), guarded }],
                "{line}"
            );
        }
        assert_eq!(judged(&["/nonexistent/x.sh"]), [], "the system says so itself");
    }
}
