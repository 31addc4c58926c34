//! A module holds one idea: 600 lines without its tests are refused. The list of exceptions only shrinks.

use std::path::Path;

/// Lines of a file before its inline tests begin.
const LIMIT: usize = 600;

/// Files that may be longer, with the length they have; a shorter one must be entered anew, a longer one is refused.
const EXCEPTIONS: &[(&str, usize)] = &[];

/// Refuses source files over the limit.
pub(crate) fn check() -> Result<(), String> {
    let root = crate::shell::root();
    let mut faults = Vec::new();
    visit(&root.join("crates"), &mut |path, text| {
        let lines = text.lines().take_while(|line| line.trim() != "#[cfg(test)]").count();
        let name = path.strip_prefix(&root).unwrap_or(path).display().to_string();
        let limit =
            EXCEPTIONS.iter().find(|(file, _)| name.ends_with(file)).map_or(LIMIT, |(_, length)| *length);
        if lines > limit {
            faults.push(format!("{name}: {lines} lines; {limit} at most: which second idea can move out?"));
        }
    })?;
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

fn visit(folder: &Path, look: &mut impl FnMut(&Path, &str)) -> Result<(), String> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            // Tests may be long: a table of cases is one idea.
            if !path.ends_with("tests") {
                visit(&path, look)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            let text =
                std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            look(&path, &text);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_module_holds_more_than_one_idea() {
        super::check().unwrap();
    }
}
