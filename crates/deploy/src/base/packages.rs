//! Which package of Debian brings which program, and apt.

use std::time::Duration;

use super::{MOMENT, Piece, run};
use crate::trouble::Trouble;

/// The longest that apt may take to read what its mirrors have, and to install.
const UPDATE: Duration = Duration::from_secs(300);
const INSTALL: Duration = Duration::from_secs(900);

/// A package, and what ends well where it is there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    name: &'static str,
    proof: &'static [&'static str],
}

impl Row {
    pub(super) fn piece(&self) -> Piece {
        Piece::Package {
            name: self.name.to_owned(),
            proof: self.proof.iter().map(|&word| word.to_owned()).collect(),
        }
    }
}

pub(super) const DOCKER: Row = Row { name: "docker.io", proof: &["docker", "--version"] };
pub(super) const CERTIFICATES: Row =
    Row { name: "ca-certificates", proof: &["test", "-s", "/etc/ssl/certs/ca-certificates.crt"] };
pub(super) const GIT: Row = Row { name: "git", proof: &["git", "--version"] };
pub(super) const SSH: Row = Row { name: "openssh-client", proof: &["ssh", "-V"] };
pub(super) const NGINX: Row = Row { name: "nginx", proof: &["nginx", "-v"] };
pub(super) const LOGROTATE: Row = Row { name: "logrotate", proof: &["logrotate", "--version"] };

/// Words of `command` and `build`, and what they need of the system.
const WORDS: &[(&str, Row)] = &[
    ("python3", Row { name: "python3", proof: &["python3", "--version"] }),
    ("venv", Row { name: "python3-venv", proof: &["python3", "-c", "import ensurepip, venv"] }),
    ("node", Row { name: "nodejs", proof: &["node", "--version"] }),
    ("npm", Row { name: "npm", proof: &["npm", "--version"] }),
    ("cargo", Row { name: "cargo", proof: &["cargo", "--version"] }),
    ("go", Row { name: "golang-go", proof: &["go", "version"] }),
];

/// What a command needs that is started in the folder of a release, by the words in it.
pub(super) fn of_words<'w>(words: impl Iterator<Item = &'w String>) -> Vec<&'static Row> {
    let split = |c: char| c.is_whitespace() || ";&|()\"'".contains(c);
    let words: Vec<&str> = words.flat_map(|word| word.split(split)).collect();
    WORDS.iter().filter(|(word, _)| words.contains(word)).map(|(_, row)| row).collect()
}

/// Whether apt is there to install anything.
pub(super) fn has_apt() -> bool {
    run(&["apt-get", "--version"], &[], MOMENT).is_ok_and(|ended| ended.status.success())
}

/// Installs packages, all in one go.
pub(super) fn install(names: &[&str]) -> Result<(), Trouble> {
    let env = [("DEBIAN_FRONTEND", "noninteractive"), ("NEEDRESTART_SUSPEND", "1")];
    // A mirror that is away is no reason to give up: what is wanted may be known already.
    let updated = run(&["apt-get", "-q", "-o", "DPkg::Lock::Timeout=120", "update"], &env, UPDATE)
        .and_then(super::super::program::Ended::good);
    let mut words = vec!["apt-get", "-q", "-y", "--no-install-recommends"];
    words.extend(["-o", "DPkg::Lock::Timeout=120", "-o", "Dpkg::Options::=--force-confold", "install", "--"]);
    words.extend(names);
    let installed = run(&words, &env, INSTALL).and_then(super::super::program::Ended::good);
    let by_hand = format!("apt-get update && apt-get install {}", names.join(" "));
    match (installed, updated) {
        (Ok(_), _) => Ok(()),
        (Err(trouble), Ok(_)) => Err(trouble.help(by_hand)),
        (Err(mut trouble), Err(earlier)) => {
            trouble.lines.splice(0..0, [earlier.what]);
            Err(trouble.help(by_hand))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_in_the_words_of_a_command_and_not_in_parts_of_words() {
        let names = |words: &[&str]| -> Vec<&str> {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            of_words(words.iter()).into_iter().map(|row| row.name).collect()
        };
        assert_eq!(
            names(&["sh", "-c", "python3 -m venv .venv && .venv/bin/pip install x"]),
            ["python3", "python3-venv"]
        );
        assert_eq!(names(&["npm", "ci"]), ["npm"]);
        assert_eq!(names(&["./go-api", "--node=1", "cargo.toml"]), [""; 0]);
    }
}
