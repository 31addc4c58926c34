//! logrotate's configuration as logrotate reads it, and what it remembers.

use muster_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::Fact;

/// logrotate on a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logrotate {
    /// Files in the order in which they are read, ignored ones among them.
    pub files: Vec<ConfigFile>,
    /// Stanzas in the order in which they are read.
    pub stanzas: Vec<Stanza>,
    /// What it remembers.
    pub state: Fact<State>,
    /// It is started each hour.
    pub hourly: bool,
    /// What could not be read, and why.
    pub unseen: Vec<(String, String)>,
}

/// A file of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigFile {
    /// Its path.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// Who owns it.
    pub uid: u32,
    /// The package that brought it.
    pub package: Option<String>,
    /// The ending for which logrotate passes it over.
    pub taboo: Option<String>,
}

/// Files and how they are rotated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stanza {
    /// The file that it stands in.
    pub file: String,
    /// Its first line.
    pub line: u32,
    /// Patterns of paths.
    pub patterns: Vec<String>,
    /// What stands in it.
    pub options: Vec<Directive>,
    /// What stood before it for all.
    pub defaults: Vec<Directive>,
    /// The package that brought the file.
    pub package: Option<String>,
}

/// One line of a stanza.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directive {
    /// Its line.
    pub line: u32,
    /// Where it begins in the file, in bytes.
    pub at: u64,
    /// Its name.
    pub name: String,
    /// What follows.
    pub value: String,
}

/// What logrotate remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// When it was last written.
    pub written: Timestamp,
    /// Paths that it has seen.
    pub known: usize,
}

/// Options that say when to rotate by the clock.
pub const INTERVALS: [&str; 5] = ["hourly", "daily", "weekly", "monthly", "yearly"];

impl Stanza {
    /// The last word on an option, in the stanza or before it.
    pub fn option(&self, name: &str) -> Option<&Directive> {
        let own = self.options.iter().rev().find(|option| option.name == name);
        own.or_else(|| self.defaults.iter().rev().find(|option| option.name == name))
    }

    /// Whether a path is one of its files.
    pub fn covers(&self, path: &str) -> bool {
        self.patterns.iter().any(|pattern| matches(pattern.as_bytes(), path.as_bytes()))
    }
}

/// glob(7) as far as logrotate's users write it: `*` and `?` within a name, and sets.
pub fn matches(pattern: &[u8], path: &[u8]) -> bool {
    // The last star and what it has taken so far: at a mismatch it takes one more.
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < path.len() {
        let hidden = path[t] == b'.' && t > 0 && path[t - 1] == b'/';
        match pattern.get(p) {
            Some(b'*') if !hidden => {
                star = Some((p, t));
                p += 1;
                continue;
            }
            Some(b'?') if path[t] != b'/' && !hidden => {
                (p, t) = (p + 1, t + 1);
                continue;
            }
            Some(b'[') if path[t] != b'/' => {
                if let Some((length, true)) = set(&pattern[p..], path[t]) {
                    (p, t) = (p + length, t + 1);
                    continue;
                }
            }
            Some(letter) if *letter == path[t] => {
                (p, t) = (p + 1, t + 1);
                continue;
            }
            _ => {}
        }
        match star {
            Some((at, taken)) if path[taken] != b'/' => {
                star = Some((at, taken + 1));
                (p, t) = (at + 1, taken + 1);
            }
            _ => return false,
        }
    }
    pattern[p..].iter().all(|letter| *letter == b'*')
}

/// The length of a set such as `[a-z]`, and whether a letter is in it.
fn set(pattern: &[u8], letter: u8) -> Option<(usize, bool)> {
    let end = pattern.iter().skip(2).position(|one| *one == b']')? + 2;
    let (inner, not) = match pattern[1] {
        b'!' | b'^' => (&pattern[2..end], true),
        _ => (&pattern[1..end], false),
    };
    let mut at = 0;
    let mut found = false;
    while at < inner.len() {
        if at + 2 < inner.len() && inner[at + 1] == b'-' {
            found |= (inner[at]..=inner[at + 2]).contains(&letter);
            at += 3;
        } else {
            found |= inner[at] == letter;
            at += 1;
        }
    }
    Some((end + 1, found != not))
}

/// A size such as `100M`, in bytes.
pub fn bytes(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "" => 1,
        "k" | "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_the_shell_does() {
        for (pattern, path, fits) in [
            ("/var/log/*.log", "/var/log/a.log", true),
            ("/var/log/*.log", "/var/log/x/a.log", false),
            ("/var/log/*/*.log", "/var/log/x/a.log", true),
            ("/var/log/*", "/var/log/.x", false),
            ("/var/log/?.log", "/var/log/a.log", true),
            ("/var/log/[a-c]*.log", "/var/log/b1.log", true),
            ("/var/log/[!a]*.log", "/var/log/a1.log", false),
            ("/var/log/a*b*c", "/var/log/aXbXbc", true),
            ("/var/log/a", "/var/log/ab", false),
            ("/var/log/*.log", "/var/log/a.log.1", false),
            ("/var/log/[", "/var/log/x", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), path.as_bytes()), fits, "{pattern} {path}");
        }
    }

    #[test]
    fn sizes_are_read() {
        assert_eq!(
            (bytes("100M"), bytes("5k"), bytes("7"), bytes("1T")),
            (Some(100 << 20), Some(5 << 10), Some(7), None)
        );
    }
}
