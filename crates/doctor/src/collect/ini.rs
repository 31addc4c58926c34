//! Files of sections and `key=value`, read with the place of everything: units of systemd (systemd.syntax(7)) and
//! supervisor's files.

use muster_host::discover::blot::blot;

use crate::facts::services::{Setting, UnitFile};

/// Whose file it is: they differ in how lines go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// A backslash at the end of a line joins the next.
    Systemd,
    /// A line that begins with a blank belongs to the one before; `;` after a blank begins a comment.
    Supervisor,
}

/// Most assignments of one file.
const SETTINGS: usize = 2_000;

/// Keys whose values are variables: only the names are kept.
const VARIABLES: [&str; 4] = ["Environment", "environment", "SetCredential", "SetCredentialEncrypted"];

/// Reads one file.
pub(super) fn read(path: &str, text: &str, dialect: Dialect) -> UnitFile {
    let mut file =
        UnitFile { path: path.to_owned(), sections: Vec::new(), settings: Vec::new(), faults: Vec::new() };
    let mut section = String::new();
    let mut raw: Vec<(u32, String, String)> = Vec::new();
    let mut open = false;
    let mut at = 0;
    for (line, piece) in (1..).zip(text.split_inclusive('\n')) {
        at += piece.len() as u64;
        let said = piece.trim();
        if said.starts_with(['#', ';']) || (said.is_empty() && !open) {
            continue;
        }
        let joins = match dialect {
            Dialect::Systemd => open,
            Dialect::Supervisor => piece.starts_with([' ', '\t']) && !raw.is_empty(),
        };
        let ended = said.strip_suffix('\\').filter(|_| dialect == Dialect::Systemd);
        open = ended.is_some();
        let said = ended.unwrap_or(said).trim_end();
        if joins {
            if let Some((_, _, value)) = raw.last_mut() {
                value.push(' ');
                value.push_str(said);
            }
            continue;
        }
        if let Some(name) = said.strip_prefix('[') {
            keep(&mut file, &section, &mut raw);
            match name.split_once(']') {
                Some((name, _)) => name.clone_into(&mut section),
                None => file.faults.push((line, "a section without its closing bracket".to_owned())),
            }
            file.sections.push((section.clone(), line, at));
        } else if let Some((key, value)) = split(said, dialect) {
            raw.push((line, key.to_owned(), value.to_owned()));
        } else {
            file.faults.push((line, "neither a section nor an assignment".to_owned()));
            // What goes on after it belongs to it.
            raw.push((line, String::new(), String::new()));
        }
        if file.settings.len() + raw.len() > SETTINGS {
            file.faults.push((line, format!("more than {SETTINGS} assignments: the rest was not read")));
            break;
        }
    }
    keep(&mut file, &section, &mut raw);
    file
}

fn split(said: &str, dialect: Dialect) -> Option<(&str, &str)> {
    let marks: &[char] = if dialect == Dialect::Systemd { &['='] } else { &['=', ':'] };
    let (key, value) = said.split_once(marks)?;
    let value = match dialect {
        Dialect::Systemd => value,
        Dialect::Supervisor => value.split_once(" ;").map_or(value, |(value, _)| value),
    };
    Some((key.trim(), value.trim()))
}

fn keep(file: &mut UnitFile, section: &str, raw: &mut Vec<(u32, String, String)>) {
    for (line, key, value) in raw.drain(..).filter(|(_, key, _)| !key.is_empty()) {
        let value = if VARIABLES.contains(&key.as_str()) { names(&value) } else { blot(&value) };
        file.settings.push(Setting { line, section: section.to_owned(), key, value });
    }
}

/// The names of variables in `A=1 "B=two words"` or `A="1",B="2"`.
fn names(value: &str) -> String {
    words(value)
        .iter()
        .filter_map(|word| word.split_once(['=', ':']))
        .map(|(name, _)| name)
        .filter(|name| is_name(name))
        .collect::<Vec<_>>()
        .join(" ")
}

/// What may be the name of a variable.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !name.starts_with(|first: char| first.is_ascii_digit())
}

/// Words between blanks and commas, quotes taken away.
fn words(value: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for letter in value.chars() {
        match (letter, quote) {
            ('"' | '\'', None) => quote = Some(letter),
            (mark, Some(open)) if mark == open => quote = None,
            (' ' | '\t' | ',', None) => words.push(String::new()),
            _ => words.last_mut().into_iter().for_each(|word| word.push(letter)),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, dialect: Dialect) -> Vec<(u32, String)> {
        let file = read("x", text, dialect);
        let line = |set: &Setting| (set.line, format!("{}.{}={}", set.section, set.key, set.value));
        file.settings.iter().map(line).collect()
    }

    #[test]
    fn a_unit_is_read_with_its_lines() {
        let text = "[Unit]\n# a comment\n; another\nAfter = network.target\n\n[Service]\nExecStart=/bin/a \\\n# in between\n  --b\nEnvironment=\"A=hunter2 x\" B=hunter2\nEnvironment=\n";
        assert_eq!(
            shown(text, Dialect::Systemd),
            [
                (4, "Unit.After=network.target".to_owned()),
                (7, "Service.ExecStart=/bin/a --b".to_owned()),
                (10, "Service.Environment=A B".to_owned()),
                (11, "Service.Environment=".to_owned()),
            ]
        );
        let file = read("x", text, Dialect::Systemd);
        let (name, line, after) = &file.sections[1];
        assert_eq!((name.as_str(), *line), ("Service", 6));
        assert!(text[usize::try_from(*after).expect("small")..].starts_with("ExecStart"));
    }

    #[test]
    fn a_file_of_supervisor_is_read() {
        let text = "[program:api]\ncommand=/bin/a ; with a comment\nenvironment=A=\"hunter2\",\n  B='x'\nredirect_stderr: true\n";
        assert_eq!(
            shown(text, Dialect::Supervisor),
            [
                (2, "program:api.command=/bin/a".to_owned()),
                (3, "program:api.environment=A B".to_owned()),
                (5, "program:api.redirect_stderr=true".to_owned()),
            ]
        );
    }

    #[test]
    fn what_is_no_assignment_is_a_fault_and_ends_nothing() {
        let file = read("x", "[Unit\nnonsense\n[Service]\nA=1", Dialect::Systemd);
        assert_eq!(file.faults.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(file.settings.len(), 1);
        for odd in ["", "\\", "[", "]", "=", "[a]\n =\\\n\\\n", "\u{0}"] {
            read("x", odd, Dialect::Systemd);
            read("x", odd, Dialect::Supervisor);
        }
    }
}
