//! `tools`: programs that a service needs on its hosts.

use crate::codes;
use crate::plan::ToolSpec;
use crate::section::Section;

/// Most tools of a service.
const LIMIT: usize = 50;

/// Reads the table; none after a fault.
pub(super) fn read(section: &Section<'_>) -> Option<Vec<ToolSpec>> {
    let written = section.plain("tools");
    let mut tools = Vec::new();
    for (program, key, text, value) in &written {
        let refuse = |place, what: &str, help: &str| {
            section.reading().error(codes::BAD_VALUE, place, what.to_owned()).help(help.to_owned());
        };
        if !is_program(program) {
            refuse(
                key,
                "this is no name of a program",
                "write the word that a shell would find it by, such as node",
            );
            return None;
        }
        let Some(least) = least(text) else {
            refuse(value, "this is no least version", "write it as \">= 20\" or \">= 3.11.2\"");
            return None;
        };
        if tools.len() >= LIMIT {
            refuse(key, "more tools than are looked at", "keep it to fifty");
            return None;
        }
        tools.push(ToolSpec { program: program.clone(), least });
    }
    Some(tools)
}

fn is_program(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && text.len() <= 100
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+'))
}

/// The parts of `>= 3.11.2`.
fn least(text: &str) -> Option<Vec<u64>> {
    let number = text.trim().strip_prefix(">=")?.trim();
    let part = |part: &str| {
        let is_number =
            !part.is_empty() && part.len() <= 15 && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse().ok().filter(|_| is_number)
    };
    number.split('.').map(part).collect()
}
