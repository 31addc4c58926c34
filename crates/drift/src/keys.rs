//! The names of the keys of a `.env` file, without their values.

/// Longest name, in bytes; what is longer was never meant as one.
const NAME_LIMIT: usize = 64;

/// The names, each on a line of its own, in order and once: where they stand in the file says nothing.
pub fn names(text: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    let mut inside = Inside::Nothing;
    for line in text.lines() {
        match inside {
            Inside::Quote(quote) => {
                if ends(line, quote) {
                    inside = Inside::Nothing;
                }
                continue;
            }
            Inside::Block => {
                if line.contains("-----END") {
                    inside = Inside::Nothing;
                }
                continue;
            }
            Inside::Nothing => {}
        }
        let line = line.trim();
        let entry = line.strip_prefix("export ").unwrap_or(line).trim_start();
        let (name, value) = match entry.split_once('=') {
            Some((name, value)) if !line.starts_with(['#', ';']) => (name.trim_end(), value.trim_start()),
            _ => ("", ""),
        };
        if is_name(name) {
            names.push(name);
        }
        // The lines of a value that has several may look like entries, and are not shown.
        inside = match value.chars().next() {
            Some(quote @ ('"' | '\'')) if !ends(&value[1..], quote) => Inside::Quote(quote),
            _ if line.contains("-----BEGIN") && !line.contains("-----END") => Inside::Block,
            _ => Inside::Nothing,
        };
    }
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(|name| format!("{name}\n")).collect()
}

/// What a line is a part of.
#[derive(Clone, Copy)]
enum Inside {
    Nothing,
    Quote(char),
    Block,
}

/// The quote is closed on this line.
fn ends(line: &str, quote: char) -> bool {
    let mut escaped = false;
    for letter in line.chars() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quote == '"' => escaped = true,
            _ if letter == quote => return true,
            _ => {}
        }
    }
    false
}

fn is_name(name: &str) -> bool {
    let starts = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    starts && name.len() <= NAME_LIMIT && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_and_no_part_of_a_value_is() {
        let text = "# A=1\nexport TOKEN=hunter2\nDB_URL = postgres://a:hunter2@db/x\n\nA.B=1\nKEY=\"-----BEGIN PRIVATE \
                    KEY-----\nhunter2=\n-----END PRIVATE KEY-----\"\nRAW=-----BEGIN PRIVATE KEY-----\nhunter2=\n-----END \
                    PRIVATE KEY-----\nQ='it\nhunter2=1\n'\nZ=\"a\\\" b\"\nTOKEN=again\n9X=1\nhunter2+x=1\n";
        let shown = names(text);
        assert_eq!(shown, "A.B\nDB_URL\nKEY\nQ\nRAW\nTOKEN\nZ\n");
        assert_eq!(names(""), "");
        assert_eq!(names("B=2\nA=1"), names("A=3\nB=\n"), "neither values nor their order count");
    }
}
